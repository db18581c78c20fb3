"""Tables as a reader sees them: cells of text, each with the value that it sorts by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from ablations.report.contents import ReportContents
from ablations.report.rounding import bracket, brief, decimals_for, fixed, is_number, p_value
from ablations.report.words import level_words, metric_words, rows_of

MOST_SEEDS = 12
"""Seeds that are listed one by one."""

LEVELS = ("level", "baseline", "from_level", "to_level")
"""Columns of levels, in which 1, True and the text "1" read differently."""

NOTES = "Notes"

NOTE_BREAK = "; "

STATISTICS = {
    "p": "p (paired t)",
    "p_adjusted": "p (Holm)",
    "p_sign_flip": "p (sign flips)",
    "p_wilcoxon": "p (Wilcoxon)",
    "p_equivalence_adjusted": "p (equivalence, Holm)",
    "p_better": "share of pairs better",
    "sd": "SD of deltas",
    "bca_low": "BCa low",
    "bca_high": "BCa high",
    "detectable": "detectable with 80% power",
    "seeds_needed": "seeds to settle it",
}
"""What the second table of a metric shows, where there is any of it."""


@dataclass(frozen=True)
class Cell:
    """What stands in a table's cell.

    Parameters
    ----------
    text
        To be read.
    value
        To sort by.
    verdict
        Whether the text is a verdict, which has a colour.
    mark
        Of a note below the table.
    """

    text: str
    value: float | str
    verdict: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table to be shown.

    Parameters
    ----------
    title
        What it holds.
    headers
        Of the columns.
    rows
        The cells; the first of a row names it.
    notes
        Below the table, numbered from 1.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def numeric(self) -> tuple[bool, ...]:
        """Whether a column holds numbers, which are set flush right."""
        return tuple(
            bool(self.rows) and all(isinstance(row[at].value, float) for row in self.rows)
            for at in range(len(self.headers))
        )

    def without(self, *headers: str) -> "Table":
        """Return the table without some of its columns."""
        kept = [at for at, header in enumerate(self.headers) if header not in headers]
        return Table(
            self.title,
            tuple(self.headers[at] for at in kept),
            tuple(tuple(row[at] for at in kept) for row in self.rows),
        )

    def led_by(self, *headers: str) -> "Table":
        """Return the table with some of its columns first."""
        first = [self.headers.index(header) for header in headers]
        order = [*first, *(at for at in range(len(self.headers)) if at not in first)]
        return replace(
            self,
            headers=tuple(self.headers[at] for at in order),
            rows=tuple(tuple(row[at] for at in order) for row in self.rows),
        )


def with_footnotes(table: Table) -> Table:
    """Return the table with its last column, the notes, below it."""
    if table.headers[-1] != NOTES:
        return table
    rows = []
    known: list[str] = []
    for row in table.rows:
        said = [note for note in row[-1].text.split(NOTE_BREAK) if note]
        known += [note for note in said if note not in known]
        mark = ", ".join(str(known.index(note) + 1) for note in said)
        rows.append((replace(row[0], mark=mark), *row[1:-1]))
    return Table(table.title, table.headers[:-1], tuple(rows), tuple(known))


def deltas_table(contents: ReportContents, metric: str) -> Table:
    """Return what each variant changes in a metric."""
    headers = [
        *("Factor", "Level", "Baseline", "Delta", contents.interval, "Verdict", "p (Holm)"),
        *("Pairs", "Baseline mean", "Level mean", NOTES),
    ]
    frame = contents.deltas_of(metric)
    usual = decimals_for((frame["ci_high"] - frame["ci_low"]).median())
    rows = []
    for row in rows_of(frame):
        width = row["ci_high"] - row["ci_low"]
        own = decimals_for(width, abs(row["delta"]), abs(row["baseline_mean"]) / 10)
        # A column reads best with as many decimals in all rows, if that hides nothing.
        decimals = usual if abs(own - usual) <= 1 else own
        planned = int(row["n_pairs"]) + int(row["n_failed"])
        pairs = f"{row['n_pairs']}" + (f" of {planned}" if row["n_failed"] else "")
        numbers = [row[name] for name in ("baseline_mean", "level_mean")]
        rows.append(
            (
                text_cell(row["factor"]),
                *(_level_cell(row[name]) for name in ("level", "baseline")),
                Cell(fixed(row["delta"], decimals, signed=True), sort_key(row["delta"])),
                Cell(bracket(row["ci_low"], row["ci_high"], decimals), sort_key(row["ci_low"])),
                Cell(row["verdict"] or "none", row["verdict"] or "none", verdict=True),
                Cell(p_value(row["p_adjusted"]), sort_key(row["p_adjusted"])),
                Cell(pairs, float(row["n_pairs"])),
                *(Cell(fixed(number, decimals), sort_key(number)) for number in numbers),
                text_cell(NOTE_BREAK.join(contents.notes_of(row))),
            )
        )
    table = Table(f"Deltas of {metric_words(metric)}", tuple(headers), tuple(rows))
    return table if any(row[-1].text for row in rows) else table.without(NOTES)


def statistics_table(contents: ReportContents, metric: str) -> Table:
    """Return the further statistics of a metric's deltas."""
    frame = contents.deltas_of(metric)
    shown = [name for name in STATISTICS if name in frame and frame[name].notna().any()]
    rows = tuple(
        (
            text_cell(row["variant"]),
            *(
                Cell((p_value if name[:2] == "p_" or name == "p" else brief)(row[name]),
                     sort_key(row[name]))
                for name in shown
            ),
        )
        for row in rows_of(frame)
    )  # fmt: skip
    headers = ("Variant", *(STATISTICS[name] for name in shown))
    return Table(f"Further statistics of {metric_words(metric)}", headers, rows)


def any_table(title: str, frame: pd.DataFrame) -> Table:
    """Return any table, its numbers shortened."""
    headers = tuple(NOTES if name == "notes" else metric_words(str(name)) for name in frame.columns)
    numbers = [
        frame[name].map(lambda value: is_number(value) or value is None or value != value).all()
        for name in frame.columns
    ]
    rows = tuple(
        tuple(
            _any_cell(name, value, number)
            for (name, value), number in zip(row.items(), numbers, strict=True)
        )
        for row in rows_of(frame)
    )
    return Table(title, headers, rows)


def failures_table(contents: ReportContents) -> Table:
    """Return the trials that failed, alike ones together, with their reasons."""
    return _by_reason("Failed trials", contents.with_status("failed"))


def infeasible_table(contents: ReportContents) -> Table:
    """Return the variants that cannot be built, with their reasons."""
    return _by_reason("Infeasible variants", contents.with_status("infeasible")).without("Seeds")


def pending_table(contents: ReportContents) -> Table:
    """Return the trials that have not run."""
    return _by_reason("Pending trials", contents.with_status("pending")).without("Reason")


def _by_reason(title: str, trials: pd.DataFrame) -> Table:
    rows = []
    for (variant, reason), group in trials.groupby(["variant", "reason"], sort=False, dropna=False):
        rows.append(
            (
                text_cell(variant),
                text_cell(_seeds(group["seed"].tolist())),
                Cell(str(len(group)), float(len(group))),
                text_cell(reason),
            )
        )
    return Table(title, ("Variant", "Seeds", "Trials", "Reason"), tuple(rows))


def _seeds(seeds: Sequence[Any]) -> str:
    listed = ", ".join(str(seed) for seed in seeds[:MOST_SEEDS])
    return listed + (f" and {len(seeds) - MOST_SEEDS} more" if len(seeds) > MOST_SEEDS else "")


def seed_words(study: Mapping[str, Any]) -> str:
    """Return how many seed blocks a study has, and which.

    Examples
    --------
    >>> seed_words({"seeds": [0, 1, 2]})
    '3 (0 to 2)'
    >>> seed_words({"seeds": "auto", "max_seeds": 30})
    'auto, at most 30'
    """
    seeds, most = study.get("seeds", ()), study.get("max_seeds")
    if isinstance(seeds, str):
        return f"{seeds}, at most {most:,}" if most else seeds
    listed = list(seeds)
    if not listed:
        return ""
    if len(listed) > 1 and listed == list(range(listed[0], listed[0] + len(listed))):
        return f"{len(listed):,} ({listed[0]} to {listed[-1]})"
    return f"{len(listed):,} ({', '.join(map(str, listed))})"


def text_cell(value: Any) -> Cell:
    """Return a cell of text."""
    text = brief(value)
    return Cell(text, text)


def _any_cell(name: str, value: Any, number: bool) -> Cell:
    if number:
        written = p_value if name == "p" or name.startswith("p_") else brief
        return Cell(written(value), sort_key(value))
    return _level_cell(value) if name in LEVELS else text_cell(value)


def _level_cell(value: Any) -> Cell:
    text = "" if value is None or value != value else level_words(value)
    return Cell(text, float(value) if is_number(value) else text)


def sort_key(value: Any) -> float:
    """Return what a number sorts by; where there is none, it comes first."""
    return float(value) if is_number(value) else float("-inf")
