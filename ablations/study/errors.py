"""StudyError, the check of names, and digests of plain values."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cnnzoo.parts.names import PartError as PartError
from cnnzoo.toggle import did_you_mean


class StudyError(ValueError):
    """Raised if a study cannot be run as declared."""


def check_known(name: object, known: Sequence[str], what: str) -> None:
    """Raise StudyError, with the nearest known name, if a name is unknown.

    Parameters
    ----------
    name
        The name.
    known
        All known names.
    what
        Beginning of the error sentence, such as "There is no design".

    Examples
    --------
    >>> check_known("path", ["path", "list"], "There is no design")
    """
    if name not in known:
        near = did_you_mean(str(name), known)
        raise StudyError(f"{what} `{name}`{near} Known: {', '.join(known)}.")


def digest(described: Mapping[str, Any]) -> str:
    """Return a digest of JSON values: 20 hexadecimal digits, the same in every process."""
    return digest_of_text(json.dumps(described, sort_keys=True))


def digest_of_text(text: str) -> str:
    """Return a digest of a text: 20 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]
