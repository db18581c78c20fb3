"""Resizing of images, with the sampling of Keras's image loader."""

import functools
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.toggle import Level

RESIZED = "resized to"
"""Words of the note on resized images."""

NAMED_SIZES = 3
"""Largest number of sizes that an error names."""


def _triangle(x: Array) -> Array:
    return 1 - x


def _cubic(x: Array) -> Array:
    """Keys 1981, "Cubic convolution interpolation for digital image processing", a = -1/2."""
    return np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, ((2.5 - 0.5 * x) * x - 4) * x + 2)


def _mitchell(x: Array) -> Array:
    """Mitchell and Netravali 1988, "Reconstruction filters in computer graphics", B = C = 1/3."""
    near = (7 * x - 12) * x * x + 16 / 3
    return np.where(x < 1, near, ((12 - 7 / 3 * x) * x - 20) * x + 32 / 3) / 6


def _lanczos(radius: int) -> Callable[[Array], Array]:
    return lambda x: np.sinc(x) * np.sinc(x / radius)


KERNELS: Mapping[str, tuple[int, Callable[[Array], Array]]] = {
    "bilinear": (1, _triangle),
    "bicubic": (2, _cubic),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "mitchellcubic": (2, _mitchell),
}
"""Radius in pixels and value at a distance, by interpolation. "nearest" and "area" have none."""

SMOOTHING = ("mitchellcubic",)
"""Interpolations that also change images of the right size."""


@dataclass(frozen=True)
class Resize:
    """Stretch images to one size, as ``keras.utils.image_dataset_from_directory`` does.

    Each pixel of the result is a weighted mean of pixels around its place in the image. There is
    no smoothing before an image is reduced, so only "area" uses every pixel. Nothing is cropped.
    Results of uint8 images are rounded to whole numbers from 0 to 255.

    Parameters
    ----------
    height, width
        Size of the result in pixels.
    interpolation
        A level of the toggle `Interpolation`.

    Examples
    --------
    >>> halved = Resize(1, 2, "area")
    >>> halved(np.array([[[0], [4], [8], [8]], [[4], [8], [8], [8]]], np.uint8)).tolist()
    [[[4], [8]]]
    >>> str(halved)
    '1x2 pixels (area)'
    """

    height: int
    width: int
    interpolation: str

    @classmethod
    def of(cls, image_size: Level, interpolation: str) -> Self | None:
        """Return the resize that the toggles `ImageSize` and `Interpolation` ask for, or None.

        Examples
        --------
        >>> Resize.of("48x64", "bilinear")
        Resize(height=48, width=64, interpolation='bilinear')
        """
        if not image_size:
            return None
        sides = [int(side) for side in str(image_size).split("x")]
        return cls(sides[0], sides[-1], interpolation)

    def __str__(self) -> str:
        return f"{self.height}x{self.width} pixels ({self.interpolation})"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    def changes(self, shape: tuple[int, ...]) -> bool:
        """Return whether images of a shape (height, width, channels) are changed."""
        return shape[:2] != self.size or self.interpolation in SMOOTHING

    def __call__(self, images: Array) -> Array:
        """Return a resized copy of images (..., height, width, channels) in uint8 or float32."""
        if not self.changes(images.shape[-3:]):
            return images
        x = images
        for axis, size in ((-3, self.height), (-2, self.width)):
            x = _resample(x, axis, _weights(x.shape[axis], size, self.interpolation))
        if images.dtype != np.uint8:
            return x
        whole: Array = np.rint(np.clip(x, 0, 255)).astype(np.uint8)
        return whole


def _resample(x: Array, axis: int, weights: tuple[Array, Array]) -> Array:
    """Return the weighted sums of the slices of `x` along an axis."""
    places, shares = weights
    spread = [1] * x.ndim
    spread[axis] = -1
    total: Array = np.zeros(1, np.float32)
    for place, share in zip(places, shares, strict=True):
        total = total + x.take(place, axis) * share.reshape(spread)
    return total


@functools.lru_cache(maxsize=1024)
def _weights(old: int, new: int, interpolation: str) -> tuple[Array, Array]:
    """Return which pixels each new pixel is the sum of, and their shares, both (pixels, new).

    Places are in float32 and their formulas those of TensorFlow, whose results Keras's loader
    gives: resize_nearest_neighbor_op, resize_area_op and scale_and_translate_op of its kernels.
    """
    scale = np.float32(old) / np.float32(new)
    middle = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * scale
    if interpolation == "nearest":
        places = np.minimum(np.floor(middle), old - 1)[None]
        shares = np.ones_like(places)
    elif interpolation == "area":
        low = np.arange(new, dtype=np.float32) * scale
        places = np.floor(low) + np.arange(math.ceil(scale) + 1, dtype=np.float32)[:, None]
        shares = np.maximum(np.minimum(places + 1, low + scale) - np.maximum(places, low), 0)
    else:
        radius, kernel = KERNELS[interpolation]
        first = np.ceil(middle - np.float32(radius + 0.5))
        places = first + np.arange(2 * radius + 1, dtype=np.float32)[:, None]
        distance = np.abs(places + np.float32(0.5) - middle)
        shares = np.where(distance < radius, kernel(distance), 0)
    shares = np.where((places >= 0) & (places < old), shares, 0)
    used = shares.any(axis=1)
    shares = (shares / shares.sum(axis=0)).astype(np.float32)
    return np.clip(places, 0, old - 1).astype(np.intp)[used], shares[used]


def resized_note(sizes: Collection[tuple[int, int]], resize: Resize | None) -> str:
    """Return a phrase that says which images were resized; empty if none were.

    Examples
    --------
    >>> resized_note({(3, 4), (5, 6)}, Resize(8, 8, "bilinear"))
    'images of 2 sizes resized to 8x8 pixels (bilinear)'
    """
    if resize is None or not any(resize.changes(size) for size in sizes):
        return ""
    height, width = next(iter(sizes))
    noun = f"{height}x{width} pixels" if len(sizes) == 1 else f"{len(sizes):,} sizes"
    return f"images of {noun} {RESIZED} {resize}"


class SizesError(DataError):
    """Raised for images of several sizes that are not to be resized."""


def refuse_sizes(
    name: str,
    sizes: Mapping[tuple[int, int], int],
    among: str = "",
    fields: str = "`baseline` or `factors`",
) -> SizesError:
    """Return the error for images of several sizes that are not to be resized.

    Parameters
    ----------
    name
        Name of the source.
    sizes
        Number of images by height and width.
    among
        Which images were counted, if not all.
    fields
        Fields of a study that may set the size.
    """
    common = ", ".join(
        f"{height}x{width} ({count:,})"
        for (height, width), count in Counter(sizes).most_common(NAMED_SIZES)
    )
    most = ", most often" if len(sizes) > NAMED_SIZES else ":"
    return SizesError(
        f"The images of {name!r} have {len(sizes):,} sizes (height x width){among}{most} {common}; "
        "give them one size with image_size=64, or (height, width), of `load_data`; a study sets "
        f"it in {fields}."
    )
