"""Decoded images, kept in the cache folder: later loads map the file instead of decoding again.

A source is decoded again when one of its files changes.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cnnzoo.data.dataset import Array
from cnnzoo.data.kept import keep, map_array
from cnnzoo.runtime.files import cache_folder

SMALL = 2**20
"""Bytes of files below which a source is decoded each time, which takes a fraction of a second."""

UNSETTLED = 2.0
"""Seconds after a change of a file within which another change may leave its times as they are."""

FORMAT = 1
"""Version of the files that are kept."""

Examples = Iterable[tuple[Array, int]]
"""Pixels (height, width, channels) and class id of each example. All have the same height and
width; some may have one channel and others three."""


def folder() -> Path:
    """Return the folder of decoded sources, each in a folder of its own.

    Examples
    --------
    >>> folder().name
    'decoded'
    """
    return cache_folder() / "decoded"


def decoded_once(
    files: Sequence[Path], settings: Sequence[object], decode: Callable[[], Examples]
) -> tuple[Array, Array]:
    """Return the pixels and the labels of a source, decoding it only if that is not kept.

    Parameters
    ----------
    files
        The files that the source consists of.
    settings
        All other values that the result depends on, such as how images are decoded and the
        versions of packages. Each must have a ``repr`` that is equal in every process.
    decode
        Returns the examples. It may be called twice.

    Returns
    -------
    tuple
        Pixels (n, height, width, channels) and class ids, int64. The pixels are a private memory
        map of a file in `folder`. They are in memory if the source is small, or if the folder
        cannot be written to.
    """
    if sum(file.stat().st_size for file in files) < SMALL:
        return _in_memory(decode)
    place = folder() / _key(files, settings)

    def write(new: Path) -> None:
        with (new / "x.npy").open("wb") as file:
            labels = _write_pixels(file, decode(), 0)
            if labels is None:
                file.seek(0)
                labels = _write_pixels(file, decode(), 3)
        np.save(new / "y.npy", np.array(labels, np.int64))

    try:
        keep(place, write)
        return map_array(place / "x.npy"), np.load(place / "y.npy", allow_pickle=False)
    except OSError:  # a read-only folder, or a full disk
        return _in_memory(decode)


def _key(files: Iterable[Path], settings: Sequence[object]) -> str:
    """Return a digest that changes whenever the content of a file may have changed."""
    digest = hashlib.sha256(repr((FORMAT, *settings)).encode())
    now = time.time()
    for file in files:
        state = file.stat()
        identity = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        content = ""
        if now - max(state.st_mtime, state.st_ctime) < UNSETTLED:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(repr((str(file.absolute()), identity, content)).encode())
    return digest.hexdigest()


def _write_pixels(file: BinaryIO, examples: Examples, channels: int) -> list[int] | None:
    """Write pixels one example at a time, and return the labels.

    Parameters
    ----------
    file
        An empty file.
    examples
        The examples.
    channels
        Number of channels to write; 0 for that of the first example.

    Returns
    -------
    list of int or None
        None if an example has more channels; all must then be written with three.
    """
    labels: list[int] = []
    for image, label in examples:
        if not labels:
            shape = (*image.shape[:-1], channels or image.shape[-1])
            _write_header(file, 0, shape, image.dtype)  # has room for the number of examples
            dtype = image.dtype
        if image.shape[-1] > shape[-1]:
            return None
        file.write(np.ascontiguousarray(np.broadcast_to(image, shape)).data)
        labels.append(label)
    file.truncate()
    file.seek(0)
    _write_header(file, len(labels), shape, dtype)
    return labels


def _write_header(
    file: BinaryIO, count: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": (count, *shape),
    }
    np.lib.format.write_array_header_1_0(file, header)


def _in_memory(decode: Callable[[], Examples]) -> tuple[Array, Array]:
    images, labels = zip(*decode(), strict=True)
    channels = max(image.shape[-1] for image in images)
    pixels = np.stack([np.broadcast_to(one, (*one.shape[:-1], channels)) for one in images])
    return pixels, np.array(labels, np.int64)
