"""The sources of data: packaged ones by name, others by a prefix, or arrays in hand."""

import os
from collections.abc import Callable, Mapping

from cnnzoo.data.dataset import DataError
from cnnzoo.data.source import Source
from cnnzoo.data.sources.arrays import from_arrays, from_npz
from cnnzoo.data.sources.folder import from_folder
from cnnzoo.data.sources.packaged import digits, mnist1d, mnist5k, rotation
from cnnzoo.data.sources.tfds import from_tfds
from cnnzoo.toggle import did_you_mean, listed

PACKAGED: Mapping[str, Callable[[], Source]] = {
    "mnist5k": mnist5k,
    "digits": digits,
    "rotation": rotation,
    "mnist1d": mnist1d,
}
"""Data that comes with installed packages, by name: nothing is downloaded."""

PREFIXES: Mapping[str, tuple[str, Callable[[str], Source]]] = {
    "tfds": ("NAME", from_tfds),
    "folder": ("PATH", from_folder),
    "npz": ("PATH", from_npz),
}
"""What stands before the colon of a spec, what stands after it, and the loader that takes it."""


def list_data() -> list[str]:
    """The names of the packaged data that `load_data` takes.

    Examples
    --------
    >>> list_data()
    ['mnist5k', 'digits', 'rotation', 'mnist1d']
    """
    return list(PACKAGED)


def open_source(spec: object) -> Source:
    """What a spec stands for, read but not yet checked.

    Raises
    ------
    DataError
        If nothing is known by that name, or it cannot be read.
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
        f"There is no data {spec!r}{near} Known are {listed(PACKAGED)}, {listed(prefixed)}, "
        "and arrays (x, y)."
    )
