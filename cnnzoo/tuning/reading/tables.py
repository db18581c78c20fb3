"""Tables of a search's trials and configurations."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cnnzoo.doctor.finding import Severity
from cnnzoo.tuning.records import Execution, Project, SearchTrial

FIRST = ("trial", "execution", "seed", "status", "score")
LAST = (
    *("seconds", "started", "worker", "trained_epochs", "bracket", "round", "partial"),
    *("findings", "codes", "reason"),
)
PREFIX, METRIC = "hp:", "metric:"
"""Prefixes of a hyperparameter or metric that has the name of another column."""

RANKED = ("rank", "trial", "score", "sd", "executions")

TYPES = {
    "execution": "Int64",
    "seed": "Int64",
    "trained_epochs": "Int64",
    "bracket": "Int64",
    "round": "Int64",
    "score": "float64",
    "sd": "float64",
    "seconds": "float64",
    "started": "float64",
    "worker": "Int64",
}
"""Types of columns that may be entirely empty."""


def column_of(name: str) -> str:
    """Return the name of the column of a hyperparameter."""
    taken = name in (*FIRST, *LAST, *RANKED) or name.startswith(PREFIX)
    return f"{PREFIX}{name}" if taken else name


def trials_frame(project: Project) -> pd.DataFrame:
    """Return a table with one row per execution; see `SearchResults.trials`."""
    searched = [column_of(name) for name in project.hyperparameters]
    rows = [
        {
            "trial": trial.name,
            "execution": execution.number,
            "seed": execution.seed,
            "status": str(execution.status),
            "score": execution.score,
            **_settings(trial),
            **_metrics(execution, (*FIRST, *LAST, *searched)),
            "seconds": execution.seconds,
            "started": execution.started,
            "worker": execution.worker,
            "trained_epochs": trial.budget if execution.epochs is None else execution.epochs,
            "bracket": trial.bracket,
            "round": trial.round,
            "partial": is_partial(trial, project),
            **_findings(execution),
            "reason": execution.reason,
        }
        for trial in project.trials
        for execution in trial.executions
    ]
    names = dict.fromkeys(name for row in rows for name in row)
    metrics = [name for name in names if name not in (*FIRST, *searched, *LAST)]
    return _table(rows, [*FIRST, *searched, *metrics, *LAST])


def history_frame(project: Project) -> pd.DataFrame:
    """Return a table with one row per epoch; see `SearchResults.history`."""
    keys = ("trial", "execution", "seed", "epoch")
    rows = [
        {
            "trial": trial.name,
            "execution": execution.number,
            "seed": execution.seed,
            "epoch": epoch + 1,
            **{
                name: values[epoch]
                for name, values in execution.history.items()
                if epoch < len(values) and name not in keys
            },
        }
        for trial in project.trials
        for execution in trial.executions
        for epoch in range(max(map(len, execution.history.values()), default=0))
    ]
    return pd.DataFrame(rows, columns=None if rows else keys)


def _findings(execution: Execution) -> dict[str, str]:
    """Return the texts and the codes of the findings, without notes."""
    findings = [one for one in execution.findings if one.severity != Severity.NOTE]
    codes = dict.fromkeys(finding.code for finding in findings)
    return {"findings": " ".join(map(str, findings)), "codes": " ".join(codes)}


def configurations_frame(
    project: Project, trials: Sequence[SearchTrial], lower: bool
) -> pd.DataFrame:
    """Return a table with one row per configuration; see `SearchResults.configurations`.

    Parameters
    ----------
    project
        The search.
    trials
        Trials with comparable scores.
    lower
        Whether a lower score is better.
    """
    groups: dict[str, list[SearchTrial]] = {}
    for trial in trials:
        groups.setdefault(repr(sorted(trial.levels.items())), []).append(trial)
    rows: list[dict[str, Any]] = []
    for group in groups.values():
        scores = _scores([e for trial in group for e in trial.executions])
        rows.append(
            {
                "trial": group[0].name,
                "score": statistics.fmean(scores),
                "sd": statistics.stdev(scores) if len(scores) > 1 else None,
                "executions": len(scores),
                **_settings(group[0]),
            }
        )
    rows.sort(key=lambda row: row["score"] if lower else -row["score"])
    ranked = [{"rank": rank, **row} for rank, row in enumerate(rows, start=1)]
    return _table(ranked, [*RANKED, *(column_of(name) for name in project.hyperparameters)])


def is_partial(trial: SearchTrial, project: Project) -> bool:
    """Return whether Hyperband gave a trial fewer epochs than a whole training."""
    full = project.budget
    return full is not None and trial.budget is not None and trial.budget < full


def _scores(executions: Sequence[Execution]) -> list[float]:
    """Return one score per seed: executions with the same seed count as their mean."""
    by_seed: dict[Any, list[float]] = {}
    for index, execution in enumerate(executions):
        if execution.score is not None:
            seed = ("unknown", index) if execution.seed is None else execution.seed
            by_seed.setdefault(seed, []).append(execution.score)
    return [statistics.fmean(scores) for scores in by_seed.values()]


def _settings(trial: SearchTrial) -> dict[str, Any]:
    return {column_of(name): level for name, level in trial.levels.items()}


def _metrics(execution: Execution, used: Sequence[str]) -> dict[str, float]:
    return {
        f"{METRIC}{name}" if name in used or name.startswith(METRIC) else name: value
        for name, value in execution.metrics.items()
    }


def _table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Return a table whose columns keep the types of their values; None is an empty cell."""
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pd.DataFrame(
        {
            name: pd.Series(values, dtype=TYPES.get(name) or _type(values))
            for name, values in columns.items()
        }
    )


def _type(values: Sequence[Any]) -> Any:
    """Return the type of a column; by default pandas converts booleans to numbers."""
    types = {type(value) for value in values if value is not None}
    if len(types) != 1:
        return object
    full = None not in values
    names = {bool: "bool" if full else "boolean", int: "int64" if full else "Int64"}
    return {**names, float: "float64", str: "str"}.get(types.pop(), object)
