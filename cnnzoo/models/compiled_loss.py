"""The loss choice of a compiled model, and its loss computed from the outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.models.losses import LOSSES, LabelError, LossChoice

LOGIT_ACTIVATIONS = ("softmax", "sigmoid")
"""Activations whose inputs, the logits, Keras's TensorFlow backend keeps."""

MEAN_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")

MIN_PROBABILITY = {"softmax": float(np.finfo("float32").tiny), "sigmoid": 0.01}
"""Smallest probability of the true class from which float32 recovers the logit exactly.

The logits of a softmax are lost if a probability underflows; the 1 - p of a sigmoid is rounded
much earlier.
"""


@dataclass(frozen=True)
class CompiledLoss:
    """The loss choice of a compiled model.

    Parameters
    ----------
    choice
        The loss choice.
    classes
        Number of classes of the model; 1 for a regression.
    declared
        Whether the loss has ``from_logits=True``.
    function
        The Keras loss.
    head
        Name of the activation function that ends the model in full precision; empty if something
        else ends it.
    is_plain_mean
        Whether Keras's ``evaluate`` reports the mean of `function` over the examples, penalties
        aside.
    """

    choice: LossChoice
    classes: int
    declared: bool
    function: keras.losses.Loss
    head: str = ""
    is_plain_mean: bool = True

    @property
    def uses_kept_logits(self) -> bool:
        """Whether Keras computes the loss from the logits that it keeps."""
        return self._may_use_logits and self.head == self.choice.activation

    @property
    def _may_use_logits(self) -> bool:
        """Whether it is a loss that TensorFlow's backend computes from logits if it has them."""
        is_crossentropy = self.choice.name.endswith("_crossentropy")
        return is_crossentropy and keras.backend.backend() == "tensorflow"

    @property
    def logits(self) -> bool:
        """Whether the outputs are declared as logits and no activation precedes them."""
        return self.declared and not self.uses_kept_logits

    def encode(self, labels: Any) -> NDArray[Any]:
        """Encode labels in the form that the model trains on; see `LossChoice.encode`."""
        return self.choice.encode(labels, self.classes)

    def tells_probabilities(self, outputs: NDArray[Any]) -> bool:
        """Return whether outputs are probabilities or declared logits; NaN counts as either."""
        if self.logits:
            return True
        if self.head not in ("", *LOGIT_ACTIVATIONS):
            return False
        binary = self.choice.labels == "binary"
        invalid = outputs > 1 if binary else np.abs(outputs.sum(axis=1) - 1) > 0.01
        return not ((outputs < 0).any() or invalid.any())

    def follows_from(self, targets: NDArray[Any], outputs: NDArray[Any]) -> bool:
        """Return whether `measure` gives Keras's loss in full precision.

        It does not if Keras uses logits that cannot be recovered from the outputs, or if it is
        unknown what ends the model.
        """
        if not self.is_plain_mean:
            return False
        if self.uses_kept_logits:
            shares = self._shares(targets, outputs)
            return bool((shares >= MIN_PROBABILITY[self.head]).all())
        return not self._may_use_logits or self.head not in ("", *LOGIT_ACTIVATIONS)

    def measure(self, targets: NDArray[Any], outputs: NDArray[Any]) -> float:
        """Return the mean loss of encoded labels and a model's outputs, both of shape (n, ...).

        Keras clips probabilities at 1e-7, but not in training, where it has the logits. So the
        logits are recovered first.
        """
        function, outputs = self._as_trained(outputs)
        return float(function(targets, outputs))

    def measure_each(self, targets: NDArray[Any], outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return the loss of each example, the mean of which `measure` returns."""
        function, outputs = self._as_trained(outputs)
        tensors = (keras.ops.convert_to_tensor(each, "float32") for each in (targets, outputs))
        each = keras.ops.convert_to_numpy(function.call(*tensors))
        losses: NDArray[np.float64] = np.asarray(each, dtype=float).reshape(len(outputs), -1)
        return np.asarray(losses.mean(axis=1))

    def _as_trained(self, outputs: NDArray[Any]) -> tuple[keras.losses.Loss, NDArray[Any]]:
        """Return the loss as Keras computes it in training, and what it takes."""
        function = self.function
        softmax = self.choice.name == "focal" and self.head == "softmax" and not self.declared
        if self.uses_kept_logits or softmax:
            function = type(function).from_config({**function.get_config(), "from_logits": True})
            limits = np.finfo("float32")
            outputs = np.clip(outputs, limits.tiny, None)
            if self.head == "sigmoid":
                outputs = np.clip(outputs, None, 1 - limits.epsneg)
                outputs = np.log(outputs) - np.log1p(-outputs)
            else:
                outputs = np.log(outputs)
        return function, outputs

    def _shares(self, targets: NDArray[Any], outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the probabilities that the loss depends on."""
        if outputs.shape[1] == 1:
            outputs = np.concatenate([1 - outputs, outputs], 1)
        if self.function.get_config().get("label_smoothing"):
            return outputs
        ids = targets.ravel() if self.choice.labels != "one-hot" else targets.argmax(1)
        shares: NDArray[Any] = outputs[np.arange(len(outputs)), ids.astype("int64")]
        return shares


def loss_of(model: keras.Model) -> CompiledLoss:
    """Return the loss choice of any compiled Keras model with one output.

    Raises
    ------
    LabelError
        If the model is not compiled, its outputs are unknown or several, or its loss is not in
        `LOSSES`.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    >>> model.compile(loss=keras.losses.MeanSquaredError())
    >>> loss = loss_of(model)
    >>> loss.choice.name, loss.classes
    ('mse', 4)
    """
    outputs = outputs_of_compiled(model)
    if len(outputs) != 1:
        raise LabelError(
            f"`{model.name}`: expected one output, because the labels are those of one; got "
            f"{len(outputs)}. Give y as a mapping from the names of the outputs to their labels, "
            "as in {'digit': ids, 'parity': ids}."
        )
    loss = model.loss
    if isinstance(loss, Mapping) and len(loss) == 1:
        (loss,) = loss.values()
    elif isinstance(loss, list | tuple) and len(loss) == 1:
        (loss,) = loss
    return compiled_loss(model, loss)


def outputs_of_compiled(model: keras.Model) -> list[Any]:
    """Return the outputs of a compiled model as symbolic tensors.

    Raises
    ------
    LabelError
        If the model is not compiled, or its outputs are unknown.
    """
    if getattr(model, "loss", None) is None:
        raise LabelError(f"`{model.name}` is not compiled; build it with compile=True.")
    outputs = outputs_of(model)
    if outputs is None:
        raise LabelError(
            f"`{model.name}` is a subclass of keras.Model with a custom `call`, so its outputs are "
            "unknown; call it on a keras.Input, or build it as keras.Model(inputs, outputs)."
        )
    return outputs


def compiled_loss(model: keras.Model, loss: Any, place: int = 0, output: str = "") -> CompiledLoss:
    """Return the loss choice of an output of a compiled model.

    Parameters
    ----------
    model
        The model.
    loss
        The loss that it was compiled with for the output, as Keras takes it.
    place
        Place of the output among the model's outputs.
    output
        Name of the output, for errors; empty for a model with one output.

    Raises
    ------
    LabelError
        If the loss is not in `LOSSES`, or does not fit the output.
    """
    owner = f"output {output!r} of `{model.name}`" if output else f"`{model.name}`"
    loss = keras.losses.get(loss)
    function = getattr(getattr(loss, "fn", loss), "__name__", type(loss).__name__)
    choices = {choice.function: choice for choice in LOSSES.values()}
    if function not in choices:
        raise LabelError(
            f"`loss` of {owner}: expected one of {', '.join(choices)}; got {function}."
        )
    choice = choices[function]
    tensor = (outputs_of(model) or [])[place]
    units = int(tensor.shape[-1])
    if choice.labels == "binary" and units != 1:
        raise LabelError(
            f"{owner[0].upper()}{owner[1:]}: expected one output unit with the loss {function}; "
            f"got {units}."
        )
    if not isinstance(loss, keras.losses.Loss):
        loss = choice.make()
    return CompiledLoss(
        choice=choice,
        classes=2 if choice.labels == "binary" else units,
        declared=bool(loss.get_config().get("from_logits", False)),
        function=loss,
        head=head_of(model, place) if tensor.dtype == "float32" else "",
        is_plain_mean=loss.reduction in MEAN_REDUCTIONS
        and loss.dtype == "float32"
        and _computes_loss_as_keras(model)
        and (bool(output) or model._compile_config.config.get("loss_weights") is None),
    )


def outputs_of(model: keras.Model) -> list[Any] | None:
    """Return the outputs of a model as symbolic tensors; None if they are unknown.

    Those of a subclass of ``keras.Model`` are known once it was called on a ``keras.Input``.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    >>> [each.shape for each in outputs_of(model)]
    [(None, 4)]
    """
    return _tensors(model, "outputs", "output")


def inputs_of(model: keras.Model) -> list[Any] | None:
    """Return the inputs of a model as symbolic tensors, as `outputs_of` does the outputs."""
    return _tensors(model, "inputs", "input")


def _tensors(model: keras.Model, several: str, one: str) -> list[Any] | None:
    tensors = getattr(model, several, None)
    if tensors is not None:
        return list(tensors)
    if not getattr(model, "_inbound_nodes", ()):
        return None
    return list(keras.tree.flatten(getattr(model, one)))


def head_of(model: keras.Model, place: int = 0) -> str:
    """Return the name of the activation that ends a model; empty if something else ends it.

    Of a model with several outputs, `place` is that of the output.

    Examples
    --------
    >>> head_of(keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "softmax")]))
    'softmax'
    """
    layer = model
    while isinstance(layer, keras.Model):
        outputs = getattr(layer, "outputs", None)
        if not outputs:  # a subclass of keras.Model with a custom `call`
            return ""
        layer, _, place = outputs[place]._keras_history
    if type(layer) not in (keras.layers.Dense, keras.layers.Activation):
        return ""
    name = getattr(layer.activation, "__name__", "")
    is_keras_function = getattr(keras.activations, name, None) is layer.activation
    return name if is_keras_function else ""


def _computes_loss_as_keras(model: keras.Model) -> bool:
    """Return whether the model uses the loss computation of ``keras.Model``."""
    return all(
        getattr(type(model), name) is getattr(keras.Model, name)
        for name in ("compute_loss", "test_step")
    )
