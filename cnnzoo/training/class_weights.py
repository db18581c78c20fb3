"""How much each class counts in the loss."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnzoo.data import DataInfo
from cnnzoo.toggle import ToggleError
from cnnzoo.training.recipe import Recipe


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


def class_weights(recipe: Recipe, labels: NDArray[Any], classes: int) -> NDArray[Any] | None:
    """Return the weight of each class in the loss.

    Examples
    --------
    >>> class_weights(Recipe(class_weight="balanced"), np.array([0, 0, 0, 1]), 2).round(3).tolist()
    [0.667, 2.0]
    >>> class_weights(Recipe(class_weight={1: 5}), np.array([0, 0, 0, 1]), 2).tolist()
    [1.0, 5.0]
    """
    weights: Any = recipe.class_weight
    if weights == "none":
        return None
    if weights == "balanced":
        counts = np.bincount(labels, minlength=classes)
        return np.array([len(labels) / (classes * count) if count else 0.0 for count in counts])
    if _by_id(weights):
        given = dict(weights)
        return np.array([given.get(label, 1.0) for label in range(classes)])
    return np.array(weights)


def example_weights(targets: Any, weights: NDArray[Any]) -> Any:
    """Return the weight of each example of a batch, for a stream of batches.

    An example whose label is mixed of several classes weighs the mean of their weights, by their
    shares in the label. ``keras.Model.fit`` (3.15.1) would weigh it as the class of the largest
    share alone, so class weights are not left to it.

    Parameters
    ----------
    targets
        Encoded labels, a tensor of TensorFlow: class ids, (n,) or (n, 1), or rows of shares,
        (n, classes).
    weights
        Of each class, (classes,).

    Returns
    -------
    tf.Tensor
        (n,), float32.

    Examples
    --------
    >>> example_weights(np.array([[1.0, 0.0], [0.25, 0.75]]), np.array([1.0, 5.0])).numpy().tolist()
    [1.0, 4.0]
    >>> example_weights(np.array([1, 0]), np.array([1.0, 5.0])).numpy().tolist()
    [5.0, 1.0]
    """
    import tensorflow as tf

    targets, weights = tf.convert_to_tensor(targets), tf.constant(weights, "float32")
    if targets.shape.rank == 2 and targets.shape[1] == len(weights):
        return tf.linalg.matvec(tf.cast(targets, "float32"), weights)
    return tf.gather(weights, tf.cast(tf.reshape(targets, [-1]), "int32"))


def _by_id(weights: Any) -> bool:
    return isinstance(weights[0], tuple)
