"""Tables in Markdown and LaTeX, with whatever the user typed escaped."""

import re

from ablations.report.rounding import MINUS
from ablations.report.tables import Table

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
    r"""Escape a text for Markdown, on one line.

    Examples
    --------
    >>> print(markdown_text("a|b <i>\nc_d"))
    a\|b \<i\> c\_d
    """
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def markdown_table(table: Table) -> str:
    """Write a table in Markdown."""
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
    """Write a table in LaTeX, with the rules of booktabs, a caption and notes below."""
    columns = "".join("r" if numeric else "l" for numeric in table.numeric)
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{latex_text(caption or table.title)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(latex_text, table.headers)) + r" \\",
        r"\midrule",
        *(" & ".join(latex_text(cell.text) for cell in row) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\smallskip\footnotesize {latex_text(note)}" for note in notes),
        r"\end{table}",
    ]
    # A bracket or a star after the break of a row would be read as its option.
    return "".join(f"{{}}{line}\n" if line[:1] in ("[", "*") else f"{line}\n" for line in lines)
