"""Tables of deltas for terminals and notebooks."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablations.report.numbers import CI, bracket, decimals_of, fixed, usual_decimals
from ablations.report.study.contents import Unfinished, unfinished_variants
from ablations.report.study.tables import secondary as marked
from ablations.report.table import Cell, Table, p_cell, sort_key, text_cell
from ablations.report.wording import metric_words
from ablations.stats.barring import FEW_PAIRS, NO_VERDICT
from ablations.stats.caveats import ONE_SEED
from cnnzoo.runtime import console

AT_THE_END = "at the end"
"""Stands for a verdict that is not tested while a study runs."""

UNLIMITED = 10_000
"""Width in characters if the output is no terminal: wide enough for any table."""


def short_deltas(
    deltas: pd.DataFrame,
    trials: pd.DataFrame,
    title: str = "",
    anytime: pd.DataFrame | None = None,
    *,
    secondary: bool = False,
) -> Table:
    """Return the deltas of one metric in a few columns.

    With a table of `ablations.stats.anytime.anytime` the study is not finished: its verdicts have
    a column instead of p, and the others are still to come, because testing them repeatedly would
    err more often. Verdicts that the claims of the report do not include are marked as secondary.

    If variants have their pairs in different seeds, the baseline's mean in the same seeds stands
    beside each mean.
    """
    apart = len(set(deltas["baseline_mean"].dropna())) > 1
    usual, unfinished = usual_decimals(deltas), unfinished_variants(trials)
    by_now = None if anytime is None else anytime.set_index("variant")
    rows = []
    for row in deltas.itertuples():
        size = (row.delta, row.ci_low, row.ci_high)
        decimals = decimals_of(*size, usual, abs(row.baseline_mean) / 10)
        *anytime_cells, verdict = _verdict_cells(row, unfinished, by_now, secondary=secondary)
        rows.append(
            (
                text_cell(row.variant),
                *(
                    [_number(fixed(row.baseline_mean, decimals), row.baseline_mean)]
                    if apart
                    else []
                ),
                _number(fixed(row.level_mean, decimals), row.level_mean),
                _number(fixed(row.delta, decimals, signed=True), row.delta),
                _number(bracket(row.ci_low, row.ci_high, decimals), row.ci_low),
                *([p_cell(row.p_adjusted)] if by_now is None else []),
                _number(str(row.n_pairs), row.n_pairs),
                *anytime_cells,
                verdict,
            )
        )
    p_column = ("p (Holm)",) if by_now is None else ()
    verdict_columns = ("verdict",) if by_now is None else ("anytime p", "anytime", "verdict")
    means = ("baseline", "mean") if apart else ("mean",)
    headers = ("variant", *means, "delta", CI, *p_column, "pairs", *verdict_columns)
    return Table(title, headers, tuple(rows))


def printed(table: Table) -> Any:
    """Return a table of deltas as a table of rich.

    On a narrow terminal only the names of variants wrap, and verdicts of several words.
    """
    right = [name for name, numeric in zip(table.headers, table.numeric, strict=True) if numeric]
    cells = [[cell.text for cell in row] for row in table.rows]
    laid_out = console.table(table.headers, cells, right=right, title=table.title)
    first, *_, last = laid_out.columns
    for column in laid_out.columns:
        column.no_wrap = column is not first
    last.no_wrap = not any(" " in row[-1] for row in cells)
    return laid_out


def missing_verdicts(deltas: pd.DataFrame, trials: pd.DataFrame, *, few: bool) -> list[str]:
    """Return each reason why comparisons have no verdict, with its variants.

    Parameters
    ----------
    deltas
        Comparisons of all metrics.
    trials
        One row per trial.
    few
        Whether the output says elsewhere that the study has too few seeds for verdicts.

    Examples
    --------
    >>> row = {"variant": "units=4", "metric": "test_loss", "verdict": "", "n_pairs": 8}
    >>> deltas = pd.DataFrame([row | {"notes": "no verdict: training diverged in 1 of 8 pairs"}])
    >>> trials = pd.DataFrame({"variant": ["units=4"], "status": "done", "reason": ""})
    >>> missing_verdicts(deltas, trials, few=False)
    ['units=4: no verdict: training diverged in 1 of 8 pairs.']
    """
    unfinished = unfinished_variants(trials)
    metrics: dict[tuple[str, str], list[str]] = {}
    for row in deltas.itertuples():
        if not row.verdict and row.variant not in unfinished:
            notes = str(row.notes).split("; ")
            for note in [note for note in notes if note.startswith(NO_VERDICT)] or notes:
                if note and not (few and note in (FEW_PAIRS, ONE_SEED)):
                    metrics.setdefault((row.variant, note), []).append(row.metric)
    variants: dict[str, list[str]] = {}
    for (variant, note), of_metrics in metrics.items():
        every = len(of_metrics) == deltas["metric"].nunique()
        subject = variant if every else f"{variant} ({', '.join(map(metric_words, of_metrics))})"
        variants.setdefault(note, []).append(subject)
    return [f"{', '.join(subjects)}: {note}." for note, subjects in variants.items()]


def _number(text: str, value: float) -> Cell:
    return Cell(text, sort_key(value))


def _verdict_cells(
    row: Any,
    unfinished: Mapping[str, Unfinished],
    by_now: pd.DataFrame | None,
    *,
    secondary: bool,
) -> tuple[Cell, ...]:
    """Return the verdict, or while a study runs the anytime-valid one with its p."""
    verdict = row.verdict or _without_verdict(row, unfinished)
    if row.verdict and secondary:
        verdict = marked(row.verdict)
    if by_now is None:
        return (text_cell(verdict),)
    now = by_now.loc[row.variant]
    p = p_cell(now["p_adjusted"]) if now["verdict"] else _number("", math.nan)
    final = AT_THE_END if row.verdict else verdict
    shown = marked(now["verdict"]) if secondary and now["verdict"] else now["verdict"]
    return p, text_cell(shown), text_cell(final)


def _without_verdict(row: Any, unfinished: Mapping[str, Unfinished]) -> str:
    """Return what replaces a missing verdict; nothing for a single pair."""
    if row.variant in unfinished:
        return unfinished[row.variant].status
    return "none" if row.n_pairs > 1 else ""
