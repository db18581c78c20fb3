"""The tables of a search, as a reader sees them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from ablations.report.numbers import decimals_of, fixed, is_number, share_words
from ablations.report.search.contents import SearchContents, choices_title, path_title
from ablations.report.study.contents import PATH_STEPS
from ablations.report.study.tables import deltas_table, shaped_table
from ablations.report.table import (
    NOTES,
    Cell,
    Table,
    any_table,
    share_cell,
    size_cells,
    sort_key,
    text_cell,
)
from ablations.report.wording import listed, metric_words, rows_of
from ablations.stats.caveats import unseen_skew


def best_table(contents: SearchContents) -> Table:
    """Return the best configurations."""
    once = (contents.best["executions"] == 1).all()
    kept = contents.best.drop(columns=["executions"] if once else [])
    return _named("The best configurations", kept, contents)


def trials_table(contents: SearchContents) -> Table:
    """Return all trials, without the columns in which nothing stands; reasons are elsewhere."""
    trials = contents.trials
    same = [name for name in ("execution", "seed") if trials[name].nunique() < 2]
    return _named("All trials", trials.drop(columns=[*same, "reason"]), contents)


def failures_table(contents: SearchContents) -> Table:
    """Return what has no score, alike ones together, with the reasons."""
    groups = contents.not_done.groupby(["status", "reason"], sort=False)
    rows = tuple(
        (
            text_cell(status),
            text_cell(reason),
            Cell(str(rows["trial"].nunique()), float(rows["trial"].nunique())),
            text_cell(listed(list(dict.fromkeys(rows["trial"])))),
        )
        for (status, reason), rows in groups
    )
    return Table("Not done", ("Status", "Reason", "Trials", "Which"), rows)


def importance_table(contents: SearchContents) -> Table:
    """Return the importance of each choice with its interval."""
    rows = tuple(map(_importance_cells, rows_of(contents.importance)))
    headers = ("Choice", "Importance", "95% interval", "Levels tried", NOTES)
    told = {headers[at] for row in rows for at, cell in enumerate(row) if cell.text}
    return Table("Importance", headers, rows).without(
        *(each for each in headers if each not in told)
    )


def _importance_cells(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    low, high = row["ci_low"], row["ci_high"]
    ends = f"[{share_words(low)}, {share_words(high)}]" if is_number(low) else ""
    return (
        text_cell(row["toggle"]),
        share_cell(row["importance"]),
        Cell(ends, sort_key(low)),
        Cell(str(row["levels_tried"]), float(row["levels_tried"])),
        text_cell(row["note"].replace(";", ",")),  # a semicolon parts notes
    )


def optimism_table(contents: SearchContents) -> Table:
    """Return the search's scores beside the means over fresh seeds."""
    again = "trained again" if contents.seeds_note else "on fresh seeds"
    title = f"Scores of the search and {again}"
    if contents.optimism.empty:
        return Table(title, (), ())
    rows = tuple(map(_optimism_cells, rows_of(contents.optimism)))
    headers = ("Rank", "Trial", "Score of the search", "Fresh mean", "Optimism", "95% interval")
    lead = (
        f"The winner and its rivals, trained again. {contents.seeds_note}"
        if contents.seeds_note
        else "The winner and its rivals, trained again on seeds that the search did not use."
    )
    lead += " Optimism is by how much the search's score was too good, with its 95% interval."
    return Table(title, (*headers, "Seeds"), rows, lead=lead)


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
    """Return what became of the winner's choices, one at a time and then along the path."""
    one_at_a_time, path = contents.one_at_a_time, contents.path
    shown = []
    if one_at_a_time:
        shown += [
            replace(deltas_table(one_at_a_time, metric), title=choices_title(metric))
            for metric in one_at_a_time.metrics
        ]
    if path and PATH_STEPS in path.tables:
        frame = path.tables[PATH_STEPS]
        steps = shaped_table(path, PATH_STEPS, frame)
        below = unseen_skew(frame["n_pairs"])
        shown.append(replace(steps, title=path_title(path), below=below))
    return shown


def plain_table(title: str, frame: pd.DataFrame) -> Table:
    """Return any table, with nothing in the cells that are empty."""
    filled = frame.astype(object).where(frame.notna(), None)
    return any_table(title, filled)


def _named(title: str, frame: pd.DataFrame, contents: SearchContents) -> Table:
    """Return a table whose columns keep the names of hyperparameters as they are."""
    known = [name for name in frame if name == "trial" or frame[name].notna().any()]
    known = [name for name in known if not (name == "reason" and not frame[name].any())]
    known = [name for name in known if name != "partial" or frame[name].any()]
    table = plain_table(title, frame[known])
    headers = tuple(
        contents.hyperparameters[name].name
        if name in contents.hyperparameters
        else metric_words(name)
        for name in known
    )
    return replace(table, headers=headers)
