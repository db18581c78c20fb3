"""How often a variant without effect has a verdict at any time while a study runs."""

import numpy as np

from ablations.stats.anytime import e_process
from ablations.stats.paired_t import paired_t
from ablations.stats.verdicts import holm
from simulation.draws import ALPHA, DISTRIBUTIONS, FEW, Array, rng_of
from simulation.errors import REAL, real_family
from simulation.tables import Report, Row, percent

N = 30
"""Pairs at the end."""

FIRST = 6
"""Pairs from which on there is a verdict."""


def looking(report: Report, count: int = 5) -> None:
    rows = []
    for place, name in enumerate((*FEW, REAL)):
        rng = rng_of(20, place)
        draw = DISTRIBUTIONS[name][0]
        if name == REAL:
            many, shared = real_family(rng, report.repetitions, count, N)
        else:
            many, shared = (draw(rng, (report.repetitions, size, N)) for size in (count, 1))
        many = many - shared
        p = np.minimum(1, 1 / np.maximum.accumulate(e_process(many), axis=-1))
        row: Row = {"trials' errors": name}
        row["one variant, p < 5% from 2 pairs on"] = percent(_repeated(many[:, 0], 2))
        row["one variant, p < 5% from 6 pairs on"] = percent(_repeated(many[:, 0], FIRST))
        row["one variant, anytime"] = report.at_most(
            f"anytime, {name}", float((p[:, 0, FIRST - 1 :] < ALPHA).any(axis=1).mean())
        )
        adjusted = holm(np.moveaxis(p, 1, 2)[:, FIRST - 1 :])
        row[f"any of {count} variants, anytime"] = report.at_most(
            f"anytime of {count}, {name}", float((adjusted < ALPHA).any(axis=(1, 2)).mean())
        )
        rows.append(row)
    report.add(
        f"Verdicts while a study runs, up to {N} pairs",
        "How often a variant without effect has a verdict at any time if it is tested after every "
        "pair: by the t test, and by the e-process, which must be at most 5%.",
        rows,
    )
    found = []
    for place, effect in enumerate((0.5, 1.0, 1.5, 2.0)):
        values = rng_of(21, place).normal(effect, size=(report.repetitions, N))
        evidence = np.maximum.accumulate(e_process(values), axis=-1)
        one: Row = {"effect, in sds of a delta": effect}
        for n in (6, 10, 20, 30):
            one[f"by {n} pairs"] = percent(float((evidence[:, n - 1] >= 1 / ALPHA).mean()))
        found.append(one)
    report.add("Effects that the e-process has found", "One variant.", found)


def _repeated(values: Array, first: int) -> float:
    """Return how often p is below 5% after any pair."""
    p = np.stack([paired_t(values[:, :n]).p for n in range(first, N + 1)])
    return float((p < ALPHA).any(axis=0).mean())
