"""Deltas as tables for the terminal."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablations.report.numbers import bracket, decimals_of, fixed, p_value, usual_decimals
from ablations.report.study.contents import Undone, undone_of
from ablations.report.wording import metric_words
from ablations.stats.barring import FEW_PAIRS, NO_VERDICT
from ablations.stats.caveats import ONE_SEED
from cnnzoo.runtime.console import table

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


def missing_verdicts(deltas: pd.DataFrame, trials: pd.DataFrame, *, few: bool) -> list[str]:
    """Return the reasons why comparisons have no verdict, each once, with their variants.

    Parameters
    ----------
    deltas
        Comparisons of all metrics.
    trials
        One row per trial.
    few
        Whether it is said already that the whole study has too few seeds for verdicts.

    Examples
    --------
    >>> row = {"variant": "units=4", "metric": "test_loss", "verdict": "", "n_pairs": 8}
    >>> deltas = pd.DataFrame([row | {"notes": "no verdict: training diverged in 1 of 8 pairs"}])
    >>> trials = pd.DataFrame({"variant": ["units=4"], "status": "done", "reason": ""})
    >>> missing_verdicts(deltas, trials, few=False)
    ['units=4: no verdict: training diverged in 1 of 8 pairs.']
    """
    undone = undone_of(trials)
    metrics: dict[tuple[str, str], list[str]] = {}
    for row in deltas.itertuples():
        if not row.verdict and row.variant not in undone:
            notes = str(row.notes).split("; ")
            for note in [note for note in notes if note.startswith(NO_VERDICT)] or notes:
                if note and not (few and note in (FEW_PAIRS, ONE_SEED)):
                    metrics.setdefault((row.variant, note), []).append(row.metric)
    variants: dict[str, list[str]] = {}
    for (variant, note), named in metrics.items():
        every = len(named) == deltas["metric"].nunique()
        subject = variant if every else f"{variant} ({', '.join(map(metric_words, named))})"
        variants.setdefault(note, []).append(subject)
    return [f"{', '.join(named)}: {note}." for note, named in variants.items()]


def _without_verdict(row: Any, undone: Mapping[str, Undone]) -> str:
    """Write what stands in the place of a verdict; of one pair nothing is expected."""
    if row.variant in undone:
        return undone[row.variant].status
    return "none" if row.n_pairs > 1 else ""
