"""What it costs and saves that seeds end by the verdicts on validation and on test."""

import math

import numpy as np

from ablations.stats import looks
from ablations.stats.paired_t import paired_t
from simulation.draws import ALPHA, rng_of
from simulation.sequential_p import sequential_p
from simulation.tables import Report, percent, signed


def settled_on_both(report: Report) -> None:
    at = np.array(looks())
    every = np.arange(report.repetitions)
    rows = []
    for place, (r, effect) in enumerate((r, effect) for r in (0.9, 0.5) for effect in (0, 0.5, 1)):
        rng = rng_of(22, place)
        errors = rng.normal(size=(report.repetitions, at[-1]))
        other = r * errors + math.sqrt(1 - r**2) * rng.normal(size=errors.shape)
        test, validation = (
            np.stack([sequential_p(_at(values + effect, at[: k + 1]), at) for k in range(len(at))])
            for values in (errors, other)
        )
        means = (errors + effect).cumsum(axis=1)[:, at - 1] / at
        for name, closed in (
            ("test", test < ALPHA),
            ("validation", validation < ALPHA),
            ("both", (test < ALPHA) & (validation < ALPHA)),
        ):
            last = np.where(closed.any(axis=0), closed.argmax(axis=0), len(at) - 1)
            verdict = test[last, every] < ALPHA
            rate = float(verdict.mean())
            rows.append(
                {
                    "correlation": r,
                    "effect, in sds of a delta": effect,
                    "seeds end by": name,
                    "mean blocks": f"{at[last].mean():.1f}",
                    "verdict on test": percent(rate)
                    if effect
                    else report.at_most(f"seeds end by {name}, r = {r}", rate),
                    "bias of the delta": signed((means[every, last] - effect).mean()),
                }
            )
    report.add(
        "Seeds end by validation and test",
        "One variant whose seeds end at the look at which its verdict is settled on the test "
        'split, on the validation split, or on both, which is the rule of `seeds="auto"`. A false '
        "verdict must come in at most 5%. The delta of a study that stops at a verdict is somewhat "
        "too large by each rule; ending by validation alone would leave many effects without a "
        "verdict on the test split.",
        rows,
    )


def _at(values, at):
    return np.stack([paired_t(values[:, :n]).p for n in at], axis=-1)
