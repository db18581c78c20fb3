"""Deltas as tables for the terminal."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablations.report.contents import Undone, undone_of
from ablations.report.rounding import bracket, decimals_of, fixed, p_value, usual_decimals
from cnnzoo.console import table

UNLIMITED = 10_000
"""Columns for a table that no terminal shows; it takes as many as it needs."""


def deltas_table(deltas: pd.DataFrame, trials: pd.DataFrame, title: str = "") -> Any:
    """Lay out the deltas of one metric of some trials, with the digits that the report has.

    Where the terminal is narrow the name of the variant folds, and nothing else. If variants have
    their pairs in different seeds, each mean stands beside the baseline's in the same seeds.
    """
    apart = len(set(deltas["baseline_mean"].dropna())) > 1
    usual, undone = usual_decimals(deltas), undone_of(trials)
    cells = []
    for row in deltas.itertuples():
        size = (row.delta, row.ci_low, row.ci_high)
        decimals = decimals_of(*size, usual, abs(row.baseline_mean) / 10)
        cells.append(
            (
                row.variant,
                *([fixed(row.baseline_mean, decimals)] if apart else []),
                fixed(row.level_mean, decimals),
                fixed(row.delta, decimals, signed=True),
                bracket(row.ci_low, row.ci_high, decimals),
                p_value(row.p_adjusted),
                row.n_pairs,
                row.verdict or _without_verdict(row, undone),
            )
        )
    means = ("baseline", "mean") if apart else ("mean",)
    columns = ("variant", *means, "delta", "95% interval", "adj. p", "pairs", "verdict")
    laid_out = table(columns, cells, right=columns[1:-1], title=title)
    for column in laid_out.columns:
        column.no_wrap = column.header != "variant"
    return laid_out


def _without_verdict(row: Any, undone: Mapping[str, Undone]) -> str:
    """Write what stands in the place of a verdict; of one pair nothing is expected."""
    if row.variant in undone:
        return undone[row.variant].status
    return "none" if row.n_pairs > 1 else ""
