"""Which variants are Pareto-optimal where trials fail."""

import numpy as np
import pandas as pd

from ablations.stats import pareto
from simulation.draws import Array, rng_of
from simulation.tables import Report, Row, percent

N = 14
"""Seed blocks."""

THROUGH = 1000
"""Repetitions that are put through `pareto` itself: each takes 10 ms."""


def pareto_fronts(report: Report) -> None:
    """Set a variant of equal costs that is worse against the baseline, through `pareto`."""
    rows = []
    hard = np.arange(N) >= 8
    for place, name in enumerate(
        ("none fails", "it fails in the 6 hardest seeds", "3 of the 14 fail in both, at random")
    ):
        rng = rng_of(13, place)
        seeds = np.sort(rng.normal(0, 3, (report.repetitions, 1, N)), axis=2)
        values = seeds + rng.normal(size=(report.repetitions, 2, N)) + [[0.0], [0.5]]
        if place == 1:
            values[:, 1, hard] = np.nan
        if place == 2:
            values[rng.random(values.shape).argsort(axis=2) < 3] = np.nan
        own = np.nanmean(values, axis=2)
        both = np.isfinite(values).all(axis=1, keepdims=True)
        pairs = np.where(both, values[:, 1:] - values[:, :1], np.nan)
        ahead = np.nanmean(pairs, axis=2)[:, 0] <= 0
        optimal = np.array([_optimal(one) for one in values[:THROUGH]])
        row: Row = {"trials": name}
        row["by means of their own seeds"] = percent((own[:, 1] <= own[:, 0]).mean())
        row["by their pairs"] = percent(ahead.mean())
        row["`pareto` and the pairs differ"] = report.at_most(
            f"pareto, {name}", float((optimal != ahead[:THROUGH]).mean()), 0.0
        )
        rows.append(row)
    report.add(
        f"Pareto-optimal in spite of failures, n = {N}",
        "How often a variant of equal costs, worse by half a standard deviation of a trial, is "
        "called Pareto-optimal, where seeds differ by three. `pareto` itself must say what the "
        f"pairs say, in each of {min(THROUGH, report.repetitions):,} studies.",
        rows,
    )


def _optimal(values: Array) -> bool:
    trials = pd.DataFrame(
        {
            "variant": ["baseline"] * N + ["worse"] * N,
            "seed": [*range(N)] * 2,
            "status": np.where(np.isfinite(values.ravel()), "done", "failed"),
            "test_loss": values.ravel(),
            "params": 1,
        }
    )
    return bool(pareto(trials, "test_loss")["optimal"].iloc[1])
