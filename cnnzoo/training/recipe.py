"""The recipe: how a model is trained, as toggles."""

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import Toggle, ToggleError, check_settings, read_toggles
from cnnzoo.vocabulary import Augment, BatchSize, ClassWeight, EarlyStopping, Epochs, Schedule


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Parameters
    ----------
    epochs
        Passes over the training data.
    batch_size
        Examples a step.
    schedule
        "constant"; "cosine" to zero over the whole training; "step", a tenth at half and again at
        three quarters of it (He et al. 2015); or "reduce-on-plateau", half after 2 epochs without
        a lower validation loss. What watches that loss watches it without penalties, which fall
        as the weights shrink, whatever the fit.
    augment
        Names of random changes to the training images, several joined by "+", such as
        "crop+flip".
    class_weight
        "none", "balanced" (n / (classes * n of the class)), or the weights themselves: a sequence
        with one for each class, or a mapping from class id to weight in which absent ids weigh 1
        (kept as pairs, in the order of the ids). An example that "mixup" or "cutmix" mixes weighs
        the mean of its classes' weights, by their shares.
    early_stopping
        Epochs without a lower validation loss after which training stops and the best epoch's
        weights come back; 0 for never.

    Raises
    ------
    ToggleError
        If there is no such toggle, or a value is not allowed.

    Examples
    --------
    >>> Recipe(epochs=3, augment="crop+flip").batch_size
    32
    >>> Recipe(epochs=0)
    Traceback (most recent call last):
    cnnzoo.toggle.ToggleError: `epochs` of `Recipe` must be a whole number from 1 to 100000; got 0.
    """

    epochs: Epochs = 10
    batch_size: BatchSize = 32
    schedule: Schedule = "constant"
    augment: Augment = "none"
    class_weight: ClassWeight = "none"
    early_stopping: EarlyStopping = 0

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        weights = given["class_weight"]
        if not isinstance(weights, str):
            given["class_weight"] = "none"
        settings: dict[str, Any] = {**check_settings(_toggles(), given, "Recipe")}
        if not isinstance(weights, str):
            settings["class_weight"] = _check_weights(weights)
        for name, value in settings.items():
            object.__setattr__(self, name, value)


Recipe.__init__ = refuse_unknown(Recipe.__init__)  # type: ignore[method-assign]


@cache
def _toggles() -> dict[str, Toggle]:
    return read_toggles(Recipe)  # once, for a study makes a recipe for every trial


Weights = tuple[float, ...] | tuple[tuple[int, float], ...]


def _check_weights(given: Any) -> Weights:
    try:
        # pairs are what a mapping was made into, as it was or read back from JSON
        if isinstance(given, Mapping) or isinstance(given[0], tuple | list):
            pairs = given.items() if isinstance(given, Mapping) else given
            table = {_class_id(label): float(weight) for label, weight in pairs}
            weights: Weights = tuple(sorted(table.items()))
            values = [*table.values()]
            valid = len(table) == len(pairs) and min(table) >= 0
        else:
            weights = tuple(float(given[index]) for index in range(len(given)))
            values = [*weights]
            valid = bool(values)
        valid = valid and all(0 <= weight < math.inf for weight in values)
    except (TypeError, ValueError, LookupError, OverflowError):
        valid = False
    if not valid:
        raise ToggleError(
            "`class_weight` of `Recipe` must be 'none', 'balanced', or a weight of at least 0 for "
            f"each class; got {given!r}."
        )
    return weights


def _class_id(label: Any) -> int:
    return int(label) if isinstance(label, str) else operator.index(label)
