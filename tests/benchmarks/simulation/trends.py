"""How often a trend is found over levels of which none has an effect."""

import numpy as np
from numpy.typing import NDArray

from ablations.stats.paired_t import paired_t
from ablations.stats.verdicts import holm
from simulation.draws import ALPHA, DISTRIBUTIONS, FEW, Array, rng_of
from simulation.tables import Report, Row, percent
from simulation.tied_ranks import p_without_ties

SPREADS = (
    ("normal", (1, 1, 1, 30)),
    ("normal", (30, 1, 1, 30)),
    ("lognormal (skewness 6)", (1, 2, 4, 8)),
)
"""Errors whose spread is another one at each level."""


def trends(report: Report, levels: int = 4, count: int = 5) -> None:
    """Test the order of levels of which none has an effect, of factors that share a baseline."""
    rows = []
    for place, name in enumerate(FEW):
        row: Row = {"trials' errors": name}
        for n in (6, 10):
            rng = rng_of(9, place, n)
            draw = DISTRIBUTIONS[name][0]
            own = draw(rng, (report.repetitions, count, n, levels - 1))
            shared = np.broadcast_to(draw(rng, (report.repetitions, 1, n, 1)), (*own.shape[:3], 1))
            p, low, high = _trend_tests(np.concatenate([shared, own], axis=3))
            one = float((p[:, 0] < ALPHA).mean())
            any_of = float((holm(p) < ALPHA).any(axis=1).mean())
            row[f"one factor, n = {n}"] = report.at_most(f"trend, {name}, n = {n}", one)
            row[f"any of {count}, n = {n}"] = report.at_most(f"trends of {count}, {name}", any_of)
            row[f"slope leaves out 0, n = {n}"] = percent(((low > 0) | (high < 0))[:, 0].mean())
            row[f"word, n = {n}"] = report.at_most(
                f"trend word, {name}, n = {n}",
                float(_word(p, low, high)[:, 0].mean()),
            )
        rows.append(row)
    for name, spreads in SPREADS:
        draw = DISTRIBUTIONS[name][0]
        row = {"trials' errors": f"{name}, spreads {', '.join(map(str, spreads))}"}
        for n in (6, 10):
            values = draw(rng_of(10, len(rows), n), (report.repetitions, n, levels))
            p, low, high = _trend_tests(values * spreads)
            row[f"one factor, n = {n}"] = percent((p < ALPHA).mean())
            row[f"slope leaves out 0, n = {n}"] = percent(((low > 0) | (high < 0)).mean())
            word = float(_word(p, low, high).mean())
            row[f"word, n = {n}"] = (
                report.at_most(f"trend word, spreads, {name}, n = {n}", word)
                if name == "normal"
                else percent(word)
            )
        rows.append(row)
    report.add(
        f"Trends over {levels} levels without effect",
        "How often Page's test says that a metric rises or falls: for one factor, and for any of "
        f"{count} that share a baseline, corrected by Holm. Must be at most 5% whatever the errors "
        "are, if they are the same at all levels; the last rows show what levels do to it that "
        'change the spread and not the mean. The word "rises" or "falls" also needs an interval of '
        "the slope that leaves out 0: at most 5%, with normal errors also if the spread changes.",
        rows,
    )


def _word(p: Array, low: Array, high: Array) -> NDArray[np.bool_]:
    """Return whether a trend has a word: the test and the interval of the slope both show it.

    That both are on the same side is left out, so this is an upper bound.
    """
    return (p < ALPHA) & ((low > 0) | (high < 0))


def _trend_tests(values: Array) -> tuple[Array, Array, Array]:
    """Return Page's two-sided p and the ends of the slope's interval; levels last, seeds before."""
    k = values.shape[-1]
    p = p_without_ties(2 * (values.argsort(axis=-1).argsort(axis=-1) + 1))
    centred = np.arange(k) - (k - 1) / 2
    slope = paired_t(values @ centred / (centred @ centred), modified=True)
    return p, slope.low, slope.high
