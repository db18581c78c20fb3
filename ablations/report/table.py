"""Tables for display: cells of text with the values to sort by."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from ablations.report.numbers import (
    bracket,
    brief,
    decimals_of,
    fixed,
    is_number,
    p_value,
    share_words,
)
from ablations.report.wording import SEE_FINDING, level_words, metric_words, rows_of

LEVELS = ("level", "baseline", "from_level", "to_level")
"""Columns of levels, in which 1, True and the text "1" are displayed differently."""

NOTES = "Notes"

NOTE_BREAK = "; "

DAGGER = "\N{DAGGER}"
"""Mark of a variant with a finding of the doctor."""

NO_NUMBER = "never"
"""Text for an infinite number."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Parameters
    ----------
    text
        Text to display.
    value
        Value to sort by.
    verdict
        Whether the text is a verdict, which has a colour.
    mark
        Mark of a note below the table.
    """

    text: str
    value: float | str
    verdict: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table for display.

    Parameters
    ----------
    title
        Title of the table.
    headers
        Headers of the columns.
    rows
        Cells by row; the first cell is the name of the row.
    notes
        Notes below the table, numbered from 1.
    daggers
        Whether any row has the mark of a finding.
    lead
        Text above the table that explains how to read it.
    below
        Text below the table that applies to all rows.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    daggers: bool = False
    lead: str = ""
    below: str = ""

    @cached_property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each column holds numbers, which are aligned right."""
        return tuple(
            bool(self.rows) and all(isinstance(row[at].value, float) for row in self.rows)
            for at in range(len(self.headers))
        )

    def without(self, *headers: str) -> "Table":
        """Return the table without the columns of these headers."""
        kept = [at for at, header in enumerate(self.headers) if header not in headers]
        return replace(
            self,
            headers=tuple(self.headers[at] for at in kept),
            rows=tuple(tuple(row[at] for at in kept) for row in self.rows),
        )


def with_footnotes(table: Table) -> Table:
    """Return the table with the notes of its last column below it and marks on the verdicts.

    A note of all rows has no marks.
    """
    if table.headers[-1:] != (NOTES,):
        return table
    rows = []
    known: list[str] = []
    noted = [[note for note in row[-1].text.split(NOTE_BREAK) if note] for row in table.rows]
    shared = [
        note
        for note in (noted[0] if len(noted) > 1 else ())
        if note != SEE_FINDING and all(note in said for said in noted)
    ]
    for row, every in zip(table.rows, noted, strict=True):
        said = [note for note in every if note not in shared]
        known += [note for note in said if note not in (*known, SEE_FINDING)]
        mark = ", ".join(
            DAGGER if note == SEE_FINDING else str(known.index(note) + 1) for note in said
        )
        cells = list(row[:-1])
        at = next((at for at, cell in enumerate(cells) if cell.verdict), 0)
        cells[at] = replace(cells[at], mark=mark)
        rows.append(tuple(cells))
    daggers = any(DAGGER in cell.mark for row in rows for cell in row)
    of_all = f"Of every row: {NOTE_BREAK.join(shared)}." if shared else ""
    return replace(
        table,
        headers=table.headers[:-1],
        rows=tuple(rows),
        notes=tuple(known),
        daggers=daggers,
        below=" ".join(filter(None, [of_all, table.below])),
    )


def any_table(title: str, frame: pd.DataFrame) -> Table:
    """Return a DataFrame as a table with rounded numbers."""
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


def text_cell(value: Any) -> Cell:
    """Return a cell of text."""
    text = brief(value)
    return Cell(text, text)


def number_cell(value: Any) -> Cell:
    """Return a cell of a number; an infinite one is a word."""
    if isinstance(value, float) and math.isinf(value):
        return Cell(NO_NUMBER, float(value))
    return Cell(brief(value), sort_key(value))


def p_cell(value: Any) -> Cell:
    """Return a cell of a p value."""
    return Cell(p_value(value), sort_key(value))


def share_cell(value: Any) -> Cell:
    """Return a cell of a share in percent."""
    return Cell(share_words(value), sort_key(value))


def size_cells(delta: float, low: float, high: float) -> tuple[Cell, Cell]:
    """Return the cells of a delta and of its interval."""
    decimals = decimals_of(delta, low, high)
    shown = number_cell(delta) if math.isinf(delta) else None
    return (
        shown or Cell(fixed(delta, decimals, signed=True), sort_key(delta)),
        Cell(bracket(low, high, decimals), sort_key(low)),
    )


def _any_cell(name: str, value: Any, number: bool) -> Cell:
    if number:
        written = p_value if name == "p" or name.startswith("p_") else brief
        return Cell(written(value), sort_key(value))
    return level_cell(value) if name in LEVELS else text_cell(value)


def level_cell(value: Any) -> Cell:
    """Return a cell of a level; empty if there is none."""
    text = "" if value is None or value != value else level_words(value)
    return Cell(text, float(value) if is_number(value) else text)


def sort_key(value: Any) -> float:
    """Return the value that a number sorts by; missing numbers come first."""
    return float(value) if is_number(value) else float("-inf")
