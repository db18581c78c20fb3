"""Train a copy of a model for a few steps, with one thing changed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from cnnzoo.analysis.gradients import differentiated
from cnnzoo.data.scaling import Pixels
from cnnzoo.doctor.learning_rate import end_of, fall
from cnnzoo.doctor.plan import one_loss
from cnnzoo.doctor.record import Change, Optimizer
from cnnzoo.runtime.seeding import stream
from cnnzoo.training.callbacks import has_own_schedule

Array = NDArray[Any]
Batch = tuple[Any, ...]
"""Examples, targets and, if wanted, example weights."""

NO_CHANGE = Change()
"""A training as it is."""

STEPS = 30
"""Number of steps of an experiment."""

CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
"""Options of an optimizer that clip the gradient."""

SCHEDULE_STEPS = 1000
"""Number of steps over which the largest rate of a schedule is looked for."""

EAGER_STEPS = 4
"""Number of steps before the training step is compiled, which takes as long as about ten steps. An
experiment that is kept for further trainings is compiled from its first step."""


class ExperimentError(ValueError):
    """Raised if a model cannot be trained apart from itself; the message says why."""


@dataclass(frozen=True)
class Gradient:
    """Gradients of one batch at the initial weights.

    Parameters
    ----------
    loss
        Loss of the batch in training mode, without penalties.
    penalty
        Sum of the penalties.
    norms
        Euclidean norm by path of the trainable variable; NaN if the loss does not depend on it.
    kept
        Share of the norm that clipping keeps; 1 without clipping.
    """

    loss: float
    penalty: float
    norms: dict[str, float]
    kept: float = 1.0

    @property
    def norm(self) -> float:
        """Norm over all variables."""
        return math.sqrt(sum(norm**2 for norm in self.norms.values() if norm == norm))  # no NaN


@dataclass(frozen=True)
class Course:
    """The course of a short training.

    Parameters
    ----------
    losses
        Loss of each step's batch before its update, in training mode and without penalties.
    rates
        Learning rate of each step.
    change
        Largest relative change of a kernel per step, over all kernels.
    """

    losses: Array
    rates: Array = field(default_factory=lambda: np.zeros(0))
    change: float = math.nan

    @property
    def start(self) -> float:
        """Loss before the first update."""
        return float(self.losses[0])

    @property
    def end(self) -> float:
        """Loss at the end; see `end_of`."""
        return end_of(self.losses)

    @property
    def fall(self) -> float:
        """Share of the first loss that is gone at the end; negative if the loss rose."""
        return fall(self.losses)


@dataclass(frozen=True)
class Pass:
    """One forward and backward pass in training mode, without any effect on the model.

    Parameters
    ----------
    loss, penalty
        Loss without penalties, and the sum of the penalties.
    gradients
        Gradient by trainable variable; None if what is minimized does not depend on it.
    others
        Values of the other variables after the pass.
    """

    loss: Any
    penalty: Any
    gradients: list[Any]
    others: list[Any]


class Experiment:
    """A copy of a compiled model's weights and optimizer that is trained apart from the model.

    The model is used as a function of the copied weights, so its weights, statistics, random
    streams, optimizer and metrics never change, even if the block is interrupted. Every run starts
    from the same weights, with a new optimizer.

    Parameters
    ----------
    model
        A built and compiled ``keras.Model``.
    loss
        Loss to train on, a function of targets and outputs; that of the model by default.
    optimizer
        Optimizer to copy the settings of; that of the model by default.
    initial
        Initial values of the model's variables; by default those that it has now.
    eager_steps
        Number of steps of a run that are not compiled.

    Attributes
    ----------
    rate
        Learning rate of the first step; of a schedule, the largest of its first steps.

    Raises
    ------
    ExperimentError
        If the model is not compiled.

    Examples
    --------
    >>> inputs = keras.Input((2,))
    >>> model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> x, y = np.eye(2, dtype="float32"), np.zeros((2, 1), "float32")
    >>> experiment = Experiment(model)
    >>> experiment.run([(x, y)] * 3).losses.round(2).tolist()
    [1.0, 0.49, 0.24]
    >>> course = experiment.run([(x, y)] * 3, Change(rate=0.1))
    >>> course.end > 0.9, model.get_weights()[1]
    (True, array([0.], dtype=float32))
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        loss: Any = None,
        optimizer: Any = None,
        initial: Sequence[Array] | None = None,
        eager_steps: int = EAGER_STEPS,
    ) -> None:
        if getattr(model, "optimizer", None) is None:
            raise ExperimentError(f"`{model.name}`: expected a compiled model.")
        self.model, self._eager_steps = model, eager_steps
        has_own_loss = type(model).compute_loss is not keras.Model.compute_loss
        self._loss = one_loss(model) if loss is None and not has_own_loss else loss
        if self._loss is not None and not isinstance(self._loss, keras.losses.Loss):
            self._loss = _as_loss(self._loss)
        self._given = copy_optimizer(optimizer or model.optimizer)
        values = [_numpy(v) for v in model.variables] if initial is None else initial
        self.start_from(values, first_rate(self._given))
        self._weights = [
            _copy(variable, value)
            for variable, value in zip(model.trainable_variables, self._initial, strict=True)
        ]
        self._others = [
            _copy(variable, value)
            for variable, value in zip(model.non_trainable_variables, self._state, strict=True)
        ]
        self._optimizers: dict[tuple[bool, bool], tuple[Any, list[Array]]] = {}
        self._steps: dict[tuple[bool, bool, bool], Any] = {}

    def start_from(self, values: Sequence[Array], rate: float) -> None:
        """Set the initial values of the model's variables and the learning rate of further runs."""
        self.rate = rate
        variables = self.model.variables
        by_variable = {id(v): value for v, value in zip(variables, values, strict=True)}
        self._initial = [by_variable[id(v)] for v in self.model.trainable_variables]
        self._state = [by_variable[id(v)] for v in self.model.non_trainable_variables]

    @property
    def weights(self) -> list[Array]:
        """Values of the trainable variables of the copy, as the last run left them."""
        return [_numpy(variable) for variable in self._weights]

    def reset(self, weights: Sequence[Array] | None = None) -> None:
        """Set the copy to the initial state.

        Parameters
        ----------
        weights
            Values of the trainable variables instead of the initial ones.
        """
        for variable, value in zip(self._weights, weights or self._initial, strict=True):
            variable.assign(value)
        for variable, value in zip(self._others, self._state, strict=True):
            variable.assign(value)

    def gradient(self, batch: Batch) -> Gradient:
        """Return loss and gradients of a batch at the initial weights."""
        self.reset()
        one = self._differentiate(as_tensors(batch))
        norms = {
            variable.path: math.nan if value is None else _norm(value)
            for variable, value in zip(self.model.trainable_variables, one.gradients, strict=True)
        }
        kept = kept_by_clipping(self._given, one.gradients)
        return Gradient(float(one.loss), float(one.penalty), norms, kept)

    def run(
        self,
        batches: Iterable[Batch],
        change: Change = NO_CHANGE,
        *,
        rates: Sequence[float] | None = None,
        weights: Sequence[Array] | None = None,
        enough: float = 0.0,
    ) -> Course:
        """Train on batches, one step each, from the initial state.

        Parameters
        ----------
        batches
            Tuples of examples, targets and, if wanted, example weights, all of one size.
        change
            What to change. Another learning rate replaces a schedule by its largest rate.
        rates
            Learning rate of each step, instead of that of the optimizer.
        weights
            Initial values of the trainable variables, instead of those of the copy.
        enough
            Share of the first loss at which the training ends early.
        """
        is_constant = has_own_schedule(self._given) and (rates is not None or change.rate != 1.0)
        settings = change.clipping, is_constant
        optimizer, fresh = self._optimizer(*settings)
        self.reset(weights)
        for variable, value in zip(optimizer.variables, fresh, strict=True):
            variable.assign(value)
        if not has_own_schedule(optimizer):
            optimizer.learning_rate = self.rate * change.rate
        before = self.weights
        losses, used = [], []
        for step, batch in enumerate(batches):
            if rates is not None:
                if step >= len(rates):
                    break
                optimizer.learning_rate = rates[step]
            used.append(float(optimizer.learning_rate))
            train = partial(self._train_step, optimizer, change.penalties)
            if step >= self._eager_steps:
                train = self._compiled((*settings, change.penalties), train)
            losses.append(float(train(as_tensors(batch))))
            if not math.isfinite(losses[-1]) or losses[-1] < enough * losses[0]:
                break
        if not losses:
            raise ExperimentError("`batches`: expected at least one batch; got none.")
        changes = [
            _relative_change(first, after) / len(losses)
            for first, after in zip(before, self.weights, strict=True)
            if first.ndim > 1 and np.any(first)
        ]
        return Course(np.array(losses), np.array(used), max(changes, default=math.nan))

    def _optimizer(self, clipping: bool, is_constant: bool) -> tuple[Any, list[Array]]:
        """Return the optimizer of a run with the initial values of its variables, made once."""
        key = clipping, is_constant
        if key not in self._optimizers:
            rate = self.rate if is_constant else None
            optimizer = copy_optimizer(self._given, clipping=clipping, rate=rate)
            optimizer.build(self._weights)
            self._optimizers[key] = optimizer, [_numpy(v) for v in optimizer.variables]
        return self._optimizers[key]

    def _compiled(self, key: tuple[bool, bool, bool], train: Any) -> Any:
        """Return a training step as a graph of TensorFlow, traced once for each kind of run."""
        if keras.config.backend() != "tensorflow":
            return train
        if key not in self._steps:
            import tensorflow as tf

            # not with `reduce_retracing`: a step must not depend on the shapes of earlier batches
            self._steps[key] = tf.function(train, autograph=False)
        return self._steps[key]

    def _train_step(self, optimizer: Any, penalties: bool, batch: Batch) -> Any:
        one = self._differentiate(batch, penalties=penalties)
        apply_gradients(optimizer, without_none(one.gradients, self._weights), self._weights)
        for variable, value in zip(self._others, one.others, strict=True):
            variable.assign(value)
        return one.loss

    def _differentiate(self, batch: Batch, *, penalties: bool = True) -> Pass:
        values = [variable.value for variable in self._weights]
        others = [variable.value for variable in self._others]
        return differentiate(
            self.model, batch, values, others, loss=self._loss, penalties=penalties
        )


def differentiate(
    model: keras.Model,
    batch: Batch,
    values: Sequence[Any],
    others: Sequence[Any],
    *,
    loss: Any = None,
    penalties: bool = True,
    training: bool = True,
) -> Pass:
    """Return loss and gradients of a batch; updates of variables are caught.

    Parameters
    ----------
    model
        A built and compiled ``keras.Model``.
    batch
        Tensors: examples, targets and, if wanted, example weights.
    values, others
        Values of the trainable and of the other variables.
    loss
        Loss to minimize; that of the model by default.
    penalties
        Whether penalties are minimized, too.
    training
        Whether layers act as in training. No gradients are computed otherwise.
    """
    x, y, *weights = batch
    mode = {"training": training} if model._call_has_training_arg else {}

    def forward(*values: Any) -> tuple[Any, tuple[Any, Any, list[Any]]]:
        mapping = [
            *zip(model.trainable_variables, values, strict=True),
            *zip(model.non_trainable_variables, others, strict=True),
        ]
        with keras.StatelessScope(mapping, collect_losses=True) as scope:
            outputs = model(x, **mode)
            penalty = sum(
                (ops.sum(ops.cast(one, "float32")) for one in model.losses), ops.zeros(())
            )
            if loss is None:
                plain = model.compute_loss(x, y, outputs, *weights) - penalty
            else:
                plain = loss(*(keras.tree.flatten(part)[0] for part in (y, outputs, *weights)))
            total = plain + ops.cast(penalty, plain.dtype) if penalties else plain
        changed = [
            value if (new := scope.get_current_value(variable)) is None else new
            for variable, value in zip(model.non_trainable_variables, others, strict=True)
        ]
        return total, (plain, penalty, changed)

    if not training:
        _, (plain, penalty, changed) = forward(*values)
        return Pass(plain, penalty, [], changed)
    (plain, penalty, changed), gradients = differentiated(forward, values)
    return Pass(plain, penalty, [*map(_dense, gradients)], changed)


def apply_gradients(optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
    """Update variables by an optimizer, outside of the differentiation of torch."""
    if keras.config.backend() != "torch":
        optimizer.apply(gradients, variables)
        return
    import torch

    with torch.no_grad():
        optimizer.apply(gradients, variables)


def as_tensors(batch: Any) -> Any:
    """Return a batch of nested arrays as tensors, without weights that are None."""
    parts = tuple(part for part in batch if part is not None)
    return keras.tree.map_structure(ops.convert_to_tensor, parts)


def without_none(gradients: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """Return gradients with zeros where what is minimized does not depend on a variable."""
    return [
        ops.zeros(value.shape, value.dtype) if gradient is None else gradient
        for gradient, value in zip(gradients, values, strict=True)
    ]


def kept_by_clipping(optimizer: Any, gradients: Sequence[Any]) -> float:
    """Return the share of the gradient's norm that an optimizer's clipping keeps.

    Examples
    --------
    >>> gradient = ops.convert_to_tensor([3.0, 4.0])
    >>> round(kept_by_clipping(keras.optimizers.SGD(clipnorm=0.5), [gradient, None]), 6)
    0.1
    """
    known = [gradient for gradient in gradients if gradient is not None]
    if not clipping_of(optimizer) or not known:
        return 1.0
    before, after = (
        math.sqrt(sum(_norm(one) ** 2 for one in each))
        for each in (known, inner(optimizer)._clip_gradients(known))
    )
    return after / before if before > 0 else 1.0


def repeat(batch: Batch, steps: int) -> list[Batch]:
    """Return one batch several times, to see whether it can be fitted."""
    return [batch] * steps


def batches_of(
    x: Pixels, y: Array, size: int, steps: int, *, shuffle: bool = True, seed: int = 0
) -> list[Batch]:
    """Return batches as ``fit`` takes them from arrays.

    Parameters
    ----------
    x, y
        Examples and targets.
    size
        Examples per batch; batches that would have fewer are left out.
    steps
        Number of batches; the data are repeated as needed.
    shuffle
        Whether each pass has its own random order.
    seed
        Seed of the order.

    Examples
    --------
    >>> x = np.arange(5)
    >>> [batch.tolist() for batch, _ in batches_of(x, x, 2, 3, shuffle=False)]
    [[0, 1], [2, 3], [0, 1]]
    """
    size = min(size, len(x))
    rng = np.random.default_rng(stream(seed, "order"))
    batches: list[Batch] = []
    while len(batches) < steps:
        order = rng.permutation(len(x)) if shuffle else np.arange(len(x))
        for start in range(0, len(x) - size + 1, size):
            chosen = order[start : start + size]
            batches.append((x[chosen], y[chosen]))
            if len(batches) == steps:
                break
    return batches


def standardized(x: Array) -> Array:
    """Return examples with mean 0 and standard deviation 1, for each feature of a table.

    Examples
    --------
    >>> standardized(np.array([[0.0, 10.0], [2.0, 30.0]])).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """
    axis = 0 if x.ndim == 2 else None
    mean, deviation = x.mean(axis=axis, keepdims=True), x.std(axis=axis, keepdims=True)
    scaled: Array = ((x - mean) / np.where(deviation == 0, 1, deviation)).astype("float32")
    return scaled


def default_weights(model: keras.Model, seed: int = 0) -> list[Array]:
    """Return values for the trainable variables as Keras's default initializers draw them.

    Kernels are drawn from "glorot_uniform", biases are 0; all others keep their values.

    Examples
    --------
    >>> dense = keras.layers.Dense(2, bias_initializer="ones")
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> [values.shape for values in default_weights(model)], default_weights(model)[1].tolist()
    ([(3, 2), (2,)], [0.0, 0.0])
    """
    values = []
    for variable in model.trainable_variables:
        if variable.path.endswith("kernel") and len(variable.shape) > 1:
            draw = keras.initializers.GlorotUniform(seed=stream(seed, variable.path))
            values.append(_numpy(draw(variable.shape, dtype=variable.dtype)))
        elif variable.path.endswith("bias"):
            values.append(np.zeros(variable.shape, "float32"))
        else:
            values.append(_numpy(variable))
    return values


def copy_optimizer(optimizer: Any, *, clipping: bool = True, rate: float | None = None) -> Any:
    """Return a new optimizer with the settings of another, and another learning rate if given.

    Examples
    --------
    >>> copy_optimizer(keras.optimizers.SGD(0.5, clipnorm=1.0), clipping=False).clipnorm is None
    True
    """
    original = inner(optimizer)
    config = original.get_config()
    if not clipping:
        config |= dict.fromkeys(CLIPPING)
    if rate is not None:
        config["learning_rate"] = rate
    return type(original).from_config(config)


def inner(optimizer: Any) -> Any:
    """Return the optimizer that mixed precision wraps, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def first_rate(optimizer: Any) -> float:
    """Return the learning rate of the first step; of a schedule, the largest of its first steps.

    Examples
    --------
    >>> first_rate(keras.optimizers.SGD(0.5))
    0.5
    """
    if has_own_schedule(optimizer):
        schedule = inner(optimizer)._learning_rate
        return max(float(schedule(step)) for step in range(0, SCHEDULE_STEPS, 20))
    return float(inner(optimizer).get_config()["learning_rate"])


def clipping_of(optimizer: Any) -> dict[str, float]:
    """Return the clipping options of an optimizer that Keras applies."""
    values = {name: getattr(inner(optimizer), name, None) for name in CLIPPING}
    return {name: float(value) for name, value in values.items() if value}


def settings_of(optimizer: Any) -> Optimizer:
    """Return the settings of an optimizer as diagnoses need them.

    Examples
    --------
    >>> settings_of(keras.optimizers.SGD(0.5, clipnorm=1.0)).clipping
    {'clipnorm': 1.0}
    """
    return Optimizer(
        name=type(inner(optimizer)).__name__,
        rate=first_rate(optimizer),
        clipping=clipping_of(optimizer),
        decay=float(getattr(inner(optimizer), "weight_decay", None) or 0.0),
    )


def _as_loss(function: Any) -> keras.losses.Loss:
    from keras.src.losses.losses import LossFunctionWrapper  # what `compile` wraps functions in

    return LossFunctionWrapper(function)


def _copy(variable: keras.Variable, value: Array) -> keras.Variable:
    copied = keras.Variable(
        np.array(value), trainable=variable.trainable, dtype=variable.dtype, name=variable.name
    )
    if variable.trainable:
        copied.constraint = variable.constraint
    return copied


def _relative_change(before: Array, after: Array) -> float:
    if not np.isfinite(after).all():
        return math.inf
    first, last = before.astype("float64"), after.astype("float64")  # squares may overflow
    return float(np.linalg.norm(last - first) / np.linalg.norm(first))


def _dense(gradient: Any) -> Any:
    """Return a gradient as a tensor; that of an embedding consists of rows."""
    return None if gradient is None else ops.convert_to_tensor(gradient)


def _norm(gradient: Any) -> float:
    return float(np.linalg.norm(_numpy(gradient).astype("float64")))


def _numpy(value: Any) -> Array:
    return np.array(ops.convert_to_numpy(value))
