"""Where data comes from: what a source hands over, and the same after every check."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnzoo.data.dataset import Array, DataError, Split, Task
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
"""The names that sources have for splits, in any letter case, and the split that each means."""


def split_of(name: str) -> str | None:
    """The split that a name means; None if it means none.

    Examples
    --------
    >>> split_of("Valid"), split_of("dev"), split_of("extra")
    ('validation', 'validation', None)
    """
    return SPLIT_NAMES.get(name.casefold())


def by_split(
    names: Iterable[str], owner: str, write: Callable[[str], str] = repr
) -> dict[str, str]:
    """The name of every split among the names, in the order of `SPLITS`.

    Parameters
    ----------
    names
        Names in a source; those that mean no split are left out.
    owner
        The source, for the error.
    write
        How the error writes a name.

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
    """What a source hands over, unchecked.

    Parameters
    ----------
    name
        For errors and `DataInfo.name`.
    parts
        (x, y) under "train", and under "validation" and "test" where the source cuts them itself.
    class_names
        The names of the class ids, where the source has them.
    kind
        What the examples are, where the source knows.
    notes
        What the source left out, a phrase for each reason.
    """

    name: str
    parts: Mapping[str, tuple[object, object]]
    class_names: tuple[str, ...] = ()
    kind: Kind | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examples:
    """What a source holds, checked: x in uint8 or float32, y in int64 ids or float32 targets."""

    name: str
    parts: Mapping[str, Split]
    task: Task
    class_names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        shape = self.parts["train"].x.shape[1:]
        return SequenceShape(shape) if len(shape) == AXES["sequences"] else shape

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the class names and, a part at a time, of dtypes, shapes and values."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for part, split in sorted(self.parts.items()):
            for array in split:
                digest.update(repr((part, array.dtype.str, array.shape)).encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def check_source(source: Source, kind: Kind | None = None) -> Examples:
    """Check everything that a source hands over.

    Parameters
    ----------
    source
        What to check.
    kind
        What the examples are, where the user says it.

    Raises
    ------
    DataError
        If anything is wrong with its pixels or labels.
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
        {part: Split(pixels[part], labels[part]) for part in source.parts},
        "classification" if names else "regression",
        names,
        source.notes,
    )


def existing_path(path: str, name: str) -> Path:
    """The path with ``~`` expanded, after a check that something is there.

    Raises
    ------
    DataError
        If nothing is; it names the nearest that is.
    """
    place = Path(path)
    with contextlib.suppress(RuntimeError):  # ~name of nobody here: then it is a name like others
        place = place.expanduser()
    if path and place.exists():
        return place
    parent = place.parent
    if not parent.is_dir():
        missing = next(p for p in reversed(place.parents) if not p.is_dir())
        raise DataError(f"{name!r} does not exist: there is no folder {str(missing)!r}.")
    near = did_you_mean(place.name, [sibling.name for sibling in parent.iterdir()], "'")
    raise DataError(f"{name!r} does not exist{near}")
