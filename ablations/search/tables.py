"""The tables of a search, as a reader sees them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from ablations.report.rounding import MINUS, bracket, decimals_for, fixed, is_number, p_value
from ablations.report.tables import NOTES, Cell, Table, any_table, sort_key, text_cell
from ablations.report.words import level_words, metric_words, rows_of
from ablations.search.contents import SearchContents

MOST_NAMES = 12
"""Trials that are listed one by one."""


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
            text_cell(_listed(list(dict.fromkeys(rows["trial"])))),
        )
        for (status, reason), rows in groups
    )
    return Table("Not done", ("Status", "Reason", "Trials", "Which"), rows)


def importance_table(contents: SearchContents) -> Table:
    """Return the importance of each choice with its interval."""
    # a semicolon parts notes
    notes = contents.importance["note"].str.replace(";", ",")
    table = plain_table("Importance", contents.importance.assign(note=notes))
    words = ("Choice", "Importance", "95% low", "95% high", "Levels tried", NOTES)
    named = replace(table, headers=words)
    return named if notes.any() else named.without(NOTES)


def optimism_table(contents: SearchContents) -> Table:
    """Return the search's scores beside the means over fresh seeds."""
    title = "Scores of the search and on fresh seeds"
    if contents.optimism.empty:
        return Table(title, (), ())
    rows = tuple(
        (
            Cell(str(row["rank"]), float(row["rank"])),
            text_cell(row["trial"]),
            *(_number(row[name], decimals) for name in ("search_score", "fresh_mean")),
            _number(row["optimism"], decimals, signed=True),
            _interval(row, decimals),
            Cell(str(row["seeds"]), float(row["seeds"])),
        )
        for row, decimals in _with_decimals(contents.optimism, "optimism")
    )
    headers = ("Rank", "Trial", "Score of the search", "Fresh mean", "Optimism", "95% interval")
    return Table(title, (*headers, "Seeds"), rows)


def study_table(title: str, frame: pd.DataFrame) -> Table:
    """Return what became of the winner's choices: one at a time, or along the path."""
    return (_path if "step" in frame else _ablated)(title, frame)


def _ablated(title: str, frame: pd.DataFrame) -> Table:
    """Return what each choice is worth in a metric."""
    rows = tuple(
        (
            text_cell(row["variant"]),
            Cell(row["verdict"] or "none", row["verdict"] or "none", verdict=True),
            _number(row["delta"], decimals, signed=True),
            _interval(row, decimals),
            Cell(str(row["n_pairs"]), float(row["n_pairs"])),
            Cell(p_value(row["p_adjusted"]), sort_key(row["p_adjusted"])),
        )
        for row, decimals in _with_decimals(frame, "delta")
    )
    headers = ("Winner with", "Verdict", "Delta", "95% interval", "Pairs", "p (Holm)")
    return Table(title, headers, rows)


def _path(title: str, frame: pd.DataFrame) -> Table:
    """Return the steps from the defaults to the winner."""
    metric = metric_words(frame["metric"].iloc[0]) if len(frame) else "mean"
    rows = tuple(
        (
            Cell(str(row["step"]), float(row["step"])),
            text_cell(row["factor"] or "the defaults"),
            *(
                text_cell(_short(row[name]) if row["factor"] else "")
                for name in ("from_level", "to_level")
            ),
            _number(row["mean"], decimals),
            _number(row["delta"], decimals, signed=True),
            _interval(row, decimals),
            Cell(str(row["n_pairs"]), float(row["n_pairs"])),
            Cell(
                f"{row['share']:.0%}".replace("-", MINUS) if is_number(row["share"]) else "",
                sort_key(row["share"]),
            ),
            text_cell(row["runner_up"]),
        )
        for row, decimals in _with_decimals(frame, "delta")
    )
    headers = ("Step", "Choice", "From", "To", metric.capitalize(), "Delta", "95% interval")
    return Table(title, (*headers, "Pairs", "Share of the change", "Runner-up"), rows)


def _with_decimals(frame: pd.DataFrame, size: str) -> list[tuple[dict[str, Any], int]]:
    """Return the rows, with the decimals that their intervals justify."""
    width = float((frame["ci_high"] - frame["ci_low"]).median())
    decimals = decimals_for(width, float(frame[size].abs().median()))
    return [(row, decimals) for row in rows_of(frame)]


def _number(value: Any, decimals: int, *, signed: bool = False) -> Cell:
    """Return a cell of a number with so many decimals."""
    return Cell(fixed(value, decimals, signed=signed), sort_key(value))


def _interval(row: Mapping[str, Any], decimals: int) -> Cell:
    """Return a cell of an interval."""
    return Cell(bracket(row["ci_low"], row["ci_high"], decimals), sort_key(row["ci_low"]))


def _short(level: Any) -> str:
    return f"{level:.4g}" if isinstance(level, float) else level_words(level)


def plain_table(title: str, frame: pd.DataFrame) -> Table:
    """Return any table, with nothing in the cells that are empty."""
    filled = frame.astype(object).where(frame.notna(), None)
    return any_table(title, filled)


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


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
