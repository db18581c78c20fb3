"""Lists of images of several sizes that are kept as they are given, and resized by each trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo.data.kept import map_array
from cnnzoo.data.scaling import Array
from cnnzoo.data.sources.arrays import parts_of
from cnnzoo.data.sources.streams import Paired
from cnnzoo.data.targets import Targets, arrays_of

NO_LABELS = ""
"""Name of the labels of a single output."""


@dataclass(frozen=True)
class SeveralSizes:
    """Images of several sizes with their labels, in memory or mapped.

    Parameters
    ----------
    parts
        By split, a list of images (height, width, channels) and their labels.
    """

    parts: Mapping[str, tuple[list[Array], Any]]

    @classmethod
    def of(cls, spec: object) -> "SeveralSizes | None":
        """Return the images of a spec; None if they are no lists of several sizes.

        Streams are read once, so they are no lists.
        """
        given, _ = parts_of(spec)
        pairs = {part: _pair(value) for part, value in given.items()}
        if None in pairs.values() or not any(isinstance(it, Paired) for it in given.values()):
            return None
        return cls({part: pair for part, pair in pairs.items() if pair is not None})

    @property
    def spec(self) -> dict[str, tuple[list[Array], Any]]:
        """The images as `cnnzoo.load_data` takes them."""
        return dict(self.parts)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the images of each part one after the other, and return what JSON describes."""
        outputs: dict[str, list[str]] = {}
        for part, (images, labels) in self.parts.items():
            kind = np.result_type(*{image.dtype for image in images})
            size = sum(image.size for image in images)
            flat = np.lib.format.open_memmap(folder / f"{part}_x.npy", "w+", kind, (size,))
            start = 0
            for image in images:
                flat[start : start + image.size] = image.ravel()
                start += image.size
            flat.flush()
            np.save(folder / f"{part}_shapes.npy", np.array([image.shape for image in images]))
            by_output = dict(labels) if isinstance(labels, Mapping) else {NO_LABELS: labels}
            for place, each in enumerate(by_output.values()):
                np.save(folder / f"{part}_y{place}.npy", np.asarray(each), allow_pickle=False)
            outputs[part] = list(by_output)
        return {"several_sizes": outputs}

    @classmethod
    def read(cls, folder: Path, about: Mapping[str, Any]) -> "SeveralSizes":
        """Map the images that `write` wrote."""
        parts: dict[str, tuple[list[Array], Any]] = {}
        for part, names in about["several_sizes"].items():
            flat, shapes = (
                map_array(folder / f"{part}_x.npy"),
                np.load(folder / f"{part}_shapes.npy"),
            )
            ends = [0, *np.cumsum(np.prod(shapes, axis=1))]
            images = [
                flat[start:end].reshape(shape)
                for (start, end), shape in zip(pairwise(ends), shapes, strict=True)
            ]
            arrays = {
                name: np.load(folder / f"{part}_y{place}.npy") for place, name in enumerate(names)
            }
            parts[part] = images, arrays.get(NO_LABELS, arrays)
        return cls(parts)


def _pair(value: object) -> tuple[list[Array], Any] | None:
    """Return images and labels, if the value is a list of images and their labels."""
    if isinstance(value, Paired):
        images, labels = value.x, value.y
    elif isinstance(value, tuple) and len(value) == 2:
        images, labels = value
    else:
        return None
    arrays = [np.asarray(image) for image in images]
    if any(image.ndim != 3 for image in arrays):
        return None
    return arrays, arrays_of(labels) if isinstance(labels, Targets) else labels
