"""Streams of training and validation batches, a function of the seed, data and recipe."""

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
    """Callback that tells a stream of batches which epoch begins.

    The stream cannot count its passes: on the backends jax and torch, the first ``fit`` of a model
    reads one batch more to find the shapes.

    Parameters
    ----------
    epoch
        The ``tf.Variable`` that holds the epoch, counted from 1.
    start_augmentation
        Function that resets the random streams of the augmentation.
    """

    def __init__(self, epoch: Any, start_augmentation: Callable[[], None]) -> None:
        super().__init__()
        self._epoch, self._start_augmentation = epoch, start_augmentation

    def on_train_begin(self, logs: Any = None) -> None:
        """Reset the augmentation."""
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
    """Return the stream of training batches: shuffled per epoch, augmented and weighted.

    The order is drawn before the examples are split into batches, so it does not depend on their
    size.

    Parameters
    ----------
    x, y
        Examples and encoded labels.
    data, recipe, seed
        See `cnnzoo.train`.
    weights
        Weight of each class in the loss; None for equal weights.

    Returns
    -------
    dataset : tf.data.Dataset
        Batches (examples, targets) or (examples, targets, example weights); one pass is one epoch.
    setter : EpochSetter
        Callback that ``fit`` must get.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        inputs, targets = tf.constant(x), tf.constant(y)
        epoch = tf.Variable(1)

    def order(_: Any) -> Any:
        # stateless, because TensorFlow mixes its global seed into the seed of a shuffled dataset
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
    start_augmentation: Callable[[], None] = _do_nothing
    if recipe.augment != "none":
        # sequentially, because the random stream depends on the order of the batches
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
        # elsewhere an abandoned pass would continue beside the next one
        batches = batches.prefetch(1)
    return _unoptimized(batches), EpochSetter(epoch, start_augmentation)


def _do_nothing() -> None:
    pass


def validation_stream(x: NDArray[Any], y: NDArray[Any], batch_size: int) -> Any:
    """Return the stream of validation batches, in order and unchanged.

    Returns
    -------
    tf.data.Dataset
        Batches (examples, targets).
    """
    import tensorflow as tf

    with tf.device("CPU"):
        pairs = tf.data.Dataset.from_tensor_slices((oriented(x), y))
    return _unoptimized(pairs.batch(batch_size))


def _unoptimized(dataset: Any) -> Any:
    """Disable TensorFlow's optimization and autotuning of a stream.

    They take longer than an epoch of a small model, and the end of the stream waits for them.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.threading.private_threadpool_size = 1
    return dataset.with_options(options)
