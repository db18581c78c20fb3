"""Deltas as tables for the terminal."""

from typing import Any

import pandas as pd

from cnnzoo.console import table

UNLIMITED = 10_000
"""Columns for a table that no terminal shows; it takes as many as it needs."""


def deltas_table(deltas: pd.DataFrame, title: str = "") -> Any:
    """Lay out the deltas of one metric."""
    cells = [
        (
            row.variant,
            _number(row.level_mean),
            _number(row.delta, "+"),
            f"{_number(row.ci_low, '+')} to {_number(row.ci_high, '+')}" if row.n_pairs > 1 else "",
            f"{row.p_adjusted:.2g}" if row.n_pairs > 1 else "",
            row.n_pairs,
            row.verdict or ("infeasible" if "infeasible" in getattr(row, "notes", "") else ""),
        )
        for row in deltas.itertuples()
    ]
    columns = ("variant", "mean", "delta", "95% interval", "adj. p", "pairs", "verdict")
    return table(columns, cells, right=columns[1:-1], title=title)


def _number(value: float, sign: str = "") -> str:
    return "" if value != value else f"{value:{sign}.4f}"
