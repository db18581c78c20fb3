"""Folders of arrays in the cache folder: written once, and mapped into memory by later loads.

A mapped file is shared by all processes that map it, and may be larger than the memory. The
folders may be deleted at any time.
"""

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cnnzoo.data.scaling import Array
from cnnzoo.runtime.files import lock

LIMIT = 20 * 2**30
"""Bytes above which the folders that were not used for longest are removed."""


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


def map_array(file: Path) -> Array:
    """Map a ``.npy`` file into memory.

    The map is private and writable, because TensorFlow shares no read-only memory with NumPy;
    nothing writes to it.
    """
    mapped: Array = np.load(file, mmap_mode="c", allow_pickle=False)
    with contextlib.suppress(OSError):  # a read-only cache
        os.utime(file.parent)  # for `_remove_old`
    return mapped


def _remove_old(newest: Path) -> None:
    with contextlib.suppress(OSError):  # another process may remove them too
        older = [path for path in newest.parent.glob("[!.]*") if path.is_dir() and path != newest]
        older.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        sizes = [sum(file.stat().st_size for file in path.iterdir()) for path in (newest, *older)]
        for path, total in zip(older, [*itertools.accumulate(sizes)][1:], strict=True):
            if total > LIMIT:
                shutil.rmtree(path, ignore_errors=True)
