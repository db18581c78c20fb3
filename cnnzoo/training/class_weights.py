"""Class weights: checks, the weight of each class and of each example in the loss."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnzoo.data import DataInfo
from cnnzoo.data.targets import Labels
from cnnzoo.models.model_loss import ModelLoss
from cnnzoo.toggle import ToggleError
from cnnzoo.training.recipe import Recipe

WeightsOfBatch = Callable[[Any], Any]


def check_class_weight(recipe: Recipe, info: DataInfo, loss: ModelLoss) -> None:
    """Raise ToggleError if the class weights of a recipe do not fit the model's classes."""
    weights: Any = recipe.class_weight
    model, counts = loss.owner, [each.classes for each in loss.by_output.values()]
    classes = max(counts)
    if info.outputs and not isinstance(weights, str):
        raise ToggleError(
            f"`class_weight` of `Recipe`: expected 'none' or 'balanced' for `{info.name}`, which "
            f"has several outputs; got {weights!r}."
        )
    if weights != "none" and classes == 1:
        raise ToggleError(
            f"`class_weight` of `Recipe`: expected 'none' for a regression such as `{info.name}`; "
            f"got {weights!r}."
        )
    if isinstance(weights, str):
        return
    if _by_id(weights):
        unknown = [label for label, _ in weights if label >= classes]
        if unknown:
            raise ToggleError(
                f"`class_weight` of `Recipe`: expected class ids from 0 to {classes - 1}, as "
                f"`{model}` has them; got {unknown[0]}."
            )
    elif len(weights) != classes:
        raise ToggleError(
            f"`class_weight` of `Recipe`: expected one weight for each of the {classes} classes of "
            f"`{model}`; got {len(weights)} weights."
        )


def class_weights(recipe: Recipe, labels: NDArray[Any], classes: int) -> NDArray[Any] | None:
    """Return the weight of each class in the loss; None if the recipe sets none.

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
        by_id = dict(weights)
        return np.array([by_id.get(label, 1.0) for label in range(classes)])
    return np.array(weights)


def weights_of_batch(recipe: Recipe, labels: Labels, loss: ModelLoss) -> WeightsOfBatch | None:
    """Return the function from the targets of a batch to the weights of its examples.

    Each output with classes has its own weights; those of a regression are 1.

    Parameters
    ----------
    recipe
        The recipe.
    labels
        Labels of the training split.
    loss
        The losses of the model.

    Returns
    -------
    callable or None
        None if the recipe sets no weights.
    """
    if recipe.class_weight == "none":
        return None
    by_output: dict[str, Any] = {}
    for name, own in loss.select(labels).items():
        classes = loss.by_output[name].classes
        by_output[name] = class_weights(recipe, own, classes) if classes > 1 else None

    def weights(targets: Any) -> Any:
        own = {
            name: ones(each) if by_output[name] is None else example_weights(each, by_output[name])
            for name, each in loss.by_name(targets).items()
        }
        return loss.structured(own)

    def ones(targets: Any) -> Any:
        import tensorflow as tf

        return tf.ones(tf.shape(targets)[:1])

    return weights


def example_weights(targets: Any, weights: NDArray[Any]) -> Any:
    """Return the weight of each example of a batch.

    An example with a mixed label gets the mean of its classes' weights, weighted by their shares
    in the label. ``keras.Model.fit`` (3.15.1) would use the weight of the class with the largest
    share, so `class_weight` is not passed to it.

    Parameters
    ----------
    targets
        Encoded labels, a TensorFlow tensor: class ids of shape (n,) or (n, 1), or shares of shape
        (n, classes).
    weights
        Weight of each class, of shape (classes,).

    Returns
    -------
    tf.Tensor
        Weights of shape (n,), float32.

    Examples
    --------
    >>> example_weights(np.array([[1.0, 0.0], [0.25, 0.75]]), np.array([1.0, 5.0])).numpy().tolist()
    [1.0, 4.0]
    >>> example_weights(np.array([1, 0]), np.array([1.0, 5.0])).numpy().tolist()
    [5.0, 1.0]
    """
    import tensorflow as tf

    targets, weights = tf.convert_to_tensor(targets), tf.constant(weights, "float32")
    if targets.shape.rank == 2 and targets.shape[1] == weights.shape[0]:
        return tf.linalg.matvec(tf.cast(targets, "float32"), weights)
    return tf.gather(weights, tf.cast(tf.reshape(targets, [-1]), "int32"))


def _by_id(weights: Any) -> bool:
    return isinstance(weights[0], tuple)
