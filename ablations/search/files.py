"""The report of a search as Markdown, CSV, LaTeX and JSON."""

from ablations.report.drawing import distinct, slug
from ablations.report.files import bullets, csv_of, fenced, headed, json_text
from ablations.report.markup import latex_table, latex_text, markdown_text
from ablations.report.tables import NOTES, Table
from ablations.report.words import metric_words, rows_of
from ablations.search import tables
from ablations.search.contents import SearchContents


def csv_report(contents: SearchContents) -> str:
    """Return the trials, all columns, every digit."""
    return csv_of(contents.trials)


def json_report(contents: SearchContents) -> str:
    """Return everything, every digit; what is missing or infinite is null."""
    return json_text(
        {
            "name": contents.name,
            "facts": contents.facts,
            "warnings": list(contents.warnings),
            "best": rows_of(contents.best),
            "importance": rows_of(contents.importance),
            "optimism": rows_of(contents.optimism),
            "notes": list(
                dict.fromkeys(it.below for it in tables.study_tables(contents) if it.below)
            ),
            "tables": {title: rows_of(frame) for title, frame in contents.tables.items()},
            "trials": rows_of(contents.trials),
            "versions": contents.versions,
        }
    )


def markdown_report(contents: SearchContents) -> str:
    """Return the tables in Markdown."""
    parts = [f"# Search: {markdown_text(contents.name)}\n"]
    parts.append(bullets(f"{word}: {value}" for word, value in contents.facts.items()))
    parts.append("".join(f"> {markdown_text(said)}\n>\n" for said in contents.warnings))
    shown = [*_tables(contents), tables.trials_table(contents)]
    parts += [headed(table, level=2) for table in shown if table.rows]
    parts += ["## How to go on\n", fenced(contents.code, "python")]
    parts.append(bullets(f"{metric_words(n)}: {v}" for n, v in contents.versions.items()))
    return "\n".join(part for part in parts if part)


def latex_report(contents: SearchContents) -> str:
    """Return the tables but that of all trials as LaTeX, for a paper that loads booktabs."""
    lines = ["% \\usepackage{booktabs} in the preamble.\n"]
    shown = [table for table in _tables(contents) if table.rows]
    labels = distinct(f"{slug(contents.name)}-{slug(table.title).lower()}" for table in shown)
    lines += [_latex(table, label) for table, label in zip(shown, labels, strict=True)]
    lines += [f"% {line}\n" for line in map(latex_text, contents.warnings)]
    return "\n".join(lines)


def _latex(table: Table, label: str) -> str:
    """Return a table as LaTeX, its notes below it: a column of sentences has no room on a page."""
    named = 2 if table.headers[0] == "Factor" else 1
    notes = [
        f"{' '.join(cell.text for cell in row[:named])}: {row[-1].text}."
        for row in table.rows
        if table.headers[-1] == NOTES and row[-1].text
    ]
    below = [*notes, *([table.below] if table.below else [])]
    return latex_table(table.without(NOTES), label, below)


def _tables(contents: SearchContents) -> list[Table]:
    return [
        tables.best_table(contents),
        tables.optimism_table(contents),
        *tables.study_tables(contents),
        tables.importance_table(contents),
        tables.failures_table(contents),
    ]
