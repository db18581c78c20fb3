"""The streams of batches of a training: a function of the seed, the data and the recipe."""

import math
from typing import Any

from numpy.typing import NDArray

from cnnzoo.augmentation import augmenter
from cnnzoo.axes import channels_first, oriented
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
        epoch = tf.Variable(0)

    def order(_: Any) -> Any:
        # drawn without state, for TensorFlow mixes its global seed into those that a shuffled
        # dataset is given
        place = (stream(seed, "order"), epoch.assign_add(1))
        draws = tf.random.stateless_uniform([len(x)], place, None, None, tf.int32)
        return tf.data.Dataset.from_tensor_slices(tf.argsort(draws, stable=True))

    steps = math.ceil(len(x) / recipe.batch_size)
    batches = (
        tf.data.Dataset.from_tensors(0)
        .flat_map(order)
        .batch(recipe.batch_size)
        .apply(tf.data.experimental.assert_cardinality(steps))
        .map(lambda index: (tf.gather(inputs, index), tf.gather(targets, index)))
    )
    if recipe.augment != "none":
        # one batch after the other, or the random stream would depend on who comes first
        batches = batches.map(augmenter(recipe.augment, data.info, seed))
    if channels_first():
        axes = (0, x.ndim - 1, *range(1, x.ndim - 1))
        batches = batches.map(lambda images, labels: (tf.transpose(images, axes), labels))
    return _plain(batches.prefetch(1))


def watched_stream(x: NDArray[Any], y: NDArray[Any], batch_size: int) -> Any:
    """Make the stream of the validation data: in order, as they are.

    Returns
    -------
    tf.data.Dataset
        Of pairs (examples, targets).
    """
    import tensorflow as tf

    with tf.device("CPU"):
        pairs = tf.data.Dataset.from_tensor_slices((oriented(x), y))
    return _plain(pairs.batch(batch_size))


def _plain(dataset: Any) -> Any:
    """Have TensorFlow run a stream as it is written.

    What it would do to a stream, rewrite it and try how many threads are best, takes longer than
    an epoch of a small model, and is waited for when the stream ends.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.threading.private_threadpool_size = 1
    return dataset.with_options(options)
