"""The sources of data: a packaged name, a prefix with a name or path, or arrays."""

import os
from collections.abc import Callable, Mapping
from typing import Protocol

from cnnzoo.data.dataset import DataError
from cnnzoo.data.source import Source
from cnnzoo.data.sources.arrays import from_arrays, from_npz
from cnnzoo.data.sources.folder import from_folder
from cnnzoo.data.sources.packaged import digits, mnist1d, mnist5k, rotation
from cnnzoo.data.sources.tfds import from_tfds
from cnnzoo.toggle import did_you_mean, listed


class DataSource(Protocol):
    """Loads data from the part of a spec after its prefix: a name or a path."""

    def __call__(self, name: str, /) -> Source:
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


def open_source(spec: object) -> Source:
    """Open the source that a spec names, without checks.

    Raises
    ------
    DataError
        If the name is unknown, or the source cannot be read.
    """
    if not isinstance(spec, str):
        return from_arrays(spec)
    if spec in PACKAGED:
        return PACKAGED[spec]()
    prefix, colon, rest = spec.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix][1](rest)
    prefixed = [f"{prefix}:{rest}" for prefix, (rest, _) in PREFIXES.items()]
    near = did_you_mean(prefix, PREFIXES if colon else PACKAGED, "'")
    path = os.path.expanduser(spec)  # noqa: PTH111 # which takes any text
    if not colon and os.path.exists(path):  # noqa: PTH110
        near = f"; did you mean '{'folder' if os.path.isdir(path) else 'npz'}:{spec}'?"  # noqa: PTH112
    raise DataError(
        f"`data`: expected {listed(PACKAGED)}, {listed(prefixed)} or arrays (x, y); "
        f"got {spec!r}{near}"
    )
