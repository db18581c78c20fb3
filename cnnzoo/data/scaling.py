"""Normalization: measured on the training split, and applied when examples are read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

PART = 1024
"""Number of examples that are normalized at a time where all are read."""

BASIC = (int, np.integer, slice, type(...), type(None))
"""Types of indices that select the same part of each example."""


@dataclass(frozen=True)
class Scaling:
    """Two steps: stored pixels to 0..1 (``(x - low) / span``), then ``(x - mean) / deviation``.

    Parameters
    ----------
    low, span
        Stored value that becomes 0, and its distance to the value that becomes 1.
    mean, deviation
        One number per channel, on the scale 0..1.
    """

    low: float
    span: float
    mean: Array
    deviation: Array

    @classmethod
    def identity(cls, channels: int) -> "Scaling":
        """Return the normalization that changes nothing."""
        return cls(0.0, 1.0, np.zeros(channels), np.ones(channels))

    @cached_property
    def steps(self) -> tuple[tuple[str, Array], ...]:
        """The operations in float32 as "subtract" or "divide" and a number, or one per channel.

        Those that change nothing are left out.
        """
        every = (
            ("subtract", self.low, 0),
            ("divide", self.span, 1),
            ("subtract", self.mean, 0),
            ("divide", self.deviation, 1),
        )
        return tuple(
            (name, np.asarray(by, np.float32))
            for name, by, neutral in every
            if np.any(np.asarray(by) != neutral)
        )

    def apply(self, x: Array) -> Array:
        """Return a normalized copy of stored pixels."""
        x = x.astype(np.float32)
        for name, by in self.steps:
            # Spread over a whole example: NumPy is slow along an axis as short as the channels.
            spread = np.ascontiguousarray(np.broadcast_to(by, x.shape[1:]))
            getattr(np, name)(x, spread, out=x)
        return x


class ScaledArray(np.lib.mixins.NDArrayOperatorsMixin):
    """Examples of a split: a float32 array, computed from the stored pixels where it is read.

    Indexing returns arrays: ``x[:32]`` reads 32 examples. ``numpy.asarray(x)``, arithmetic, NumPy's
    functions and the methods of arrays read all examples, which takes 4 bytes per value.

    Parameters
    ----------
    stored
        Pixels of all examples of the source, uint8 or float32; usually a memory map.
    places
        Places of the examples in `stored`, in their order.
    scaling
        The normalization.

    Examples
    --------
    >>> stored = np.array([[0], [51], [255]], np.uint8)
    >>> x = ScaledArray(stored, np.array([2, 1]), Scaling(0.0, 255.0, np.zeros(1), np.ones(1)))
    >>> x.shape, x[0], x.mean()
    ((2, 1), array([1.], dtype=float32), np.float32(0.6))
    """

    dtype = np.dtype(np.float32)

    def __init__(self, stored: Array, places: Array, scaling: Scaling) -> None:
        self.stored, self.places, self.scaling = stored, places, scaling

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of examples, and the shape of an example."""
        return (len(self.places), *self.stored.shape[1:])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.stored.ndim

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Bytes of all examples as float32."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Array:
        rows, *within = index if isinstance(index, tuple) else (index,)
        selects_rows = isinstance(rows, int | np.integer | slice | list | np.ndarray)
        is_plain = selects_rows and not isinstance(rows, bool) and np.ndim(rows) < 2
        if not is_plain or any(map(_is_advanced, within)):
            whole: Array = self._whole()[index]
            return whole
        places = np.asarray(self.places[rows])
        read = self.scaling.apply(self.stored[places.reshape(-1)])
        chosen = read.reshape(*places.shape, *self.shape[1:])
        return chosen[(slice(None),) * places.ndim + tuple(within)] if within else chosen

    def __iter__(self) -> Iterator[Array]:
        for part in in_parts(self):
            yield from part

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("Examples are normalized when they are read, which makes a copy.")
        return self._whole().astype(dtype or self.dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        arrays = (x._whole() if isinstance(x, ScaledArray) else x for x in inputs)
        return getattr(ufunc, method)(*arrays, **options)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute or method of the array of all examples."""
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        attribute = getattr(np.ndarray, name)
        if not callable(attribute):
            return getattr(self._whole(), name)
        return lambda *args, **options: attribute(self._whole(), *args, **options)

    def __repr__(self) -> str:
        return f"<ScaledArray of shape {self.shape}, float32 read from {self.stored.dtype}>"

    def _whole(self) -> Array:
        whole = np.empty(self.shape, self.dtype)
        for start in range(0, len(self), PART):
            places = self.places[start : start + PART]
            whole[start : start + PART] = self.scaling.apply(self.stored[places])
        return whole


Pixels = Array | ScaledArray
"""Examples of a split."""


def is_mapped(array: Any) -> bool:
    """Return whether an array is a memory map of a file, or a view of one.

    Examples
    --------
    >>> is_mapped(np.zeros(3)), is_mapped(np.memmap("zeros.bin", mode="w+", shape=(3,))[1:])
    (False, True)
    """
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def map_of(array: Any) -> tuple[Array, int]:
    """Return the memory map whose successive rows an array is, and the place of its first row.

    Another array, such as a view with a step, is returned itself.

    Examples
    --------
    >>> rows = np.memmap("rows.bin", dtype="uint8", mode="w+", shape=(6, 2))
    >>> map_of(rows[2:4])[1], map_of(rows[::2])[0].shape
    (2, (3, 2))
    """
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    is_alike = root.dtype == array.dtype and root.shape[1:] == array.shape[1:]
    is_whole = root.flags.c_contiguous and array.flags.c_contiguous and array.size > 0
    if not (isinstance(root, np.memmap) and is_alike and is_whole):
        return array, 0
    rows_before, rest = divmod(array.ctypes.data - root.ctypes.data, root.nbytes // len(root))
    return (array, 0) if rest else (root, rows_before)


def _is_advanced(index: object) -> bool:
    return isinstance(index, bool) or not isinstance(index, BASIC)


def in_parts(x: Pixels, size: int = PART) -> Iterator[Array]:
    """Yield the examples of an array in parts, so that few are in memory at a time."""
    for start in range(0, len(x), size):
        yield x[start : start + size]


def measure_scaling(stored: Array, places: Array, normalize: str) -> tuple[Scaling, Array, Array]:
    """Return the normalization, measured on the training split alone.

    Parameters
    ----------
    stored
        Stored pixels of the source.
    places
        Places of the training examples in it.
    normalize
        Level of the toggle `Normalize`.

    Returns
    -------
    tuple
        The scaling, and `offset` and `scale` (one number per channel) that convert its results
        back to pixels in 0..1.
    """

    def parts() -> Iterator[Array]:
        # float64 copies of a whole image set would fill the memory
        return (stored[places[start : start + PART]] for start in range(0, len(places), PART))

    low, span = _unit_range(stored.dtype, parts)
    channels = stored.shape[-1]
    zeros, ones = np.zeros(channels), np.ones(channels)
    unit = Scaling(low, span, zeros, ones)
    if normalize == "none":
        return Scaling.identity(channels), zeros - low / span, ones / span
    if normalize == "unit":
        return unit, zeros, ones
    mean, deviation = _moments(parts, unit, (len(places), *stored.shape[1:]))
    return Scaling(low, span, mean, deviation), mean, deviation


def _unit_range(dtype: np.dtype[Any], parts: Callable[[], Iterator[Array]]) -> tuple[float, float]:
    """Return the stored value that becomes 0 and its distance to the value that becomes 1."""
    if dtype == np.uint8:
        return 0.0, 255.0
    ranges = [(float(part.min()), float(part.max())) for part in parts()]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, (high - low) or 1.0


def _moments(
    parts: Callable[[], Iterator[Array]], unit: Scaling, shape: tuple[int, ...]
) -> tuple[Array, Array]:
    """Return mean and deviation of each channel in 0..1; 1 for a constant channel."""
    axes = tuple(range(len(shape) - 2))  # those left when the examples are added up
    total, low, high = np.zeros(shape[1:]), np.inf, -np.inf
    for part in parts():
        total += unit.apply(part).sum(0, dtype=np.float64)
        low = np.minimum(low, part.min(0).min(axes))
        high = np.maximum(high, part.max(0).max(axes))
    mean = np.sum(total, axes) / np.prod(shape[:-1])
    middle = np.broadcast_to(mean, shape[1:])
    squares = sum(np.square(unit.apply(part) - middle).sum(0) for part in parts())
    constant = np.equal(low, high)
    return mean, np.where(constant, 1.0, np.sqrt(np.sum(squares, axes) / np.prod(shape[:-1])))
