"""Description of data for a report: its splits, its classes and sample images."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cnnzoo.data.dataset import Array, Data, OutputInfo
from cnnzoo.data.targets import arrays_of

MOST_SAMPLES = 10
"""Number of classes that have a sample image."""

MOST_CLASSES = 100
"""Number of classes up to which the examples are counted by class."""

LONGEST_SIDE = 64
"""Side of a sample image in pixels, above which pixels are left out."""


@dataclass(frozen=True)
class Sample:
    """A training image with its class; for a regression, with its target.

    Parameters
    ----------
    label
        Name of the class, or the target.
    png
        The image as a PNG file in base64.
    """

    label: str
    png: str


@dataclass(frozen=True)
class DataDescription:
    """Description of data for a report.

    Parameters
    ----------
    name
        Name of the data, as in a study.
    task
        "classification", "regression" or "several outputs".
    input_shape
        Shape of one example.
    classes
        Number of classes; 1 for regression, 0 for several outputs.
    sizes
        Number of examples by split.
    counts
        Number of training examples by the name of their class; empty for a regression, for several
        outputs and for more than `MOST_CLASSES` classes.
    samples
        One image of each of the first classes; empty for sequences.
    outputs
        Descriptions of the labels of each output, if there are several.
    """

    name: str
    task: str
    input_shape: tuple[int, ...]
    classes: int
    sizes: Mapping[str, int]
    counts: Mapping[str, int]
    samples: tuple[Sample, ...] = ()
    outputs: tuple[OutputInfo, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the description as values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DataDescription":
        """Return the description that `to_dict` wrote."""
        samples = tuple(Sample(**sample) for sample in values["samples"])
        shape = tuple(values["input_shape"])
        outputs = tuple(map(OutputInfo.from_dict, values.get("outputs", ())))
        changed = {"input_shape": shape, "samples": samples, "outputs": outputs}
        return cls(**{**values, **changed})


def describe_data(name: str, data: Data) -> DataDescription:
    """Describe loaded data, with one training image of each of the first ten classes.

    Parameters
    ----------
    name
        Name of the data, as in a study.
    data
        The data.

    Examples
    --------
    >>> from cnnzoo.data import load_data
    >>> described = describe_data("digits", load_data("digits"))
    >>> described.input_shape, dict(described.sizes)
    ((8, 8, 1), {'train': 1437, 'validation': 180, 'test': 180})
    >>> [sample.label for sample in described.samples]
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
    """
    info = data.info
    labels = list(map(str, info.class_names))
    counts: dict[str, int] = {}
    if 0 < len(labels) <= MOST_CLASSES:
        by_class = np.bincount(arrays_of(data.train.y)[""], minlength=len(labels)).tolist()
        counts = dict(zip(labels, by_class, strict=True))
    return DataDescription(
        name=name,
        task=info.task,
        input_shape=info.input_shape,
        classes=info.classes if isinstance(info.classes, int) else 0,
        sizes=info.sizes._asdict(),
        counts=counts,
        samples=_samples(data, labels) if len(info.input_shape) == 3 else (),
        outputs=info.outputs,
    )


def _samples(data: Data, labels: Sequence[str]) -> tuple[Sample, ...]:
    """Return the first training image of each class, or the first images of other tasks."""
    x, y = data.train
    if not labels:
        return tuple(
            Sample(_label(data, place), _png(image, data))
            for place, image in enumerate(x[:MOST_SAMPLES])
        )
    ids = arrays_of(y)[""]
    firsts = ((label, np.flatnonzero(ids == place)) for place, label in enumerate(labels))
    return tuple(
        Sample(label, _png(x[places[0]], data))
        for label, places in list(firsts)[:MOST_SAMPLES]
        if len(places)
    )


def _label(data: Data, place: int) -> str:
    """Return the labels of a training example: a target, or those of its outputs."""
    arrays = arrays_of(data.train.y)
    words = []
    for output in data.info.every_output:
        label = arrays[output.name][place]
        text = output.class_names[label] if output.class_names else f"{label:.3g}"
        words.append(f"{output.name} {text}".strip())
    return ", ".join(words)


def _png(image: Array, data: Data) -> str:
    """Encode an image: three channels as colours, of another number the mean in grey."""
    from PIL import Image

    step = -(-max(image.shape[:2]) // LONGEST_SIDE)
    pixels = image[::step, ::step] * np.asarray(data.info.scale) + np.asarray(data.info.offset)
    if pixels.shape[2] != 3:
        pixels = pixels.mean(axis=2)
    whole = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(whole).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
