"""The loss choice of a compiled model, and whether its loss follows from its outputs."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.models.losses import LOSSES, LabelError, LossChoice

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
        """True if Keras computes the loss from the logits that it keeps behind the activation."""
        return (
            keras.backend.backend() == "tensorflow"
            and self.choice.name in CROSSENTROPIES
            and self.head == self.choice.activation
        )

    @property
    def logits(self) -> bool:
        """True if the outputs are declared logits and not those behind an activation."""
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
        If the model is not compiled, has several outputs or unknown ones, or a loss that is not
        in `LOSSES`.

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
    outputs = getattr(model, "outputs", None)
    if outputs is None:
        raise LabelError(
            f"`{model.name}` is a subclass of keras.Model with its own `call`, so its outputs are "
            "not known; build it as keras.Model(inputs, outputs)."
        )
    if len(outputs) != 1:
        raise LabelError(f"`{model.name}` has {len(outputs)} outputs; the labels of one are known.")
    found = keras.losses.get(loss)
    function = getattr(getattr(found, "fn", found), "__name__", type(found).__name__)
    if function not in known:
        raise LabelError(f"`{model.name}` has the loss {function}; known are {', '.join(known)}.")
    choice = known[function]
    config = found.get_config() if isinstance(found, keras.losses.Loss) else {}
    units = int(outputs[0].shape[-1])
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
    layer, place = model, 0
    while isinstance(layer, keras.Model):
        outputs = getattr(layer, "outputs", None)
        if not outputs:  # a subclass of keras.Model with a `call` of its own
            return ""
        layer, _, place = outputs[place]._keras_history
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
