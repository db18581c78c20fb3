"""Checks by a gradient and by short trainings on a copy of the model."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.analysis.cost import macs
from cnnzoo.doctor.clipping import check_clipping
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.experiment import (
    NO_CHANGE,
    STEPS,
    Batch,
    Course,
    Experiment,
    ExperimentError,
    Gradient,
    batches_of,
    repeat,
    settings_of,
    standardized,
)
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.fit_call import PROBE_EXAMPLES, probe_batch
from cnnzoo.doctor.fresh import is_fresh
from cnnzoo.doctor.head import BINARY, CATEGORICAL
from cnnzoo.doctor.layer_calls import walk_layers
from cnnzoo.doctor.learning_rate import (
    FALLS,
    FITTED,
    SMALL_UPDATE,
    Better,
    Losses,
    falls_at,
    find_higher,
    find_lower,
    is_learned,
    set_rate,
)
from cnnzoo.doctor.penalty import check_penalty
from cnnzoo.doctor.plan import TrainingPlan
from cnnzoo.doctor.record import Change, Measurement, Record
from cnnzoo.doctor.vanishing import RATIO, SMALL

MAX_MACS = 1.0e11
"""Multiply-accumulates that a check may take, a few seconds of one core. A gradient takes three
times those of a forward pass."""

MIN_STEPS = 15
"""Number of steps below which nothing is concluded from a short training."""

HARDLY = 0.01
"""Share of the loss that is gone at most if the rate is too low (own choice)."""

PROJECTED = 3000
"""Number of steps that a training is assumed to have if its length is unknown (own choice)."""

EXPLODING_RATIO = 70.0
"""Ratio of the first to the last gradient that is too large (AUTOTRAINER)."""

INITIAL_RATIO = 5.0
"""Ratio of the initial loss to that of equal shares. Default initializers give 1 to 1.5, so this
is far outside (own choice)."""

LEARNED = 0.2
"""Share of the loss of a constant answer below which a model has learned already (own choice)."""


@dataclass(frozen=True, eq=False)
class Probes:
    """Trainings of copies of a model, made when a check asks for them.

    Parameters
    ----------
    plan
        The training that is checked.
    experiment
        The copy.
    batch
        The batch that is fitted.
    steps
        Number of steps on it.
    """

    plan: TrainingPlan
    experiment: Experiment
    batch: Batch
    steps: int

    @cached_property
    def gradient(self) -> Gradient:
        """The gradients before training."""
        return self.experiment.gradient(self.batch)

    @cached_property
    def course(self) -> Course:
        """The course with the settings of the model."""
        return self.run()

    def run(self, change: Change = NO_CHANGE, batch: Batch | None = None) -> Course:
        """Return the course with one thing changed."""
        batches = repeat(batch or self.batch, self.steps)
        enough = FITTED * self.reference / self.gradient.loss if self.gradient.loss > 0 else 0.0
        return self.experiment.run(batches, change, enough=enough)

    def losses(self, change: Change) -> list[float]:
        """Return the losses with one thing changed."""
        course = self.course if change == NO_CHANGE else self.run(change)
        losses: list[float] = course.losses.tolist()
        return losses

    @property
    def record(self) -> Record:
        """The record of a training that has not begun."""
        one = self.gradient
        measured = Measurement(
            0, 0, one.loss, penalty=one.penalty, gradient=one.norm, kept=one.kept
        )
        return Record(
            {},
            measured=(measured,),
            optimizer=settings_of(self.plan.model.optimizer),
            experiment=self.losses if self.steps >= MIN_STEPS else None,
        )

    @cached_property
    def reference(self) -> float:
        """The loss to compare with: the first one, or that of a constant answer if it is lower."""
        constant = constant_loss(self.plan, self.batch[1])
        return min(self.gradient.loss, constant if constant > 0 else math.inf)

    def is_fitted(self, course: Course) -> bool:
        """Return whether a course is well below the reference at its end."""
        return is_learned(course.losses, self.reference)


def make_probes(plan: TrainingPlan) -> Probes | None:
    """Return the probes of a plan; None if a copy cannot be trained.

    Size of the batch and number of steps follow from the model's multiply-accumulates, so that the
    findings do not depend on the speed of the machine.
    """
    if plan.loss is None:
        return None
    try:
        experiment = Experiment(plan.model)
    except ExperimentError:
        return None
    cost = 3 * (_macs(plan.model) or 1)
    size = min(PROBE_EXAMPLES, len(plan.x))
    while size > 4 and cost * size * MIN_STEPS > MAX_MACS:
        size //= 2
    steps = min(STEPS, int(MAX_MACS // (cost * size)))
    return Probes(plan, experiment, probe_batch(plan.x, plan.y, size), max(steps, 1))


def _macs(model: keras.Model) -> int:
    try:
        counted = macs(model)
    except (ValueError, TypeError, AttributeError):
        counted = None
    # every weight is used at least once
    return counted or sum(math.prod(weight.shape) for weight in model.weights)


def check_probes(probes: Probes, earlier: Sequence[Finding]) -> list[Finding]:
    """Return all findings: those of checks without steps, weighed by short trainings, and new ones.

    Parameters
    ----------
    probes
        The trainings.
    earlier
        Findings of checks without steps.
    """
    found = [*earlier]
    if any(finding.severity == Severity.ERROR for finding in earlier):
        return found  # of which all that follows would be a symptom
    try:
        gradient = probes.gradient
    except Exception as error:  # a layer or a loss of the user may raise anything
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        found.append(
            CODES["loss-nonfinite"].finding(
                f"a training step on {len(probes.batch[0])} examples raises "
                f"{type(error).__name__}: {line}",
                "Make the shapes of inputs, outputs and targets agree",
                name="A training step fails",
            )
        )
        return found
    is_unscaled = any(finding.code == "inputs-unscaled" for finding in earlier)
    found += [
        finding
        for finding in check_first_loss(probes, gradient)
        if not (is_unscaled and finding.code == "initial-loss")  # of which it is a symptom
    ]
    if not math.isfinite(gradient.loss):
        return found
    found += check_gradient(probes, gradient)
    record = probes.record
    found += [f for f in (check_clipping(record), check_penalty(record)) if f is not None]
    if probes.steps >= MIN_STEPS and not _has_learned(probes, gradient):
        found = check_course(probes, found)
    return found


def constant_loss(plan: TrainingPlan, y: NDArray[Any]) -> float:
    """Return the crossentropy of equal shares, or the variance of targets; NaN if neither fits."""
    if plan.loss_name in CATEGORICAL[:2]:
        return math.log(max(plan.head.units or 1, 1))
    if plan.loss_name == BINARY[0]:
        return math.log(2)
    if plan.loss_name == "mean_squared_error":
        return float(np.var(y))
    return math.nan


def _has_learned(probes: Probes, gradient: Gradient) -> bool:
    return gradient.loss < LEARNED * constant_loss(probes.plan, probes.batch[1])


def _is_new(plan: TrainingPlan) -> bool:
    """Return whether no layer has learned weights."""
    steps = int(plan.model.optimizer.iterations)
    return not steps and all(is_fresh(layer) is not False for _, layer in walk_layers(plan.model))


def check_first_loss(probes: Probes, gradient: Gradient) -> Iterator[Finding]:
    """Yield a finding if the loss before training is not finite or far too high."""
    plan, loss = probes.plan, gradient.loss
    if not math.isfinite(loss):
        yield CODES["loss-nonfinite"].finding(
            f"the loss of {len(probes.batch[0])} examples is {loss} before the first step",
            "Look at what enters the loss: a logarithm or a division of 0, or an overflow",
        )
        return
    expected = constant_loss(plan, probes.batch[1])
    if plan.loss_name not in (*CATEGORICAL[:2], BINARY[0]) or not expected:
        return
    if loss > INITIAL_RATIO * expected and _is_new(plan):
        units = plan.head.units if plan.loss_name in CATEGORICAL else 2
        yield CODES["initial-loss"].finding(
            f"the loss before training is {loss:.3g}, where equal shares have log({units}) = "
            f"{expected:.3g}, so the new model is sure of wrong answers",
            "Scale the inputs, or use smaller initial weights: divide the inputs by their standard "
            "deviation and check again to tell which",
        )


def check_gradient(probes: Probes, gradient: Gradient) -> Iterator[Finding]:
    """Yield findings for layers without a gradient, and for one that vanishes or explodes."""
    kernels = {
        path: norm
        for path, norm in gradient.norms.items()
        if path.rpartition("/")[2].endswith(("kernel", "embeddings"))
    }
    missing = [path for path, norm in kernels.items() if not norm > 0]  # 0 or NaN
    if kernels and len(missing) == len(kernels):
        yield CODES["gradient-missing"].finding(
            f"the gradient of all {len(kernels)} kernels is 0 for {len(probes.batch[0])} examples",
            "Look for what ends it: units that are 0 for every input, a saturated activation, or "
            "an operation without gradient such as argmax or round; the first layer with constant "
            "outputs is where it ends",
            severity=Severity.ERROR,
        )
        return
    if missing:
        names = ", ".join(f"`{_layer(path)}`" for path in missing[:3])
        yield CODES["gradient-missing"].finding(
            f"the gradient of {len(missing)} of {len(kernels)} kernels is 0 for "
            f"{len(probes.batch[0])} examples (of {names})",
            "Connect these layers with the output; if they are, their units are 0 or saturated for "
            "every input",
            layer=_layer(missing[0]),
        )
        return
    if len(kernels) < 2:
        return
    (first, start), *_, (last, end) = kernels.items()
    ratio = start / end
    words = (
        f"the gradient of `{_layer(first)}` has the norm {start:.2g} and that of `{_layer(last)}` "
        f"{end:.2g}, a ratio of {ratio:.2g}"
    )
    if start < SMALL and ratio < RATIO:
        yield CODES["gradient-vanishing"].finding(
            words,
            "Use relu, a normalization or residual connections"
            if not probes.plan.toggles
            else "Set `activation`='relu' or `normalization`='batch'",
            layer=_layer(first),
        )
    elif ratio > EXPLODING_RATIO:
        yield CODES["gradient-exploding"].finding(
            words,
            "If the loss jumps, use smaller initial weights, a normalization or scaled inputs",
            severity=Severity.NOTE,
            layer=_layer(first),
        )


def _layer(path: str) -> str:
    """Return the name of a variable's layer."""
    return path.rpartition("/")[0].rpartition("/")[2]


def check_course(probes: Probes, found: list[Finding]) -> list[Finding]:
    """Return findings with those of a training on one batch, and counterfactuals if it fails."""
    course = probes.course
    scale = next((f for f in found if f.code == "inputs-unscaled"), None)
    if probes.is_fitted(course):
        return [_as_note(f, course.losses) if f is scale else f for f in found]
    size, rate = len(probes.batch[0]), probes.experiment.rate
    if scale is not None and probes.is_fitted(probes.run(batch=_scaled(probes.batch))):
        return found  # the scale explains it
    if any(f.code == "gradient-clipped" for f in found):
        return found  # an experiment without clipping has shown it
    words = f"{len(course.losses)} steps on {size} examples take "
    if course.fall < FALLS or course.losses.max() > DIVERGES * course.start:
        lower = find_lower(probes.losses, course.losses, probes.reference)
        if lower is not None:
            name = probes.plan.where("learning_rate", "the learning rate")
            return [
                *(_as_note(f, lower[1]) if f is scale else f for f in found),
                CODES["rate-high"].finding(
                    words + falls_at(course.losses, rate, lower),
                    set_rate(rate * lower[0], name),
                ),
            ]
    if course.fall < HARDLY and not course.change > SMALL_UPDATE:
        higher = find_higher(probes.losses, course.losses)
        if higher is not None:
            return [*found, _rate_low(probes, words, higher)]
    if course.fall < HARDLY and not any(f.severity == Severity.WARNING for f in found):
        rest = [probes.run(Change(rate=factor)) for factor in (0.1, 10.0)]
        if max(each.fall for each in rest) < HARDLY:
            found = [
                *found,
                CODES["batch-not-fitted"].finding(
                    f"{words}the loss from {course.start:.3g} to {course.end:.3g} at the learning "
                    f"rate {rate:.3g}, to {rest[0].end:.3g} at a tenth and to {rest[1].end:.3g} at "
                    "ten times that rate",
                    "Look for what keeps the outputs constant: train the last layer alone on this "
                    "batch, then add the layers before it one by one",
                ),
            ]
    return found


def _rate_low(probes: Probes, words: str, better: Better) -> Finding:
    plan, course, rate = probes.plan, probes.course, probes.experiment.rate
    per_step = course.fall / len(course.losses)
    needed = 0.5 / per_step if per_step > 0 else math.inf
    planned = plan.steps or PROJECTED
    length = f"the planned {planned:,}" if plan.steps else f"{planned:,}"
    pace = f"about {needed:,.0f} steps" if math.isfinite(needed) else "no number of steps"
    name = plan.where("learning_rate", "the learning rate")
    return CODES["rate-low"].finding(
        f"{words}{falls_at(course.losses, rate, better)}; at this pace {pace} would halve it, "
        f"where {length} are {'there' if plan.steps else 'usual'}",
        set_rate(rate * better[0], name),
        severity=Severity.WARNING if needed > planned else Severity.NOTE,
    )


def _scaled(batch: Batch) -> Batch:
    return standardized(batch[0].astype("float64")), batch[1]


def _as_note(finding: Finding, losses: Losses) -> Finding:
    """Return a finding as a note, because a batch is fitted all the same."""
    return replace(
        finding,
        severity=Severity.NOTE,
        evidence=f"{finding.evidence}; {len(losses)} steps on one batch take the loss from "
        f"{losses[0]:.3g} to {losses[-1]:.3g} all the same",
    )


RANGE = (1e-6, 10.0)
"""Learning rates of a range test."""

RANGE_STEPS = 60
"""Number of steps of a range test."""

DIVERGES = 4.0
"""Ratio to the lowest loss at which a range test counts as diverged (as in fastai's lr_find)."""


@dataclass(frozen=True)
class RateRange:
    """The result of a range test.

    Parameters
    ----------
    steepest
        Learning rate at which the loss falls fastest.
    diverges
        Learning rate at which the loss is four times its lowest value, or not finite; infinite if
        it never is.
    """

    steepest: float
    diverges: float


def range_test(probes: Probes) -> RateRange:
    """Train with a learning rate that grows with each step (Smith 2018)."""
    low, high = RANGE
    rates = np.geomspace(low, high, RANGE_STEPS)
    plan = probes.plan
    batches = batches_of(plan.x, plan.y, len(probes.batch[0]), RANGE_STEPS)
    losses = probes.experiment.run(batches, rates=[float(rate) for rate in rates]).losses
    finite = np.where(np.isfinite(losses), losses, np.inf)
    smooth = np.array([np.median(finite[max(0, i - 2) : i + 3]) for i in range(len(finite))])
    lowest = np.minimum.accumulate(smooth)
    bad = np.flatnonzero(smooth > DIVERGES * np.maximum(lowest, 1e-12))
    end = int(bad[0]) if len(bad) else len(smooth)
    falls = -np.diff(smooth[: max(end, 2)])
    steepest = float(rates[int(np.nan_to_num(falls, nan=-np.inf).argmax())])
    diverges = float(rates[end]) if end < len(losses) else math.inf
    if end >= len(losses) and len(losses) < RANGE_STEPS:
        diverges = float(rates[len(losses) - 1])  # the last loss was not finite
    return RateRange(steepest, diverges)


def check_range(probes: Probes) -> Iterator[Finding]:
    """Yield a finding for the place of the learning rate in a range test."""
    result, rate = range_test(probes), probes.experiment.rate
    name = probes.plan.where("learning_rate", "the learning rate")
    words = (
        f"in a range test of {RANGE[0]:g} to {RANGE[1]:g} the loss falls fastest at "
        f"{result.steepest:.2g}"
    )
    words += f" and diverges at {result.diverges:.2g}" if math.isfinite(result.diverges) else ""
    if rate >= result.diverges:
        yield CODES["rate-high"].finding(
            f"{words}; the learning rate is {rate:.2g}",
            set_rate(float(f"{result.steepest:.1g}"), name),
        )
    elif rate < result.steepest / 100:  # own choice; Smith takes a tenth of the largest that works
        yield CODES["rate-low"].finding(
            f"{words}; the learning rate is {rate:.2g}",
            set_rate(float(f"{result.steepest / 10:.1g}"), name),
            severity=Severity.NOTE,
        )
