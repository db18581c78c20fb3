"""The tables of a search, as a reader sees them."""

from dataclasses import replace

import pandas as pd

from ablations.report.tables import Table, any_table
from ablations.report.words import metric_words
from ablations.search.contents import SearchContents

OWN = ("trial", "execution", "seed", "status", "score", "rank", "sd", "executions", "reason")


def best_table(contents: SearchContents) -> Table:
    """Return the best configurations."""
    return _named("The best configurations", contents.best, contents)


def trials_table(contents: SearchContents) -> Table:
    """Return all trials, without the columns in which nothing stands."""
    return _named("All trials", contents.trials, contents)


def failures_table(contents: SearchContents) -> Table:
    """Return what has no score, with the reasons."""
    lost = contents.not_done
    shown = ["trial", "seed", "status", *contents.hyperparameters, "reason"]
    return _named("Not done", lost[[name for name in shown if name in lost]], contents)


def importance_table(contents: SearchContents) -> Table:
    """Return the importance of each choice with its interval."""
    table = plain_table("Importance", contents.importance)
    words = ("Choice", "Importance", "95% low", "95% high", "Levels tried", "Note")
    kept = replace(table, headers=words)
    return kept if contents.importance["note"].any() else kept.without("Note")


def optimism_table(contents: SearchContents) -> Table:
    """Return the search's scores beside the means over fresh seeds."""
    return plain_table("Scores of the search and on fresh seeds", contents.optimism)


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
