"""The parts of a report page, from which its HTML and its Markdown are made."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablations.report.figure import Figure, Theme
from ablations.report.table import SEE_FINDING, Table


class ReportError(ValueError):
    """Raised if a report cannot be written. The message says why and names the remedy."""


@dataclass(frozen=True)
class Heading:
    """A heading within a section; with an ``id``, a link can lead to it."""

    text: str
    id: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph that explains how to read what follows."""

    text: str
    small: bool = False


@dataclass(frozen=True)
class Warnings:
    """Warnings at the top of a page."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Sentence:
    """A conclusion, beginning with its ``subject``, without the period.

    The verdict decides the mark before it. Notes are cautions on this comparison only; ``finding``
    tells whether the doctor has a finding on the variant, ``significant`` whether it tells of a
    significant effect or interaction that is neither better nor worse. Sentences are sorted by
    ``size``.
    """

    verdict: str
    subject: str
    rest: str
    notes: tuple[str, ...] = ()
    finding: bool = False
    size: float = 0.0
    significant: bool = False

    @property
    def text(self) -> str:
        """The sentence, without its period."""
        return self.subject + self.rest + (f", but {SEE_FINDING}" if self.finding else "")


@dataclass(frozen=True)
class Sentences:
    """A list of sentences. The page folds those after the first ``shown`` under ``more``."""

    items: Sequence[Sentence]
    shown: int
    more: str


@dataclass(frozen=True)
class Key:
    """An entry of a legend: a name with its colour and either a dash or a shape."""

    name: str
    colour: str
    dash: str = ""
    shape: str = ""


@dataclass(frozen=True)
class Figures:
    """Figures with the legend that they share.

    With the layout "columns" there are two beside each other if there is room; with "columns
    narrow" a single one is not stretched.
    """

    figures: Sequence[Figure]
    layout: str = ""
    legend: Sequence[Key] = ()


@dataclass(frozen=True)
class Code:
    """Code that can be copied. ``language`` is "sh" or "python"."""

    code: str
    language: str


@dataclass(frozen=True)
class Facts:
    """Short facts by name."""

    facts: Mapping[str, str]


@dataclass(frozen=True)
class Pictures:
    """Small images with their labels; each is a PNG file in base64."""

    images: Sequence[tuple[str, str]]
    label: str


@dataclass(frozen=True)
class Folded:
    """Parts that the page shows only on request."""

    summary: str
    parts: Sequence["Part"]


@dataclass(frozen=True)
class Row:
    """Parts that stand beside each other if there is room: a figure and its table."""

    parts: Sequence["Part"]


Part = (
    Heading | Text | Warnings | Sentences | Table | Figures | Code | Facts | Pictures | Folded | Row
)


@dataclass(frozen=True)
class Section:
    """A section of a page. It is left out if it has no parts."""

    id: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Card:
    """A number at the top of the page: its name, the number, its meaning and its verdict."""

    word: str
    number: str
    more: str
    kind: str = ""


@dataclass(frozen=True)
class Page:
    """A report page: its kind and name, facts, cards, sections, and its date.

    ``answers`` are the sentences that it begins with; they answer the question that was asked.
    """

    kind: str
    name: str
    facts: Mapping[str, str]
    cards: Sequence[Card]
    sections: Sequence[Section]
    answers: Sequence[Sentence] = ()
    made: str = ""

    @property
    def figures(self) -> list[Figure]:
        """All figures of the page."""
        parts = unfolded(part for section in self.sections for part in section.parts)
        return [it for part in parts if isinstance(part, Figures) for it in part.figures]


@dataclass(frozen=True)
class PaperTable:
    """A table for a paper, with the notes below it; the caption is its title by default."""

    table: Table
    notes: Sequence[str] = ()
    caption: str = ""


@dataclass(frozen=True)
class Document:
    """The report of a study or of a search, for every format.

    Parameters
    ----------
    name
        Name of the study or search.
    about
        Line that names it in a figure that stands alone.
    warnings
        Warnings at the top of the page.
    page
        Returns the page, for HTML and Markdown.
    figures
        Returns all figures in the colours of a theme.
    data
        Table of the CSV file.
    paper_tables
        Returns the tables of the LaTeX file.
    values
        Returns everything that the JSON file holds.
    """

    name: str
    about: str
    warnings: Sequence[str]
    page: Callable[[], Page]
    figures: Callable[[Theme], list[Figure]]
    data: pd.DataFrame
    paper_tables: Callable[[], list[PaperTable]]
    values: Callable[[], dict[str, Any]]


def unfolded(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield parts, and in the place of those that hold others the parts inside."""
    for part in parts:
        if isinstance(part, Folded | Row):
            yield from unfolded(part.parts)
        else:
            yield part


def drawn_in(
    figures: Sequence[Figure], section: str, layout: str = "", legend: Sequence[Key] = ()
) -> list[Part]:
    """Return the part with the figures of a section, if there are any."""
    of_section = [figure for figure in figures if figure.section == section]
    return [Figures(of_section, layout, legend)] if of_section else []


def filled(*tables: Table) -> list[Part]:
    """Return the tables that have rows."""
    return [table for table in tables if table.rows]
