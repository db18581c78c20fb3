"""Train a copy of a model for a few steps, with one thing changed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from cnnzoo.doctor.plan import one_loss
from cnnzoo.runtime.seeding import stream
from cnnzoo.training.callbacks import has_own_schedule

Array = NDArray[Any]
Batch = tuple[Array, Array]

SCHEDULE_STEPS = 1000
"""Number of steps over which the largest rate of a schedule is looked for."""

EAGER_STEPS = 4
"""Number of steps before the training step is compiled, which takes as long as about ten steps."""


class ExperimentError(ValueError):
    """Raised if a model cannot be trained apart from itself; the message says why."""


@dataclass(frozen=True)
class Gradient:
    """Gradients of one batch at the current weights of a copy.

    Parameters
    ----------
    loss
        Loss of the batch in training mode, without penalties.
    penalty
        Sum of the penalties.
    norms
        Euclidean norm by path of the trainable variable; NaN if the loss does not depend on it.
    """

    loss: float
    penalty: float
    norms: dict[str, float]

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
        """Mean loss of the last three steps; infinite if a loss was not finite."""
        if not np.isfinite(self.losses).all():
            return math.inf
        return float(self.losses[-3:].mean())

    @property
    def fall(self) -> float:
        """Share of the first loss that is gone at the end; negative if the loss rose."""
        return (self.start - self.end) / self.start if self.start else 0.0


class Experiment:
    """A copy of a compiled model's weights and optimizer that is trained apart from the model.

    The model is used as a function of the copied weights, so its weights, statistics, random
    streams, optimizer and metrics never change, even if the block is interrupted. Every run starts
    from the weights that the model has when the experiment is created, with a new optimizer.

    Parameters
    ----------
    model
        A built and compiled ``keras.Model`` with one output.
    loss
        Loss to train on, a function of targets and outputs; that of the model by default.
    clipping
        Whether gradients are clipped as the optimizer says.
    optimizer
        Optimizer to copy the settings of; that of the model by default.
    penalties
        Whether the penalties of the layers are added to the loss.

    Attributes
    ----------
    rate
        Learning rate of the first step; of a schedule, the largest of its first steps.

    Raises
    ------
    ExperimentError
        If Keras has another backend than TensorFlow, or the model has several losses or none.

    Examples
    --------
    >>> inputs = keras.Input((2,))
    >>> model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> x, y = np.eye(2, dtype="float32"), np.zeros((2, 1), "float32")
    >>> experiment = Experiment(model)
    >>> experiment.run([(x, y)] * 3).losses.round(2).tolist()
    [1.0, 0.49, 0.24]
    >>> bool(experiment.run([(x, y)] * 3, rate_factor=0.1).end > 0.9), model.get_weights()[1]
    (True, array([0.], dtype=float32))
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        loss: Any = None,
        clipping: bool = True,
        optimizer: Any = None,
        penalties: bool = True,
    ) -> None:
        if keras.config.backend() != "tensorflow":
            raise ExperimentError(
                "Experiments need Keras's TensorFlow backend; got "
                f"{keras.config.backend()}. Set KERAS_BACKEND=tensorflow."
            )
        loss = loss if loss is not None else one_loss(model)
        if loss is None or getattr(model, "optimizer", None) is None:
            raise ExperimentError(
                f"`{model.name}`: expected a compiled model with one output and one loss."
            )
        self.model = model
        self._loss = loss if isinstance(loss, keras.losses.Loss) else _as_loss(loss)
        self._penalties = penalties
        self._given = copy_optimizer(optimizer or model.optimizer, clipping=clipping)
        self.rate = first_rate(self._given)  # before a run sets another one
        self._initial = [_numpy(variable) for variable in model.trainable_variables]
        self._state = [_numpy(variable) for variable in model.non_trainable_variables]
        self._weights = [_copy(v, trainable=True) for v in model.trainable_variables]
        self._others = [_copy(v, trainable=False) for v in model.non_trainable_variables]
        self._constant: Any = None
        self._initials: dict[int, list[Array]] = {}  # of the optimizers that have been used
        self._steps: dict[int, Any] = {}
        self._optimizer = self._given

    def reset(self, weights: Sequence[Array] | None = None) -> None:
        """Set the copy to the initial state.

        Parameters
        ----------
        weights
            Values of the trainable variables instead of those of the model.
        """
        for variable, value in zip(self._weights, weights or self._initial, strict=True):
            variable.assign(value)
        for variable, value in zip(self._others, self._state, strict=True):
            variable.assign(value)
        fresh = self._initials.get(id(self._optimizer), [])
        for variable, value in zip(self._optimizer.variables, fresh, strict=bool(fresh)):
            variable.assign(value)

    def gradient(self, batch: Batch) -> Gradient:
        """Return loss and gradients of a batch at the initial weights."""
        self.reset()
        loss, penalty, gradients, _ = self._differentiate(*map(ops.convert_to_tensor, batch))
        norms = {
            variable.path: math.nan if value is None else float(_norm(value))
            for variable, value in zip(self.model.trainable_variables, gradients, strict=True)
        }
        return Gradient(float(loss), float(penalty), norms)

    def run(
        self,
        batches: Iterable[Batch],
        *,
        rate_factor: float = 1.0,
        rates: Sequence[float] | None = None,
        weights: Sequence[Array] | None = None,
        enough: float = 0.0,
    ) -> Course:
        """Train on batches, one step each, from the initial state.

        Parameters
        ----------
        batches
            Pairs of examples and targets, all of one size.
        rate_factor
            Factor of the learning rate. Other factors than 1 replace a schedule by its largest
            rate.
        rates
            Learning rate of each step, instead of that of the optimizer.
        weights
            Initial values of the trainable variables, instead of those of the model.
        enough
            Share of the first loss at which the training ends early.
        """
        changed = rates is not None or rate_factor != 1.0
        self._optimizer = self._without_schedule() if changed else self._given
        if id(self._optimizer) not in self._initials:
            self._optimizer.build(self._weights)
            initials = [_numpy(variable) for variable in self._optimizer.variables]
            self._initials[id(self._optimizer)] = initials
        self.reset(weights)
        if rate_factor != 1.0:
            self._optimizer.learning_rate = self.rate * rate_factor
        before = [_numpy(variable) for variable in self._weights]
        losses, used = [], []
        for step, (x, y) in enumerate(batches):
            if rates is not None:
                if step >= len(rates):
                    break
                self._optimizer.learning_rate = rates[step]
            used.append(float(self._optimizer.learning_rate))
            do_step = self._train_step if step < EAGER_STEPS else self._compiled()
            losses.append(float(do_step(ops.convert_to_tensor(x), ops.convert_to_tensor(y))))
            if not math.isfinite(losses[-1]) or losses[-1] < enough * losses[0]:
                break
        if not losses:
            raise ExperimentError("`batches`: expected at least one batch; got none.")
        changes = [
            _relative_change(first, _numpy(after)) / len(losses)
            for first, after in zip(before, self._weights, strict=True)
            if first.ndim > 1 and np.any(first)
        ]
        return Course(np.array(losses), np.array(used), max(changes, default=math.nan))

    def _compiled(self) -> Any:
        """Return the training step with the current optimizer as a graph."""
        key = id(self._optimizer)
        if key not in self._steps:
            import tensorflow as tf

            self._steps[key] = tf.function(self._train_step, reduce_retracing=True, autograph=False)
        return self._steps[key]

    def _without_schedule(self) -> Any:
        """Return the optimizer, or one with a constant rate if a schedule sets the rate."""
        if not has_own_schedule(self._given):
            return self._given
        if self._constant is None:
            config = {**self._given.get_config(), "learning_rate": self.rate}
            self._constant = type(self._given).from_config(config)
        return self._constant

    def _train_step(self, x: Any, y: Any) -> Any:
        loss, _, gradients, others = self._differentiate(x, y)
        pairs = [(g, v) for g, v in zip(gradients, self._weights, strict=True) if g is not None]
        if len(pairs) == len(self._weights):
            self._optimizer.apply(gradients, self._weights)
        else:
            zeros = [
                ops.zeros(variable.shape, variable.dtype) if value is None else value
                for value, variable in zip(gradients, self._weights, strict=True)
            ]
            self._optimizer.apply(zeros, self._weights)
        for variable, value in zip(self._others, others, strict=True):
            variable.assign(value)
        return loss

    def _differentiate(self, x: Any, y: Any) -> tuple[Any, Any, list[Any], list[Any]]:
        """Return loss, penalty, gradients and the new state of a batch."""
        import tensorflow as tf

        values = [variable.value for variable in self._weights]
        with tf.GradientTape() as tape:
            outputs, others, penalties = self.model.stateless_call(
                values, [v.value for v in self._others], x, training=True, return_losses=True
            )
            loss = self._loss(y, keras.tree.flatten(outputs)[0])
            penalty = sum((ops.sum(ops.cast(p, loss.dtype)) for p in penalties), ops.zeros(()))
            total = loss + penalty if self._penalties else loss
        return loss, penalty, tape.gradient(total, values), others


def repeat(batch: Batch, steps: int) -> list[Batch]:
    """Return one batch several times, to see whether it can be fitted."""
    return [batch] * steps


def batches_of(
    x: Array, y: Array, size: int, steps: int, *, shuffle: bool = True, seed: int = 0
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
    return batches[:steps]


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


def copy_optimizer(optimizer: Any, *, clipping: bool = True) -> Any:
    """Return a new optimizer with the settings of another.

    Examples
    --------
    >>> copy_optimizer(keras.optimizers.SGD(0.5, clipnorm=1.0), clipping=False).clipnorm is None
    True
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # mixed precision wraps it
    config = inner.get_config()
    if not clipping:
        config |= {"clipnorm": None, "clipvalue": None, "global_clipnorm": None}
    return type(inner).from_config(config)


def first_rate(optimizer: Any) -> float:
    """Return the learning rate of the first step; of a schedule, the largest of its first steps.

    Examples
    --------
    >>> first_rate(keras.optimizers.SGD(0.5))
    0.5
    """
    if has_own_schedule(optimizer):
        schedule = optimizer._learning_rate
        return max(float(schedule(step)) for step in range(0, SCHEDULE_STEPS, 20))
    return float(optimizer.get_config()["learning_rate"])


def _as_loss(function: Any) -> keras.losses.Loss:
    from keras.src.losses.losses import LossFunctionWrapper  # what `compile` wraps functions in

    return LossFunctionWrapper(function)


def _copy(variable: keras.Variable, trainable: bool) -> keras.Variable:
    # a Keras variable made of another one's `value` shares its memory
    copied = keras.Variable(
        _numpy(variable), trainable=trainable, dtype=variable.dtype, name=variable.name
    )
    if trainable:
        copied.constraint = variable.constraint
    return copied


def _relative_change(before: Array, after: Array) -> float:
    if not np.isfinite(after).all():
        return math.inf
    first, last = before.astype("float64"), after.astype("float64")  # squares may overflow
    return float(np.linalg.norm(last - first) / np.linalg.norm(first))


def _norm(gradient: Any) -> float:
    values = getattr(gradient, "values", gradient)  # of rows, for an embedding
    return float(np.linalg.norm(_numpy(values).astype("float64")))


def _numpy(value: Any) -> Array:
    return np.array(ops.convert_to_numpy(value))
