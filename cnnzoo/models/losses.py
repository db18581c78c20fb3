"""The loss choice: a Keras loss with the head, the labels and the metrics that it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.toggle import ToggleError


@dataclass(frozen=True)
class LossChoice:
    """One level of the toggle ``loss`` with all that follows from it.

    Parameters
    ----------
    name
        The level.
    function
        Name of Keras's function for it.
    make
        Keras's class for it.
    activation
        What makes the head's outputs class probabilities; "linear" where the loss takes scores.
    labels
        "ids", "binary" or "one-hot": how class ids are given to the loss.
    regression
        Whether it also fits a model with one number as output.
    """

    name: str
    function: str
    make: Callable[..., Any]
    activation: str
    labels: str
    regression: bool = False

    def units(self, classes: int) -> int:
        """Return the number of outputs of the head."""
        return 1 if self.labels == "binary" else classes

    def head_activation(self, classes: int, logits: bool) -> str:
        """Return the activation of the head."""
        return "linear" if logits or classes == 1 else self.activation

    def check(self, classes: int, owner: str | None) -> None:
        """Refuse a number of classes that the loss cannot tell apart.

        Raises
        ------
        ToggleError
            With the losses or the number of classes that fit.
        """
        if self.labels == "binary" and classes != 2:
            raise ToggleError(
                f"`loss` of `{owner}`: {self.name} tells 2 classes apart; got classes={classes}. "
                "Give classes=2 or a categorical loss."
            )
        if classes == 1 and not self.regression:
            fits = [choice.name for choice in LOSSES.values() if choice.regression]
            raise ToggleError(
                f"`loss` of `{owner}`: {self.name} needs at least 2 classes; got classes=1, "
                f"a regression. Give one of {', '.join(fits)}, or more classes."
            )

    def loss(self, *, label_smoothing: float = 0.0, logits: bool = False) -> Any:
        """Make the Keras loss."""
        options: dict[str, Any] = {}
        if label_smoothing:
            options["label_smoothing"] = label_smoothing
        if logits:
            options["from_logits"] = True
        return self.make(**options)

    def metrics(self, classes: int, *, logits: bool = False) -> list[Any]:
        """Make the Keras metrics: accuracy, or the errors of a regression."""
        if classes == 1:
            return [
                keras.metrics.MeanAbsoluteError(name="mae"),
                keras.metrics.RootMeanSquaredError(name="rmse"),
            ]
        if self.labels == "ids":
            return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
        if self.labels == "binary":
            threshold = 0.0 if logits else 0.5
            return [keras.metrics.BinaryAccuracy(name="accuracy", threshold=threshold)]
        return [keras.metrics.CategoricalAccuracy(name="accuracy")]

    def encode(self, labels: Any, classes: int) -> NDArray[Any]:
        """Bring labels into the form that the loss takes; see `cnnzoo.models.losses.encode`.

        Examples
        --------
        >>> LOSSES["categorical_crossentropy"].encode([0, 2], classes=3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
        """
        return encode(labels, classes, self.labels, self.name)

    def probabilities(self, outputs: NDArray[Any], *, logits: bool = False) -> NDArray[Any]:
        """Turn a model's outputs into class probabilities, so that any two losses compare.

        Parameters
        ----------
        outputs
            What the model predicts, (n, outputs of the head), for 2 classes or more.
        logits
            Whether the head leaves out its activation.

        Returns
        -------
        numpy.ndarray
            (n, classes), float64, rows summing to 1. Scores of a hinge loss pass through softmax.
        """
        scores = np.asarray(outputs, dtype="float64")
        if self.labels == "binary":
            positive = 0.5 * (1.0 + np.tanh(0.5 * scores)) if logits else scores
            return np.concatenate([1.0 - positive, positive], axis=1)
        if logits or self.activation == "linear":
            exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
            return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
        return scores


_losses = keras.losses

LOSSES: dict[str, LossChoice] = {
    choice.name: choice
    for choice in (
        LossChoice(
            "sparse_categorical_crossentropy",
            "sparse_categorical_crossentropy",
            _losses.SparseCategoricalCrossentropy,
            "softmax",
            "ids",
        ),
        LossChoice(
            "categorical_crossentropy",
            "categorical_crossentropy",
            _losses.CategoricalCrossentropy,
            "softmax",
            "one-hot",
        ),
        LossChoice(
            "binary_crossentropy",
            "binary_crossentropy",
            _losses.BinaryCrossentropy,
            "sigmoid",
            "binary",
        ),
        LossChoice(
            "categorical_hinge",
            "categorical_hinge",
            _losses.CategoricalHinge,
            "linear",
            "one-hot",
        ),
        # Lin et al. (2017), "Focal loss for dense object detection"
        LossChoice(
            "focal",
            "categorical_focal_crossentropy",
            _losses.CategoricalFocalCrossentropy,
            "softmax",
            "one-hot",
        ),
        # On classes: squared error of the probabilities, as Golik et al. (2013) compare it
        LossChoice(
            "mse", "mean_squared_error", _losses.MeanSquaredError, "softmax", "one-hot", True
        ),
        LossChoice(
            "mae", "mean_absolute_error", _losses.MeanAbsoluteError, "softmax", "one-hot", True
        ),
        LossChoice("huber", "huber", _losses.Huber, "softmax", "one-hot", True),
    )
}


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
