"""Files that a study wrote, which it may write again as long as nobody changed them."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ablations.report.page import ReportError
from ablations.report.wording import count_of
from cnnzoo.runtime.files import write_atomically

FILE = "written.json"
"""Name of the file in the directory: digests of the written files by relative path."""


@dataclass(frozen=True)
class WrittenFiles:
    """The reports and figures that a study, a search or a run of claims wrote.

    A program that writes its report can so be run again, and no other file is replaced.

    Parameters
    ----------
    directory
        Directory of the study, the search or the claims, which keeps the list; None for no list.

    Examples
    --------
    >>> path, written = Path("report.md"), WrittenFiles(Path())
    >>> written.write(path, b"# Report")
    >>> path in written, path in WrittenFiles(Path("another"))
    (True, False)
    """

    directory: Path | None = None

    def __contains__(self, path: Path) -> bool:
        """Return whether the file was written for this directory and is unchanged."""
        try:
            return self._digests()[self._name(path)] == _digest(path.read_bytes())
        except (OSError, KeyError):
            return False

    def write(self, path: Path, content: bytes) -> None:
        """Write a file and note it. If the directory cannot be written to, it is not noted."""
        write_atomically(path, content)
        if self.directory is not None and self.directory.is_dir():
            digests = {**self._digests(), self._name(path): _digest(content)}
            with suppress(OSError):
                write_atomically(self.directory / FILE, json.dumps(digests, indent=1).encode())

    def _digests(self) -> Mapping[str, str]:
        if self.directory is None:
            return {}
        try:
            return dict(json.loads((self.directory / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def _name(self, path: Path) -> str:
        """Return a path from the directory, so that both may be moved together."""
        here = (self.directory or Path()).resolve()
        try:
            return Path(os.path.relpath(path.resolve(), here)).as_posix()
        except ValueError:  # on another drive of Windows
            return str(path.resolve())


NO_FILES = WrittenFiles()
"""No list: no file is replaced."""


def check_free(paths: Sequence[Path], overwrite: bool, written: WrittenFiles) -> None:
    """Check that no file is replaced unless it was written before or ``overwrite`` is true.

    Raises
    ------
    ReportError
        If one would be.
    """
    if overwrite is True:
        return
    existing = [str(path) for path in paths if path.exists() and path not in written]
    if existing:
        more = f" and {count_of(len(existing) - 1, 'more file')}" if len(existing) > 1 else ""
        raise ReportError(
            f"{existing[0]}{more} already exist{'' if more else 's'}; choose another name or pass "
            "overwrite=True (--overwrite)."
        )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
