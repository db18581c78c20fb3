"""Counterfactuals: short trainings of a copy of a model with a suspected cause mended."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.doctor.experiment import (
    Course,
    Experiment,
    batches_of,
    default_weights,
    standardized,
)
from cnnzoo.doctor.plan import TrainingPlan, is_one_hot
from cnnzoo.doctor.probes import constant_loss

Array = NDArray[Any]

STEPS = 40
"""Number of steps of an experiment."""

GAIN = 0.1
"""Share of a constant answer's loss by which a mended cause must lower the loss more than no
change does, to count as confirmed (own choice)."""


@dataclass(frozen=True)
class Change:
    """One thing that an experiment changes in a training.

    Parameters
    ----------
    code
        Code of the cause that it mends.
    words
        What is changed, as the object of "train with".
    rate
        Factor of the learning rate.
    scale_inputs, scale_targets
        Whether inputs and targets are standardized.
    clipping, penalties
        Whether the gradient is clipped and penalties are minimized, as the training says.
    shuffle
        Whether the examples are shuffled; as the training says if None.
    fresh
        Whether the weights are drawn from Keras's default initializers.
    loss
        Loss to train on instead of the compiled one.
    """

    code: str = ""
    words: str = "no change"
    rate: float = 1.0
    scale_inputs: bool = False
    scale_targets: bool = False
    clipping: bool = True
    penalties: bool = True
    shuffle: bool | None = None
    fresh: bool = False
    loss: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Effect:
    """What a change did to a short training.

    Parameters
    ----------
    change
        The change.
    steps
        Number of steps of both trainings.
    before, after
        Loss at the end without and with the change; infinite if it was not finite.
    gain
        Loss that the change removed, as a share of a constant answer's loss, or of the initial loss
        if that is unknown.
    """

    change: Change
    steps: int
    before: float
    after: float
    gain: float

    @property
    def confirmed(self) -> bool:
        """Whether the change lowers the loss noticeably."""
        return self.gain > GAIN

    def __str__(self) -> str:
        outcome = f"{_number(self.before)} without and {_number(self.after)} with it"
        return f"{self.change.words}: after {self.steps} steps the loss is {outcome}"


def changes_for(plan: TrainingPlan, codes: Sequence[str]) -> list[Change]:
    """Return the changes that are worth trying for a training.

    A tenth and ten times the learning rate, and standardized inputs, are always tried, because
    their symptoms look alike; the others if their code is suspected.

    Parameters
    ----------
    plan
        The training.
    codes
        Codes that are suspected.
    """
    changes = [
        Change("rate-high", "a tenth of the learning rate", rate=0.1),
        Change("rate-high", "a hundredth of the learning rate", rate=0.01),
        Change("rate-low", "ten times the learning rate", rate=10.0),
        Change("rate-low", "a hundred times the learning rate", rate=100.0),
    ]
    if "rate-low" in codes:
        changes.append(Change("rate-low", "10,000 times the learning rate", rate=1e4))
    if "rate-high" in codes:
        changes.append(Change("rate-high", "a thousandth of the learning rate", rate=1e-3))
    if plan.x.dtype.kind == "f" or plan.x.ndim > 2:
        changes.append(Change("inputs-unscaled", "standardized inputs", scale_inputs=True))
    are_numbers = plan.loss_name in ("mean_squared_error", "mean_absolute_error")
    if are_numbers and not plan.is_classification:
        changes.append(Change("targets-unscaled", "standardized targets", scale_targets=True))
    suspected = {
        "gradient-clipped": Change("gradient-clipped", "no clipping", clipping=False),
        "penalty-high": Change("penalty-high", "no penalties", penalties=False),
        "not-shuffled": Change("not-shuffled", "shuffled examples", shuffle=True),
    }
    for code in ("init-scale", "equal-weights", "gradient-missing", "initial-loss", "saturated"):
        suspected[code] = Change("init-scale", "default initial weights", fresh=True)
    if plan.head.activation in ("", "linear") and not plan.from_logits:
        loss = _logits_loss(plan.loss_name)
        if loss is not None:
            suspected["head-loss"] = Change("head-loss", "from_logits=True", loss=loss)
    if plan.head.activation == "softmax" and is_one_hot(plan.y):
        loss = keras.losses.CategoricalCrossentropy()
        change = Change("loss-for-numbers", "categorical_crossentropy", loss=loss)
        suspected["loss-for-numbers"] = change
    for code in codes:
        if code in suspected and suspected[code] not in changes:
            changes.append(suspected[code])
    return changes


def try_changes(
    plan: TrainingPlan, changes: Sequence[Change], *, steps: int = STEPS, seed: int = 0
) -> list[Effect]:
    """Train a copy of the model with each change, from the same weights and on the same batches.

    Parameters
    ----------
    plan
        The training.
    changes
        The changes.
    steps
        Number of steps of each training.
    seed
        Seed of the order of the examples.

    Returns
    -------
    list of Effect
        One per change, in the given order.

    Examples
    --------
    >>> import cnnzoo
    >>> from cnnzoo.doctor.plan import make_plan
    >>> digits = cnnzoo.load_data("digits")
    >>> model = cnnzoo.mlp(input_shape=(8, 8, 1), learning_rate=1e-5, seed=0)
    >>> change = Change("rate-low", "a hundred times the learning rate", rate=100.0)
    >>> (effect,) = try_changes(make_plan(model, digits), [change])
    >>> effect.confirmed
    True
    """
    copies: dict[tuple[Any, bool, bool], Experiment] = {}  # traced once each

    def course_of(change: Change) -> Course:
        key = (change.loss, change.clipping, change.penalties)
        if key not in copies:
            copies[key] = Experiment(
                plan.model, loss=change.loss, clipping=change.clipping, penalties=change.penalties
            )
        return _course(plan, copies[key], change, steps, seed)

    base = course_of(Change())
    unit = constant_loss(plan, plan.y)
    if not (math.isfinite(unit) and unit > 0):
        unit = abs(base.start) if math.isfinite(base.start) and base.start else 1.0
    effects = []
    for change in changes:
        course = course_of(change)
        own = 1.0 if change.scale_targets else unit
        if change.code == "loss-for-numbers":
            own = math.log(plan.y.shape[-1])
        gain = _remaining(base, unit) - _remaining(course, own)
        effects.append(Effect(change, steps, base.end, course.end, gain))
    return effects


def _remaining(course: Course, unit: float) -> float:
    """Return the loss at the end as a share of a constant answer's, at most 2.

    A diverged training counts no more than a bad one.
    """
    return min(course.end / unit, 2.0)


def _course(
    plan: TrainingPlan, experiment: Experiment, change: Change, steps: int, seed: int
) -> Course:
    x, y = plan.x, plan.y
    weights = default_weights(plan.model, seed) if change.fresh else None
    if change.scale_inputs:
        x = standardized(np.asarray(x, "float32"))
    if change.scale_targets:
        y = standardized(np.asarray(y, "float32"))
    shuffle = plan.shuffle if change.shuffle is None else change.shuffle
    batches = batches_of(x, y, plan.batch_size, steps, shuffle=shuffle, seed=seed)
    return experiment.run(batches, rate_factor=change.rate, weights=weights)


def _logits_loss(name: str) -> Any:
    losses = {
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
        "binary_crossentropy": keras.losses.BinaryCrossentropy,
    }
    return losses[name](from_logits=True) if name in losses else None


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not finite"
