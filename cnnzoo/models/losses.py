"""Loss choices: Keras losses with the head, the encoding of labels and the metrics they need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import losses
from numpy.typing import NDArray

from cnnzoo.toggle import ToggleError

LabelForm = Literal["ids", "binary", "one-hot"]
"""How class ids are passed to a loss: as they are, as a column of 0 and 1, or one-hot."""


class LabelError(ValueError):
    """Raised if labels do not fit the loss. The message names both."""


@dataclass(frozen=True)
class LossChoice:
    """A level of the toggle ``loss`` with the head, labels and metrics that follow from it.

    Parameters
    ----------
    name
        The level.
    make
        The Keras class.
    activation
        Activation that turns the head's outputs into class probabilities; "linear" if the loss
        takes scores.
    labels
        Form of the labels that the loss takes.
    regression
        Whether the loss also fits a regression, a model with one number as output.
    """

    name: str
    make: Callable[..., Any]
    activation: str
    labels: LabelForm
    regression: bool = False

    @property
    def function(self) -> str:
        """Name of the Keras function."""
        return str(self.make().fn.__name__)

    def units(self, classes: int) -> int:
        """Return the number of outputs of the head."""
        return 1 if self.labels == "binary" else classes

    def head_activation(self, classes: int, logits: bool) -> str:
        """Return the activation of the head."""
        return "linear" if logits or classes == 1 else self.activation

    def check(self, classes: int, owner: str | None) -> None:
        """Raise ToggleError if the loss does not fit the number of classes."""
        if self.labels == "binary" and classes != 2:
            raise ToggleError(
                f"`loss` of `{owner}`: {self.name} needs 2 classes; got classes={classes}. "
                "Pass classes=2 or a categorical loss."
            )
        if classes == 1 and not self.regression:
            regression_losses = [choice.name for choice in LOSSES.values() if choice.regression]
            raise ToggleError(
                f"`loss` of `{owner}`: {self.name} needs at least 2 classes; got classes=1, "
                f"a regression. Pass one of {', '.join(regression_losses)}, or more classes."
            )

    def loss(self, *, label_smoothing: float = 0.0, logits: bool = False) -> keras.losses.Loss:
        """Return a new Keras loss."""
        options: dict[str, Any] = {}
        if label_smoothing:
            options["label_smoothing"] = label_smoothing
        if logits:
            options["from_logits"] = True
        return self.make(**options)

    def metrics(self, classes: int, *, logits: bool = False) -> list[keras.metrics.Metric]:
        """Return new Keras metrics: accuracy, or MAE and RMSE for a regression."""
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
        """Encode labels in the form that the loss takes.

        Parameters
        ----------
        labels
            Class ids of shape (n,) or (n, 1), for a loss on one-hot labels also shares of shape
            (n, classes); for a regression numbers of shape (n,) or (n, 1).
        classes
            The model's number of classes; 1 for a regression.

        Returns
        -------
        numpy.ndarray
            Class ids of shape (n,), or float32 of shape (n, outputs of the head).

        Raises
        ------
        LabelError
            If the labels do not fit the loss or the number of classes.

        Examples
        --------
        >>> LOSSES["categorical_crossentropy"].encode([0, 2], classes=3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
        """
        array = np.asarray(labels)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if classes == 1:
            return _check_numbers(array, self)
        if array.ndim == 2:
            return _check_one_hot(array, classes, self)
        ids = _check_ids(array, classes, self)
        if self.labels == "ids":
            return ids
        if self.labels == "binary":
            return ids.astype("float32")[:, None]
        one_hot: NDArray[Any] = np.eye(classes, dtype="float32")[ids]
        return one_hot

    def probabilities(self, outputs: NDArray[Any], *, logits: bool = False) -> NDArray[Any]:
        """Convert a model's outputs to class probabilities, which are comparable across losses.

        Parameters
        ----------
        outputs
            Predictions of shape (n, outputs of the head), for 2 or more classes.
        logits
            Whether the head has no activation.

        Returns
        -------
        numpy.ndarray
            Probabilities of shape (n, classes), float64; each row sums to 1. The scores of a hinge
            loss are passed through softmax.
        """
        scores = np.asarray(outputs, dtype="float64")
        if self.labels == "binary":
            positive = 0.5 * (1.0 + np.tanh(0.5 * scores)) if logits else scores
            return np.concatenate([1.0 - positive, positive], axis=1)
        if logits or self.activation == "linear":
            exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
            return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
        return scores


LOSSES: dict[str, LossChoice] = {
    choice.name: choice
    for choice in (
        LossChoice(
            "sparse_categorical_crossentropy",
            losses.SparseCategoricalCrossentropy,
            "softmax",
            "ids",
        ),
        LossChoice(
            "categorical_crossentropy", losses.CategoricalCrossentropy, "softmax", "one-hot"
        ),
        LossChoice("binary_crossentropy", losses.BinaryCrossentropy, "sigmoid", "binary"),
        LossChoice("categorical_hinge", losses.CategoricalHinge, "linear", "one-hot"),
        # Lin et al. (2017), "Focal loss for dense object detection"
        LossChoice("focal", losses.CategoricalFocalCrossentropy, "softmax", "one-hot"),
        # For classes: squared error of the probabilities, as in Golik et al. (2013)
        LossChoice("mse", losses.MeanSquaredError, "softmax", "one-hot", regression=True),
        LossChoice("mae", losses.MeanAbsoluteError, "softmax", "one-hot", regression=True),
        LossChoice("huber", losses.Huber, "softmax", "one-hot", regression=True),
    )
}
"""Loss choices by level of the toggle ``loss``."""


def _check_numbers(array: NDArray[Any], loss: LossChoice) -> NDArray[Any]:
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise LabelError(
            f"`labels`: expected numbers of shape (n,) for {loss.name} with classes=1; got shape "
            f"{array.shape} and type {array.dtype}."
        )
    if not np.isfinite(array).all():
        raise LabelError(
            f"`labels`: expected finite numbers for {loss.name}; got {len(array)} numbers, "
            f"{int((~np.isfinite(array)).sum())} of which are not finite."
        )
    return array.astype("float32")[:, None]


def _check_one_hot(array: NDArray[Any], classes: int, loss: LossChoice) -> NDArray[Any]:
    if loss.labels != "one-hot":
        raise LabelError(
            f"`labels`: expected class ids of shape (n,) for {loss.name}; got one-hot labels of "
            f"shape {array.shape}. Pass labels.argmax(-1), or use a loss on one-hot labels, such "
            "as categorical_crossentropy."
        )
    if array.shape[1] != classes:
        raise LabelError(
            f"`labels`: expected one-hot labels of shape (n, {classes}) for {loss.name} with "
            f"classes={classes}; got shape {array.shape}."
        )
    shares = array.astype("float32")
    if not ((shares >= 0).all() and np.allclose(shares.sum(axis=1), 1, atol=1e-3)):
        raise LabelError(
            f"`labels`: expected rows of shares that sum to 1 for {loss.name}; got other rows."
        )
    return shares


def _check_ids(array: NDArray[Any], classes: int, loss: LossChoice) -> NDArray[Any]:
    are_integers = array.dtype.kind in "biu" or (
        array.dtype.kind == "f"
        and bool(((array == np.floor(array)) & (np.abs(array) < 2**53)).all())
    )
    if array.ndim != 1 or not are_integers:
        raise LabelError(
            f"`labels`: expected class ids, integers of shape (n,), for {loss.name}; got shape "
            f"{array.shape} and type {array.dtype}. For a regression build the model with "
            "classes=1 and loss='mse'."
        )
    ids = array.astype("int64")
    if ids.size and (ids.min() < 0 or ids.max() >= classes):
        remedy = ""
        if loss.labels == "binary":
            remedy = f" Use a categorical loss and classes={ids.max() + 1}."
        raise LabelError(
            f"`labels`: expected class ids from 0 to {classes - 1} for {loss.name} with "
            f"classes={classes}; got ids from {ids.min()} to {ids.max()}.{remedy}"
        )
    return ids
