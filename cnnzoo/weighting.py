"""How much each class counts in the loss."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnzoo.data import DataInfo
from cnnzoo.recipe import Recipe
from cnnzoo.toggle import ToggleError


def check_class_weight(recipe: Recipe, info: DataInfo, model: str, classes: int) -> None:
    """Refuse class weights for a regression, or for other classes than the model's.

    Raises
    ------
    ToggleError
        With the classes that there are.
    """
    weights: Any = recipe.class_weight
    if weights != "none" and classes == 1:
        raise ToggleError(
            f"`class_weight` of `Recipe` weighs classes; `{info.name}` is a regression."
        )
    if isinstance(weights, str):
        return
    if _by_id(weights):
        beyond = [label for label, _ in weights if label >= classes]
        if beyond:
            raise ToggleError(
                f"`class_weight` of `Recipe` has a weight for class {beyond[0]}; `{model}` has "
                f"the classes 0 to {classes - 1}."
            )
    elif len(weights) != classes:
        raise ToggleError(
            f"`class_weight` of `Recipe` must have a weight for each of the {classes} classes of "
            f"`{model}`; got {len(weights)}."
        )


def class_weights(recipe: Recipe, labels: NDArray[Any], classes: int) -> dict[int, float] | None:
    """Return the weight of each class in the loss, as Keras takes it.

    Examples
    --------
    >>> class_weights(Recipe(class_weight="balanced"), np.array([0, 0, 0, 1]), 2)
    {0: 0.6666666666666666, 1: 2.0}
    >>> class_weights(Recipe(class_weight={1: 5}), np.array([0, 0, 0, 1]), 2)
    {0: 1.0, 1: 5.0}
    """
    weights: Any = recipe.class_weight
    if weights == "none":
        return None
    if weights == "balanced":
        counts = np.bincount(labels, minlength=classes)
        return {
            label: float(len(labels) / (classes * count)) if count else 0.0
            for label, count in enumerate(counts)
        }
    if _by_id(weights):
        return {label: dict(weights).get(label, 1.0) for label in range(classes)}
    return dict(enumerate(weights))


def _by_id(weights: Any) -> bool:
    return isinstance(weights[0], tuple)
