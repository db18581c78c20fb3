"""Decoded images, kept in the cache folder: later loads map the file instead of decoding again.

A source is decoded again when one of its files changes.
"""

import contextlib
import functools
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.data.kept import map_array
from cnnzoo.data.scaling import map_of
from cnnzoo.data.source import Source
from cnnzoo.runtime.code_version import files_version, imported_files
from cnnzoo.runtime.files import cache_folder, keep

SMALL = 2**20
"""Bytes of files below which a source is decoded each time, which takes a fraction of a second."""

ABOUT = "about.json"

UNSETTLED = 2.0
"""Seconds after a change of a file within which another change may leave its times as they are."""

Examples = Iterable[tuple[Array, int]]
"""Pixels (height, width, channels) and class id of each example. All have the same shape."""


def folder() -> Path:
    """Return the folder of decoded sources, each in a folder of its own.

    Examples
    --------
    >>> folder().name
    'decoded'
    """
    return cache_folder() / "decoded"


def opened_once(
    root: Path, name: str, settings: Sequence[object], read: Callable[[], Source]
) -> Source:
    """Return a source in a folder; without reading it if no file in the folder has changed.

    Parameters
    ----------
    root
        The folder.
    name
        Name of the source.
    settings
        As in `decoded_once`.
    read
        Reads the source, whose pixels and labels are those of one call of `decoded_once`.
    """
    state = _state_of(root, settings)
    if state is None:
        return read()
    place = folder() / f"source-{state}"
    with contextlib.suppress(OSError):  # it is not kept, or its pixels were removed
        about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        pixels, labels, _ = _open(folder() / about["pixels"])
        return Source(
            name,
            {part: (pixels[a:b], labels[a:b]) for part, (a, b) in about["parts"].items()},
            tuple(about["class_names"]),
            about["kind"],
            tuple(about["notes"]),
            about["fingerprint"],
        )
    source = read()
    parts, files = {}, set()
    for part, (x, y) in source.parts.items():
        mapped, start = map_of(x)
        files.add(getattr(mapped, "filename", None))
        parts[part] = start, start + len(y)  # type: ignore[arg-type]
    (file,) = files
    if file is not None:
        about = {
            "pixels": Path(file).parent.name,
            "parts": parts,
            "class_names": source.class_names,
            "kind": source.kind,
            "notes": source.notes,
            "fingerprint": source.fingerprint,
        }

        def write(new: Path) -> None:
            (new / ABOUT).write_text(json.dumps(about), encoding="utf-8")

        with contextlib.suppress(OSError):
            keep(place, write)
    return source


def _state_of(root: Path, settings: Sequence[object]) -> str | None:
    """Return a digest of all files in a folder; None if it is small or has just changed."""
    described = repr((str(root.absolute()), *settings))
    digest = hashlib.sha256(described.encode("utf-8", "surrogateescape"))
    size, now = 0, time.time()
    try:
        for path, state in _files_in(str(root), ()):
            if now - max(state.st_mtime, state.st_ctime) < UNSETTLED:
                return None
            size += state.st_size
            digest.update(repr((path, _identity(state))).encode("utf-8", "surrogateescape"))
    except OSError:  # a broken link or a link to a folder above, which reading names
        return None
    return digest.hexdigest() if size >= SMALL else None


def _files_in(folder: str, above: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield all files below a folder with their state, in sorted order; links are followed."""
    above = (*above, os.path.realpath(folder))
    if above[-1] in above[:-1]:
        raise OSError(f"{folder} is a link to a folder that it lies in.")
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir():
                yield from _files_in(entry.path, above)
            else:
                yield entry.path, entry.stat()


def decoded_once(
    files: Sequence[Path],
    settings: Sequence[object],
    decode: Callable[[], Examples],
    describe: Callable[[], Mapping[str, Any]],
) -> tuple[Array, Array, Mapping[str, Any]]:
    """Return the pixels and the labels of a source, decoding it only if that is not kept.

    Parameters
    ----------
    files
        The files that the source consists of. Links to missing files may be among them.
    settings
        All other values that the result depends on, such as how images are decoded and the
        versions of packages. Each must have a ``repr`` that is equal in every process.
    decode
        Returns the examples. It may be called twice.
    describe
        Returns what is known after the examples were read, as values of JSON.

    Returns
    -------
    tuple
        Pixels (n, height, width, channels); class ids, int64; and the description. The pixels are
        a private memory map of a file in `folder`. They are in memory if the source is small, or
        if the folder cannot be written to.
    """
    states = [(file, _state_of_file(file)) for file in files]
    if sum(state.st_size for _, state in states if state) < SMALL:
        return _in_memory(decode, describe)
    place = folder() / _key(states, settings)

    def write(new: Path) -> None:
        with (new / "x.npy").open("wb") as file:
            labels = _write_pixels(file, decode())
        np.save(new / "y.npy", np.array(labels, np.int64))
        (new / ABOUT).write_text(json.dumps(describe()), encoding="utf-8")

    try:
        keep(place, write)
        return _open(place)
    except OSError:  # a read-only folder, or a full disk
        return _in_memory(decode, describe)


def _state_of_file(file: Path) -> os.stat_result | None:
    """Return the state of a file; None if there is none."""
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def _key(states: Iterable[tuple[Path, os.stat_result | None]], settings: Sequence[object]) -> str:
    """Return a digest that changes whenever the content of a file may have changed."""
    digest = hashlib.sha256(repr(tuple(settings)).encode("utf-8", "surrogateescape"))
    now = time.time()
    for file, state in states:
        content = ""
        if state and now - max(state.st_mtime, state.st_ctime) < UNSETTLED:
            with contextlib.suppress(OSError):  # a file that may not be read
                content = hashlib.sha256(file.read_bytes()).hexdigest()
        identity = _identity(state) if state else None
        described = repr((str(file.absolute()), identity, content))
        digest.update(described.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _identity(state: os.stat_result) -> tuple[int, ...]:
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


@functools.cache
def version_of(module: str) -> str:
    """Return a digest of the code of a module that decodes, and of all that it imports."""
    return files_version(imported_files(module))


def _open(place: Path) -> tuple[Array, Array, Mapping[str, Any]]:
    try:
        about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        return map_array(place / "x.npy"), np.load(place / "y.npy", allow_pickle=False), about
    except ValueError as error:  # a file is shorter than its header says
        raise OSError(f"{place} is damaged: {error}") from error


def _write_pixels(file: BinaryIO, examples: Examples) -> list[int]:
    """Write pixels one example at a time into an empty file, and return the labels."""
    labels: list[int] = []
    for image, label in examples:
        if not labels:
            shape, dtype = image.shape, image.dtype
            _write_header(file, 0, shape, dtype)  # has room for the number of examples
        if (image.shape, image.dtype) != (shape, dtype):
            raise DataError(
                f"Images of one source have shapes {shape} ({dtype}) and {image.shape} "
                f"({image.dtype}); expected one."
            )
        file.write(np.ascontiguousarray(image).data)
        labels.append(label)
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


def _in_memory(
    decode: Callable[[], Examples], describe: Callable[[], Mapping[str, Any]]
) -> tuple[Array, Array, Mapping[str, Any]]:
    images, labels = zip(*decode(), strict=True)
    return np.stack(images), np.array(labels, np.int64), describe()
