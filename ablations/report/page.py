"""The parts of a report page, from which its HTML and its Markdown are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd

from ablations.report.figure import Figure, Theme
from ablations.report.table import Table


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
    """What a reader must know before the numbers."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Sentence:
    """One conclusion.

    Parameters
    ----------
    verdict
        The verdict of the comparison. It decides the mark before the sentence.
    subject
        Beginning of the sentence: what is compared.
    rest
        Rest of the sentence, without its period.
    notes
        Cautions that concern this comparison only.
    finding
        Whether the doctor has a finding on the variant.
    size
        Absolute value of the delta, to sort by.
    """

    verdict: str
    subject: str
    rest: str
    notes: tuple[str, ...] = ()
    finding: bool = False
    size: float = 0.0

    @property
    def text(self) -> str:
        """The sentence, without its period."""
        return self.subject + self.rest + (", but see its finding" if self.finding else "")


@dataclass(frozen=True)
class Sentences:
    """A list of sentences; those after the first few are folded away on the page.

    Parameters
    ----------
    items
        Sentences, the most important first.
    shown
        Number of sentences that are not folded away.
    more
        Name of the folded sentences, such as "more comparisons".
    label
        With a label, the list is framed.
    """

    items: Sequence[Sentence]
    shown: int
    more: str
    label: str = ""


@dataclass(frozen=True)
class Key:
    """An entry of a legend: a name with its colour and either a dash or a shape."""

    name: str
    colour: str
    dash: str = ""
    shape: str = ""


@dataclass(frozen=True)
class Figures:
    """Figures beside each other, with the legend that they share.

    Parameters
    ----------
    figures
        What is drawn.
    layout
        "columns" for two columns if there is room, "columns narrow" if one may stay narrow.
    legend
        The entries of the legend; empty for none.
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
class Folded:
    """Parts that the page shows only on request."""

    summary: str
    parts: Sequence["Part"]


Part = Heading | Text | Warnings | Sentences | Table | Figures | Code | Facts | Folded


@dataclass(frozen=True)
class Section:
    """A section of a page, with an entry in its navigation."""

    id: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Card:
    """A number at the top of the page: its name, the number, and what it means.

    ``kind`` is a verdict that colours the number, or "".
    """

    word: str
    number: str
    more: str
    kind: str = ""


@dataclass(frozen=True)
class Page:
    """A report page.

    Parameters
    ----------
    kind
        "Ablation study" or "Search".
    name
        Name of the study or search.
    facts
        What was studied, by name.
    cards
        Numbers at the top.
    sections
        Sections in their order; those without parts are left out.
    lead
        Paragraph below the name.
    made
        Date of the report.
    """

    kind: str
    name: str
    facts: Mapping[str, str]
    cards: Sequence[Card]
    sections: Sequence[Section]
    lead: str = ""
    made: str = ""

    @property
    def figures(self) -> list[Figure]:
        """All figures of the page."""
        return [figure for section in self.sections for figure in _figures_in(section.parts)]


@dataclass(frozen=True)
class PaperTable:
    """A table for a paper, with the notes and the caption that LaTeX sets below and above it."""

    table: Table
    notes: Sequence[str] = ()
    caption: str = ""


class Document(Protocol):
    """A report that can be written in every format: that of a study or of a search."""

    name: str
    about: str
    """One line that names the study or the search in a figure that stands alone."""

    def warnings(self) -> list[str]:
        """Return what a reader must know before the numbers."""
        ...

    def page(self) -> Page:
        """Return the page, for HTML and Markdown."""
        ...

    def figures(self, theme: Theme) -> list[Figure]:
        """Return all figures in the colours of a theme."""
        ...

    def data(self) -> pd.DataFrame:
        """Return the table that the CSV file holds."""
        ...

    def paper_tables(self) -> list[PaperTable]:
        """Return the tables that the LaTeX file holds."""
        ...

    def values(self) -> dict[str, Any]:
        """Return everything that the JSON file holds."""
        ...


def _figures_in(parts: Sequence[Part]) -> list[Figure]:
    return [figure for part in parts if isinstance(part, Figures) for figure in part.figures]
