"""Pixels: checks of `x`."""

import numpy as np

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.data.scaling import in_parts
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
    if not all(np.isfinite(part).all() for part in in_parts(x)):
        finite = np.isfinite(x)
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
