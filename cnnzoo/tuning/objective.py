"""Validate the objective of a search: a metric of the validation data, and its direction."""

from typing import Any

from cnnzoo.data.dataset import Task
from cnnzoo.toggle import ToggleError, did_you_mean
from cnnzoo.training.metric_names import ALIASES, better_direction
from cnnzoo.tuning.records import Objective

OBJECTIVES: dict[Task, tuple[str, ...]] = {
    "classification": ("val_loss", "val_accuracy", "val_macro_f1", "val_nll"),
    "regression": ("val_loss", "val_mae", "val_rmse"),
}
"""Metrics of `cnnzoo.evaluate` on the validation data."""


USUAL: dict[Task, str] = {"classification": "val_accuracy", "regression": "val_rmse"}
"""Default objectives: metrics that all losses share."""


def choose_objective(given: Any, proposer: Any, task: Task) -> Objective:
    """Return the given objective, that of the tuner, or the default.

    Parameters
    ----------
    given
        As in `read_objective`, or None.
    proposer
        The ``keras_tuner.Objective`` of a tuner, or None.
    task
        Task of the data.

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
        return read_objective(USUAL[task] if given is None else given, task)
    own = read_objective(proposer, task)
    asked = own if given is None else read_objective(given, task)
    if asked != own:
        raise ToggleError(
            f"`objective`: expected {own.name} ({own.direction}), the objective of `tuner`; got "
            f"{asked.name} ({asked.direction}). Remove one of them."
        )
    return own


def read_objective(given: Any, task: Task) -> Objective:
    """Validate an objective.

    Parameters
    ----------
    given
        A name, a pair of name and direction ("min" or "max"), or a ``keras_tuner.Objective``.
    task
        Task of the data.

    Raises
    ------
    ToggleError
        If the metric or the direction is unknown.

    Examples
    --------
    >>> read_objective("val_macro_f1", "classification")
    Objective(name='val_macro_f1', direction='max')
    """
    known = OBJECTIVES[task]
    name: Any = given
    direction: Any = None
    if isinstance(given, tuple | list) and len(given) == 2:
        name, direction = given
    elif hasattr(given, "direction"):
        name, direction = given.name, given.direction
    if name not in known:
        raise ToggleError(
            f"`objective`: expected one of {', '.join(known)} for a {task}; got {name!r}"
            f"{_nearest(str(name), known)}"
        )
    direction = better_direction(name) if direction is None else direction
    if direction not in ("min", "max"):
        raise ToggleError(
            f"Direction of `objective` {name}: expected 'min' or 'max'; got {direction!r}."
        )
    return Objective(name, direction)


def _nearest(name: str, known: tuple[str, ...]) -> str:
    """End a sentence with the objective that the name is an alias of, or a similar name."""
    same = f"val_{ALIASES.get(name.removeprefix('val_'))}"
    return did_you_mean(same if same in known else name, known, quote="'")
