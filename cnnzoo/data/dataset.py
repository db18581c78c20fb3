"""Data: three splits and their description, as `load_data` returns them."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from cnnzoo.data.scaling import Pixels
from cnnzoo.folds import HeldOut

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]
Task = Literal["classification", "regression"]


class Split(NamedTuple):
    """The examples of one split, in a fixed random order unless the source defines the split.

    Attributes
    ----------
    x
        float32, channels last: images (n, height, width, channels) or sequences
        (n, length, channels). It behaves as an array, but is computed from the stored pixels where
        it is read: ``x[:32]`` reads 32 examples, ``numpy.asarray(x)`` all of them.
    y
        Class ids, int64 of shape (n,), from 0; for regression the targets, float32 of shape (n,).
    """

    x: Pixels
    y: Array


class Sizes(NamedTuple):
    """Examples in each split."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class DataInfo:
    """Description of the data.

    Attributes
    ----------
    name
        The spec it was loaded from, "arrays" or "stream".
    task
        "classification" or "regression".
    input_shape
        The shape of one example.
    classes
        Number of classes; 1 for regression.
    class_names
        Names of the class ids; empty for regression.
    offset, scale
        One number per channel: ``x * scale + offset`` gives the pixels on the scale where 0 is
        black and 1 is white, whatever `normalize` was (for other data, the scale on which the
        training examples lie within 0 to 1).
    sizes
        Examples in each split.
    held_out
        Size of the test split, and from how many examples every seed draws it.
    fingerprint
        SHA-256, in hexadecimal, of the arrays and labels of the source before images are resized:
        the same for every seed and toggle. Without images that `skip_bad` leaves out.
    notes
        Parts of the source that were left out, such as files that are not images, and what was
        changed, such as the size of images: one phrase per reason, with counts and names.
    """

    name: str
    task: Task
    input_shape: tuple[int, ...]
    classes: int
    class_names: tuple[str, ...]
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    sizes: Sizes
    held_out: HeldOut
    fingerprint: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        kind = "images" if len(self.input_shape) == 3 else "sequences"
        shape = "x".join(str(side) for side in self.input_shape)
        goal = "regression" if self.task == "regression" else f"{self.classes} classes"
        sizes = ", ".join(f"{size} {name}" for name, size in self.sizes._asdict().items())
        return f"{self.name}: {shape} {kind}, {goal}; {sizes}"


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """Data ready to train on: `train`, `validation`, `test` (each a `Split`) and `info`.

    Attributes
    ----------
    train, validation, test
        The splits.
    info
        Description of the data.
    test_indices
        Place of each test example in the source: in its test split if it defines one, else in the
        pool of examples from which every seed draws its splits. Empty if unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnzoo.data import load_data
    >>> load_data((np.zeros((40, 8, 8, 1)), np.arange(40) % 2))
    <Data arrays: 8x8x1 images, 2 classes; 32 train, 4 validation, 4 test>
    """

    train: Split
    validation: Split
    test: Split
    info: DataInfo
    test_indices: Indices = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    def __repr__(self) -> str:
        return f"<Data {'; '.join([str(self.info), *self.info.notes])}>"


class DataError(ValueError):
    """Raised for data that cannot be used. The message says where and gives the remedy."""
