"""Labels in the form that a loss takes, refused where they do not fit it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class LabelError(ValueError):
    """Labels that do not fit the loss, with both named."""


def encode(labels: Any, classes: int, form: str, loss: str) -> NDArray[Any]:
    """Bring labels into the form that a loss takes.

    Parameters
    ----------
    labels
        Class ids of shape (n,) or (n, 1); for a loss on one-hot labels also (n, classes); for a
        regression (`classes` is 1) numbers of shape (n,) or (n, 1).
    classes
        The model's number of classes.
    form
        "ids", "binary" or "one-hot": how class ids are given to the loss.
    loss
        Its name, for the error.

    Returns
    -------
    numpy.ndarray
        Of shape (n,) for class ids, else (n, outputs of the head), float32.

    Raises
    ------
    LabelError
        If the labels do not fit the loss or the number of classes.

    Examples
    --------
    >>> encode([[1], [0]], 2, "binary", "binary_crossentropy").tolist()
    [[1.0], [0.0]]
    """
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if classes == 1:
        return _check_numbers(array, loss)
    if array.ndim == 2:
        return _check_one_hot(array, classes, form, loss)
    ids = _check_ids(array, classes, form, loss)
    if form == "ids":
        return ids
    if form == "binary":
        return ids.astype("float32")[:, None]
    one_hot: NDArray[Any] = np.eye(classes, dtype="float32")[ids]
    return one_hot


def _check_numbers(array: NDArray[Any], loss: str) -> NDArray[Any]:
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise LabelError(
            f"{loss} with classes=1 is a regression to one number and takes numbers of shape (n,); "
            f"the labels have shape {array.shape} and type {array.dtype}."
        )
    if not np.isfinite(array).all():
        raise LabelError(
            f"{loss} takes finite numbers; {int((~np.isfinite(array)).sum())} of the {len(array)} "
            "labels are not."
        )
    return array.astype("float32")[:, None]


def _check_one_hot(array: NDArray[Any], classes: int, form: str, loss: str) -> NDArray[Any]:
    if form != "one-hot":
        raise LabelError(
            f"{loss} takes class ids of shape (n,); the labels are one-hot of shape {array.shape}. "
            "Give labels.argmax(-1), or a loss on one-hot labels, such as "
            "categorical_crossentropy."
        )
    if array.shape[1] != classes:
        raise LabelError(
            f"{loss} with classes={classes} takes one-hot labels of shape (n, {classes}); "
            f"the labels have shape {array.shape}."
        )
    shares = array.astype("float32")
    if not ((shares >= 0).all() and np.allclose(shares.sum(axis=1), 1, atol=1e-3)):
        raise LabelError(f"{loss} takes rows of shares that sum to 1; the labels do not.")
    return shares


def _check_ids(array: NDArray[Any], classes: int, form: str, loss: str) -> NDArray[Any]:
    whole = array.dtype.kind in "biu" or (
        array.dtype.kind == "f"
        and bool(((array == np.floor(array)) & (np.abs(array) < 2**53)).all())
    )
    if array.ndim != 1 or not whole:
        raise LabelError(
            f"{loss} takes class ids, whole numbers of shape (n,); the labels have shape "
            f"{array.shape} and type {array.dtype}. For a regression to one number build the "
            "model with classes=1 and loss='mse'."
        )
    ids = array.astype("int64")
    seen = np.unique(ids)
    if seen.size and (seen[0] < 0 or seen[-1] >= classes):
        if form == "binary":
            raise LabelError(
                f"{loss} tells 2 classes apart, 0 and 1; the labels have {seen.size} classes, from "
                f"{seen[0]} to {seen[-1]}. Give a categorical loss and classes={seen[-1] + 1}."
            )
        raise LabelError(
            f"{loss} with classes={classes} takes class ids from 0 to {classes - 1}; "
            f"the labels reach from {seen[0]} to {seen[-1]}."
        )
    return ids
