"""LaTeX: escaping, widths of texts, tables that fit a column or a page, and whole reports."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from ablations.report.figure import distinct, slug
from ablations.report.numbers import MINUS
from ablations.report.page import Document
from ablations.report.paper import POINTS_PER_MM, WIDTHS
from ablations.report.table import NOTES, Table

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    MINUS: "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{DOWNWARDS ARROW}": r"$\downarrow$",
    "\N{UPWARDS ARROW}": r"$\uparrow$",
    "\N{EN DASH}": "--",
    "\n": " ",
    "\r": " ",
}

COLUMN_SEP = 3
"""Half the space between columns, in points."""

FONT_SIZE = 8.0
"""Size of \\footnotesize in an article of 10 points."""

HANG = 5.0
"""Indent of the further lines of a name, in points."""

WIDTHS_IN_EM = {
    ".,:;'|!il[]": 0.30,
    " -_jfrtsI()": 0.43,
    "cez": 0.48,
    "0123456789aogq/": 0.54,
    "=+<>&@\N{MINUS SIGN}": 0.84,
    "m": 0.89,
    "%#M": 0.98,
}
"""Widths in Computer Modern of 8 points, rounded up. Most articles have a narrower font."""

LOWER, OTHER = 0.60, 1.10
"""Widths of the other lower-case letters, and of all that is left."""

PIECE = re.compile(r"[^=_,+:/\s-]*[=_,+:/\s-]*")
LONG_PIECE = 16
"""Parts of a name after which it may break; longer ones break anywhere."""

MOST_LINES = 3
"""Number of lines of a text in a column of an article, beyond which a table spans the page."""

SETUP = rf"\smallskip\footnotesize\setlength{{\tabcolsep}}{{{COLUMN_SEP}pt}}"
"""Font and gaps of a table."""

BREAKING = rf"\raggedright\let\\\tabularnewline\hangindent={HANG:g}pt "
"""Beginning of a cell whose text breaks into lines."""


def latex_text(text: str) -> str:
    r"""Escape a text for LaTeX.

    Examples
    --------
    >>> print(latex_text("50% of pool_size"))
    50\% of pool\_size
    """
    return "".join(LATEX.get(character, character) for character in text)


def latex_table(table: Table, label: str, notes: list[str], caption: str = "") -> str:
    """Return a table in LaTeX with the rules of booktabs, a caption and notes below.

    It is as wide as a column of an article if its texts then need at most `MOST_LINES` lines;
    else as wide as a page.
    """
    texts = [[row[at].text for row in table.rows] for at in range(len(table.headers))]
    columns = [
        _Column(header, tuple(cells), is_number)
        for header, cells, is_number in zip(table.headers, texts, table.numeric, strict=True)
    ]
    gaps = 2 * COLUMN_SEP * (len(columns) - 1)
    for name, millimetres in WIDTHS.items():
        wide = name != "column"
        shares = _shares(columns, millimetres * POINTS_PER_MM - gaps, MOST_LINES)
        if shares:
            break
    else:  # of a page
        shares = _shares(columns, millimetres * POINTS_PER_MM - gaps, math.inf)
    shares = shares or [column.width for column in columns]  # wider than the page
    rows = zip(
        *(column.cells(share) for column, share in zip(columns, shares, strict=True)), strict=True
    )
    return latex_float(
        [_unstarred(row) for row in rows],
        [column.head(share) for column, share in zip(columns, shares, strict=True)],
        "@{}" + "".join(map(_Column.format, columns, shares)) + "@{}",
        caption=caption or table.title,
        label=label,
        notes=notes,
        wide=wide,
        setup=SETUP,
    )


@dataclass(frozen=True)
class _Column:
    """A column of texts, which may break, or of numbers."""

    header: str
    texts: tuple[str, ...]
    is_number: bool

    @cached_property
    def content(self) -> float:
        """Width of the widest text, in points."""
        return FONT_SIZE * max(map(text_width, self.texts), default=0.0)

    @cached_property
    def width(self) -> float:
        """Width without breaks of the texts, in points."""
        return max(self.content, self._head_width(self.content))

    @cached_property
    def least(self) -> float:
        """Least width, at which all breaks are used."""
        if self.is_number:
            return self.width
        pieces = [text_width(piece) for text in self.texts for piece in pieces_of(text)]
        words = map(text_width, self.header.split(" "))
        return HANG + FONT_SIZE * max(*words, *pieces, 0.0)

    def _head_width(self, width: float) -> float:
        return FONT_SIZE * max(map(text_width, filled_lines(self.header, width)), default=0.0)

    def lines(self, share: float) -> float:
        """Return about how many lines the widest text takes."""
        return self.content / share if share < self.content else 1.0

    def format(self, share: float) -> str:
        """Return the format of the column at a width."""
        if share < self.content:
            return f"p{{{share:.1f}pt}}"
        return "r" if self.is_number else "l"

    def cells(self, share: float) -> list[str]:
        """Return the texts in LaTeX at a width."""
        if share >= self.content:
            return [latex_text(text) for text in self.texts]
        return [BREAKING + broken(text) for text in self.texts]

    def head(self, share: float) -> str:
        """Return the header in LaTeX at a width."""
        return header_cell(filled_lines(self.header, share), "c" if self.is_number else "l")


def _shares(columns: Sequence[_Column], room: float, most_lines: float) -> list[float] | None:
    """Return the widths of columns in some room: no text has more room than another that lacks it.

    None if a text would need more lines than there may be.
    """
    if sum(column.width for column in columns) <= room:
        return [column.width for column in columns]
    if sum(column.least for column in columns) > room:
        return None
    low, high = 0.0, room
    for _ in range(50):  # halves the range of the width that is enough for a text
        middle = (low + high) / 2
        shares = [max(column.least, min(column.width, middle)) for column in columns]
        low, high = (low, middle) if sum(shares) > room else (middle, high)
    shares = [max(column.least, min(column.width, low)) for column in columns]
    lines = max(column.lines(share) for column, share in zip(columns, shares, strict=True))
    return shares if lines <= most_lines else None


def broken(text: str) -> str:
    r"""Escape a text and let it break after its separators.

    Examples
    --------
    >>> print(broken("norm_momentum=0.8"))
    norm\_\allowbreak{}momentum=\allowbreak{}0.8
    """
    return r"\allowbreak{}".join(map(latex_text, pieces_of(text)))


def latex_float(
    rows: Sequence[Sequence[str]],
    headers: Sequence[str],
    columns: str,
    *,
    caption: str,
    label: str,
    notes: Sequence[str] = (),
    wide: bool = False,
    setup: str = "",
) -> str:
    """Return cells in LaTeX as a floating table.

    Parameters
    ----------
    rows, headers
        Cells in LaTeX.
    columns
        Format of the columns.
    caption, notes
        Texts, which are escaped.
    label
        Name for references, after "tab:".
    wide
        Whether the table spans all columns of the page.
    setup
        LaTeX before the table, such as its font size.
    """
    environment = "table*" if wide else "table"
    text = (
        pd.DataFrame(rows, columns=list(headers))
        .style.hide(axis="index")
        .to_latex(
            column_format=columns,
            position="htbp",
            position_float="centering",
            hrules=True,
            label=f"tab:{label}",
            caption=latex_text(caption),
            environment=environment,
        )
    )
    # long names leave few places where a line of the caption can end
    text = text.replace("\\centering\n", "\\centering\\sloppy\n", 1)
    if setup:
        text = text.replace(r"\begin{tabular}{", f"{setup}\n\\begin{{tabular}}{{", 1)
    below = "".join(rf"\par\smallskip\footnotesize {latex_text(note)}" + "\n" for note in notes)
    end = f"\\end{{{environment}}}\n"
    return str(text.removesuffix(end)) + below + end


def text_width(text: str) -> float:
    """Return an upper bound of the width of a text in Computer Modern of 8 points, in em.

    Examples
    --------
    >>> round(text_width("0.912"), 2), round(text_width("W"), 2)
    (2.46, 1.1)
    """
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> float:
    for characters, width in WIDTHS_IN_EM.items():
        if character in characters:
            return width
    if character.isascii() and character != "W":
        return WIDTHS_IN_EM["=+<>&@\N{MINUS SIGN}"] if character.isupper() else LOWER
    return OTHER


def pieces_of(name: str) -> list[str]:
    """Split a name where it may break: after its separators, and anywhere if it has none.

    Examples
    --------
    >>> pieces_of("normalization=batch, norm_momentum=0.8")
    ['normalization=', 'batch, ', 'norm_', 'momentum=', '0.8']
    """
    pieces: list[str] = []
    for piece in filter(None, PIECE.findall(name)):
        pieces += [piece] if len(piece) <= LONG_PIECE else list(piece)
    return pieces


def filled_lines(header: str, width: float) -> list[str]:
    """Fill lines of a width in points with the words of a header."""
    lines: list[str] = []
    for word in header.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and FONT_SIZE * text_width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def header_cell(lines: Sequence[str], side: str = "c") -> str:
    """Return a header in LaTeX above its column: centred, or "l" for its left edge."""
    text = r"\\".join(map(latex_text, lines))
    if len(lines) > 1:
        text = rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{text}\end{{tabular}}"
    return rf"\multicolumn{{1}}{{{side}}}{{{text}}}"


def _unstarred(row: Sequence[str]) -> list[str]:
    """Return a row. LaTeX reads a bracket or a star after a row break as an option of it."""
    first, *others = row
    return [f"{{}}{first}" if first[:1] in ("[", "*") else first, *others]


def latex_report(document: Document) -> str:
    """Write the tables of a report in LaTeX, for a paper that loads booktabs."""
    tables = document.paper_tables()
    labels = distinct(f"{slug(document.name)}-{slug(it.table.title).lower()}" for it in tables)
    lines = ["% \\usepackage{booktabs} in the preamble.\n"]
    lines += [
        latex_table(
            it.table.without(NOTES), label, [*it.notes, *filter(None, [it.table.below])], it.caption
        )
        for it, label in zip(tables, labels, strict=True)
    ]
    lines += [f"% {latex_text(warning)}\n" for warning in document.warnings]
    return "\n".join(lines)
