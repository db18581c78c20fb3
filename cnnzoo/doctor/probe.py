"""Measure a model on a fixed batch without changing the model, its optimizer or its streams.

Every forward pass runs in a ``keras.StatelessScope``, which catches updates of variables: moving
averages, seed states, metrics. The optimizer's update is made by a copy on copies of the weights.
"""

import contextlib
import math
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cnnzoo.doctor.record import Change, LayerState, Measurement

ENDS = {"sigmoid": (0.00669, 0.99331), "tanh": (-0.9999, 0.9999)}
"""Outputs of an activation for inputs of -5 and 5, beyond which it counts as saturated
(DeepDiagnosis)."""

EXPERIMENT_STEPS = 10
"""Steps of an experiment."""

FELL = 0.3
"""Share of its first loss at which an experiment ends early, because it has succeeded."""


class Probe:
    """A model with a fixed batch on which it is measured.

    Parameters
    ----------
    model
        A built and compiled ``keras.Model``.
    x, y
        Inputs and targets as the model trains on them; arrays, or nested arrays.
    weights
        Example weights; None for equal weights.
    """

    def __init__(self, model: keras.Model, x: Any, y: Any, weights: Any = None) -> None:
        self.model = model
        self.x, self.y = (keras.tree.map_structure(ops.convert_to_tensor, it) for it in (x, y))
        self.weights = None if weights is None else ops.convert_to_tensor(weights)
        self._initial = [variable.numpy() for variable in model.variables]
        self._normalizes = any(
            isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
            for layer in leaves(model)
        )

    def measure(self, step: int, epoch: int, *, initial: bool = False) -> Measurement:
        """Measure losses, gradients, updates and units.

        Parameters
        ----------
        step, epoch
            Training steps and epochs so far.
        initial
            Whether to measure the model as it was when the probe was made.
        """
        model = self.model
        trained = model.trainable_variables
        state = self._initial_state() if initial else {}
        values = [state.pop(id(v)) for v in trained] if initial else [*map(_value, trained)]
        seen: dict[int, tuple[Any, dict[str, float]]] = {}
        with _kept_streams():
            with _watching(model, seen, _states):
                loss, penalty, gradients, scope = self._gradients(values, state)
            inference_loss = math.nan
            if self._normalizes:
                inference_loss = self._inference_loss(values, state)
        norms = [_norm(gradient) for gradient in gradients]
        updated, kept = self._update(values, gradients, Change(), copy_state=not initial)
        layers = []
        owners = {id(layer): layer for layer in leaves(model)}
        order = [*seen, *(key for key in owners if key not in seen)]
        places = {id(variable): place for place, variable in enumerate(trained)}
        for key in order:
            layer, states = seen[key] if key in seen else (owners[key], {})
            own = [places[id(v)] for v in layer.trainable_variables if id(v) in places]
            if own:
                states["gradient"] = math.sqrt(sum(norms[place] ** 2 for place in own))
                kernels = [place for place in own if len(trained[place].shape) > 1]
                if kernels:
                    place = max(kernels, key=lambda one: math.prod(trained[one].shape))
                    weight = _norm(values[place])
                    states["weight"] = weight
                    if weight > 0:
                        states["update"] = _norm(updated[place] - values[place]) / weight
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
                states["shift"] = _shift(layer, scope, state)
            if states:
                layers.append(LayerState(layer.name, type(layer).__name__, **states))
        return Measurement(
            step=step,
            epoch=epoch,
            loss=loss - penalty,
            inference_loss=inference_loss,
            penalty=penalty,
            rate=rate_of(model.optimizer),
            gradient=math.sqrt(sum(norm**2 for norm in norms)),
            kept=kept,
            layers=tuple(layers),
        )

    def experiment(self, change: Change) -> list[float]:
        """Train a copy of the initial model on the batch with one change.

        Parameters
        ----------
        change
            What to change.

        Returns
        -------
        list of float
            Loss without penalties before each step and after the last. It ends early at a loss
            that is not finite, and at one below 30% of the first.
        """
        losses: list[float] = []
        with _kept_streams():
            for loss, _, _ in self._steps(change, EXPERIMENT_STEPS):
                losses.append(loss)
                if not math.isfinite(loss) or loss < FELL * losses[0]:
                    break
        return losses

    def locate(self, steps: int = 50) -> tuple[str, str]:
        """Find the first layer that is not finite.

        Returns
        -------
        layer, what
            Name of the layer, and "inputs", "output", "weights", "gradient" or "loss". If the
            model is finite on the batch, the training is repeated on it from the initial weights.
            Both are empty if that stays finite too.
        """
        if not all(_finite(value) for value in keras.tree.flatten(self.x)):
            return "", "inputs"
        with _kept_streams():
            now = [*map(_value, self.model.trainable_variables)]
            if all(map(_finite, now)):
                found = self._locate(now, {})
                if found[1]:
                    return found
            for loss, values, gradients in self._steps(Change(), steps):
                if not math.isfinite(loss):
                    return self._locate(values, self._initial_state())
                broken = [
                    variable
                    for variable, gradient in zip(
                        self.model.trainable_variables, gradients, strict=True
                    )
                    if gradient is not None and not _finite(gradient)
                ]
                if broken:
                    return _owner(self.model, broken[-1]), "gradient"
            if not all(map(_finite, now)):
                return self._locate(now, {})
        return "", ""

    def _locate(self, values: Sequence[Any], state: Mapping[int, Any]) -> tuple[str, str]:
        """Return the first layer whose weights or outputs are not finite."""
        model = self.model
        seen: dict[int, tuple[Any, dict[str, float]]] = {}
        with _watching(model, seen, lambda _, output: {"finite": float(_finite(output))}):
            loss, _, gradients, _ = self._gradients(values, state)
        table = {id(v): value for v, value in zip(model.trainable_variables, values, strict=True)}
        for layer, states in seen.values():
            if not all(_finite(table.get(id(v), v)) for v in layer.variables):
                return layer.name, "weights"
            if not states["finite"]:
                return layer.name, "output"
        if not math.isfinite(loss):
            return "", "loss"
        for variable, gradient in reversed(
            [*zip(model.trainable_variables, gradients, strict=True)]
        ):
            if gradient is not None and not _finite(gradient):
                return _owner(model, variable), "gradient"
        return "", ""

    def _steps(self, change: Change, steps: int) -> Iterator[tuple[float, list[Any], list[Any]]]:
        """Yield the loss, the weights and the gradients before each step and after the last."""
        model = self.model
        state = self._initial_state()
        values = [state.pop(id(variable)) for variable in model.trainable_variables]
        copies = [keras.Variable(value, name="copy") for value in values]
        optimizer = _copy(model.optimizer, change)
        optimizer.build(copies)
        for step in range(steps + 1):
            values = [*map(_value, copies)]
            loss, penalty, gradients, scope = self._gradients(
                values, state, penalties=change.penalties
            )
            yield loss - penalty * change.penalties, values, gradients
            if step == steps:
                return
            optimizer.apply(_without_none(gradients, values), copies)
            for variable in model.non_trainable_variables:
                state[id(variable)] = scope.get_current_value(variable)

    def _initial_state(self) -> dict[int, Any]:
        pairs = zip(self.model.variables, self._initial, strict=True)
        return {id(variable): ops.convert_to_tensor(value) for variable, value in pairs}

    def _gradients(
        self, values: Sequence[Any], state: Mapping[int, Any], penalties: bool = True
    ) -> tuple[float, float, list[Any], Any]:
        """Return loss, penalty, gradients and the scope of a training pass with given weights."""
        import tensorflow as tf

        model = self.model
        mapping = [*zip(model.trainable_variables, values, strict=True)]
        # a regularizer reads its variable from the scope
        mapping += [(v, state.get(id(v), v)) for v in model.non_trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            with keras.StatelessScope(mapping, collect_losses=True) as scope:
                outputs = model(self.x, **self._mode(True))
                loss = model.compute_loss(self.x, self.y, outputs, self.weights)
                penalty = sum((ops.sum(one) for one in model.losses), ops.zeros(()))
                minimized = loss if penalties else loss - penalty
        gradients = tape.gradient(minimized, values)
        gradients = [None if one is None else tf.convert_to_tensor(one) for one in gradients]
        return float(minimized), float(penalty), gradients, scope

    def _mode(self, training: bool) -> dict[str, bool]:
        return {"training": training} if self.model._call_has_training_arg else {}

    def _inference_loss(self, values: Sequence[Any], state: Mapping[int, Any]) -> float:
        model = self.model
        mapping = [*zip(model.trainable_variables, values, strict=True)]
        mapping += [(v, state.get(id(v), v)) for v in model.non_trainable_variables]
        with keras.StatelessScope(mapping, collect_losses=True):
            outputs = model(self.x, **self._mode(False))
            loss = model.compute_loss(self.x, self.y, outputs, self.weights)
            penalty = sum((ops.sum(one) for one in model.losses), ops.zeros(()))
            return float(loss) - float(penalty)

    def _update(
        self, values: Sequence[Any], gradients: Sequence[Any], change: Change, copy_state: bool
    ) -> tuple[list[Any], float]:
        """Return the weights after the optimizer's next update, and the share that is kept."""
        copies = [keras.Variable(value, name="copy") for value in values]
        original = _inner(self.model.optimizer)
        optimizer = _copy(original, change)
        optimizer.build(copies)
        if copy_state and original.built:
            for variable, value in zip(optimizer.variables, original.variables, strict=True):
                variable.assign(value)
        complete = _without_none(gradients, values)
        kept = 1.0
        if clipping_of(original):
            before = math.sqrt(sum(_norm(one) ** 2 for one in complete))
            after = math.sqrt(sum(_norm(one) ** 2 for one in optimizer._clip_gradients(complete)))
            kept = after / before if before > 0 else 1.0
        optimizer.apply(complete, copies)
        return [*map(_value, copies)], kept


def rate_of(optimizer: Any) -> float:
    """Return the current learning rate of an optimizer, also of one with a schedule."""
    return float(_inner(optimizer).learning_rate)


def clipping_of(optimizer: Any) -> dict[str, float]:
    """Return the clipping options of an optimizer that Keras applies."""
    options = ("clipnorm", "clipvalue", "global_clipnorm")
    values = {name: getattr(_inner(optimizer), name, None) for name in options}
    return {name: float(value) for name, value in values.items() if value}


def _inner(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)  # mixed precision wraps it


def _copy(optimizer: Any, change: Change) -> Any:
    """Return an optimizer of the same settings with a change."""
    original = _inner(optimizer)
    config = dict(original.get_config())
    rate = config["learning_rate"]
    if not isinstance(rate, float):
        rate = rate_of(original)
    config["learning_rate"] = rate * change.rate
    if not change.clipping:
        config |= dict.fromkeys(("clipnorm", "clipvalue", "global_clipnorm"))
    return type(original).from_config(config)


def _without_none(gradients: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    return [
        ops.zeros_like(value) if gradient is None else gradient
        for gradient, value in zip(gradients, values, strict=True)
    ]


@contextlib.contextmanager
def _watching(
    model: keras.Model,
    seen: dict[int, tuple[Any, dict[str, float]]],
    read: Callable[[Any, Any], dict[str, float]],
) -> Iterator[None]:
    """Store what `read` returns for each layer and its output, in the order of the calls."""
    watched = [*leaves(model)]

    def watch(layer: Any) -> None:
        call = layer.call

        def watching_call(*args: Any, **kwargs: Any) -> Any:
            output = call(*args, **kwargs)
            if keras.tree.is_nested(output) is False:
                seen[id(layer)] = (layer, read(layer, output))
            return output

        layer.call = watching_call

    try:
        for layer in watched:
            watch(layer)
        yield
    finally:
        for layer in watched:
            vars(layer).pop("call", None)


def is_relu(layer: Any) -> bool:
    """Return whether a layer ends in a ReLU that is 0 for all negative inputs."""
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope
    return getattr(getattr(layer, "activation", None), "__name__", "") in ("relu", "relu6")


def _states(layer: Any, output: Any) -> dict[str, float]:
    """Return the shares of dead and of saturated units of a layer's output."""
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    if is_relu(layer):
        axis = 1 if getattr(layer, "data_format", "") == "channels_first" else -1
        axes = [place for place in range(len(output.shape)) if place != axis % len(output.shape)]
        highest = ops.max(output, axis=axes)
        dead = float(ops.mean(ops.cast(highest <= 0, "float32")))
        return {"dead": dead, "units": math.prod(highest.shape)}
    if name in ENDS:
        low, high = ENDS[name]
        outside = ops.logical_or(output < low, output > high)
        return {"saturated": float(ops.mean(ops.cast(outside, "float32")))}
    return {}


def _shift(layer: keras.layers.BatchNormalization, scope: Any, state: Mapping[int, Any]) -> float:
    """Return how far the moving mean is from the batch mean, in batch standard deviations.

    The batch statistics follow from the update of the averages, which the scope caught.
    """
    momentum = layer.momentum
    if momentum >= 1 or scope.get_current_value(layer.moving_mean) is None:
        return math.nan
    pairs = []
    for variable in (layer.moving_mean, layer.moving_variance):
        before = np.asarray(state.get(id(variable), variable.value), "float64")
        after = np.asarray(scope.get_current_value(variable), "float64")
        pairs.append((before, (after - momentum * before) / (1 - momentum)))
    (moving, mean), (_, variance) = pairs
    deviation = np.sqrt(np.maximum(variance, 0) + layer.epsilon)
    return float(np.mean(np.abs(moving - mean) / deviation))


def leaves(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of a model that hold no layers, and each once."""
    for layer in model._flatten_layers(include_self=False):
        if not [*layer._flatten_layers(include_self=False)]:
            yield layer


def _owner(model: keras.Model, variable: Any) -> str:
    names = (layer.name for layer in leaves(model) if any(v is variable for v in layer.variables))
    return next(names, "")


def _value(variable: Any) -> Any:
    """Return the value of a variable as a tensor."""
    import tensorflow as tf

    return tf.convert_to_tensor(variable.value)


def _norm(value: Any) -> float:
    return 0.0 if value is None else float(ops.norm(ops.reshape(ops.cast(value, "float32"), (-1,))))


def _finite(value: Any) -> bool:
    value = ops.convert_to_tensor(value)
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(value.dtype)):
        return True
    return bool(ops.all(ops.isfinite(value)))


@contextlib.contextmanager
def _kept_streams() -> Iterator[None]:
    """Restore the random streams of Python and NumPy, which custom layers may draw from.

    Warnings are ignored: the training itself gives them.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
