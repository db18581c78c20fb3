"""The training recipe, whose fields are toggles."""

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import Toggle, ToggleError, check_settings, read_toggles
from cnnzoo.vocabulary import (
    Augment,
    BatchSize,
    ClassWeight,
    EarlyStopping,
    Epochs,
    Precision,
    Schedule,
)


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Parameters
    ----------
    epochs
        Number of passes over the training data.
    batch_size
        Number of examples per step.
    schedule
        Learning rate schedule: "constant"; "cosine", to zero at the end of the training; "step", a
        tenth after half and a hundredth after three quarters of the training (He et al. 2015); or
        "reduce-on-plateau", half after 2 epochs without a lower validation loss. That loss
        excludes penalties, which fall with the weights, independently of the fit.
    augment
        Random changes to the training images: "none" or names joined by "+", such as "crop+flip".
    class_weight
        "none", "balanced" (n / (classes * n of the class)), or the weights: a sequence with one
        weight per class, or a mapping from class id to weight, in which missing ids have weight 1
        (stored as pairs sorted by id). An example that "mixup" or "cutmix" mixed gets the mean of
        its classes' weights, weighted by their shares.
    early_stopping
        Number of epochs without a lower validation loss after which training stops and the
        weights of the best epoch are restored; 0 disables it.
    precision
        Format of the numbers that layers compute with: "float32", or "mixed_bfloat16" or
        "mixed_float16" for faster training on hardware that supports it (Micikevicius et al.
        2018). Initial weights are the same; weights, the head, losses and metrics keep float32.
        The loss is scaled with "mixed_float16", which takes several times longer on a CPU. It
        decides how a model is built, so it needs a name of the zoo or a builder, whose models
        must end in a layer with ``dtype="float32"``.

    Raises
    ------
    ToggleError
        If a toggle is unknown or a value is not allowed.

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
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        weights = values["class_weight"]
        if not isinstance(weights, str):
            values["class_weight"] = "none"
        settings: dict[str, Any] = {**check_settings(_toggles(), values, "Recipe")}
        if not isinstance(weights, str):
            settings["class_weight"] = _check_weights(weights)
        for name, value in settings.items():
            object.__setattr__(self, name, value)


Recipe.__init__ = refuse_unknown(Recipe.__init__)  # type: ignore[method-assign]


@cache
def _toggles() -> dict[str, Toggle]:
    return read_toggles(Recipe)  # cached, because a study creates a recipe for every trial


Weights = tuple[float, ...] | tuple[tuple[int, float], ...]


def _check_weights(value: Any) -> Weights:
    try:
        # a mapping is stored as pairs, which are lists when read from JSON
        if isinstance(value, Mapping) or isinstance(value[0], tuple | list):
            pairs = value.items() if isinstance(value, Mapping) else value
            table = {_class_id(label): float(weight) for label, weight in pairs}
            weights: Weights = tuple(sorted(table.items()))
            values = [*table.values()]
            valid = len(table) == len(pairs) and min(table) >= 0
        else:
            weights = tuple(float(value[index]) for index in range(len(value)))
            values = [*weights]
            valid = bool(values)
        valid = valid and all(0 <= weight < math.inf for weight in values)
    except (TypeError, ValueError, LookupError, OverflowError):
        valid = False
    if not valid:
        raise ToggleError(
            "`class_weight` of `Recipe`: expected 'none', 'balanced' or one weight of at least 0 "
            f"per class; got {value!r}."
        )
    return weights


def _class_id(label: Any) -> int:
    return int(label) if isinstance(label, str) else operator.index(label)
