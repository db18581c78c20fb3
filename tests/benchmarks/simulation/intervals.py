"""How often intervals cover, and what is said where they do not."""

import numpy as np

from ablations.stats.caveats import skewness, skewness_limit
from ablations.stats.paired_t import paired_t
from ablations.stats.resampling import bca_interval
from simulation.draws import DISTRIBUTIONS, FEW, rng_of
from simulation.tables import Report, Row, percent

SIZES = (3, 4, 5, 6, 8, 10, 15, 20, 30, 50)
"""Pairs of which the coverage is simulated: a report quotes the nearest ones."""


def t_coverage(report: Report, sizes: tuple[int, ...] = SIZES) -> None:
    rows = []
    for place, (name, (draw, kind)) in enumerate(DISTRIBUTIONS.items()):
        row: Row = {"deltas": name}
        for n in sizes:
            found = paired_t(draw(rng_of(1, place, n), (report.repetitions, n)))
            given = np.isfinite(found.low)
            share = float(((found.low <= 0) & (found.high >= 0))[given].mean())
            what = f"t interval, {name}, n = {n}"
            if kind == "normal":
                row[f"n = {n}"] = report.covers(what, share, 0.945, 0.955)
            elif kind == "robust" and n == 10:
                row[f"n = {n}"] = report.covers(what, share, 0.93)
            else:
                row[f"n = {n}"] = percent(share)
        rows.append(row)
    report.add(
        "Coverage of the 95% t interval",
        "Must be 95 +- 0.5% for normal deltas, and at least 93% at n = 10 down to accuracies of "
        "200 images. Below, it fails. Of deltas that are all alike no interval is given.",
        rows,
    )


def skew_notes(report: Report, sizes: tuple[int, ...] = SIZES) -> None:
    rows, silent = [], []
    for place, (name, (draw, kind)) in enumerate(DISTRIBUTIONS.items()):
        row: Row = {"deltas": name}
        unsaid: Row = {"deltas": f"{name}: covers where nothing is said"}
        for n in sizes:
            values = draw(rng_of(1, place, n), (report.repetitions, n))
            said = np.array([abs(skewness(one)) > skewness_limit(n) for one in values])
            found = paired_t(values[~said])
            row[f"n = {n}"] = percent(said.mean())
            unsaid[f"n = {n}"] = percent(((found.low <= 0) & (found.high >= 0)).mean())
        rows.append(row)
        if not kind:  # of which the intervals fail
            silent.append(unsaid)
    limits: Row = {"deltas": "skewness above which it says so"}
    rows += [*silent, limits | {f"n = {n}": f"{skewness_limit(n):.2f}" for n in sizes}]
    report.add(
        'How often the report says "strongly skewed"',
        "On the same draws. Below n = 6 skew can hardly be seen: rows whose deltas differ and are "
        "not called skewed say that instead. The intervals that fail are those of skewed deltas "
        "whose sample does not show it; so a report says so below every table of deltas.",
        rows,
    )


def bca_coverage(report: Report, n: int = 20) -> None:
    rows = []
    for place, name in enumerate(FEW):
        values = DISTRIBUTIONS[name][0](rng_of(2, place), (report.repetitions, n))
        limits = np.array([bca_interval(one) for one in values])
        found = paired_t(values)
        width = np.ptp(limits, axis=1).mean() / (found.high - found.low).mean()
        rows.append(
            {
                "deltas": name,
                "BCa": percent(((limits[:, 0] <= 0) & (limits[:, 1] >= 0)).mean()),
                "t": percent(((found.low <= 0) & (found.high >= 0)).mean()),
                "width, BCa / t": f"{width:.2f}",
            }
        )
    report.add(
        f"Coverage of the 95% BCa interval at n = {n}",
        "It stands beside the t interval and not in its place: it is narrower.",
        rows,
    )
