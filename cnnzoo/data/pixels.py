"""Pixels: checks of `x` and its normalization."""

from dataclasses import dataclass

import numpy as np

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.kinds import AXES, MOST_CHANNELS, Kind, channels_first_kind, may_be_grey

SHAPES: dict[Kind, str] = {
    "images": "(n, height, width, channels)",
    "sequences": "(n, length, channels)",
}

STORED_KIND = "In an .npz archive, `kind` may be stored beside x."


def to_array(values: object, what: str) -> Array:
    """Convert an array-like to an array; `what` names it in the error."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"{what} cannot be made into one array: {error}") from error


def check_pixels(
    values: object, where: str, kind: Kind | None = None, shape: tuple[int, ...] = ()
) -> Array:
    """Return pixels as a finite uint8 or float32 array with a channel axis.

    Parameters
    ----------
    values
        Any array-like of numbers.
    where
        Place of the pixels, for the error.
    kind
        Kind of the examples; inferred from shape and dtype if None.
    shape
        Required shape of one example; any if empty.

    Raises
    ------
    DataError
        If they cannot be used, or may be either images or sequences.
    """
    x = to_array(values, f"x of {where}")
    if x.dtype.kind not in "buif":
        raise DataError(f"x of {where}: expected real numbers; got dtype {x.dtype}.")
    if kind is None:
        kind = _kind_of(x, where)
        if x.ndim == AXES["images"] and kind == "images":
            x = x[..., None]
    elif x.ndim == AXES[kind]:
        x = x[..., None]
    if x.ndim != AXES[kind] + 1:
        raise DataError(f"x of {where}: expected shape {SHAPES[kind]} for {kind}; got {x.shape}.")
    if x.size == 0:
        raise DataError(f"x of {where} is empty; got shape {x.shape}.")
    if shape and x.shape[1:] != shape:
        raise DataError(
            f"x of {where}: expected examples of shape {shape} like those of train; "
            f"got {x.shape[1:]}."
        )
    if x.dtype == np.uint8:
        return x
    with np.errstate(over="ignore"):  # what float32 cannot hold is caught below as infinite
        x = np.asarray(x, np.float32)
    finite = np.isfinite(x)
    if not finite.all():
        first = tuple(int(i) for i in np.unravel_index(np.argmin(finite), x.shape))
        raise DataError(
            f"x of {where}: expected finite values in float32; got NaN or infinity in "
            f"{np.sum(~finite)} of {x.size}, the first at index {first}. Replace or remove them."
        )
    return x


def _kind_of(x: Array, where: str) -> Kind:
    """Return the kind by shape and dtype; refuse arrays that may be either."""
    shape = x.shape[1:]
    if len(shape) not in AXES.values():
        remedy = " Give single-channel data a last axis: x[..., None]." if len(shape) == 1 else ""
        raise DataError(
            f"x of {where}: expected shape {SHAPES['images']} for images or "
            f"{SHAPES['sequences']} for sequences; got {x.shape}.{remedy}"
        )
    if kind := channels_first_kind(shape):
        order = ", ".join(map(str, (0, *range(2, x.ndim), 1)))
        raise DataError(
            f"x of {where}: expected channels last; got examples of shape {shape}, which look like "
            f"{kind} with channels first. Move the channels with x.transpose({order}), or load x "
            f"unchanged with kind={kind!r}. {STORED_KIND}"
        )
    if len(shape) == AXES["images"]:
        return "images"
    of_bytes = x.dtype == np.uint8
    if of_bytes and shape[0] == shape[1] and may_be_grey(shape):
        return "images"
    # Few words of many channels are floats; bytes may be the image of a line of text.
    if may_be_grey(shape) or (of_bytes and MOST_CHANNELS < shape[0] < shape[1]):
        raise DataError(
            f"x of {where}: expected images or sequences; got examples of shape {shape}, "
            "which may be either. Load them with cnnzoo.load_data(..., kind='images') or "
            "kind='sequences', or give grey images a last axis: x[..., None]. "
            f"{STORED_KIND}"
        )
    return "sequences"


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

    def apply(self, x: Array) -> Array:
        """Return a normalized copy of stored pixels."""
        x = x.astype(np.float32)
        for step, by in (
            (np.subtract, self.low),
            (np.divide, self.span),
            (np.subtract, self.mean),
            (np.divide, self.deviation),
        ):
            # Spread over a whole example: NumPy is slow along an axis as short as the channels.
            spread = np.broadcast_to(np.asarray(by, np.float32), x.shape[1:])
            step(x, np.ascontiguousarray(spread), out=x)
        return x


def measure_scaling(train: Array, normalize: str) -> tuple[Scaling, Array, Array]:
    """Return the normalization, measured on the training split alone.

    Parameters
    ----------
    train
        Stored pixels of the training split.
    normalize
        Level of the toggle `Normalize`.

    Returns
    -------
    tuple
        The scaling, and `offset` and `scale` (one number per channel) that convert its results
        back to pixels in 0..1.
    """
    low, span = _unit_range(train)
    channels = train.shape[-1]
    zeros, ones = np.zeros(channels), np.ones(channels)
    unit = Scaling(low, span, zeros, ones)
    if normalize == "none":
        return Scaling(0.0, 1.0, zeros, ones), zeros - low / span, ones / span
    if normalize == "unit":
        return unit, zeros, ones
    mean, deviation = _moments(train, unit)
    return Scaling(low, span, mean, deviation), mean, deviation


def _unit_range(train: Array) -> tuple[float, float]:
    """Return the stored value that becomes 0 and its distance to the value that becomes 1."""
    if train.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(train.min()), float(train.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, (high - low) or 1.0


def _moments(train: Array, unit: Scaling) -> tuple[Array, Array]:
    """Return mean and deviation of each channel in 0..1; 1 for a constant channel."""
    axes = tuple(range(train.ndim - 2))  # those left when the examples are added up
    count = train[..., 0].size
    # In pieces, because float64 copies of a whole image set fill the memory.
    pieces = [train[start : start + 1024] for start in range(0, len(train), 1024)]
    total = sum(unit.apply(piece).sum(0, dtype=np.float64) for piece in pieces)
    mean = np.sum(total, axes) / count
    middle = np.broadcast_to(mean, train.shape[1:]).copy()
    squares = sum(np.square(unit.apply(piece) - middle).sum(0) for piece in pieces)
    constant = train.min(0).min(axes) == train.max(0).max(axes)
    return mean, np.where(constant, 1.0, np.sqrt(np.sum(squares, axes) / count))
