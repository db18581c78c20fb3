"""What KerasTuner's JSON files hold, checked on the way in: they are not written atomically.

Read are the files of all versions from 1.0.0 to 1.4.8. Before 1.2 trials have no ``message``, and
``oracle.json`` has no ``start_order``; before 1.0.2 hyperparameters have no ``conditions``.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import Direction
from cnnzoo.tuning.reading.scopes import active_levels, plain_name
from cnnzoo.tuning.records import STATUSES, TRIAL, Hyperparameter

Kind = TypeVar("Kind")

CONDITIONS = "conditions"
"""Of a hyperparameter, in the files of KerasTuner from 1.0.2 on."""


class UnreadableError(ValueError):
    """A file that is not there, not whole, or not as it is written."""


@dataclass(frozen=True)
class Metric:
    """What was observed of a metric.

    Parameters
    ----------
    direction
        "min" or "max".
    steps
        By step, the value of each execution.
    """

    direction: Direction
    steps: Mapping[int, tuple[float, ...]]

    @property
    def best(self) -> float:
        """The best mean over executions, as KerasTuner scores a trial; NaN if there is none."""
        means = [math.fsum(at) / len(at) for at in self.steps.values() if at]
        finite = [mean for mean in means if math.isfinite(mean)]
        if not finite:
            return math.nan
        return min(finite) if self.direction == "min" else max(finite)

    @property
    def best_step(self) -> int:
        """The first step at which the mean over executions is the best; 0 if there is none."""
        best = self.best
        means = ((step, math.fsum(at) / len(at)) for step, at in self.steps.items() if at)
        return next((step for step, mean in means if mean == best), 0)

    def at(self, step: int) -> tuple[float, ...]:
        """Return the values at a step, at the last one if there are none."""
        if not self.steps:
            return ()
        return self.steps.get(step, self.steps[max(self.steps)])


@dataclass(frozen=True)
class State:
    """A trial.json.

    Parameters
    ----------
    status
        In this package's words.
    score
        None where there is no finite one.
    message
        The traceback of what failed.
    best_step
        At which the score was observed.
    values
        Of the active hyperparameters, and Hyperband's own.
    space
        The hyperparameters that the trial knew.
    metrics
        By name.
    """

    status: str
    score: float | None
    message: str
    best_step: int
    values: Mapping[str, Level]
    space: tuple[Hyperparameter, ...]
    metrics: Mapping[str, Metric]


def read_state(folder: Path) -> State:
    """Read the trial.json of a trial's folder.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    """
    return _shaped(folder / TRIAL, _state)


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    """
    return _shaped(path, lambda found: _check(found, dict))


def read_rows(path: Path, row: Callable[[Any, int], Kind]) -> list[Kind]:
    """Read a file that holds a JSON list.

    Parameters
    ----------
    path
        Of it.
    row
        From an item and its number to what is wanted; may raise what a wrong shape raises.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    """
    return _shaped(path, lambda found: [row(at, n) for n, at in enumerate(_check(found, list))])


def space_of(declared: Iterable[Any]) -> tuple[Hyperparameter, ...]:
    """Return the hyperparameters of a space as KerasTuner serializes it."""
    return tuple(_hyperparameter(_check(at["class_name"], str), at["config"]) for at in declared)


def number(value: Any) -> float | None:
    """Return a finite number, and None for what KerasTuner writes where there is none."""
    if value is None:
        return None
    found = float(_check(value, int | float))
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """Return a whole number or None."""
    return None if value is None else int(_check(value, int))


def one_line(text: object) -> str:
    """Return a text without line breaks."""
    return " ".join(str(text).split())


def _shaped(path: Path, shape: Callable[[Any], Kind]) -> Kind:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UnreadableError(f"{path.name} cannot be read: {one_line(said)}") from error
    try:
        return shape(found)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said = f"{type(error).__name__}: {one_line(error)}"
        raise UnreadableError(f"{path.name} is not as it should be: {said}") from error


def _check(value: Any, kind: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{one_line(repr(value))[:40]} where {kind} should be")
    return value


def _state(found: Any) -> State:
    status, space = STATUSES[found["status"]], found["hyperparameters"]
    values = {_check(name, str): _level(value) for name, value in space["values"].items()}
    declared = _check(space["space"], list)
    scoped = bool(declared) and all(CONDITIONS not in at["config"] for at in declared)
    return State(
        status,
        number(found["score"]),
        _check(found.get("message") or "", str),
        whole(found["best_step"]) or 0,
        active_levels(values) if scoped else values,
        space_of(declared),
        {name: _metric(metric) for name, metric in found["metrics"]["metrics"].items()},
    )


def _metric(found: Any) -> Metric:
    if found["direction"] not in ("min", "max"):
        raise ValueError(f"the direction {found['direction']!r}")
    return Metric(
        found["direction"],
        {
            _check(at["step"], int): tuple(float(_check(v, int | float)) for v in at["value"])
            for at in found["observations"]
        },
    )


def _level(value: Any) -> Level:
    if not isinstance(value, bool | int | float | str):
        raise TypeError(f"{one_line(repr(value))[:40]} where a level should be")
    return value


def _hyperparameter(kind: str, config: Mapping[str, Any]) -> Hyperparameter:
    name, default = _check(config["name"], str), config.get("default")
    if CONDITIONS not in config:
        name = plain_name(name)
    if default is not None:
        _level(default)
    if kind in ("Int", "Float"):
        low, high = number(config["min_value"]), number(config["max_value"])
        log = str(config.get("sampling")).endswith("log")
        return Hyperparameter(name, kind, (), low, high, log, low if default is None else default)
    levels: tuple[Level, ...] = (False, True)
    if kind != "Boolean":
        levels = tuple(map(_level, [config["value"]] if kind == "Fixed" else config["values"]))
    return Hyperparameter(name, kind, levels, default=levels[0] if default is None else default)
