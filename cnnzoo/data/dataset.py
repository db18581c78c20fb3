"""Data: three splits and their description, as `load_data` returns them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from cnnzoo.data.scaling import Pixels
from cnnzoo.data.targets import Classes, Labels
from cnnzoo.folds import HeldOut

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]
Task = Literal["classification", "regression"]

SEVERAL: Literal["several outputs"] = "several outputs"
"""Word for the task of data with several outputs, each of which has a task of its own."""


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
        Of several outputs, a `Targets` with such an array for each: ``y["digit"]``.
    """

    x: Pixels
    y: Labels


class Sizes(NamedTuple):
    """Examples in each split."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class OutputInfo:
    """Description of the labels of one output.

    Attributes
    ----------
    name
        Name of the output; empty for data with one output.
    task
        "classification" or "regression".
    classes
        Number of classes; 1 for regression.
    class_names
        Names of the class ids; empty for regression.
    """

    name: str
    task: Task
    classes: int
    class_names: tuple[str, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "OutputInfo":
        """Return the description that ``dataclasses.asdict`` wrote, also by way of JSON."""
        return cls(**{**values, "class_names": tuple(values["class_names"])})

    def __str__(self) -> str:
        goal = "regression" if self.task == "regression" else f"{self.classes} classes"
        return f"{self.name} ({goal})" if self.name else goal


@dataclass(frozen=True)
class DataInfo:
    """Description of the data.

    Attributes
    ----------
    name
        The spec it was loaded from, "arrays" or "stream".
    task
        "classification", "regression" or "several outputs".
    input_shape
        The shape of one example.
    classes
        Number of classes; 1 for regression. Of several outputs, a mapping of their names to these
        numbers.
    class_names
        Names of the class ids; empty for regression and for several outputs.
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
    outputs
        Description of the labels of each output, if there are several.
    """

    name: str
    task: Task | Literal["several outputs"]
    input_shape: tuple[int, ...]
    classes: Classes
    class_names: tuple[str, ...]
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    sizes: Sizes
    held_out: HeldOut
    fingerprint: str
    notes: tuple[str, ...] = ()
    outputs: tuple[OutputInfo, ...] = ()

    @property
    def every_output(self) -> tuple[OutputInfo, ...]:
        """Description of the labels of each output, also if there is only one."""
        if isinstance(self.classes, int) and self.task != SEVERAL:
            return (OutputInfo("", self.task, self.classes, self.class_names),)
        return self.outputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs; empty for data with one output."""
        return tuple(output.name for output in self.outputs)

    @property
    def names_by_output(self) -> dict[str, tuple[str, ...]]:
        """Names of the class ids of each output; those of a single one under the name ""."""
        return {output.name: output.class_names for output in self.every_output}

    def __str__(self) -> str:
        kind = "images" if len(self.input_shape) == 3 else "sequences"
        shape = "x".join(str(side) for side in self.input_shape)
        goal = ", ".join(map(str, self.every_output))
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
