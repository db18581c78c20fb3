"""Markdown, CSV and JSON: escaping, tables and whole reports."""

import json
import re
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from ablations.report.numbers import is_number
from ablations.report.page import (
    Code,
    Facts,
    Heading,
    Page,
    Part,
    Section,
    Sentences,
    Text,
    Warnings,
    unfolded,
)
from ablations.report.table import NOTE_BREAK, Table

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

MARKDOWN = re.compile(r"([\\`*_\[\]<>|#&~$])")

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that a spreadsheet takes for a formula."""


def markdown_text(text: str) -> str:
    r"""Escape a text for Markdown and put it on one line.

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


def styled(table: Table) -> "Styler":
    """Return a table as a pandas Styler for a notebook, with its title as the caption."""
    frame = pd.DataFrame(
        [[cell.text for cell in row] for row in table.rows], columns=list(table.headers)
    )
    sides = ["right" if numeric else "left" for numeric in table.numeric]
    aligned = {
        header: [{"selector": "th, td", "props": [("text-align", side)]}]
        for header, side in zip(table.headers, sides, strict=True)
    }
    return (
        frame.style.hide(axis="index")
        .format(escape="html")
        .format_index(escape="html", axis="columns")
        .set_table_styles(aligned)
        .set_caption(escape(table.title))
    )


def csv_of(frame: pd.DataFrame) -> str:
    """Write a DataFrame as CSV in which no text is a formula to a spreadsheet."""
    safe = frame.astype(object).map(_text_safe)
    names = [_text_safe(name) for name in frame.columns]
    text: str = safe.to_csv(index=False, header=names, lineterminator="\n")
    return text


def json_text(values: dict[str, Any]) -> str:
    """Write values as JSON; missing and infinite numbers are null."""
    return json.dumps(_plain(values), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _text_safe(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # Python before 3.13 does not quote a lone carriage return, which ends a line.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if value.startswith(FORMULA) else text


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


def markdown_page(page: Page) -> str:
    """Write a page in Markdown, without its figures and with nothing folded away."""
    pieces = [f"# {page.kind}: {markdown_text(page.name)}\n"]
    if page.answers:
        pieces.append(_markdown_part(Sentences(page.answers, len(page.answers), "")))
    pieces.append(_bullets(f"{word}: {value}" for word, value in page.facts.items()))
    for section in page.sections:
        pieces += _markdown_section(section)
    return "\n".join(filter(None, pieces))


def _markdown_section(section: Section) -> list[str]:
    """Write a section, or nothing if it has figures only."""
    pieces, heading, level = [], section.title, 3
    for part in unfolded(section.parts):
        if isinstance(part, Heading):
            heading, level = part.text, 4
        elif isinstance(part, Table) and part.title != heading:
            pieces.append(f"{'#' * level} {markdown_text(part.title)}\n")
        pieces.append(_markdown_part(part))
    return [f"## {markdown_text(section.title)}\n", *pieces] if any(pieces) else []


def _markdown_part(part: Part) -> str:
    match part:
        case Heading():
            return f"### {markdown_text(part.text)}\n"
        case Text():
            return f"{markdown_text(part.text)}\n"
        case Warnings():
            return "".join(f"> {markdown_text(text)}\n>\n" for text in part.texts)
        case Sentences():
            sentences = (
                f"{it.text}." + (f" ({NOTE_BREAK.join(it.notes)})" if it.notes else "")
                for it in part.items
            )
            return _bullets(sentences)
        case Table():
            lead = f"{markdown_text(part.lead)}\n\n" if part.lead else ""
            below = f"\n{markdown_text(part.below)}\n" if part.below else ""
            return f"{lead}{markdown_table(part)}{below}"
        case Code():
            return _fenced(part.code, part.language)
        case Facts():
            return _bullets(f"{word}: {value}" for word, value in part.facts.items())
        case _:  # figures
            return ""


def _bullets(texts: Iterable[str]) -> str:
    return "".join(f"- {markdown_text(text)}\n" for text in texts)


def _fenced(code: str, language: str) -> str:
    """Return code between fences that do not occur in it."""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language}\n{code}\n{fence}\n"
