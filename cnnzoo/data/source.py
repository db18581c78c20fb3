"""Sources of data: the content of a source before and after its checks."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnzoo.data.dataset import Array, DataError, Task
from cnnzoo.data.labels import encode_labels
from cnnzoo.data.pixels import check_pixels
from cnnzoo.kinds import AXES, Kind, SequenceShape
from cnnzoo.toggle import did_you_mean

SPLITS = ("train", "validation", "test")

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Names of splits in sources, in any letter case, and the split that each means."""


def split_of(name: str) -> str | None:
    """Return the split that a name means, or None.

    Examples
    --------
    >>> split_of("Valid"), split_of("dev"), split_of("extra")
    ('validation', 'validation', None)
    """
    return SPLIT_NAMES.get(name.casefold())


def by_split(
    names: Iterable[str], owner: str, write: Callable[[str], str] = repr
) -> dict[str, str]:
    """Return the name of every split among the names, in the order of `SPLITS`.

    Parameters
    ----------
    names
        Names in a source; names of no split are ignored.
    owner
        Name of the source, for the error.
    write
        Function that formats a name for the error.

    Raises
    ------
    DataError
        If two names mean the same split.
    """
    found: dict[str, str] = {}
    for name in sorted(names):
        split = split_of(name)
        if split in found:
            raise DataError(
                f"{owner!r} has both {write(found[split])} and {write(name)}; keep one."
            )
        if split is not None:
            found[split] = name
    return {split: found[split] for split in SPLITS if split in found}


@dataclass(frozen=True)
class Source:
    """The content of a source, unchecked.

    Parameters
    ----------
    name
        Name for errors and `DataInfo.name`.
    parts
        (x, y) of "train", and of "validation" and "test" if the source defines them.
    class_names
        Names of the class ids, if the source has them.
    kind
        Kind of the examples, if the source knows it.
    notes
        Parts that were left out: one phrase per reason.
    """

    name: str
    parts: Mapping[str, tuple[object, object]]
    class_names: tuple[str, ...] = ()
    kind: Kind | None = None
    notes: tuple[str, ...] = ()


class Stored(NamedTuple):
    """Examples as they are stored, before they are split and normalized."""

    x: Array
    y: Array


@dataclass(frozen=True)
class Examples:
    """The checked content of a source: x in uint8 or float32, y as int64 ids or float32 targets."""

    name: str
    parts: Mapping[str, Stored]
    task: Task
    class_names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return shape_of_kind(self.parts["train"].x.shape[1:])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the class names and of the dtypes, shapes and values of each part."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for part, split in sorted(self.parts.items()):
            for array in split:
                digest.update(repr((part, array.dtype.str, array.shape)).encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def shape_of_kind(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an example, as a `SequenceShape` if it has two axes."""
    return SequenceShape(shape) if len(shape) == AXES["sequences"] else shape


def check_source(source: Source, kind: Kind | None = None) -> Examples:
    """Check the content of a source.

    Parameters
    ----------
    source
        Content to check.
    kind
        Kind of the examples, if the user gives it.

    Raises
    ------
    DataError
        If its pixels or labels are invalid.
    """
    if kind and source.kind and kind != source.kind:
        raise DataError(f"{source.name!r} has {source.kind}; leave out kind={kind!r}.")
    kind = kind or source.kind
    where = {
        part: f"{source.name!r} ({part})" if len(source.parts) > 1 else repr(source.name)
        for part in source.parts
    }
    shape: tuple[int, ...] = ()
    pixels: dict[str, Array] = {}
    for part in sorted(source.parts, key=SPLITS.index):
        pixels[part] = check_pixels(source.parts[part][0], where[part], kind, shape)
        shape = pixels[part].shape[1:]
        kind = "images" if len(shape) == AXES["images"] else "sequences"  # train comes first
    labels, names = encode_labels(
        {part: (where[part], y, len(pixels[part])) for part, (_, y) in source.parts.items()},
        source.class_names,
    )
    return Examples(
        source.name,
        {part: Stored(pixels[part], labels[part]) for part in source.parts},
        "classification" if names else "regression",
        names,
        source.notes,
    )


def existing_path(path: str, name: str) -> Path:
    """Return the path with ``~`` expanded if it exists.

    Raises
    ------
    DataError
        If it does not exist. The message gives the nearest existing name.
    """
    place = Path(path)
    with contextlib.suppress(RuntimeError):  # an unknown user: treat ~name as a name
        place = place.expanduser()
    if path and place.exists():
        return place
    parent = place.parent
    if not parent.is_dir():
        missing = next(p for p in reversed(place.parents) if not p.is_dir())
        raise DataError(f"{name!r} does not exist: there is no folder {str(missing)!r}.")
    near = did_you_mean(place.name, [sibling.name for sibling in parent.iterdir()], "'")
    raise DataError(f"{name!r} does not exist{near}")
