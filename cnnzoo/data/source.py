"""Where data comes from: what a source hands over, and the same after every check."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cnnzoo.data.dataset import Array, Split, Task
from cnnzoo.data.labels import encode_labels
from cnnzoo.data.pixels import check_pixels

SPLITS = ("train", "validation", "test")


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
    """

    name: str
    parts: Mapping[str, tuple[object, object]]
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examples:
    """What a source holds, checked: x in uint8 or float32, y in int64 ids or float32 targets."""

    name: str
    parts: Mapping[str, Split]
    task: Task
    class_names: tuple[str, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.parts["train"].x.shape[1:]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the class names and, a part at a time, of dtypes, shapes and values."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for part, split in sorted(self.parts.items()):
            for array in split:
                digest.update(repr((part, array.dtype.str, array.shape)).encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def check_source(source: Source) -> Examples:
    """Check everything that a source hands over.

    Raises
    ------
    DataError
        If anything is wrong with its pixels or labels.
    """
    where = {
        part: f"{source.name!r} ({part})" if len(source.parts) > 1 else repr(source.name)
        for part in source.parts
    }
    shape: tuple[int, ...] = ()
    pixels: dict[str, Array] = {}
    for part in sorted(source.parts, key=SPLITS.index):
        pixels[part] = check_pixels(source.parts[part][0], where[part], shape)
        shape = pixels[part].shape[1:]
    labels, names = encode_labels(
        {part: (where[part], y, len(pixels[part])) for part, (_, y) in source.parts.items()},
        source.class_names,
    )
    return Examples(
        source.name,
        {part: Split(pixels[part], labels[part]) for part in source.parts},
        "classification" if names else "regression",
        names,
    )
