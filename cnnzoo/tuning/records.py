"""What came of a search, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import Direction

STATUSES = {
    "COMPLETED": "done",
    "FAILED": "failed",
    "INVALID": "invalid",
    "RUNNING": "unfinished",
    "IDLE": "unfinished",
    "STOPPED": "unfinished",
}
"""What this package calls what KerasTuner says of a trial; beside them, "unreadable"."""

OWN = "tuner/"
"""How the values begin that Hyperband keeps among the hyperparameters."""


class SearchError(ValueError):
    """A search that cannot be read, or asked for what it does not hold."""


@dataclass(frozen=True)
class Objective:
    """What a search looked for.

    Parameters
    ----------
    name
        Of the metric.
    direction
        The better direction of the metric.
    """

    name: str
    direction: Direction

    @property
    def lower(self) -> bool:
        """Whether lower is better."""
        return self.direction == Direction.MIN


@dataclass(frozen=True)
class Hyperparameter:
    """What KerasTuner knows of a hyperparameter.

    Parameters
    ----------
    name
        Of it.
    kind
        KerasTuner's class: "Choice", "Int", "Float", "Boolean" or "Fixed".
    levels
        Of a Choice, a Boolean or a Fixed.
    low, high
        Of an Int or a Float.
    log
        Whether it is sampled in equal ratios.
    default
        The level where nobody chooses.
    """

    name: str
    kind: str
    levels: tuple[Level, ...] = ()
    low: float | None = None
    high: float | None = None
    log: bool = False
    default: Level | None = None

    def read(self, value: Any) -> Any:
        """Return a stored value in the type it had."""
        number = isinstance(value, int | float)
        if self.kind == "Boolean" and value in (0, 1):
            return bool(value)
        if self.kind == "Float" and number:
            return float(value)
        if self.kind == "Int" and isinstance(value, float) and value.is_integer():
            return int(value)
        return value


@dataclass(frozen=True)
class Execution:
    """One training of a trial.

    Parameters
    ----------
    status
        "done", "failed", "invalid", "unfinished" or "unreadable".
    score
        Of the objective; None if there is none.
    metrics
        By name.
    seed, seconds, epochs
        Where they were kept.
    reason
        Why it is not done.
    number
        Among the executions of its trial, from 0; None where it stands for the whole trial.
    """

    status: str
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seed: int | None = None
    seconds: float | None = None
    epochs: int | None = None
    reason: str = ""
    number: int | None = None


@dataclass(frozen=True)
class SearchTrial:
    """One configuration that a search tried.

    Parameters
    ----------
    name
        KerasTuner's id.
    status
        As of `Execution`.
    levels
        Of the active hyperparameters.
    executions
        At least one.
    budget
        Epochs that Hyperband allowed; None in other searches.
    bracket, round
        Of Hyperband.
    """

    name: str
    status: str
    levels: Mapping[str, Level] = field(default_factory=dict)
    executions: tuple[Execution, ...] = ()
    budget: int | None = None
    bracket: int | None = None
    round: int | None = None


@dataclass(frozen=True)
class Project:
    """What a project directory holds.

    Parameters
    ----------
    directory
        Where it is.
    trials
        In the order in which they were started.
    hyperparameters
        By name, in the order of the search.
    objective
        None where no trial has a score and nothing says it.
    budget
        Epochs of a whole training in Hyperband; None in other searches.
    search
        What ``search.json`` says; empty for a search made elsewhere.
    notes
        What could not be read, or must be read otherwise than it was written.
    in_order
        Whether the order in which trials were started is known; else they are in that of their
        names.
    """

    directory: Path
    trials: tuple[SearchTrial, ...]
    hyperparameters: Mapping[str, Hyperparameter]
    objective: Objective | None = None
    budget: int | None = None
    search: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    in_order: bool = True
