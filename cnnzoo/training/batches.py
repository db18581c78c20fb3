"""The streams of batches of a training: a function of the seed, the data and the recipe."""

import math
from collections.abc import Callable
from typing import Any

import keras
from numpy.typing import NDArray

from cnnzoo.data import Data
from cnnzoo.models.image_format import channels_first, oriented
from cnnzoo.runtime.seeding import stream
from cnnzoo.training.augmentation import Augmenter
from cnnzoo.training.class_weights import example_weights
from cnnzoo.training.recipe import Recipe


class EpochSetter(keras.callbacks.Callback):
    """Tells a stream of batches which epoch begins.

    How often a stream was read does not tell it: on the backends jax and torch, the first ``fit``
    of a model reads a batch more, to find the shapes.

    Parameters
    ----------
    epoch
        The ``tf.Variable`` with the number of the epoch, from 1.
    start_augmentation
        Sets the random streams of the augmentation back to their start.
    """

    def __init__(self, epoch: Any, start_augmentation: Callable[[], None]) -> None:
        super().__init__()
        self._epoch, self._start_augmentation = epoch, start_augmentation

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the augmentation."""
        self._start_augmentation()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the epoch, which Keras counts from 0."""
        self._epoch.assign(epoch + 1)


def batch_stream(
    x: NDArray[Any],
    y: NDArray[Any],
    data: Data,
    recipe: Recipe,
    seed: int,
    weights: NDArray[Any] | None = None,
) -> tuple[Any, EpochSetter]:
    """Make the stream of batches: a new order each epoch, then the augmentation, then weights.

    The order is drawn before the batches are cut, so it does not depend on their size.

    Parameters
    ----------
    x, y
        Examples, and labels as the loss takes them.
    data, recipe, seed
        As of `cnnzoo.train`.
    weights
        Weight of each class in the loss; all weigh alike if left out.

    Returns
    -------
    dataset : tf.data.Dataset
        Of (examples, targets), or (examples, targets, weights of the examples); one pass is one
        epoch.
    setter : EpochSetter
        The callback that the training needs.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        inputs, targets = tf.constant(x), tf.constant(y)
        epoch = tf.Variable(1)

    def order(_: Any) -> Any:
        # drawn without state, for TensorFlow mixes its global seed into those that a shuffled
        # dataset is given
        place = (stream(seed, "order"), epoch)
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
    start_augmentation: Callable[[], None] = _nothing
    if recipe.augment != "none":
        # one batch after the other, or the random stream would depend on who comes first
        augment = Augmenter(recipe.augment, data.info, seed)
        batches, start_augmentation = batches.map(augment), augment.start
    if channels_first():
        axes = (0, x.ndim - 1, *range(1, x.ndim - 1))
        batches = batches.map(lambda images, labels: (tf.transpose(images, axes), labels))
    if weights is not None:
        batches = batches.map(
            lambda images, labels: (images, labels, example_weights(labels, weights))
        )
    if keras.config.backend() == "tensorflow":
        # elsewhere a pass that is given up would go on beside the next one
        batches = batches.prefetch(1)
    return _plain(batches), EpochSetter(epoch, start_augmentation)


def _nothing() -> None:
    pass


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
