"""Reading and validation of KerasTuner's JSON files, which are not written atomically.

The files of all versions from 1.0.0 to 1.4.8 are supported. Before 1.2 trials have no ``message``
and ``oracle.json`` has no ``start_order``. Before 1.0.2 hyperparameters have no ``conditions``: a
condition is part of the name, as in ``pool=max,mean/pool_size``, and inactive hyperparameters keep
a level (``HyperParameters._get_name``). Names contain neither "/" nor "=" nor ",".
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import Direction
from cnnzoo.tuning.records import STATUSES, TRIAL, Hyperparameter, TrialStatus

Kind = TypeVar("Kind")

CONDITIONS = "conditions"
"""Key of a hyperparameter in the files of KerasTuner 1.0.2 and later."""


class UnreadableError(ValueError):
    """Raised if a file is missing, incomplete or invalid."""


@dataclass(frozen=True)
class Metric:
    """Observed values of a metric.

    Parameters
    ----------
    direction
        The better direction.
    steps
        Value of each execution, by step.
    """

    direction: Direction
    steps: Mapping[int, tuple[float, ...]]

    @property
    def best(self) -> float:
        """The best mean over executions, which is KerasTuner's score; NaN if there is none."""
        means = [math.fsum(values) / len(values) for values in self.steps.values() if values]
        finite = [mean for mean in means if math.isfinite(mean)]
        if not finite:
            return math.nan
        return min(finite) if self.direction == Direction.MIN else max(finite)

    @property
    def best_step(self) -> int:
        """The first step with the best mean over executions; 0 if there is none."""
        best = self.best
        means = {step: math.fsum(v) / len(v) for step, v in self.steps.items() if v}
        return next((step for step, mean in means.items() if mean == best), 0)

    def at(self, step: int) -> tuple[float, ...]:
        """Return the values at a step, or at the last step if there are none."""
        if not self.steps:
            return ()
        return self.steps.get(step, self.steps[max(self.steps)])


@dataclass(frozen=True)
class State:
    """Content of a ``trial.json``.

    Parameters
    ----------
    status
        Status by the names of this package.
    score
        The score; None if there is no finite one.
    message
        Traceback of the failure.
    best_step
        Step at which the score was observed.
    values
        Values of the active hyperparameters and of Hyperband.
    space
        Hyperparameters that were known to the trial.
    metrics
        Metrics by name.
    """

    status: TrialStatus
    score: float | None
    message: str
    best_step: int
    values: Mapping[str, Level]
    space: tuple[Hyperparameter, ...]
    metrics: Mapping[str, Metric]


def read_state(folder: Path) -> State:
    """Read the ``trial.json`` in the folder of a trial.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    """
    return _read(folder / TRIAL, _state)


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that contains a JSON object.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    """
    return _read(path, lambda content: _check(content, dict))


def read_rows(path: Path, row: Callable[[Any, int], Kind]) -> list[Kind]:
    """Read a file that contains a JSON list.

    Parameters
    ----------
    path
        Path of the file.
    row
        Function that converts an item, given its index; it may raise for invalid items.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    """
    return _read(path, lambda rows: [row(item, i) for i, item in enumerate(_check(rows, list))])


def space_of(declared: Iterable[Any]) -> tuple[Hyperparameter, ...]:
    """Return the hyperparameters of a space that KerasTuner serialized."""
    return tuple(_hyperparameter(_check(hp["class_name"], str), hp["config"]) for hp in declared)


def number(value: Any) -> float | None:
    """Return a finite number, or None for a missing or infinite one."""
    if value is None:
        return None
    result = float(_check(value, int | float))
    return result if math.isfinite(result) else None


def integer(value: Any) -> int | None:
    """Return an integer, or None for a missing one."""
    return None if value is None else int(_check(value, int))


def one_line(text: object) -> str:
    """Return a text without line breaks."""
    return " ".join(str(text).split())


def _read(path: Path, convert: Callable[[Any], Kind]) -> Kind:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnreadableError(f"{path.name} cannot be read: {one_line(reason)}") from error
    try:
        return convert(content)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise UnreadableError(f"{path.name} is invalid: {reason}") from error


def _check(value: Any, kind: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"expected {kind}; got {one_line(repr(value))[:40]}")
    return value


def _state(content: Any) -> State:
    status, space = STATUSES[content["status"]], content["hyperparameters"]
    values = {_check(name, str): _level(value) for name, value in space["values"].items()}
    declared = _check(space["space"], list)
    scoped = bool(declared) and all(CONDITIONS not in hp["config"] for hp in declared)
    return State(
        status,
        number(content["score"]),
        _check(content.get("message") or "", str),
        integer(content["best_step"]) or 0,
        active_levels(values) if scoped else values,
        space_of(declared),
        {name: _metric(metric) for name, metric in content["metrics"]["metrics"].items()},
    )


def _metric(content: Any) -> Metric:
    if content["direction"] not in list(Direction):
        raise ValueError(f"expected the direction 'min' or 'max'; got {content['direction']!r}")
    return Metric(
        Direction(content["direction"]),
        {
            _check(seen["step"], int): tuple(float(_check(v, int | float)) for v in seen["value"])
            for seen in content["observations"]
        },
    )


def _level(value: Any) -> Level:
    if not isinstance(value, bool | int | float | str):
        raise TypeError(f"expected a level; got {one_line(repr(value))[:40]}")
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


def plain_name(name: str) -> str:
    """Return the name of a hyperparameter without its conditions.

    Examples
    --------
    >>> plain_name("head/pool=max,mean/pool_size")
    'head/pool_size'
    """
    *scopes, leaf = name.split("/")
    return "/".join([*(scope for scope in scopes if "=" not in scope), leaf])


def active_levels(values: Mapping[str, Level]) -> dict[str, Level]:
    """Return the levels whose conditions hold, by name without conditions.

    Examples
    --------
    >>> active_levels({"pool": "none", "pool=max/pool_size": 3, "skip": True})
    {'pool': 'none', 'skip': True}
    """
    return {plain_name(name): level for name, level in values.items() if _is_active(name, values)}


def _is_active(name: str, values: Mapping[str, Level]) -> bool:
    scopes = name.split("/")[:-1]
    for depth, scope in enumerate(scopes):
        parent, equals, levels = scope.partition("=")
        if equals and str(values["/".join([*scopes[:depth], parent])]) not in levels.split(","):
            return False
    return True
