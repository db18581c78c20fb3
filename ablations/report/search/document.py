"""The document of a search's report: page and files."""

from typing import Any

from ablations.report.figure import distinct, slug, spec
from ablations.report.formats import (
    bullets,
    csv_of,
    fenced,
    headed,
    json_text,
    latex_table,
    latex_text,
    markdown_text,
)
from ablations.report.html import frame_of, json_of, template
from ablations.report.numbers import brief
from ablations.report.search import tables
from ablations.report.search.contents import SearchContents
from ablations.report.search.figures import draw_figures
from ablations.report.table import NOTES, Table, with_footnotes
from ablations.report.theme import PAGE
from ablations.report.wording import metric_words, rows_of


def page(contents: SearchContents) -> str:
    """Return a search's page."""
    drawn = draw_figures(contents, PAGE)
    by_section: dict[str, list[Any]] = {}
    for figure in drawn:
        by_section.setdefault(figure.section, []).append(figure)
    rendered: str = template("search.html.jinja").render(
        **frame_of(),
        contents=contents,
        cards=_cards(contents),
        figures=by_section,
        best=tables.best_table(contents),
        importance=with_footnotes(tables.importance_table(contents)),
        optimism=tables.optimism_table(contents),
        extra=[with_footnotes(table) for table in tables.study_tables(contents)],
        trials=tables.trials_table(contents),
        failures=tables.failures_table(contents),
        specs=[(figure.name, json_of(spec(figure, PAGE))) for figure in drawn],
        with_verdicts=(),
        verdicts=(),
        words=metric_words,
    )
    return rendered


def _cards(contents: SearchContents) -> list[dict[str, str]]:
    """Return the numbers at the top: a word, a number, what it means."""
    by_trial = contents.trials.groupby("trial", sort=False)["status"]
    done = int(by_trial.agg(lambda statuses: set(statuses) == {"done"}).sum())
    count = int(contents.trials["trial"].nunique())
    lost = contents.not_done.groupby("status", sort=False)["trial"].nunique()
    failed = int(lost.get("failed", 0)) + int(lost.get("unreadable", 0))
    said_lost = ", ".join(f"{number:,} {status}" for status, number in lost.items())
    best = brief(contents.best["score"].iloc[0]) if len(contents.best) else "none"
    better = f"{contents.objective}, {contents.hint}"
    known = contents.importance[contents.importance["ci_low"] > 0]
    known = known.iloc[: 0 if contents.too_few else 1]
    said = [
        ("Trials done", f"{done:,}", f"of {count:,} begun", ""),
        ("Not done", f"{count - done:,}", said_lost, "worse" if failed else ""),
        ("Compared", f"{len(contents.compared):,}", "trials with whole scores", ""),
        ("Best score", best, better if len(contents.best) else "no trial is done", ""),
        (
            "Matters most",
            known["toggle"].iloc[0] if len(known) else "unknown",
            f"{known['importance'].iloc[0]:.0%} of the variance" if len(known) else _why(contents),
            "",
        ),
    ]
    return [dict(zip(("word", "number", "more", "kind"), card, strict=True)) for card in said]


def _why(contents: SearchContents) -> str:
    if not contents.hyperparameters:
        return "nothing was varied"
    return "too few trials" if contents.too_few else "no choice stands out"


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
