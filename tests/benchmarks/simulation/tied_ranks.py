"""What Page's test given the ties finds in accuracies of few digits."""

import numpy as np

from ablations.stats.pairs import doubled_ranks, noise_of
from ablations.stats.trends import null_distribution, page_p
from simulation.draws import ALPHA, Array, Counts, rng_of
from simulation.tables import Report, Row, percent

SPREAD = 0.01
"""Standard deviation of an accuracy, within its seed block and between blocks."""


def tied_trends(report: Report, effects: tuple[float, ...] = (0.0, 0.005, 0.01)) -> None:
    rows = []
    for place, (n, levels) in enumerate(((6, 3), (10, 3), (6, 4), (10, 4))):
        row: Row = {"seeds, levels": f"{n}, {levels}"}
        for at, effect in enumerate(effects):
            rng = rng_of(14, place, at)
            shape = (report.repetitions, n, levels)
            values = rng.normal(0.95, SPREAD, (*shape[:2], 1)) + rng.normal(0, SPREAD, shape)
            values = np.round(values + effect * np.arange(levels), 2)
            ranks = doubled_ranks(values, noise_of(values))
            p = [2 * min(page_p(one), page_p(one[:, ::-1])) for one in ranks]
            found = float((np.array(p) < ALPHA).mean())
            what = f"{effect:g} a level" if effect else "no effect"
            row[what] = (
                percent(found) if effect else report.at_most(f"tied trends, {n}, {levels}", found)
            )
            row[f"{what}, as if untied"] = percent((p_without_ties(ranks) < ALPHA).mean())
        rows.append(row)
    report.add(
        "Trends of accuracies with two decimals",
        f"How often Page's test finds a trend where accuracies have a spread of {SPREAD:g}: given "
        "the ties, as a report says, and by the distribution of ranks without ties, that of Page's "
        "tables. Without effect at most 5%.",
        rows,
    )


def p_without_ties(doubled: Counts) -> Array:
    """Return Page's two-sided p of tables of ranks by the distribution of ranks without ties.

    An L between two of its values counts as the lower one, as in SciPy.
    """
    n, k = doubled.shape[-2:]
    least, chances = null_distribution((tuple(range(2, 2 * k + 1, 2)),) * n)
    tails = chances[::-1].cumsum()[::-1]
    found = (doubled @ np.arange(1, k + 1)).sum(axis=-1)
    opposite = n * k * (k + 1) ** 2 - found  # of the levels in falling order
    return np.minimum(1.0, 2 * tails[np.maximum(found, opposite) // 2 * 2 - least])
