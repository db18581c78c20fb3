"""Tables of a report: cells of text, each with the value that it sorts by."""

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
from ablations.report.wording import level_words, metric_words

LEVELS = ("level", "baseline", "from_level", "to_level")
"""Columns of levels, in which 1, True and the text "1" are written differently."""

NOTES = "Notes"

NOTE_BREAK = "; "

SEE_FINDING = "see its finding"
"""Note on a variant on which the doctor has a finding."""

DAGGER = "\N{DAGGER}"
"""Mark of a variant with a finding of the doctor."""

NEVER = "never"
"""Written for an infinite number, such as the epoch in which a trial never got that far."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Parameters
    ----------
    text
        Text that is shown.
    value
        Value that the column sorts by.
    verdict
        Whether the text is a verdict, which has a colour.
    mark
        Mark of a note below the table.
    link
        Relative address that the text leads to on a page; "" for none.
    """

    text: str
    value: float | str
    verdict: bool = False
    mark: str = ""
    link: str = ""


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Parameters
    ----------
    title
        Title, also its caption in LaTeX.
    headers
        Headers of the columns.
    rows
        Rows of cells; the first cell names the row.
    notes
        Footnotes, numbered from 1.
    daggers
        Whether any row has the mark of a finding.
    lead
        Text above the table: how to read it.
    below
        Text below the table: what holds for all rows.
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
        """Return True for each column of numbers; they are right-aligned."""
        return tuple(
            bool(self.rows) and all(isinstance(row[at].value, float) for row in self.rows)
            for at in range(len(self.headers))
        )

    def without_empty(self, *optional: str) -> "Table":
        """Return the table without those of the optional columns that are empty."""
        filled = {
            header
            for row in self.rows
            for header, cell in zip(self.headers, row, strict=True)
            if cell.text
        }
        return self.without(*(header for header in optional if header not in filled))

    def without(self, *headers: str) -> "Table":
        """Return the table without these columns."""
        kept = [at for at, header in enumerate(self.headers) if header not in headers]
        return replace(
            self,
            headers=tuple(self.headers[at] for at in kept),
            rows=tuple(tuple(row[at] for at in kept) for row in self.rows),
        )


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a DataFrame as dicts; each value keeps its type."""
    names = [str(name) for name in frame.columns]
    columns = [frame[name].tolist() for name in frame.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def with_footnotes(table: Table) -> Table:
    """Turn the last column, the notes, into footnotes with marks on the verdicts.

    A note that every row has needs no marks: it stands once below the table.
    """
    if table.headers[-1:] != (NOTES,):
        return table
    notes_by_row = [[note for note in row[-1].text.split(NOTE_BREAK) if note] for row in table.rows]
    shared = [
        note
        for note in (notes_by_row[0] if len(notes_by_row) > 1 else ())
        if note != SEE_FINDING and all(note in notes for notes in notes_by_row)
    ]
    rows = []
    footnotes: list[str] = []
    for row, all_notes in zip(table.rows, notes_by_row, strict=True):
        notes = [note for note in all_notes if note not in shared]
        footnotes += [note for note in notes if note not in (*footnotes, SEE_FINDING)]
        mark = ", ".join(
            DAGGER if note == SEE_FINDING else str(footnotes.index(note) + 1) for note in notes
        )
        cells = list(row[:-1])
        at = next((at for at, cell in enumerate(cells) if cell.verdict), 0)
        cells[at] = replace(cells[at], mark=mark)
        rows.append(tuple(cells))
    daggers = any(DAGGER in cell.mark for row in rows for cell in row)
    of_all = f"All rows: {NOTE_BREAK.join(shared)}." if shared else ""
    return replace(
        table,
        headers=table.headers[:-1],
        rows=tuple(rows),
        notes=tuple(footnotes),
        daggers=daggers,
        below=" ".join(filter(None, [of_all, table.below])),
    )


def any_table(title: str, frame: pd.DataFrame) -> Table:
    """Return a DataFrame as a table with shortened numbers."""
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
    """Return a cell for text."""
    text = brief(value)
    return Cell(text, text)


def number_cell(value: Any) -> Cell:
    """Return a cell for a number; infinity reads "never"."""
    if isinstance(value, float) and math.isinf(value):
        return Cell(NEVER, float(value))
    return Cell(brief(value), sort_key(value))


def p_cell(value: Any) -> Cell:
    """Return a cell for a p value."""
    return Cell(p_value(value), sort_key(value))


def share_cell(value: Any) -> Cell:
    """Return a cell for a share, in percent."""
    return Cell(share_words(value), sort_key(value))


def size_cells(delta: float, low: float, high: float) -> tuple[Cell, Cell]:
    """Return the cells for a delta and its interval."""
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


def level_cell(value: Any, factor: str = "") -> Cell:
    """Return a cell for a level, empty if there is none."""
    text = "" if value is None or value != value else level_words(value, factor)
    return Cell(text, float(value) if is_number(value) else text)


def sort_key(value: Any) -> float:
    """Return the value that a number sorts by; a missing number comes first."""
    return float(value) if is_number(value) else float("-inf")
