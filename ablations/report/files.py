"""Reports as files for other programs and for papers: Markdown, CSV, LaTeX and JSON."""

import json
from typing import Any

import pandas as pd

from ablations.report import study_tables, tables
from ablations.report.answers import answers
from ablations.report.beside import beside_metrics, beside_table
from ablations.report.columns import shaped_table
from ablations.report.contents import ReportContents
from ablations.report.costs import costs_table
from ablations.report.drawing import slug
from ablations.report.markup import latex_table, latex_text, markdown_table, markdown_text
from ablations.report.page import facts
from ablations.report.rerun import snippet
from ablations.report.rounding import is_number
from ablations.report.sentences import how_likely, summary, warnings
from ablations.report.words import (
    about_study,
    ends_words,
    metric_words,
    rows_of,
    settings_words,
    short_digest,
)
from ablations.stats.notes import unseen_skew

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that starts so is a formula to a spreadsheet."""


def csv_report(contents: ReportContents) -> str:
    """Return the deltas, all columns, every digit."""
    return csv_of(contents.deltas)


def csv_of(frame: pd.DataFrame) -> str:
    """Return a table as CSV in which no text is a formula to a spreadsheet."""
    safe = frame.astype(object).map(_text_safe)
    names = [_text_safe(name) for name in frame.columns]
    text: str = safe.to_csv(index=False, header=names, lineterminator="\n")
    return text


def json_report(contents: ReportContents) -> str:
    """Return everything, every digit; what is missing or infinite is null."""
    unseen = unseen_skew(contents.deltas["n_pairs"], looks="look" in contents.deltas)
    sentences = summary(contents)
    everything = {
        "ends": ends_words(contents.study),
        "study": contents.study,
        "directory": str(contents.directory),
        "made": contents.made,
        "answers": [said.text for said in answers(contents)],
        "summary": {metric: [said.text for said in own] for metric, own in sentences.items()},
        "warnings": warnings(contents),
        "findings": {name: list(said) for name, said in contents.variant_findings.items()},
        "deltas": rows_of(contents.deltas),
        "notes": [note for note in (unseen, how_likely(sentences)) if note],
        "trials": rows_of(contents.trials),
        "history": rows_of(contents.history),
        "changes": contents.changes,
        "aliases": rows_of(contents.aliases),
        "costs": None if contents.costs is None else rows_of(contents.costs),
        "beside": None if contents.beside is None else rows_of(contents.beside),
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
    if ends := ends_words(contents.study):
        parts.append(f"{markdown_text(ends)}\n")
    parts.append(bullets(f"{word}: {value}" for word, value in facts(contents).items()))
    parts.append("## Summary\n")
    if told := warnings(contents):
        parts.append("".join(f"> {markdown_text(text)}\n>\n" for text in told))
    parts.append(bullets(f"{said.text}." for said in answers(contents)))
    told_of = summary(contents)
    for metric, sentences in told_of.items():
        parts.append(f"### {markdown_text(metric_words(metric).capitalize())}\n")
        parts.append(bullets(f"{said.text}." for said in sentences))
    if likely := how_likely(told_of):
        parts.append(f"{likely}\n")
    if contents.variant_findings:
        parts.append("### Findings\n")
        findings = contents.variant_findings.items()
        parts.append(bullets(f"{name}: {said}" for name, texts in findings for said in texts))
    parts.append("## Deltas\n")
    deltas = (study_tables.deltas_table(contents, metric) for metric in contents.metrics)
    parts += map(headed, deltas)
    parts += [headed(table) for table in _further_tables(contents) if table.rows]
    parts += ["## Run it again\n", fenced(contents.rerun, "sh")]
    parts.append(fenced(snippet(contents), "python"))
    known = {**contents.versions, **contents.machine}
    parts.append(
        bullets(
            f"{metric_words(str(word))}: {short_digest(value)}" for word, value in known.items()
        )
    )
    return "\n".join(part for part in parts if part)


def _further_tables(contents: ReportContents) -> list[tables.Table]:
    """Return what the page shows besides the deltas, table by table."""
    further = [study_tables.statistics_table(contents, metric) for metric in contents.metrics]
    return [
        *(table for table in further if len(table.headers) > 1),
        costs_table(contents),
        *(shaped_table(contents, title, frame) for title, frame in contents.tables.items()),
        *(beside_table(contents, metric) for metric in beside_metrics(contents)),
        study_tables.failures_table(contents),
        study_tables.infeasible_table(contents),
        study_tables.pending_table(contents),
    ]


def headed(table: tables.Table, level: int = 3) -> str:
    """Return a table in Markdown, with its title above it and what is said of all of it."""
    lead = f"{markdown_text(table.lead)}\n\n" if table.lead else ""
    below = f"\n{markdown_text(table.below)}\n" if table.below else ""
    title = f"{'#' * level} {markdown_text(table.title)}"
    return f"{title}\n\n{lead}{markdown_table(table)}{below}"


def latex_report(contents: ReportContents) -> str:
    """Return the deltas as LaTeX tables, for a paper that loads booktabs."""
    lines = ["% \\usepackage{booktabs} in the preamble.\n"]
    told: set[str] = set()
    for metric in contents.metrics:
        table = study_tables.deltas_table(contents, metric).without(tables.NOTES)
        notes = []
        for row in rows_of(contents.deltas_of(metric)):
            variant = str(row["variant"])
            undone = contents.undone.get(variant)
            own = [undone.why] if undone else contents.notes_of(row)
            findings = contents.variant_findings.get(variant, ())
            # in full below the first table only
            own += ["it has a finding, above"] if variant in told and findings else findings
            told.add(variant)
            noted = [note.removesuffix(".") for note in own]
            if noted:
                notes.append(f"{variant}: {'; '.join(noted)}.")
        kind = "allow for all looks" if "look" in contents.deltas else "are of paired t"
        baseline = settings_words(contents.study.get("baseline", {})) or "the defaults"
        ends = ends_words(contents.study)
        caption = (
            f"{table.title}. {about_study(contents.study)}; baseline: {baseline}. "
            f"{ends}{' ' * bool(ends)}The intervals "
            f"({contents.confidence:.0%}) {kind}, each its own variant's; p is corrected by Holm "
            "over the table."
        )
        label = f"{slug(contents.name)}-{slug(metric)}"  # of which a paper may hold several
        lines.append(latex_table(table, label, [*notes, *filter(None, [table.below])], caption))
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
