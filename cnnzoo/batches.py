"""The stream of batches that a model is trained on: a function of the seed, data and recipe."""

from typing import Any

from numpy.typing import NDArray

from cnnzoo.augmentation import augmenter
from cnnzoo.axes import channels_first
from cnnzoo.data import Data
from cnnzoo.recipe import Recipe
from cnnzoo.seeding import stream


def batch_stream(x: NDArray[Any], y: NDArray[Any], data: Data, recipe: Recipe, seed: int) -> Any:
    """Make the stream of batches: a new order each epoch, then the augmentation.

    The order is drawn before the batches are cut, so it does not depend on their size.

    Returns
    -------
    tf.data.Dataset
        Of pairs (examples, targets); one pass is one epoch.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        inputs, targets = tf.constant(x), tf.constant(y)
    batches = (
        tf.data.Dataset.range(len(x))
        .shuffle(len(x), seed=stream(seed, "order"), reshuffle_each_iteration=True)
        .batch(recipe.batch_size)
        .map(lambda index: (tf.gather(inputs, index), tf.gather(targets, index)))
    )
    if recipe.augment != "none":
        # one batch after the other, or the random stream would depend on who comes first
        batches = batches.map(augmenter(recipe.augment, data.info, seed))
    if channels_first():
        axes = (0, x.ndim - 1, *range(1, x.ndim - 1))
        batches = batches.map(lambda images, labels: (tf.transpose(images, axes), labels))
    return batches.prefetch(tf.data.AUTOTUNE)
