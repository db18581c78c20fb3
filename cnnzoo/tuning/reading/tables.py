"""A search's trials and configurations as DataFrames."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cnnzoo.tuning.records import Execution, Project, SearchTrial

FIRST = ("trial", "execution", "seed", "status", "score")
LAST = ("seconds", "trained_epochs", "bracket", "round", "partial", "reason")
PREFIX, METRIC = "hp:", "metric:"
"""Before the name of a hyperparameter or a metric that is called like another column."""

RANKED = ("rank", "trial", "score", "sd", "executions")

TYPES = {
    **dict.fromkeys(("execution", "seed", "trained_epochs", "bracket", "round"), "Int64"),
    **dict.fromkeys(("score", "sd", "seconds"), "float64"),
}
"""Of columns that may be empty from top to bottom."""


def column_of(name: str) -> str:
    """Return what the column of a hyperparameter is called."""
    taken = name in (*FIRST, *LAST, *RANKED) or name.startswith(PREFIX)
    return f"{PREFIX}{name}" if taken else name


def trials_frame(project: Project) -> pd.DataFrame:
    """Return a row an execution; the columns are described at `SearchResults.trials`."""
    own = [column_of(name) for name in project.hyperparameters]
    rows = [
        {
            "trial": trial.name,
            "execution": execution.number,
            "seed": execution.seed,
            "status": execution.status,
            "score": execution.score,
            **_settings(trial),
            **_metrics(execution, (*FIRST, *LAST, *own)),
            "seconds": execution.seconds,
            "trained_epochs": trial.budget if execution.epochs is None else execution.epochs,
            "bracket": trial.bracket,
            "round": trial.round,
            "partial": is_partial(trial, project),
            "reason": execution.reason,
        }
        for trial in project.trials
        for execution in trial.executions
    ]
    found = dict.fromkeys(name for row in rows for name in row)
    middle = [name for name in found if name not in (*FIRST, *own, *LAST)]
    return _table(rows, [*FIRST, *own, *middle, *LAST])


def configurations_frame(
    project: Project, trials: Sequence[SearchTrial], lower: bool
) -> pd.DataFrame:
    """Return a row a configuration, described at `SearchResults.configurations`.

    Parameters
    ----------
    project
        Of the search.
    trials
        Those whose scores can be compared.
    lower
        Whether a lower score is better.
    """
    groups: dict[str, list[SearchTrial]] = {}
    for trial in trials:
        groups.setdefault(repr(sorted(trial.levels.items())), []).append(trial)
    rows: list[dict[str, Any]] = []
    for alike in groups.values():
        scores = _scores([e for trial in alike for e in trial.executions])
        rows.append(
            {
                "trial": alike[0].name,
                "score": statistics.fmean(scores),
                "sd": statistics.stdev(scores) if len(scores) > 1 else None,
                "executions": len(scores),
                **_settings(alike[0]),
            }
        )
    rows.sort(key=lambda row: row["score"] if lower else -row["score"])
    ranked = [{"rank": at + 1, **row} for at, row in enumerate(rows)]
    return _table(ranked, [*RANKED, *(column_of(name) for name in project.hyperparameters)])


def is_partial(trial: SearchTrial, project: Project) -> bool:
    """Return whether Hyperband gave a trial fewer epochs than a whole training."""
    whole = project.budget
    return whole is not None and trial.budget is not None and trial.budget < whole


def _scores(executions: Sequence[Execution]) -> list[float]:
    """Return the scores; those of one seed, which is one training repeated, as their mean."""
    by_seed: dict[Any, list[float]] = {}
    for at, execution in enumerate(executions):
        if execution.score is not None:
            seed = ("unknown", at) if execution.seed is None else execution.seed
            by_seed.setdefault(seed, []).append(execution.score)
    return [statistics.fmean(scores) for scores in by_seed.values()]


def _settings(trial: SearchTrial) -> dict[str, Any]:
    return {column_of(name): level for name, level in trial.levels.items()}


def _metrics(execution: Execution, taken: Sequence[str]) -> dict[str, float]:
    return {
        f"{METRIC}{name}" if name in taken or name.startswith(METRIC) else name: value
        for name, value in execution.metrics.items()
    }


def _table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Make a table whose columns keep the types of their values, None being an empty cell."""
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pd.DataFrame(
        {
            name: pd.Series(values, dtype=TYPES.get(name) or _type(values))
            for name, values in columns.items()
        }
    )


def _type(values: Sequence[Any]) -> Any:
    """Return a column's type; left to itself pandas makes numbers of booleans."""
    types = {type(value) for value in values if value is not None}
    if len(types) != 1:
        return object
    whole = None not in values
    names = {bool: "bool" if whole else "boolean", int: "int64" if whole else "Int64"}
    return {**names, float: "float64", str: "str"}.get(types.pop(), object)
