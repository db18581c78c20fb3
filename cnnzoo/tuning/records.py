"""Records of a search as plain values, and the files that hold them.

The names of KerasTuner's own files stand here too, because `reading` must not load KerasTuner.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from cnnzoo.doctor.finding import Finding
from cnnzoo.runtime.files import write_atomically
from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import Direction


class TrialStatus(StrEnum):
    """State of a trial of a search, or of one of its executions."""

    DONE = "done"
    FAILED = "failed"
    INVALID = "invalid"
    UNFINISHED = "unfinished"
    UNREADABLE = "unreadable"

    __repr__ = str.__repr__


STATUSES = {
    "COMPLETED": TrialStatus.DONE,
    "FAILED": TrialStatus.FAILED,
    "INVALID": TrialStatus.INVALID,
    **dict.fromkeys(("RUNNING", "IDLE", "STOPPED"), TrialStatus.UNFINISHED),
}
"""Status of a trial by KerasTuner's name for it."""

OWN = "tuner/"
"""Prefix of the values that Hyperband stores among the hyperparameters."""

ORACLE, TRIAL, TUNER = "oracle.json", "trial.json", "tuner0.json"
"""KerasTuner's files: the oracle of a search, each of its trials, and the mark of a project."""

SEARCH, EXECUTIONS = "search.json", "executions.json"
"""This package's files: the manifest of a search, and the executions of each of its trials."""


class SearchError(ValueError):
    """Raised if a search cannot run or be read, or does not hold what is asked for."""


@dataclass(frozen=True)
class Objective:
    """What a search optimizes.

    Parameters
    ----------
    name
        Name of the metric.
    direction
        The better direction of the metric.
    """

    name: str
    direction: Direction

    @property
    def lower(self) -> bool:
        """Whether lower is better."""
        return self.direction == Direction.MIN


def are_mixed(levels: Sequence[Level]) -> bool:
    """Return whether levels are of several types.

    Examples
    --------
    >>> are_mixed(["None", 8]), are_mixed([4, 8])
    (True, False)
    """
    return len({type(level) for level in levels}) > 1


def typed_level(value: Any, levels: Sequence[Level]) -> Any:
    """Return the level that a text stands for, if the levels are of several types.

    Examples
    --------
    >>> typed_level("8", ["None", 8]), typed_level("8", ["8", "9"])
    (8, '8')
    """
    if not (isinstance(value, str) and are_mixed(levels)):
        return value
    return next((level for level in levels if str(level) == value), value)


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter as KerasTuner describes it.

    Parameters
    ----------
    name
        Name of the hyperparameter.
    kind
        KerasTuner's class: "Choice", "Int", "Float", "Boolean" or "Fixed".
    levels
        Levels of a Choice, a Boolean or a Fixed.
    low, high
        Range of an Int or a Float.
    log
        Whether values are sampled on a logarithmic scale.
    default
        Default level.
    """

    name: str
    kind: str
    levels: tuple[Level, ...] = ()
    low: float | None = None
    high: float | None = None
    log: bool = False
    default: Level | None = None

    def read(self, value: Any) -> Any:
        """Return a stored value in its original type."""
        number = isinstance(value, int | float)
        if self.kind == "Boolean" and value in (0, 1):
            return bool(value)
        if self.kind == "Float" and number:
            return float(value)
        if self.kind == "Int" and isinstance(value, float) and value.is_integer():
            return int(value)
        return typed_level(value, self.levels)


@dataclass(frozen=True)
class Execution:
    """One training of a trial, with one seed.

    Parameters
    ----------
    status
        State of the execution.
    score
        Value of the objective; None if there is none.
    metrics
        Metrics by name.
    seed, seconds, epochs
        Seed, duration and number of epochs, where they are stored.
    reason
        Why it is not done.
    number
        Index among the executions of its trial, from 0; None if it stands for the whole trial.
    findings
        Findings of the doctor.
    history
        Metrics after each epoch by name; empty if they were not stored.
    started
        When it started, in seconds since 1970; None if it was not stored.
    worker
        Process that it ran in; None if it was not stored.
    """

    status: TrialStatus
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seed: int | None = None
    seconds: float | None = None
    epochs: int | None = None
    reason: str = ""
    number: int | None = None
    findings: tuple[Finding, ...] = ()
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    started: float | None = None
    worker: int | None = None


@dataclass(frozen=True)
class SearchTrial:
    """One configuration that a search tried.

    Parameters
    ----------
    name
        KerasTuner's id of the trial.
    status
        State of the trial.
    levels
        Levels of the active hyperparameters.
    executions
        At least one execution.
    budget
        Epochs that Hyperband allowed; None in other searches.
    bracket, round
        Hyperband's bracket and round.
    """

    name: str
    status: TrialStatus
    levels: Mapping[str, Level] = field(default_factory=dict)
    executions: tuple[Execution, ...] = ()
    budget: int | None = None
    bracket: int | None = None
    round: int | None = None


@dataclass(frozen=True)
class Project:
    """Contents of a project directory.

    Parameters
    ----------
    directory
        The directory.
    trials
        Trials in the order in which they were started.
    hyperparameters
        Hyperparameters by name, in the order of the search.
    objective
        The objective; None if no trial has a score and no file names it.
    budget
        Epochs of a complete training in Hyperband; None in other searches.
    search
        Contents of ``search.json``; empty for a search that was not made by cnnzoo.
    notes
        What could not be read, or was corrected while reading.
    in_order
        Whether the order in which trials were started is known; otherwise they are sorted by name.
    """

    directory: Path
    trials: tuple[SearchTrial, ...]
    hyperparameters: Mapping[str, Hyperparameter]
    objective: Objective | None = None
    budget: int | None = None
    search: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    in_order: bool = True


def trial_folder(directory: Path, name: str) -> Path:
    """Return the folder of a trial."""
    return directory / f"trial_{name}"


def write_json(path: str | Path, value: object) -> None:
    """Write a value as JSON, atomically."""
    write_atomically(Path(path), json.dumps(value).encode())


def read_executions(folder: Path) -> list[Execution]:
    """Return the executions of a trial that have ended so far."""
    path = folder / EXECUTIONS
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        Execution(
            TrialStatus(row.pop("status")),
            findings=findings_of(row.pop("findings", ())),
            **row,
            number=number,
        )
        for number, row in enumerate(rows)
    ]


def findings_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Return stored findings; TypeError or ValueError if they are invalid."""
    return tuple(Finding(**row) for row in rows)


def write_executions(folder: Path, executions: Sequence[Execution]) -> None:
    """Write the executions of a trial that have ended so far."""
    rows = [asdict(execution) for execution in executions]
    for row in rows:
        del row["number"]  # which is its place
    write_json(folder / EXECUTIONS, rows)
