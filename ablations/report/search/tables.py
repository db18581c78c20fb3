"""Tables of a search: trials, importance, optimism, and the studies of its winner."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from ablations.report.numbers import CI, decimals_of, fixed, is_number, share_words
from ablations.report.search.contents import SearchContents, choices_title, path_title
from ablations.report.study.contents import PATH_STEPS
from ablations.report.study.tables import deltas_table, shaped_table
from ablations.report.table import (
    NOTES,
    Cell,
    Table,
    any_table,
    rows_of,
    share_cell,
    size_cells,
    sort_key,
    text_cell,
)
from ablations.report.wording import listed, metric_words
from ablations.stats.caveats import unseen_skew

ELSEWHERE = ("reason", "findings", "started", "worker")
"""Columns of the trials that another table, the warnings or the timeline show."""

OPTIMISM = "Optimism of the search"


def best_table(contents: SearchContents) -> Table:
    """Return the best configurations."""
    once = (contents.best["executions"] == 1).all()
    kept = contents.best.drop(columns=["executions"] if once else [])
    return _named("Best configurations", kept, contents)


def trials_table(contents: SearchContents) -> Table:
    """Return all trials without empty columns; another table has the reasons of failures."""
    trials = contents.trials
    same = [name for name in ("execution", "seed") if trials[name].nunique() < 2]
    return _named("All trials", trials.drop(columns=[*same, *ELSEWHERE]), contents)


def failures_table(contents: SearchContents) -> Table:
    """Return the trials without a score by status and reason."""
    groups = contents.without_score.groupby(["status", "reason"], sort=False)
    rows = tuple(
        (
            text_cell(status),
            text_cell(reason),
            Cell(str(rows["trial"].nunique()), float(rows["trial"].nunique())),
            text_cell(listed(list(dict.fromkeys(rows["trial"])))),
        )
        for (status, reason), rows in groups
    )
    return Table("Trials without a score", ("Status", "Reason", "Trials", "Ids"), rows)


def importance_table(contents: SearchContents) -> Table:
    """Return the importance of each choice, and how far it depends on the folds."""
    rows = tuple(map(_importance_cells, rows_of(contents.importance)))
    headers = ("Choice", "Importance", "By the folds", "Levels tried", NOTES)
    return Table("Importance", headers, rows).without_empty(*headers)


def _importance_cells(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    low, high = row["low"], row["high"]
    ends = f"[{share_words(low)}, {share_words(high)}]" if is_number(low) else ""
    return (
        text_cell(row["toggle"]),
        share_cell(row["importance"]),
        Cell(ends, sort_key(low)),
        Cell(str(row["levels_tried"]), float(row["levels_tried"])),
        text_cell(row["note"].replace(";", ",")),  # a semicolon would separate notes
    )


def optimism_table(contents: SearchContents) -> Table:
    """Return the scores of the search beside the means of retraining."""
    if contents.optimism.empty:
        return Table(OPTIMISM, (), ())
    rows = tuple(map(_optimism_cells, rows_of(contents.optimism)))
    headers = ("Rank", "Trial", "Search score", "Retrained mean", "Optimism", CI, "Seeds")
    seeds = (
        f". {contents.seeds_note}"
        if contents.seeds_note
        else " on seeds that the search did not use."
    )
    lead = (
        f"The winner and its rivals were retrained{seeds} Optimism is how much better the search's "
        f"score was than the retrained mean, with its {CI}."
    )
    return Table(OPTIMISM, headers, rows, lead=lead)


def _optimism_cells(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    decimals = decimals_of(row["optimism"], row["ci_low"], row["ci_high"])
    return (
        Cell(str(row["rank"]), float(row["rank"])),
        text_cell(row["trial"]),
        *(
            Cell(fixed(row[name], decimals), sort_key(row[name]))
            for name in ("search_score", "fresh_mean")
        ),
        *size_cells(row["optimism"], row["ci_low"], row["ci_high"]),
        Cell(str(row["seeds"]), float(row["seeds"])),
    )


def study_tables(contents: SearchContents) -> list[Table]:
    """Return the effects of the winner's choices, one at a time and along the path."""
    one_at_a_time, path = contents.one_at_a_time, contents.path
    tables = []
    if one_at_a_time:
        tables += [
            replace(deltas_table(one_at_a_time, metric), title=choices_title(metric))
            for metric in one_at_a_time.metrics
        ]
    if path and PATH_STEPS in path.tables:
        frame = path.tables[PATH_STEPS]
        steps = shaped_table(path, PATH_STEPS, frame)
        below = unseen_skew(frame["n_pairs"], modified=False)
        tables.append(replace(steps, title=path_title(path), below=below))
    return tables


def _named(title: str, frame: pd.DataFrame, contents: SearchContents) -> Table:
    """Return a table without empty columns; hyperparameters keep their names."""
    optional = ("reason", "partial", "codes")
    kept = [
        name
        for name in frame
        if name == "trial" or (frame[name].any() if name in optional else frame[name].notna().any())
    ]
    table = any_table(title, frame[kept].astype(object).where(frame[kept].notna(), None))
    headers = tuple(
        contents.hyperparameters[name].name
        if name in contents.hyperparameters
        else metric_words(name)
        for name in kept
    )
    return replace(table, headers=headers)
