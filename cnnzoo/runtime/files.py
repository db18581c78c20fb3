"""Files: atomic writes, locks, the cache folder, and folders in it that are written once."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import filelock

CACHE = "CNNZOO_CACHE"
"""Environment variable that names the cache folder."""

LIMIT = 20 * 2**30
"""Bytes above which the folders that were not used for longest are removed."""


class LockedError(RuntimeError):
    """Raised if another process holds a lock.

    Parameters
    ----------
    holder
        Process id of the holder, or "unknown".
    """

    def __init__(self, holder: str) -> None:
        super().__init__(f"Process {holder} holds the lock.")
        self.holder = holder


def cache_folder() -> Path:
    """Return the cache folder: ``$CNNZOO_CACHE``, or the user's cache folder of the platform.

    Examples
    --------
    >>> cache_folder().name
    'cnnzoo'
    """
    given = os.environ.get(CACHE)
    if given:
        return Path(given).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("cnnzoo", appauthor=False)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see either the old or the new content, never a part.

    Parameters
    ----------
    path
        File to create or replace. Missing folders are created.
    content
        Bytes to write.

    Raises
    ------
    OSError
        If the file cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def lock(path: Path, *, wait: bool = False) -> "filelock.BaseFileLock":
    """Lock a file for this process; the system releases it when the process ends.

    Parameters
    ----------
    path
        Lock file. It holds the process id of the last holder, from its second byte, and stays in
        place.
    wait
        Whether to wait until no other process holds the lock.

    Returns
    -------
    filelock.BaseFileLock
        The acquired lock. Keep a reference: the lock is released with ``release()``, or when the
        object is deleted.

    Raises
    ------
    LockedError
        If another process holds the lock and `wait` is false.
    OSError
        If the file cannot be written.
    """
    import filelock

    path.touch(mode=0o644)  # raises OSError where filelock 4.3.1 reports a held lock
    acquired = filelock.FileLock(path, mode=0o644, thread_local=False)
    try:
        acquired.acquire(blocking=wait)
    except filelock.Timeout:
        holder = b""
        with suppress(OSError), path.open("rb", buffering=0) as file:
            file.seek(1)
            holder = file.read().strip()
        raise LockedError(holder.decode("ascii", "replace") or "unknown") from None
    with path.open("r+b", buffering=0) as file:
        file.seek(1)  # on Windows, nobody can read or write the first byte of a locked file
        file.write(str(os.getpid()).encode("ascii"))
        file.truncate()
    return acquired


def keep(place: Path, write: Callable[[Path], None]) -> None:
    """Create a folder with its files unless it exists: as a whole, and by one process.

    Folders beside it that were not used for longest are removed if all together exceed `LIMIT`.

    Parameters
    ----------
    place
        Folder to create. Another process that creates it is waited for.
    write
        Function that writes the files into a folder.

    Raises
    ------
    OSError
        If the folder cannot be created; nothing is left behind.
    """
    if place.is_dir():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    held = lock(place.with_name(f"{place.name}.lock"), wait=True)
    try:
        if place.is_dir():  # another process has created it meanwhile
            return
        for leftover in place.parent.glob(f".{place.name}-*"):  # of a process that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
        try:
            write(scratch)
            for file in scratch.iterdir():
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
            scratch.rename(place)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        _remove_old(place)
    finally:
        held.release()


def _remove_old(newest: Path) -> None:
    with suppress(OSError):  # another process may remove them too
        older = [path for path in newest.parent.glob("[!.]*") if path.is_dir() and path != newest]
        older.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        sizes = [sum(file.stat().st_size for file in path.iterdir()) for path in (newest, *older)]
        for path, total in zip(older, [*itertools.accumulate(sizes)][1:], strict=True):
            if total > LIMIT:
                shutil.rmtree(path, ignore_errors=True)
