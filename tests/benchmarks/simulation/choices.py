"""What choosing by the trials that measure does to the best variant and to a path."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from ablations.stats.paired_t import PairedT, paired_t
from ablations.stats.selection import held_out, luck
from ablations.stats.verdicts import holm
from simulation.draws import ALPHA, Array, rng_of
from simulation.tables import Report, Row, percent, signed

N = 10
"""Seed blocks."""

CHOOSERS = (("test", 1.0), ("validation, r = 0.9", 0.9), ("validation, r = 0.5", 0.5))
"""What chooses, and its correlation with the test metric of the same trained model."""


def best_variants(report: Report) -> None:
    rows = []
    every = np.arange(report.repetitions)
    place = 0
    for chooser, r in CHOOSERS:
        for count, effect in ((3, 0.0), (10, 0.0), (30, 0.0), (10, 0.5), (10, 1.0), (10, 2.0)):
            rng = rng_of(11, place)
            place += 1
            effects = np.zeros(count + 1)  # the baseline comes first
            effects[1] = -effect  # of a loss
            errors = rng.normal(size=(report.repetitions, N, count + 1))
            losses = _chooser(rng, errors, r) + effects
            deltas = errors + effects
            deltas = deltas - deltas[:, :, :1]
            best = losses.mean(axis=1).argmin(axis=1)
            true = effects[best]
            plain = paired_t(np.moveaxis(deltas, 1, 2)[:, 1:], modified=True)
            at = np.maximum(best - 1, 0)
            low, high, p = (each[every, at] for each in (plain.low, plain.high, holm(plain.p)))
            chosen = best > 0  # else the baseline is the best
            uncorrected = deltas.mean(axis=1)[every, best]
            found = [held_out(by, values) for by, values in zip(losses, deltas, strict=True)]
            corrected = np.array([each.mean for each in found])
            holds = np.array(
                [each.low <= t <= each.high for each, t in zip(found, true, strict=True)]
            )
            said = chosen & (p < ALPHA) & (uncorrected < 0)
            name = f"best of {count}, effect {effect:g}, chosen by {chooser}"
            error = float((corrected - true).std()) / math.sqrt(report.repetitions)
            row: Row = {"chosen by": chooser, "variants": count, "effect of one, in sds": effect}
            row["it is the best"] = percent((best == 1).mean()) if effect else ""
            row["bias, uncorrected"] = signed((uncorrected - true).mean())
            row["bias, corrected"] = report.within(name, (corrected - true).mean(), error)
            row["its own interval holds"] = percent(((low <= true) & (true <= high))[chosen].mean())
            row["corrected interval holds"] = report.covers(name, float(holds.mean()), 0.945)
            row["falsely called better"] = report.at_most(name, float((said & (true == 0)).mean()))
            rows.append(row)
    report.add(
        f"The best variant, n = {N}",
        "What `best` and `best_delta` say about the variant with the best mean, if the baseline is "
        "among those it is chosen from. Its uncorrected delta is too good, and the interval of "
        "that delta does not hold often enough, the more so the more variants there are. A "
        "validation metric of the same trained models correlates with the test metric (r), so "
        "choosing by it leaves a part of the bias. The bias of the corrected delta, in standard "
        "deviations of a trial, must be within 0.05, and its interval must hold in at least 94.5%. "
        "The verdict, corrected by Holm over all variants, must be false in at most 5%.",
        rows,
    )


def path_steps(report: Report) -> None:
    rows = []
    place = 0
    repetitions = max(500, report.repetitions // 4)  # they are slow, and far from their bounds
    for training, shared in (("independent", 0.0), ("toggles x seeds", 0.8)):
        for count in (2, 4, 8):
            half = np.arange(count) < count // 2
            for name, effects in (
                ("none has an effect", np.zeros(count)),
                ("half help", np.where(half, -1.5, 0.0)),
                ("half harm", np.where(half, 1.5, 0.0)),
            ):
                rng = rng_of(12, place)
                place += 1
                deltas, lucks, true = _paths(rng, effects, repetitions, shared)
                tried = count * (count + 1) // 2
                too_much = np.diff(lucks, prepend=0.0, axis=1)[:, :, None]
                found = _judged(deltas, too_much, 1 - ALPHA / tried)
                plain = paired_t(deltas)
                none = true == 0
                corrected = found.p * tried < ALPHA
                holds = (found.low <= true) & (true <= found.high)
                bias, before = found.delta - true, plain.delta - true
                what = f"path of {count}, {name}, {training} trainings"
                error = float(bias[:, 0].std()) / math.sqrt(repetitions)
                row: Row = {"trainings": training, "factors": count, "of these": name}
                row["step 1, uncorrected"] = signed(before[:, 0].mean())
                row["step 1, corrected"] = report.within(what, bias[:, 0].mean(), error)
                row["last step, uncorrected"] = signed(before[:, -1].mean())
                row["last step, corrected"] = signed(bias[:, -1].mean())
                row["worst step, uncorrected"] = signed(_worst(before))
                row["worst step, corrected"] = signed(_worst(bias))
                row["all intervals hold"] = report.covers(
                    what, float(holds.all(axis=1).mean()), 0.945
                )
                row["any false step, p < 5%"] = percent(
                    ((plain.p < ALPHA) & none).any(axis=1).mean()
                )
                row["any false step, corrected"] = report.at_most(
                    what, float((corrected & none).any(axis=1).mean())
                )
                row["effects found"] = percent(corrected[~none].mean()) if effects.any() else ""
                rows.append(row)
    report.add(
        f"The steps of a path, n = {N}",
        f"{repetitions:,} paths of each kind. "
        "Each step takes the factor that helps most, by a validation metric that correlates with "
        "the test metric of the same trained model (r = 0.9). Effects are of 1.5 standard "
        "deviations of a trial, and so are the biases of the deltas of the steps: the one of step "
        "1 must be within 0.05 after the correction. Later steps are corrected under the "
        "assumption that the luck of a variant is gone in the next training; where a seed keeps "
        "its own effect of each toggle (80% of the variance in the second half of the rows), a "
        "part of their bias is left. The intervals must hold for all steps at once in at least "
        "94.5%. Any step without effect may be called better or worse in at most 5% of the paths.",
        rows,
    )


def skewed_paths(report: Report) -> None:
    rows = []
    repetitions = max(500, report.repetitions // 4)
    for training, shared in (("independent", 0.0), ("toggles x seeds", 0.8)):
        for count in (2, 4):
            rng = rng_of(31, len(rows))
            deltas, lucks, _ = _paths(rng, np.zeros(count), repetitions, shared, _lognormal)
            too_much = np.diff(lucks, prepend=0.0, axis=1)[:, :, None]
            row: Row = {"trainings": training, "factors": count}
            for words, modified in (("Student's t", False), ("modified t", True)):
                p = paired_t(deltas - too_much, modified=modified).p * (count * (count + 1) // 2)
                row[f"any false step, {words}"] = percent((p < ALPHA).any(axis=1).mean())
            p = _judged(deltas, too_much).p * (count * (count + 1) // 2)
            false = float((p < ALPHA).any(axis=1).mean())
            words = "any false step, with and without luck"
            name = f"path of {count}, lognormal errors"
            row[words] = percent(false) if shared else report.at_most(name, false)
            rows.append(row)
    report.add(
        f"The steps of a path with lognormal errors, n = {N}",
        f"{repetitions:,} paths of each kind, in which no factor has an effect, with errors of "
        "skewness 6. Steps have Student's t, because the modified t errs no less there, of the "
        "deltas with and without the luck of their variants, of which both must be significant: at "
        "most 5% where trainings are independent. The other columns are for the corrected deltas "
        "alone.",
        rows,
    )


def _judged(deltas: Array, too_much: Array, confidence: float = 0.95) -> PairedT:
    """Return what `ablations.stats.path_steps` makes of the deltas of steps and their lucks."""
    one, other = (paired_t(each, confidence) for each in (deltas - too_much, deltas))
    p = np.where(one.delta * other.delta >= 0, np.maximum(one.p, other.p), 1.0)
    low, high = np.minimum(one.low, other.low), np.maximum(one.high, other.high)
    return dataclasses.replace(one, low=low, high=high, p=p)


def _lognormal(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    """Draw lognormal errors with mean 0 and a standard deviation of 1."""
    return (rng.lognormal(size=size) - math.exp(0.5)) / math.sqrt((math.e - 1) * math.e)


def _normal(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    return rng.normal(size=size)


def _chooser(rng: np.random.Generator, errors: Array, r: float) -> Array:
    """Return the errors of the metric that chooses, with a correlation with those that measure."""
    return r * errors + math.sqrt(1 - r**2) * rng.normal(size=errors.shape) if r < 1 else errors


def _worst(bias: Array) -> float:
    means = bias.mean(axis=0)
    return float(means[np.abs(means).argmax()])


def _paths(
    rng: np.random.Generator,
    effects: Array,
    repetitions: int,
    shared: float,
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array] = _normal,
) -> tuple[Array, Array, Array]:
    """Return each step's deltas, the luck after each step, and what each step's factor does."""
    every, count = np.arange(repetitions), len(effects)
    left = np.ones((repetitions, count), dtype=bool)
    toggles = math.sqrt(shared) * draw(rng, (repetitions, count, N))
    own = math.sqrt(1 - shared)
    before, so_far = own * draw(rng, (repetitions, N)), np.zeros(repetitions)
    kept = np.zeros((repetitions, N))  # by the seeds, of the toggles so far
    deltas, lucks, true = [], [], []
    for step in range(count):
        errors = own * draw(rng, (repetitions, count, N)) + kept[:, None] + toggles
        tried = errors + effects[:, None] + so_far[:, None, None]
        losses = _chooser(rng, errors, 0.9) + effects[:, None] + so_far[:, None, None]
        factor = np.where(left, losses.mean(axis=2), np.inf).argmin(axis=1)
        after = tried[every, factor]
        deltas.append(after - before)
        shape = (repetitions, count - step, N)
        candidates = zip(losses[left].reshape(shape), tried[left].reshape(shape), strict=True)
        lucks.append([luck(by.T, values.T) for by, values in candidates])
        true.append(effects[factor])
        left[every, factor] = False
        kept = kept + toggles[every, factor]
        before, so_far = after, so_far + effects[factor]
    return np.stack(deltas, axis=1), np.array(lucks).T, np.stack(true, axis=1)
