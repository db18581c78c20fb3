"""Counterfactuals: short trainings of a copy of a model with a suspected cause mended."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.doctor.experiment import (
    NO_CHANGE,
    STEPS,
    Course,
    Experiment,
    batches_of,
    default_weights,
    standardized,
)
from cnnzoo.doctor.learning_rate import HIGHER, LOWER
from cnnzoo.doctor.plan import TrainingPlan, is_one_hot
from cnnzoo.doctor.probes import constant_loss
from cnnzoo.doctor.record import Change

Array = NDArray[Any]

GAIN = 0.1
"""Share of a constant answer's loss by which a mended cause must lower the loss more than no
change does, to count as confirmed (own choice)."""


@dataclass(frozen=True)
class Remedy:
    """One thing that mends a cause in a short training.

    Parameters
    ----------
    code
        Code of the cause.
    words
        What is changed, as the object of "train with".
    change
        What is changed in learning rate, clipping and penalties.
    scale_inputs, scale_targets
        Whether inputs and targets are standardized.
    shuffle
        Whether the examples are shuffled; as the training says if None.
    fresh
        Whether the weights are drawn from Keras's default initializers.
    loss
        Loss to train on instead of the compiled one.
    """

    code: str = ""
    words: str = "no change"
    change: Change = NO_CHANGE
    scale_inputs: bool = False
    scale_targets: bool = False
    shuffle: bool | None = None
    fresh: bool = False
    loss: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Effect:
    """What a remedy did to a short training.

    Parameters
    ----------
    remedy
        The remedy.
    steps
        Number of steps of both trainings.
    before, after
        Loss at the end without and with the remedy; infinite if it was not finite.
    gain
        Loss that the remedy removed, as a share of a constant answer's loss, or of the initial loss
        if that is unknown.
    """

    remedy: Remedy
    steps: int
    before: float
    after: float
    gain: float

    @property
    def confirmed(self) -> bool:
        """Whether the remedy lowers the loss noticeably."""
        return self.gain > GAIN

    def __str__(self) -> str:
        outcome = f"{_number(self.before)} without and {_number(self.after)} with it"
        return f"{self.remedy.words}: after {self.steps} steps the loss is {outcome}"


def remedies_for(plan: TrainingPlan, codes: Sequence[str]) -> list[Remedy]:
    """Return the remedies that are worth trying for a training.

    A tenth and ten times the learning rate, and standardized inputs, are always tried, because
    their symptoms look alike; the others if their code is suspected.

    Parameters
    ----------
    plan
        The training.
    codes
        Codes that are suspected.
    """
    remedies = [
        Remedy(code, f"{factor:,g} times the learning rate", Change(rate=factor))
        for code, factors in (("rate-high", LOWER), ("rate-low", HIGHER))
        for factor in (factors if code in codes else factors[:2])
    ]
    if plan.x.dtype.kind == "f" or plan.x.ndim > 2:
        remedies.append(Remedy("inputs-unscaled", "standardized inputs", scale_inputs=True))
    are_numbers = plan.loss_name in ("mean_squared_error", "mean_absolute_error")
    if are_numbers and not plan.is_classification:
        remedies.append(Remedy("targets-unscaled", "standardized targets", scale_targets=True))
    suspected = {
        "gradient-clipped": Remedy("gradient-clipped", "no clipping", Change(clipping=False)),
        "penalty-high": Remedy("penalty-high", "no penalties", Change(penalties=False)),
        "not-shuffled": Remedy("not-shuffled", "shuffled examples", shuffle=True),
    }
    for code in ("init-scale", "equal-weights", "gradient-missing", "initial-loss", "saturated"):
        suspected[code] = Remedy("init-scale", "default initial weights", fresh=True)
    if plan.head.activation in ("", "linear") and not plan.from_logits:
        loss = _logits_loss(plan.loss_name)
        if loss is not None:
            suspected["head-loss"] = Remedy("head-loss", "from_logits=True", loss=loss)
    if plan.head.activation == "softmax" and is_one_hot(plan.y):
        loss = keras.losses.CategoricalCrossentropy()
        suspected["loss-for-numbers"] = Remedy(
            "loss-for-numbers", "categorical_crossentropy", loss=loss
        )
    for code in codes:
        if code in suspected and suspected[code] not in remedies:
            remedies.append(suspected[code])
    return remedies


def try_remedies(
    plan: TrainingPlan, remedies: Sequence[Remedy], *, steps: int = STEPS, seed: int = 0
) -> list[Effect]:
    """Train a copy of the model with each remedy, from the same weights and on the same batches.

    Parameters
    ----------
    plan
        The training.
    remedies
        The remedies.
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
    >>> remedy = Remedy("rate-low", "100 times the learning rate", Change(rate=100.0))
    >>> (effect,) = try_remedies(make_plan(model, digits), [remedy])
    >>> effect.confirmed
    True
    """
    copies: dict[Any, Experiment] = {}  # traced once for each loss

    def course_of(remedy: Remedy) -> Course:
        if remedy.loss not in copies:
            copies[remedy.loss] = Experiment(plan.model, loss=remedy.loss)
        return _course(plan, copies[remedy.loss], remedy, steps, seed)

    base = course_of(Remedy())
    unit = constant_loss(plan, plan.y)
    if not (math.isfinite(unit) and unit > 0):
        unit = abs(base.start) if math.isfinite(base.start) and base.start else 1.0
    effects = []
    for remedy in remedies:
        course = course_of(remedy)
        own = 1.0 if remedy.scale_targets else unit
        if remedy.code == "loss-for-numbers":
            own = math.log(plan.y.shape[-1])
        gain = _remaining(base, unit) - _remaining(course, own)
        effects.append(Effect(remedy, steps, base.end, course.end, gain))
    return effects


def _remaining(course: Course, unit: float) -> float:
    """Return the loss at the end as a share of a constant answer's, at most 2.

    A diverged training counts no more than a bad one.
    """
    return min(course.end / unit, 2.0)


def _course(
    plan: TrainingPlan, experiment: Experiment, remedy: Remedy, steps: int, seed: int
) -> Course:
    x, y = plan.x, plan.y
    weights = default_weights(plan.model, seed) if remedy.fresh else None
    if remedy.scale_inputs:
        x = standardized(np.asarray(x, "float32"))
    if remedy.scale_targets:
        y = standardized(np.asarray(y, "float32"))
    shuffle = plan.shuffle if remedy.shuffle is None else remedy.shuffle
    batches = batches_of(x, y, plan.batch_size, steps, shuffle=shuffle, seed=seed)
    return experiment.run(batches, remedy.change, weights=weights)


def _logits_loss(name: str) -> Any:
    losses = {
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
        "binary_crossentropy": keras.losses.BinaryCrossentropy,
    }
    return losses[name](from_logits=True) if name in losses else None


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not finite"
