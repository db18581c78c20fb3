"""Flat rows of pixels: one row per image."""

import math

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.data.pixels import to_array
from cnnzoo.data.resizing import Resize
from cnnzoo.kinds import Kind

KNOWN = {784: (28, 28, 1)}
"""Shape of the images by length of the row, where only one is in use: MNIST and its relatives."""


def from_rows(
    values: object, where: str, kind: Kind | None = None, resize: Resize | None = None
) -> tuple[Array, str]:
    """Return flat rows of pixels as images, and a note that says so; other arrays unchanged.

    Rows of 784 values are images of 28x28. If `resize` gives a height and a width whose product is
    the length of a row, the rows are grey images of this size.

    Parameters
    ----------
    values
        Any array-like; flat rows have shape (n, length).
    where
        Place of the pixels, for the error.
    kind
        Kind of the examples, if known. Rows of "sequences" stay as they are.
    resize
        Size that images are brought to.

    Raises
    ------
    DataError
        If they are flat rows of an unknown shape. The message says how to give it.

    Examples
    --------
    >>> import numpy as np
    >>> x, note = from_rows(np.zeros((5, 784)), "'pixels.npz'")
    >>> x.shape, note
    ((5, 28, 28, 1), 'rows of 784 values read as 28x28x1 images')
    """
    x = to_array(values, f"x of {where}")
    if x.ndim != 2 or kind == "sequences" or x.dtype.kind not in "buif" or not x.size:
        return x, ""
    length = x.shape[1]
    if resize is not None and resize.height * resize.width == length:
        shape = (*resize.size, 1)
    elif length in KNOWN:
        shape = KNOWN[length]
    else:
        raise DataError(
            f"x of {where}: expected images or sequences; got rows of {length:,} values. "
            f"{_remedy(length)}"
        )
    words = "x".join(map(str, shape))
    return x.reshape(-1, *shape), f"rows of {length:,} values read as {words} images"


def _remedy(length: int) -> str:
    """Return sentences that say how to give the shape of rows."""
    sequences = "For sequences of one channel, pass kind='sequences'."
    colour, grey = math.isqrt(length // 3), math.isqrt(length)
    if 3 * colour * colour == length:
        return (
            f"For images of {colour}x{colour}x3, pass x.reshape(-1, {colour}, {colour}, 3) if the "
            f"three channels of a pixel are adjacent, or x.reshape(-1, 3, {colour}, {colour})"
            ".transpose(0, 2, 3, 1) if each channel is stored as a whole, as in CIFAR's files. "
            f"{sequences}"
        )
    side = f"{grey}" if grey * grey == length else "(height, width)"
    return f"For grey images, give their size with image_size={side}. {sequences}"
