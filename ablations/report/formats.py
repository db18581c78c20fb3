"""Text formats of a report: Markdown, LaTeX, CSV and JSON, each escaped."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ablations.report import table as tables
from ablations.report.numbers import MINUS, is_number
from ablations.report.table import Table

MARKDOWN = re.compile(r"([\\`*_\[\]<>|#&~$])")

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
    "\n": " ",
    "\r": " ",
}


def markdown_text(text: str) -> str:
    r"""Escape a text for Markdown and join its lines.

    Examples
    --------
    >>> print(markdown_text("a|b <i>\nc_d"))
    a\|b \<i\> c\_d
    """
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def markdown_table(table: Table) -> str:
    """Return a table in Markdown."""
    marks = ["---:" if numeric else ":---" for numeric in table.numeric]
    lines = [
        " | ".join(map(markdown_text, table.headers)),
        " | ".join(marks),
        *(" | ".join(markdown_text(cell.text) for cell in row) for row in table.rows),
    ]
    return "".join(f"| {line} |\n" for line in lines)


def latex_text(text: str) -> str:
    r"""Escape a text for LaTeX.

    Examples
    --------
    >>> print(latex_text("50% of pool_size"))
    50\% of pool\_size
    """
    return "".join(LATEX.get(character, character) for character in text)


def latex_table(table: Table, label: str, notes: list[str], caption: str = "") -> str:
    """Return a table in LaTeX with the rules of booktabs, a caption and notes below."""
    rows = [_latex_cells([cell.text for cell in row]) for row in table.rows]
    frame = pd.DataFrame(rows, columns=_latex_cells(table.headers))
    text = frame.style.hide(axis="index").to_latex(
        column_format="".join("r" if numeric else "l" for numeric in table.numeric),
        position="htbp",
        position_float="centering",
        hrules=True,
        label=f"tab:{label}",
        caption=latex_text(caption or table.title),
    )
    below = "".join(rf"\par\smallskip\footnotesize {latex_text(note)}" + "\n" for note in notes)
    end = "\\end{table}\n"
    return str(text.removesuffix(end)) + below + end


def _latex_cells(texts: Sequence[str]) -> list[str]:
    """Escape a row. LaTeX reads a bracket or a star after a row break as an option of it."""
    first, *others = map(latex_text, texts)
    return [f"{{}}{first}" if first[:1] in ("[", "*") else first, *others]


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that starts so is a formula to a spreadsheet."""


def csv_of(frame: pd.DataFrame) -> str:
    """Return a table as CSV in which no text is a formula to a spreadsheet."""
    safe = frame.astype(object).map(_text_safe)
    names = [_text_safe(name) for name in frame.columns]
    text: str = safe.to_csv(index=False, header=names, lineterminator="\n")
    return text


def json_text(everything: dict[str, Any]) -> str:
    """Return values as JSON; what is missing or infinite is null."""
    return json.dumps(_plain(everything), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def headed(table: tables.Table, level: int = 3) -> str:
    """Return a table in Markdown, with its title above it and what is said of all of it."""
    lead = f"{markdown_text(table.lead)}\n\n" if table.lead else ""
    below = f"\n{markdown_text(table.below)}\n" if table.below else ""
    title = f"{'#' * level} {markdown_text(table.title)}"
    return f"{title}\n\n{lead}{markdown_table(table)}{below}"


def _text_safe(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # Python before 3.13 leaves a lone carriage return, which ends a line, without quotes.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if value.startswith(FORMULA) else text


def bullets(texts: Any) -> str:
    """Return texts as a list in Markdown."""
    return "".join(f"- {markdown_text(text)}\n" for text in texts)


def fenced(code: str, language: str) -> str:
    """Return code between fences that it does not hold itself."""
    if not code:
        return ""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language}\n{code}\n{fence}\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | str):
        return value
    if type(value).__name__ == "bool":
        return bool(value)
    if is_number(value):
        return int(value) if hasattr(value, "__index__") else float(value)
    return None if isinstance(value, float) or value is pd.NA else str(value)
