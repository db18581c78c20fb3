"""What choosing by the trials that measure does to the best variant and to a path."""

import numpy as np

from ablations.stats.paired_t import paired_t
from ablations.stats.verdicts import holm
from simulation.draws import ALPHA, Array, rng_of
from simulation.tables import Report, Row, percent

N = 10
"""Seed blocks."""


def best_variants(report: Report) -> None:
    rows = []
    every = np.arange(report.repetitions)
    for place, (count, effect) in enumerate(((3, 0.0), (10, 0.0), (30, 0.0), (10, 0.5), (10, 2.0))):
        rng = rng_of(11, place)
        effects = np.zeros(count)
        effects[0] = -effect  # of a loss
        own = rng.normal(size=(report.repetitions, count, N)) + effects[:, None]
        deltas = own - rng.normal(size=(report.repetitions, 1, N))
        found = paired_t(deltas, modified=True)
        best = found.delta.argmin(axis=1)
        delta, low, high, p = (
            each[every, best] for each in (found.delta, found.low, found.high, holm(found.p))
        )
        true = effects[best]
        chosen = delta < 0  # else the baseline is the best
        said = chosen & (p < ALPHA)
        row: Row = {"variants": count, "effect of one, in sds": effect}
        row["best is not the baseline"] = percent(chosen.mean())
        row["best is the one with an effect"] = percent((chosen & (true < 0)).mean())
        row["its delta is too good by, in sds"] = f"{(true - delta)[chosen].mean():.2f}"
        row["its own interval holds"] = percent(((low <= true) & (true <= high))[chosen].mean())
        row["falsely called better"] = report.at_most(
            f"best of {count}, effect {effect}", float((said & (true == 0)).mean())
        )
        rows.append(row)
    report.add(
        f"The best variant, n = {N}",
        "What `best` picks by the mean of the trials that also measure it: its delta is too good, "
        "and the interval of that delta holds too seldom, the more variants there are. Its "
        "verdict, corrected by Holm over all variants, must be false in at most 5%.",
        rows,
    )


def path_steps(report: Report) -> None:
    rows = []
    place = 0
    for count in (2, 4, 8):
        half = np.arange(count) < count // 2
        for name, effects in (
            ("none has an effect", np.zeros(count)),
            ("half help", np.where(half, -1.5, 0.0)),
            ("half harm", np.where(half, 1.5, 0.0)),
        ):
            rng = rng_of(12, place)
            place += 1
            found, true = _paths(rng, effects, report.repetitions)
            none, tried = true == 0, count * (count + 1) // 2
            corrected = np.minimum(1.0, found.p * tried) < ALPHA
            holds = (found.low <= true) & (true <= found.high)
            row: Row = {"factors": count, "of these": name}
            row["first step helps"] = percent((true[:, 0] < 0).mean()) if effects.min() < 0 else ""
            row["first delta too good by, in sds"] = f"{(true - found.delta)[:, 0].mean():.2f}"
            row["its interval holds"] = percent(holds[:, 0].mean())
            row["any false step, p < 5%"] = percent(((found.p < ALPHA) & none).any(axis=1).mean())
            row["any false step, corrected"] = report.at_most(
                f"path of {count}, {name}", float((corrected & none).any(axis=1).mean())
            )
            row["effects found"] = percent(corrected[~none].mean()) if effects.any() else ""
            rows.append(row)
    report.add(
        f"The steps of a path, n = {N}",
        "Each step takes the factor that helps most, by the trials that measure it. How often a "
        "path has any step without effect that is called better or worse, with p as it is and "
        "multiplied by the number of changes tried, as a report says: at most 5%. Effects are of "
        "1.5 standard deviations of a trial.",
        rows,
    )


def _paths(rng: np.random.Generator, effects: Array, repetitions: int):
    """Return each step's comparison with the step before, and what its factor does."""
    every = np.arange(repetitions)
    left = np.ones((repetitions, len(effects)), dtype=bool)
    before, so_far = rng.normal(size=(repetitions, N)), np.zeros(repetitions)
    deltas, true = [], []
    for _ in effects:
        tried = rng.normal(size=(repetitions, len(effects), N)) + effects[:, None]
        tried += so_far[:, None, None]
        factor = np.where(left, tried.mean(axis=2), np.inf).argmin(axis=1)
        after = tried[every, factor]
        deltas.append(after - before)
        true.append(effects[factor])
        left[every, factor] = False
        before, so_far = after, so_far + effects[factor]
    return paired_t(np.stack(deltas, axis=1)), np.stack(true, axis=1)
