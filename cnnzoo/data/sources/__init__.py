"""The sources of data: a packaged name, a prefix with a name or path, arrays or streams."""

import os
from collections.abc import Callable, Mapping
from typing import Protocol

from cnnzoo.data.dataset import DataError
from cnnzoo.data.source import Reading, Source, existing_path
from cnnzoo.data.sources.arrays import from_arrays, from_npz
from cnnzoo.data.sources.folder import from_folder
from cnnzoo.data.sources.packaged import digits, mnist1d, mnist5k, rotation
from cnnzoo.data.sources.tfds import from_tfds
from cnnzoo.toggle import did_you_mean, listed


class DataSource(Protocol):
    """Loads data from the part of a spec after its prefix: a name or a path."""

    def __call__(self, name: str, reading: Reading, /) -> Source:
        """Return the data unchecked, or raise DataError."""


PACKAGED: Mapping[str, Callable[[], Source]] = {
    "mnist5k": mnist5k,
    "digits": digits,
    "rotation": rotation,
    "mnist1d": mnist1d,
}
"""Data that comes with installed packages, by name: nothing is downloaded."""

PREFIXES: Mapping[str, tuple[str, DataSource]] = {
    "tfds": ("NAME", from_tfds),
    "folder": ("PATH", from_folder),
    "npz": ("PATH", from_npz),
}
"""Placeholder of the text after the colon, and loader, by the prefix of a spec."""


def list_data() -> list[str]:
    """The names of the packaged data that `load_data` takes.

    Examples
    --------
    >>> list_data()
    ['mnist5k', 'digits', 'rotation', 'mnist1d']
    """
    return list(PACKAGED)


def full_spec(spec: object) -> object:
    """Return the spec of a path with its prefix, and any other spec unchanged.

    Parameters
    ----------
    spec
        Anything that `load_data` takes. An existing folder is a folder of images, and an existing
        file an archive. Names of packaged data take precedence; write ``./digits`` for a folder.

    Raises
    ------
    DataError
        If a path does not exist.

    Examples
    --------
    >>> full_spec("digits"), full_spec("."), full_spec("tfds:mnist")
    ('digits', 'folder:.', 'tfds:mnist')
    """
    if not isinstance(spec, str | os.PathLike):
        return spec
    is_path, text = not isinstance(spec, str), os.fsdecode(spec)
    if not is_path and (text in PACKAGED or text.partition(":")[0] in PREFIXES):
        return text
    path = os.path.expanduser(text)  # noqa: PTH111 # which takes any text
    looks_like_path = is_path or (text.startswith((".", "~", os.sep)) and ":" not in text)
    if not os.path.exists(path) and not looks_like_path:  # noqa: PTH110
        return text
    return f"{'folder' if existing_path(text, text).is_dir() else 'npz'}:{text}"


def open_source(spec: object, reading: Reading) -> Source:
    """Open the source that a spec names, without checks.

    Raises
    ------
    DataError
        If the name is unknown, or the source cannot be read.
    """
    spec = full_spec(spec)
    if not isinstance(spec, str):
        return from_arrays(spec, reading)
    if spec in PACKAGED:
        return PACKAGED[spec]()
    prefix, colon, rest = spec.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix][1](rest, reading)
    prefixed = [f"{prefix}:{rest}" for prefix, (rest, _) in PREFIXES.items()]
    near = did_you_mean(prefix, PREFIXES if colon else [*PACKAGED, *_folder_names()], "'")
    raise DataError(
        f"`data`: expected {listed(PACKAGED)}, {listed(prefixed)}, an existing path or arrays "
        f"(x, y); got {spec!r}{near}"
    )


def _folder_names() -> list[str]:
    """Return the names of the folders and archives in the working folder."""
    try:
        with os.scandir() as entries:
            return [it.name for it in entries if it.is_dir() or it.name.endswith(".npz")]
    except OSError:
        return []
