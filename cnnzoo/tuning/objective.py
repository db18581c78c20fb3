"""Validate the objective of a search: a metric of the validation data, and its direction."""

import copy
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from cnnzoo.data.dataset import SEVERAL, OutputInfo, Task
from cnnzoo.toggle import ToggleError, did_you_mean
from cnnzoo.training.metric_names import (
    ALIASES,
    WITHOUT_SPLIT,
    Direction,
    better_direction,
    name_of,
)
from cnnzoo.training.metric_texts import is_requested, read_metrics, requested, standard_of
from cnnzoo.tuning.records import Objective

Goal = Task | Literal["several outputs"]

OBJECTIVES: dict[Goal, tuple[str, ...]] = {
    "classification": ("val_loss", "val_accuracy", "val_macro_f1", "val_nll"),
    "regression": ("val_loss", "val_mae", "val_rmse"),
}
"""Metrics of `cnnzoo.evaluate` on the validation data, for one output."""


USUAL: dict[Goal, str] = {
    "classification": "val_accuracy",
    "regression": "val_rmse",
    SEVERAL: "val_loss",
}
"""Default objectives: metrics that all losses share, and the total loss of several outputs."""


def requested_objective(
    given: Any, outputs: Collection[str] | None = ()
) -> tuple[Any, tuple[str, ...]]:
    """Return an objective as a name and a direction, and the text of the metric that it requests.

    Parameters
    ----------
    given
        A metric as in `cnnzoo.train`, by its text with or without "val_" before it, or a pair of
        it and the direction; or an objective as in `read_objective`, which is returned unchanged
        and requests nothing.
    outputs
        Names of the outputs of the data, see `cnnzoo.training.metric_texts.read_metrics`.

    Examples
    --------
    >>> requested_objective(("val_macro_recall", "max"))
    (('val_macro_recall', 'max'), ('macro_recall',))
    >>> requested_objective("val_loss")
    ('val_loss', ())
    """
    metric, direction = given, None
    if isinstance(given, tuple | list) and len(given) == 2:
        metric, direction = given
    if not is_requested(metric):
        return given, ()
    if direction is not None:
        _check_direction(metric, direction)
    (text,) = requested(read_metrics([given], outputs))
    name = name_of(text)
    return (f"val_{name}", better_direction(name)), (text,)


def choose_objective(
    given: Any,
    proposer: Any,
    task: Goal,
    metrics: Sequence[str] = (),
    outputs: Sequence[OutputInfo] = (),
) -> Objective:
    """Return the given objective, that of the tuner, or the default.

    Parameters
    ----------
    given
        As in `read_objective`, or None.
    proposer
        The ``keras_tuner.Objective`` of a tuner, or None.
    task
        Task of the data.
    metrics
        Texts of the requested metrics.
    outputs
        Descriptions of the outputs of the data, if there are several.

    Raises
    ------
    ToggleError
        If both are given and differ, or one is invalid.

    Examples
    --------
    >>> choose_objective(None, None, "regression")
    Objective(name='val_rmse', direction='min')
    """
    if (
        proposer is None or proposer.name == "default_objective"
    ):  # KerasTuner's name for no objective
        return read_objective(USUAL[task] if given is None else given, task, metrics, outputs)
    own = read_objective(proposer, task, metrics, outputs)
    asked = own if given is None else read_objective(given, task, metrics, outputs)
    if asked != own:
        raise ToggleError(
            f"`objective`: expected {own.name} ({own.direction}), the objective of `tuner`; got "
            f"{asked.name} ({asked.direction}). Remove one of them."
        )
    return own


def read_objective(
    given: Any, task: Goal, metrics: Sequence[str] = (), outputs: Sequence[OutputInfo] = ()
) -> Objective:
    """Validate an objective.

    Parameters
    ----------
    given
        A name, a pair of name and direction ("min" or "max"), or a ``keras_tuner.Objective``.
    task
        Task of the data.
    metrics, outputs
        See `choose_objective`.

    Raises
    ------
    ToggleError
        If the metric or the direction is unknown.

    Examples
    --------
    >>> read_objective("val_macro_f1", "classification")
    Objective(name='val_macro_f1', direction='max')
    """
    standard = OBJECTIVES.get(task) or tuple(
        f"val_{name}" for name in standard_of(outputs) if name not in WITHOUT_SPLIT
    )
    known = (*standard, *(f"val_{name_of(text)}" for text in metrics))
    name: Any = given
    direction: Any = None
    if isinstance(given, tuple | list) and len(given) == 2:
        name, direction = given
    elif hasattr(given, "direction"):
        name, direction = given.name, given.direction
    if name not in known:
        raise ToggleError(
            f"`objective`: expected one of {', '.join(known)} for "
            f"{task if task == SEVERAL else f'a {task}'}; got {name!r}"
            f"{_nearest(str(name), known)}"
        )
    direction = better_direction(name) if direction is None else direction
    _check_direction(name, direction)
    return Objective(name, Direction(direction))


def _check_direction(metric: object, direction: object) -> None:
    if direction not in list(Direction):
        raise ToggleError(
            f"Direction of `objective` {metric}: expected 'min' or 'max'; got {direction!r}."
        )


def score_failures(trials: Mapping[str, Any], direction: Direction) -> dict[str, Any]:
    """Score trials that failed, or have no finite score, like the worst completed trial.

    KerasTuner's Bayesian oracle (1.4.8, tuners/bayesian.py) leaves failed trials out of its model
    and counts an infinite score as 0. Either way it proposes the failing region again and again.

    Parameters
    ----------
    trials
        KerasTuner's trials by name. They are not changed.
    direction
        The better direction of the objective.

    Returns
    -------
    dict
        The trials by name, with copies in the place of those that failed. Unchanged while no
        trial has a finite score.

    Examples
    --------
    >>> from types import SimpleNamespace as Trial
    >>> trials = {
    ...     "0": Trial(status="COMPLETED", score=0.25),
    ...     "1": Trial(status="COMPLETED", score=0.75),
    ...     "2": Trial(status="FAILED", score=None),
    ... }
    >>> [trial.score for trial in score_failures(trials, Direction.MIN).values()]
    [0.25, 0.75, 0.75]
    """
    scores = [trial.score for trial in trials.values() if _is_scored(trial)]
    if not scores:
        return dict(trials)
    worst = max(scores) if direction == Direction.MIN else min(scores)
    scored = {}
    for name, trial in trials.items():
        if trial.status in ("COMPLETED", "FAILED", "INVALID") and not _is_scored(trial):
            trial = copy.copy(trial)
            trial.status, trial.score = "COMPLETED", worst
        scored[name] = trial
    return scored


def _is_scored(trial: Any) -> bool:
    return trial.status == "COMPLETED" and trial.score is not None and math.isfinite(trial.score)


def _nearest(name: str, known: tuple[str, ...]) -> str:
    """End a sentence with the objective that the name is an alias of, or a similar name."""
    same = f"val_{ALIASES.get(name.removeprefix('val_'))}"
    return did_you_mean(same if same in known else name, known, quote="'")
