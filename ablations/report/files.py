"""Reports as files for other programs and for papers: Markdown, CSV, LaTeX and JSON."""

import json
from typing import Any

import pandas as pd

from ablations.report import tables
from ablations.report.contents import ReportContents
from ablations.report.drawing import slug
from ablations.report.markup import latex_table, latex_text, markdown_table, markdown_text
from ablations.report.page import facts
from ablations.report.rerun import snippet
from ablations.report.rounding import is_number
from ablations.report.words import metric_words, rows_of, summary, warnings
from ablations.stats.notes import UNSEEN_SKEW

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that starts so is a formula to a spreadsheet."""


def csv_report(contents: ReportContents) -> str:
    """Return the deltas, all columns, every digit."""
    return csv_of(contents.deltas)


def csv_of(frame: pd.DataFrame) -> str:
    """Return a table as CSV in which no text is a formula to a spreadsheet."""
    safe = {_text_safe(name): frame[name].map(_text_safe).astype(object) for name in frame.columns}
    text: str = pd.DataFrame(safe).to_csv(index=False, lineterminator="\n")
    return text


def json_report(contents: ReportContents) -> str:
    """Return everything, every digit; what is missing or infinite is null."""
    everything = {
        "study": contents.study,
        "directory": str(contents.directory),
        "summary": {
            metric: [said.text for said in sentences]
            for metric, sentences in summary(contents).items()
        },
        "warnings": warnings(contents),
        "findings": {name: list(said) for name, said in contents.variant_findings.items()},
        "deltas": rows_of(contents.deltas),
        "notes": [UNSEEN_SKEW],
        "trials": rows_of(contents.trials),
        "costs": None if contents.costs is None else rows_of(contents.costs),
        "tables": {title: rows_of(frame) for title, frame in contents.tables.items()},
        "versions": contents.versions,
        "machine": contents.machine,
    }
    return json_text(everything)


def json_text(everything: dict[str, Any]) -> str:
    """Return values as JSON; what is missing or infinite is null."""
    return json.dumps(_plain(everything), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def markdown_report(contents: ReportContents) -> str:
    """Return the summary and the tables in Markdown."""
    parts = [f"# {markdown_text(contents.name)}\n"]
    parts.append(bullets(f"{word}: {value}" for word, value in facts(contents).items()))
    parts.append("## Summary\n")
    if said := warnings(contents):
        parts.append("".join(f"> {markdown_text(text)}\n>\n" for text in said))
    for metric, sentences in summary(contents).items():
        parts.append(f"### {markdown_text(metric_words(metric).capitalize())}\n")
        parts.append(bullets(f"{said.text}." for said in sentences))
    parts.append("## Deltas\n")
    deltas = [tables.deltas_table(contents, metric) for metric in contents.metrics]
    parts += [f"{_headed(table)}\n{markdown_text(UNSEEN_SKEW)}\n" for table in deltas]
    shown = [tables.any_table(title, frame) for title, frame in contents.tables.items()]
    shown += [
        tables.failures_table(contents),
        tables.infeasible_table(contents),
        tables.pending_table(contents),
    ]
    parts += [_headed(table) for table in shown if table.rows]
    parts += ["## Run it again\n", fenced(contents.rerun, "sh")]
    parts.append(fenced(snippet(contents), "python"))
    known = {**contents.versions, **contents.machine}
    parts.append(bullets(f"{metric_words(str(word))}: {value}" for word, value in known.items()))
    return "\n".join(part for part in parts if part)


def _headed(table: tables.Table) -> str:
    return f"### {markdown_text(table.title)}\n\n{markdown_table(table)}"


def latex_report(contents: ReportContents) -> str:
    """Return the deltas as LaTeX tables, for a paper that loads booktabs."""
    lines = ["% \\usepackage{booktabs} in the preamble.\n"]
    for metric in contents.metrics:
        table = tables.deltas_table(contents, metric).without(tables.NOTES)
        notes = [
            f"{row['variant']}: {'; '.join(note.removesuffix('.') for note in noted)}."
            for row in rows_of(contents.deltas_of(metric))
            if (noted := contents.notes_of(row))
        ]
        lines.append(latex_table(table, slug(metric), [*notes, UNSEEN_SKEW]))
    lines += [f"% {line}\n" for line in map(latex_text, warnings(contents))]
    return "\n".join(lines)


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
