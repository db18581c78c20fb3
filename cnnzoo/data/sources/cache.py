"""A cache for packaged data that is slow to parse or to make."""

import os
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cnnzoo.data.dataset import Array

Pair = tuple[Array, Array]


def cache_folder() -> Path:
    """``$CNNZOO_CACHE``, else ``$XDG_CACHE_HOME/cnnzoo``, else ``~/.cache/cnnzoo``."""
    own = os.environ.get("CNNZOO_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cnnzoo"


def cached(name: str, packages: tuple[str, ...], make: Callable[[], Pair]) -> Pair:
    """What `make` returns, from the cache if it is there.

    A cache that cannot be read is made anew, and one that cannot be written is done without.

    Parameters
    ----------
    name
        The data, for the file name.
    packages
        The packages the data depends on: their versions are part of the file name.
    make
        Makes x and y.
    """
    key = "-".join([name, *(f"{package}-{version(package)}" for package in packages)])
    file = cache_folder() / f"{key}.npz"
    try:
        # Opened here because NumPy leaves a broken archive open.
        with file.open("rb") as stored, np.load(stored, allow_pickle=False) as archive:
            return archive["x"], archive["y"]
    except Exception:  # noqa: S110 - missing, cut off, no archive: all of them mean "make it"
        pass
    x, y = make()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, x, y)
    except OSError:
        pass
    return x, y


def _write(file: Path, x: Array, y: Array) -> None:
    """Write beside the file and rename, so that no reader ever sees half of it."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            np.savez(stream, x=x, y=y)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
