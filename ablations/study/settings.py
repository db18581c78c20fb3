"""Levels by toggle, as plain values that neither change nor confuse 1 with True."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cnnzoo.toggle import did_you_mean


class StudyError(ValueError):
    """A study that cannot be run as declared."""


def check_known(name: object, known: Sequence[str], what: str) -> None:
    """Refuse a name that is not among the known ones.

    Raises
    ------
    StudyError
        With the nearest of them.
    """
    if name not in known:
        near = did_you_mean(str(name), known)
        raise StudyError(f"{what} `{name}`{near} Known: {', '.join(known)}.")


def digest(described: Mapping[str, Any]) -> str:
    """Return a short digest of values that JSON can hold, the same in every process."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:20]
