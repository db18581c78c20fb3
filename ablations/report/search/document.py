"""The document of a search's report: what stands on its page and in its files."""

from functools import partial
from typing import Any

from ablations.report.numbers import brief
from ablations.report.page import (
    Card,
    Code,
    Document,
    Facts,
    Folded,
    Heading,
    Page,
    PaperTable,
    Part,
    Row,
    Section,
    Text,
    Warnings,
    drawn_in,
    filled,
)
from ablations.report.search.contents import SearchContents
from ablations.report.search.figures import draw_figures
from ablations.report.search.tables import (
    best_table,
    failures_table,
    importance_table,
    optimism_table,
    study_tables,
    trials_table,
)
from ablations.report.table import NOTES, Table, rows_of
from ablations.report.theme import PAGE
from ablations.report.wording import count_of, metric_words
from ablations.stats.verdicts import Verdict
from cnnzoo.tuning.records import TrialStatus


def search_document(contents: SearchContents) -> Document:
    """Return the report of a search."""
    return Document(
        contents.name,
        "",
        contents.warnings,
        partial(_page, contents),
        partial(draw_figures, contents),
        contents.trials,
        partial(_paper_tables, contents),
        partial(_values, contents),
    )


def _page(contents: SearchContents) -> Page:
    drawn = draw_figures(contents, PAGE)
    importance = importance_table(contents)
    ranked = [Row([*drawn_in(drawn, "importance"), importance])]
    failures, trials = failures_table(contents), trials_table(contents)
    return Page(
        "Search",
        contents.name,
        contents.facts,
        _cards(contents),
        [
            Section("best", "Best configurations", _best(contents)),
            Section("fresh", "Retrained", _retrained(contents)),
            Section("progress", "Progress", drawn_in(drawn, "progress")),
            Section("importance", "Importance", ranked if importance.rows else []),
            Section("surface", "The two that matter most", drawn_in(drawn, "surface")),
            Section("slices", "Scores by choice", drawn_in(drawn, "slices", "columns")),
            Section("parallel", "Configurations", drawn_in(drawn, "parallel")),
            Section("curves", "Learning curves", drawn_in(drawn, "curves")),
            Section("timeline", "Workers", drawn_in(drawn, "timeline")),
            Section("failures", failures.title, filled(failures)),
            Section("trials", trials.title, _folded(trials)),
            Section("rerun", "Next step", _next_step(contents)),
        ],
    )


def _paper_tables(contents: SearchContents) -> list[PaperTable]:
    """Return all tables but that of the trials; notes stand below them, not in a column."""
    tables = [
        best_table(contents),
        optimism_table(contents),
        *study_tables(contents),
        importance_table(contents),
        failures_table(contents),
    ]
    return [PaperTable(table, _notes(table)) for table in tables if table.rows]


def _values(contents: SearchContents) -> dict[str, Any]:
    """Return everything that the report shows, with all digits."""
    below = (table.below for table in study_tables(contents))
    return {
        "name": contents.name,
        "facts": contents.facts,
        "warnings": list(contents.warnings),
        "best": rows_of(contents.best),
        "importance": rows_of(contents.importance),
        "optimism": rows_of(contents.optimism),
        "notes": list(dict.fromkeys(filter(None, below))),
        "tables": {title: rows_of(frame) for title, frame in contents.tables.items()},
        "trials": rows_of(contents.trials),
        "versions": contents.versions,
    }


def _cards(contents: SearchContents) -> list[Card]:
    by_trial = contents.trials.groupby("trial", sort=False)["status"]
    finished = int(by_trial.agg(lambda statuses: set(statuses) == {TrialStatus.DONE}).sum())
    count = int(contents.trials["trial"].nunique())
    unfinished = contents.without_score.groupby("status", sort=False)["trial"].nunique()
    failed = sum(unfinished.get(s, 0) for s in (TrialStatus.FAILED, TrialStatus.UNREADABLE))
    decisive = contents.importance[contents.importance["low"] > 0]
    if contents.too_few or not len(decisive):
        most = Card("Most important", "unknown", _why_unknown(contents))
    else:
        share = f"{decisive['importance'].iloc[0]:.0%} of the variance"
        most = Card("Most important", decisive["toggle"].iloc[0], share)
    best = Card("Best score", "none", "no trial has finished")
    if len(contents.best):
        better = f"{contents.objective}, {contents.hint}"
        best = Card("Best score", brief(contents.best["score"].iloc[0]), better)
    return [
        Card("Trials finished", f"{finished:,}", f"of {count:,} started"),
        Card(
            "Without a score",
            f"{count - finished:,}",
            ", ".join(f"{number:,} {status}" for status, number in unfinished.items()),
            Verdict.WORSE if failed else "",
        ),
        Card("Compared", f"{len(contents.compared):,}", "trials with complete scores"),
        best,
        most,
    ]


def _why_unknown(contents: SearchContents) -> str:
    if not contents.hyperparameters:
        return "nothing was varied"
    return "too few trials" if contents.too_few else "no choice stands out"


def _best(contents: SearchContents) -> list[Part]:
    parts: list[Part] = [Warnings(contents.warnings)] if contents.warnings else []
    table = best_table(contents)
    if not table.rows:
        return [*parts, Text("No trial has finished yet.")]
    lead = "Configurations are ranked by their mean score over executions, not by the best one."
    parts += [Text(lead), table]
    if contents.line:
        parts += [Heading("The best configuration in Python"), Code(contents.line, "python")]
    return parts


def _retrained(contents: SearchContents) -> list[Part]:
    optimism = optimism_table(contents)
    if not optimism.rows:
        return []
    studies = study_tables(contents)
    return [optimism, *(part for it in studies for part in (Heading(it.title), it))]


def _next_step(contents: SearchContents) -> list[Part]:
    lead = (
        "An ablation study of this search retrains the winner and its rivals on further seeds, "
        "then changes the winner's choices one at a time and along the path from the defaults."
    )
    parts: list[Part] = [Text(lead), Code(contents.code, "python")]
    if contents.versions:
        named = {metric_words(str(name)): str(it) for name, it in contents.versions.items()}
        parts += [Heading("Versions"), Facts(named)]
    return parts


def _folded(trials: Table) -> list[Part]:
    count = count_of(len(trials.rows), "training")
    return [Folded(f"Table of {count}", [trials])] if trials.rows else []


def _notes(table: Table) -> list[str]:
    """Return the notes of each row, with the cells that name the row."""
    if table.headers[-1] != NOTES:
        return []
    named = 2 if table.headers[0] == "Factor" else 1
    return [
        f"{' '.join(cell.text for cell in row[:named])}: {row[-1].text}."
        for row in table.rows
        if row[-1].text
    ]
