"""What partial pooling does to the largest delta, and whether its probabilities hold."""

import numpy as np
import pandas as pd

from ablations.stats.pooling import pool, pool_data_sets, shared_variance
from ablations.stats.sample_size import pooled_spread
from simulation.draws import Array, rng_of
from simulation.tables import Report, Row, percent

SLOW = 20
"""A pooled study takes as long as this many of the other simulations' studies."""

SCATTERS = (0.1, 0.3, 0.5, 1.0, 2.0)
"""Standard deviations of the true means between configurations, in those of a trial."""


def largest_deltas(report: Report) -> None:
    rows = []
    for place, (count, n, scatter) in enumerate(
        [(count, n, each) for count, n in ((3, 10), (10, 10), (10, 6)) for each in (0.0, *SCATTERS)]
    ):
        rng = rng_of(31, place)
        shown, pooled, true, covered = [], [], [], []
        for _ in range(_repetitions(report)):
            values, truth = _study(rng, count, n, scatter)
            posterior = _pooled(values)
            delta = values.mean(axis=1)
            top = int(np.abs(delta).argmax())
            sign = np.sign(delta[top])
            shown.append(sign * delta[top])
            pooled.append(sign * posterior[top].mean)
            true.append(sign * truth[top])
            covered += [
                0.025 < each.below(t) < 0.975 for each, t in zip(posterior, truth, strict=True)
            ]
        rows.append(
            {
                "variants": count,
                "n": n,
                "SD of the true means, in sds of a trial": scatter,
                "largest delta": f"{np.mean(shown):.2f}",
                "pooled": f"{np.mean(pooled):.2f}",
                "true": f"{np.mean(true):.2f}",
                "95% intervals of all variants hold": percent(float(np.mean(covered))),
            }
        )
    report.add(
        "The largest delta, shown and pooled",
        "The largest delta of a study is too large; the pooled one is nearly right on average "
        "where variants have effects. Where none has any effect, a third to a half of the bias is "
        f"left. {_repetitions(report):,} studies each.",
        rows,
    )


def probabilities(report: Report) -> None:
    rng = rng_of(32)
    claims, holds = [], []
    for at in range(_repetitions(report)):
        scatter = SCATTERS[at % len(SCATTERS)]
        values, truth = _study(rng, 8, 10, scatter)
        for each, t in zip(_pooled(values), truth, strict=True):
            claims += [each.below(-0.5), 1 - each.below(0.5)]
            holds += [t < -0.5, t > 0.5]
    rows = _calibration(np.array(claims), np.array(holds))
    report.add(
        "Probabilities after pooling, 8 variants, n = 10",
        "P(better or worse by more than a margin of half a standard deviation of a trial), over "
        f"studies whose true means scatter by {', '.join(map(str, SCATTERS))}: how often it is so. "
        f"{_repetitions(report):,} studies.",
        rows,
    )


def new_data_sets(report: Report) -> None:
    rows = []
    for place, (count, tau) in enumerate(((2, 0.5), (3, 0.5), (5, 0.5), (5, 0.1), (10, 0.5))):
        rng = rng_of(33, place)
        holds = []
        for _ in range(_repetitions(report)):
            centres = rng.normal(0.4, tau, count + 1)
            samples = centres[:-1, None] + rng.normal(size=(count, 10))
            new = pool_data_sets(samples.mean(axis=1), samples.std(axis=1, ddof=1), [10] * count)
            holds.append(0.025 < new.below(centres[-1]) < 0.975)
        row: Row = {"data sets": count, "SD between them, in sds of a delta": tau}
        row["95% interval for a new one holds"] = percent(float(np.mean(holds)))
        rows.append(row)
    report.add(
        "The delta on a new data set, n = 10",
        "How often the interval holds the true delta on one more data set of the same kind. "
        f"{_repetitions(report):,} studies each.",
        rows,
    )


def pilots(report: Report) -> None:
    rows = []
    for place, (count, n) in enumerate(((1, 3), (1, 6), (3, 3), (3, 6), (10, 6), (10, 10))):
        rng = rng_of(34, place)
        values = rng.normal(size=(report.repetitions, count + 1, n))
        high = np.array([pooled_spread(each[1:] - each[0]).high for each in values])
        row: Row = {"variants": count, "seeds of the pilot": n}
        row["true SD below its upper limit"] = report.covers(
            f"upper limit, {count} variants, {n} seeds", float((high >= np.sqrt(2)).mean()), 0.795
        )
        row["median of limit / true SD"] = f"{np.median(high) / np.sqrt(2):.2f}"
        rows.append(row)
    report.add(
        "The spread of a pilot",
        "The upper 80% limit of the standard deviation by which `power` plans: the true one must "
        "be below it in at least 80% of the pilots.",
        rows,
    )


def _repetitions(report: Report) -> int:
    return max(100, report.repetitions // SLOW)


def _study(rng: np.random.Generator, count: int, n: int, scatter: float) -> tuple[Array, Array]:
    """Return deltas, one row per variant, and the true deltas."""
    truth = rng.normal(0, scatter, count + 1)
    values = truth[:, None] + rng.normal(size=(count + 1, n))
    return values[1:] - values[0], truth[1:] - truth[0]


def _pooled(deltas: Array):
    shared = shared_variance(pd.DataFrame(deltas.T))
    n = [deltas.shape[1]] * len(deltas)
    return pool(deltas.mean(axis=1), deltas.std(axis=1, ddof=1), n, shared)


def _calibration(claims: Array, holds: Array) -> list[Row]:
    rows: list[Row] = []
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.01)):
        inside = (claims >= low) & (claims < high)
        row: Row = {"probability from": low, "to": min(high, 1), "cases": int(inside.sum())}
        row["mean probability"] = percent(float(claims[inside].mean()))
        row["it is so"] = percent(float(holds[inside].mean()))
        rows.append(row)
    return rows
