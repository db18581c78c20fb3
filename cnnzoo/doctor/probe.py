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

from cnnzoo.doctor.experiment import (
    EAGER_STEPS,
    STEPS,
    Experiment,
    Pass,
    apply_gradients,
    as_tensors,
    copy_optimizer,
    differentiate,
    first_rate,
    inner,
    kept_by_clipping,
    repeat,
    without_none,
)
from cnnzoo.doctor.learning_rate import FITTED
from cnnzoo.doctor.record import Change, LayerState, Measurement
from cnnzoo.training.warm import kept_beside

ENDS = {"sigmoid": (0.00669, 0.99331), "tanh": (-0.9999, 0.9999)}
"""Outputs of an activation for inputs of -5 and 5, beyond which it counts as saturated
(DeepDiagnosis)."""

EXPERIMENT = "experiment"
"""Name of the experiment that is kept together with a kept model."""


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
        self.batch = as_tensors((x, y, weights))
        self._initial = [variable.numpy() for variable in model.variables]
        self._optimizer = copy_optimizer(model.optimizer)  # whose rate the training may change
        self._losses: dict[Change, list[float]] = {}  # of experiments
        beside = kept_beside(model)
        self._beside = {} if beside is None else beside
        self._eager_steps = EAGER_STEPS if beside is None else 0
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
        if initial:
            values, others = self._initial_values()
        else:
            values, others = (
                [*map(_value, variables)] for variables in (trained, model.non_trainable_variables)
            )
        seen: dict[int, tuple[Any, dict[str, float]]] = {}
        with _kept_streams():
            with _watching(model, seen, _states):
                one = self._pass(values, others)
            inference_loss = math.nan
            if self._normalizes:
                inference_loss = float(self._pass(values, others, training=False).loss)
        norms = [_norm(gradient) for gradient in one.gradients]
        updated = self._update(values, one.gradients, copy_state=not initial)
        variables = model.non_trainable_variables
        changes = {id(v): change for v, *change in zip(variables, others, one.others, strict=True)}
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
                states["shift"] = _shift(layer, changes)
            if states:
                layers.append(LayerState(layer.name, type(layer).__name__, **states))
        return Measurement(
            step=step,
            epoch=epoch,
            loss=float(one.loss),
            inference_loss=inference_loss,
            penalty=float(one.penalty),
            rate=rate_of(model.optimizer),
            gradient=math.sqrt(sum(norm**2 for norm in norms)),
            kept=kept_by_clipping(model.optimizer, one.gradients),
            layers=tuple(layers),
        )

    @property
    def _copy(self) -> Experiment:
        """A copy of the initial model, which is kept together with a kept model."""
        if EXPERIMENT not in self._beside:
            self._beside[EXPERIMENT] = Experiment(
                self.model, optimizer=self._optimizer, eager_steps=self._eager_steps
            )
        experiment: Experiment = self._beside[EXPERIMENT]
        experiment.start_from(self._initial, first_rate(self._optimizer))
        return experiment

    def experiment(self, change: Change) -> list[float]:
        """Train a copy of the initial model on the batch with one change.

        Parameters
        ----------
        change
            What to change.

        Returns
        -------
        list of float
            Loss without penalties before each step. It ends early at a loss that is not finite,
            and at one below half of the first.
        """
        if change not in self._losses:
            with _kept_streams():
                course = self._copy.run(repeat(self.batch, STEPS), change, enough=FITTED)
            self._losses[change] = course.losses.tolist()
        return self._losses[change]

    def locate(self, steps: int = 50) -> tuple[str, str]:
        """Find the first layer that is not finite.

        Returns
        -------
        layer, what
            Name of the layer, and "inputs", "output", "weights", "gradient" or "loss". If the
            model is finite on the batch, the training is repeated on it from the initial weights.
            Both are empty if that stays finite too.
        """
        if not all(_finite(value) for value in keras.tree.flatten(self.batch[0])):
            return "", "inputs"
        with _kept_streams():
            now = [*map(_value, self.model.trainable_variables)]
            others = [*map(_value, self.model.non_trainable_variables)]
            if all(map(_finite, now)):
                found = self._locate(now, others)
                if found[1]:
                    return found
            initial = self._initial_values()
            taken = len(self._copy.run(repeat(self.batch, steps)).losses)
            for count in (taken - 1, taken - 2):  # a gradient breaks the weights of the next step
                if count < 0:
                    break
                values = initial[0]
                if count:
                    self._copy.run(repeat(self.batch, count))
                    values = [*map(ops.convert_to_tensor, self._copy.weights)]
                if all(map(_finite, values)):
                    found = self._locate(values, initial[1])
                    if found[1]:
                        return found
                    break
            if not all(map(_finite, now)):
                return self._locate(now, others)
        return "", ""

    def _locate(self, values: Sequence[Any], others: Sequence[Any]) -> tuple[str, str]:
        """Return the first layer whose weights or outputs are not finite."""
        model = self.model
        seen: dict[int, tuple[Any, dict[str, float]]] = {}
        with _watching(model, seen, lambda _, output: {"finite": float(_finite(output))}):
            one = self._pass(values, others)
        table = {id(v): value for v, value in zip(model.trainable_variables, values, strict=True)}
        for layer, states in seen.values():
            if not all(_finite(table.get(id(v), v)) for v in layer.variables):
                return layer.name, "weights"
            if not states["finite"]:
                return layer.name, "output"
        if not _finite(one.loss):
            return "", "loss"
        for variable, gradient in reversed(
            [*zip(model.trainable_variables, one.gradients, strict=True)]
        ):
            if gradient is not None and not _finite(gradient):
                return _owner(model, variable), "gradient"
        return "", ""

    def _initial_values(self) -> tuple[list[Any], list[Any]]:
        """Return the initial values of the trainable and of the other variables."""
        pairs = zip(self.model.variables, self._initial, strict=True)
        values = {id(variable): ops.convert_to_tensor(value) for variable, value in pairs}
        model = self.model
        return (
            [values[id(v)] for v in model.trainable_variables],
            [values[id(v)] for v in model.non_trainable_variables],
        )

    def _pass(self, values: Sequence[Any], others: Sequence[Any], *, training: bool = True) -> Pass:
        return differentiate(self.model, self.batch, values, others, training=training)

    def _update(
        self, values: Sequence[Any], gradients: Sequence[Any], copy_state: bool
    ) -> list[Any]:
        """Return the weights after the optimizer's next update."""
        # copied, because on torch a variable shares the memory of its value
        copies = [keras.Variable(ops.copy(value), name="copy") for value in values]
        original = inner(self.model.optimizer) if copy_state else self._optimizer
        optimizer = copy_optimizer(original)
        optimizer.build(copies)
        if copy_state and original.built:
            for variable, value in zip(optimizer.variables, original.variables, strict=True):
                variable.assign(value)
        apply_gradients(optimizer, without_none(gradients, values), copies)
        return [*map(_value, copies)]


def rate_of(optimizer: Any) -> float:
    """Return the current learning rate of an optimizer, also of one with a schedule."""
    return float(inner(optimizer).learning_rate)


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


def _shift(layer: keras.layers.BatchNormalization, changes: Mapping[int, Sequence[Any]]) -> float:
    """Return how far the moving mean is from the batch mean, in batch standard deviations.

    The batch statistics follow from the update of the averages: `changes` has the values before
    and after it, by id of the variable.
    """
    momentum = layer.momentum
    if momentum >= 1:
        return math.nan
    pairs = []
    for variable in (layer.moving_mean, layer.moving_variance):
        before, after = (np.asarray(value, "float64") for value in changes[id(variable)])
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
    return ops.stop_gradient(ops.convert_to_tensor(variable.value))


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
