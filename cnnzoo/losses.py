"""The loss choice: a Keras loss with the head, the labels and the metrics that it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.encoding import LabelError, encode
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
        """Bring labels into the form that the loss takes; see `cnnzoo.encoding.encode`.

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


CROSSENTROPIES = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "binary_crossentropy",
)
"""Losses that Keras's TensorFlow backend computes from the logits behind an activation."""

KEPT = ("softmax", "sigmoid")
"""Activations behind which Keras's TensorFlow backend keeps the logits."""

MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")

SMALLEST = {"softmax": float(np.finfo("float32").tiny), "sigmoid": 0.01}
"""The least probability of what is right that still tells its logit to float32's precision.

Beside a softmax's 1 the logits are lost where a probability underflows; a sigmoid's 1 - p is
rounded long before.
"""


@dataclass(frozen=True)
class CompiledLoss:
    """The loss choice of a compiled model, read off the model.

    Parameters
    ----------
    choice
        The loss.
    classes
        Number of classes that the model tells apart; 1 for a regression.
    declared
        Whether the loss says that it takes logits.
    function
        The Keras loss.
    head
        Activation function that ends the model in full precision; empty where something else
        ends it.
    alone
        Whether the mean of `function` over the examples is all that Keras's ``evaluate`` has of
        the loss, penalties left out.
    """

    choice: LossChoice
    classes: int
    declared: bool
    function: Any
    head: str = ""
    alone: bool = True

    @property
    def kept(self) -> bool:
        """Whether Keras computes the loss from the logits that it keeps behind the activation."""
        return (
            keras.backend.backend() == "tensorflow"
            and self.choice.name in CROSSENTROPIES
            and self.head == self.choice.activation
        )

    @property
    def logits(self) -> bool:
        """Whether the outputs are logits: declared, and not those behind an activation."""
        return self.declared and not self.kept

    def encode(self, labels: Any) -> NDArray[Any]:
        """Bring labels into the form that the model trains on; see `LossChoice.encode`."""
        return self.choice.encode(labels, self.classes)

    def tells_probabilities(self, outputs: NDArray[Any]) -> bool:
        """Tell whether outputs are probabilities or declared logits; what is no number may be."""
        if self.logits:
            return True
        if self.head not in ("", *KEPT):
            return False
        binary = self.choice.labels == "binary"
        off = outputs > 1 if binary else np.abs(outputs.sum(axis=1) - 1) > 0.01
        return not ((outputs < 0).any() or off.any())

    def follows_from(self, targets: NDArray[Any], outputs: NDArray[Any]) -> bool:
        """Tell whether Keras's loss follows from the outputs, as exactly as Keras knows it.

        It does not where Keras computes from logits that the outputs no longer tell, and where it
        is not known what ends the model.
        """
        if not self.alone:
            return False
        if self.kept:
            shares = self._shares(targets, outputs)
            return bool((shares >= SMALLEST[self.head]).all())
        return (
            keras.backend.backend() != "tensorflow"
            or self.choice.name not in CROSSENTROPIES
            or self.head not in ("", *KEPT)
        )

    def measure(self, targets: NDArray[Any], outputs: NDArray[Any]) -> float:
        """Return the mean loss of encoded labels and a model's outputs, both (n, ...).

        Given probabilities alone, Keras clips them at 1e-7, which it does not do in training,
        where it still knows the logits; so these are recovered first.
        """
        function = self.function
        softmax = self.choice.name == "focal" and self.head == "softmax" and not self.declared
        if self.kept or softmax:
            function = type(function).from_config({**function.get_config(), "from_logits": True})
            limits = np.finfo("float32")
            outputs = np.clip(outputs, limits.tiny, None)
            if self.head == "sigmoid":
                outputs = np.clip(outputs, None, 1 - limits.epsneg)
                outputs = np.log(outputs) - np.log1p(-outputs)
            else:
                outputs = np.log(outputs)
        return float(function(targets, outputs))

    def _shares(self, targets: NDArray[Any], outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the probabilities that the loss is computed from."""
        both = np.concatenate([1 - outputs, outputs], 1) if outputs.shape[1] == 1 else outputs
        if self.function.get_config().get("label_smoothing"):
            return both
        ids = targets.ravel() if self.choice.labels != "one-hot" else targets.argmax(1)
        shares: NDArray[Any] = both[np.arange(len(both)), ids.astype("int64")]
        return shares


def loss_of(model: Any) -> CompiledLoss:
    """Read the loss choice off any compiled Keras model with one output.

    Raises
    ------
    LabelError
        If the model is not compiled, has several outputs, or a loss that is not in `LOSSES`.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    >>> model.compile(loss=keras.losses.MeanSquaredError())
    >>> found = loss_of(model)
    >>> found.choice.name, found.classes
    ('mse', 4)
    """
    loss = getattr(model, "loss", None)
    if loss is None:
        raise LabelError(f"`{model.name}` is not compiled; build it with compile=True.")
    known = {choice.function: choice for choice in LOSSES.values()}
    if len(model.outputs) != 1:
        raise LabelError(
            f"`{model.name}` has {len(model.outputs)} outputs; the labels of one are known."
        )
    found = keras.losses.get(loss)
    function = getattr(getattr(found, "fn", found), "__name__", type(found).__name__)
    if function not in known:
        raise LabelError(f"`{model.name}` has the loss {function}; known are {', '.join(known)}.")
    choice = known[function]
    config = found.get_config() if isinstance(found, keras.losses.Loss) else {}
    units = int(model.outputs[0].shape[-1])
    if choice.labels == "binary" and units != 1:
        raise LabelError(
            f"`{model.name}` has the loss {function} on {units} units; only one unit, which tells "
            "2 classes apart, is known."
        )
    made = found if isinstance(found, keras.losses.Loss) else choice.make()
    return CompiledLoss(
        choice=choice,
        classes=2 if choice.labels == "binary" else units,
        declared=bool(config.get("from_logits", False)),
        function=made,
        head=head_of(model),
        alone=made.reduction in MEANS and made.dtype == "float32" and _as_keras_computes(model),
    )


def head_of(model: Any) -> str:
    """Name the activation function that ends a model; empty where something else ends it.

    Examples
    --------
    >>> head_of(keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "softmax")]))
    'softmax'
    """
    layer = model.outputs[0]._keras_history.operation
    while isinstance(layer, keras.Model):
        layer = layer.outputs[0]._keras_history.operation
    if type(layer) not in (keras.layers.Dense, keras.layers.Activation):
        return ""
    name = getattr(layer.activation, "__name__", "")
    known = getattr(keras.activations, name, None) is layer.activation
    return name if known and layer.compute_dtype == "float32" else ""


def _as_keras_computes(model: Any) -> bool:
    """Tell whether a model's loss is computed as ``keras.Model`` does it, and not weighted."""
    kept = ("compute_loss", "test_step")
    own = all(getattr(type(model), name) is getattr(keras.Model, name) for name in kept)
    return own and model._compile_config.config.get("loss_weights") is None


def encode_labels(labels: Any, model: Any) -> NDArray[Any]:
    """Bring labels into the form that a compiled model trains on, for ``model.fit``.

    Parameters
    ----------
    labels
        Class ids of shape (n,), or numbers for a regression; see `LossChoice.encode`.
    model
        A compiled ``keras.Model``.

    Raises
    ------
    LabelError
        If the labels do not fit the model's loss.
    """
    return loss_of(model).encode(labels)
