"""Tables of deltas for terminals and notebooks."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ablations.report.numbers import CI, bracket, decimals_of, fixed, usual_decimals
from ablations.report.study.contents import Unfinished, unfinished_variants
from ablations.report.study.tables import secondary as marked
from ablations.report.table import Cell, Table, p_cell, sort_key, text_cell
from ablations.report.wording import in_line, metric_words
from ablations.stats.barring import FEW_PAIRS, NO_VERDICT
from ablations.stats.caveats import ONE_SEED
from ablations.stats.deltas import MODIFIED_T
from cnnzoo.runtime import console

P_SO_FAR, VERDICT_SO_FAR = "p so far", "verdict so far"
"""Headers of a study that is not finished."""

DROPPED = ("baseline", "mean", P_SO_FAR, "pairs")
"""Columns that a narrow terminal leaves out, one after the other, until the names fit."""

NARROWEST_NAME = 20
"""A column of names that is at least this wide may wrap instead."""

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

    With a table of `ablations.stats.anytime.anytime` the study is not finished: its verdicts stand
    in place of those at the end, because testing these repeatedly would err more often. Verdicts
    that the claims of the report do not include are marked as secondary.

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
        *p_so_far, verdict = _verdict_cells(row, unfinished, by_now, secondary=secondary)
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
                *p_so_far,
                verdict,
            )
        )
    p_column = ("p (Holm)",) if by_now is None else ()
    verdict_columns = ("verdict",) if by_now is None else (P_SO_FAR, VERDICT_SO_FAR)
    means = ("baseline", "mean") if apart else ("mean",)
    headers = ("variant", *means, "delta", CI, *p_column, "pairs", *verdict_columns)
    return Table(title, headers, tuple(rows))


@dataclass(frozen=True)
class Printed:
    """A table of deltas that rich can print.

    On a narrow terminal verdicts of several words wrap first; then columns are left out until the
    names have room; long names wrap.
    """

    table: Table

    def __rich_console__(self, _: Any, options: Any) -> Iterator[Any]:
        """Lay out the table for the width at hand; its title may be wider than the table."""
        from rich.text import Text

        if self.table.title:
            yield Text(self.table.title, style="bold")
        table = replace(self.table, title="")
        for name in DROPPED:
            if _least_width(table) > options.max_width and name in table.headers:
                table = table.without(name)
        yield _laid_out(table)


def _laid_out(table: Table) -> Any:
    right = [name for name, numeric in zip(table.headers, table.numeric, strict=True) if numeric]
    cells = [[cell.text for cell in row] for row in table.rows]
    laid_out = console.table(table.headers, cells, right=right, title=table.title)
    first, *_, last = laid_out.columns
    for column in laid_out.columns:
        column.no_wrap = column is not first
    first.min_width = _name_width(table)
    last.no_wrap = not any(" " in text for text in (table.headers[-1], *(row[-1] for row in cells)))
    last.min_width = _verdict_width(table)
    return laid_out


def _name_width(table: Table) -> int:
    """Return the least characters of the column of names."""
    longest = max(map(len, (table.headers[0], *(row[0].text for row in table.rows))))
    return min(longest, NARROWEST_NAME)


def _verdict_width(table: Table) -> int:
    """Return the characters of the longest word of the last column."""
    texts = (table.headers[-1], *(row[-1].text for row in table.rows))
    return max(len(word) for text in texts for word in text.split() or [""])


def _least_width(table: Table) -> int:
    """Return the characters of a line at which no word of a table breaks but a long name."""
    others = [
        max(len(header), *(len(row[at].text) for row in table.rows))
        for at, header in enumerate(table.headers[1:-1], 1)
    ]
    gaps = 2 * len(table.headers)
    return _name_width(table) + sum(others) + _verdict_width(table) + gaps


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
    return [f"{in_line(subjects)}: {note}." for note, subjects in variants.items()]


def skewed(deltas: pd.DataFrame) -> list[str]:
    """Name the comparisons whose intervals are wider because their deltas are skewed.

    Examples
    --------
    >>> row = {"variant": "units=4", "metric": "test_loss", "ci_method": "modified t"}
    >>> skewed(pd.DataFrame([row]))
    ['units=4: its deltas are skewed, so its interval and p are of a modified t test.']
    """
    if "ci_method" not in deltas:
        return []
    found = deltas[deltas["ci_method"] == MODIFIED_T]
    texts = []
    for variant, rows in found.groupby("variant", sort=False):
        every = len(rows) == deltas["metric"].nunique()
        of = "" if every else f" ({', '.join(map(metric_words, rows['metric']))})"
        why = "its deltas are skewed, so its interval and p are of a modified t test"
        texts.append(f"{variant}{of}: {why}.")
    return texts


def _number(text: str, value: float) -> Cell:
    return Cell(text, sort_key(value))


def _verdict_cells(
    row: Any,
    unfinished: Mapping[str, Unfinished],
    by_now: pd.DataFrame | None,
    *,
    secondary: bool,
) -> tuple[Cell, ...]:
    """Return the verdict, or while a study runs the anytime-valid one after its p."""
    known = row.verdict if by_now is None else by_now.loc[row.variant, "verdict"]
    shown = known or _without_verdict(row, unfinished)
    verdict = text_cell(marked(known) if known and secondary else shown)
    if by_now is None:
        return (verdict,)
    p = by_now.loc[row.variant, "p_adjusted"]
    return p_cell(p) if known else _number("", math.nan), verdict


def _without_verdict(row: Any, unfinished: Mapping[str, Unfinished]) -> str:
    """Return what replaces a missing verdict; nothing for a single pair."""
    if row.variant in unfinished:
        return unfinished[row.variant].status
    return "none" if row.n_pairs > 1 else ""
