"""What a search optimizes: a metric of the validation data, and its direction."""

from typing import Any

from cnnzoo.data.dataset import Task
from cnnzoo.toggle import ToggleError, did_you_mean
from cnnzoo.tuning.records import Objective

DIRECTIONS: dict[Task, dict[str, str]] = {
    "classification": {
        "val_loss": "min",
        "val_accuracy": "max",
        "val_macro_f1": "max",
        "val_nll": "min",
    },
    "regression": {"val_loss": "min", "val_mae": "min", "val_rmse": "min"},
}
"""The metrics of `cnnzoo.evaluate` on the validation data, and where each is better.

KerasTuner would guess, and takes F1 for something to minimize.
"""


def read_objective(given: Any, task: Task) -> Objective:
    """Return the objective that was given, checked.

    Parameters
    ----------
    given
        A name, a pair of name and direction ("min" or "max"), or a ``keras_tuner.Objective``.
    task
        What the data is for.

    Raises
    ------
    ToggleError
        If no such metric is measured, or there is no such direction.

    Examples
    --------
    >>> read_objective("val_macro_f1", "classification")
    Objective(name='val_macro_f1', direction='max')
    """
    known = DIRECTIONS[task]
    name, direction = given, None
    if isinstance(given, tuple | list) and len(given) == 2:
        name, direction = given
    elif hasattr(given, "direction"):
        name, direction = given.name, given.direction
    if name not in known:
        raise ToggleError(
            f"`objective` of a search must be one of {', '.join(known)} for a {task}; got {name!r}"
            f"{did_you_mean(str(name), known, quote='')}"
        )
    if direction not in (None, "min", "max"):
        raise ToggleError(
            f"The direction of `objective` {name} must be 'min' or 'max'; got {direction!r}."
        )
    return Objective(name, direction or known[name])
