"""Streams of training and validation batches, a function of the seed, data and recipe."""

import ctypes
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.data import Data
from cnnzoo.data.scaling import Pixels, ScaledArray, Scaling, is_mapped, map_of
from cnnzoo.models.image_format import channels_first
from cnnzoo.runtime.seeding import stream
from cnnzoo.training.augmentation import Augmenter
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


ALIGNMENT = 64
"""Bytes to which TensorFlow aligns memory; a .npy file pads its header to this."""


class BatchReader:
    """Reads batches of examples inside TensorFlow, and normalizes them as `ScaledArray` does.

    The pixels of a memory map are not copied: batches are read from the file.

    Parameters
    ----------
    x
        Examples of a split.
    """

    def __init__(self, x: Pixels) -> None:
        import tensorflow as tf

        if not isinstance(x, ScaledArray):
            x = ScaledArray(x, np.arange(len(x)), Scaling.identity(x.shape[-1]))
        # the whole map, because it is aligned and its parts may not be
        stored, first = map_of(x.stored)
        stored = np.ascontiguousarray(stored)
        if is_mapped(stored):
            stored = _shareable(stored)
        shared = stored.flags.writeable and stored.ctypes.data % ALIGNMENT == 0
        with tf.device("CPU"):
            self._places = tf.constant(x.places + first)
            self._stored = (
                tf.experimental.dlpack.from_dlpack(stored.__dlpack__())
                if shared
                else tf.constant(stored)
            )
            # tensors, because TensorFlow may multiply by the inverse of a constant
            self._steps = [(getattr(tf, name), tf.constant(by)) for name, by in x.scaling.steps]

    def __call__(self, index: Any) -> Any:
        """Return the float32 examples at places in the split."""
        import tensorflow as tf

        stored = tf.gather(self._stored, tf.gather(self._places, index))
        batch = tf.cast(stored, tf.float32)
        for step, by in self._steps:
            batch = step(batch, by)
        return batch


def _shareable(mapped: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only map as an array that counts as writable, with the same memory.

    DLPack takes no read-only array (NumPy 2.4). TensorFlow's tensors never change, so nothing
    writes to the memory. The array keeps the map open.
    """
    if mapped.flags.writeable:
        return mapped
    buffer = (ctypes.c_byte * mapped.nbytes).from_address(mapped.ctypes.data)
    buffer.mapped = mapped  # type: ignore[attr-defined]
    return np.frombuffer(memoryview(buffer), mapped.dtype).reshape(mapped.shape)


def batch_stream(
    x: Pixels,
    y: Any,
    data: Data,
    recipe: Recipe,
    seed: int,
    weights: Callable[[Any], Any] | None = None,
) -> tuple[Any, EpochSetter]:
    """Return the stream of training batches: shuffled per epoch, augmented and weighted.

    The order is drawn before the examples are split into batches, so it does not depend on their
    size.

    Parameters
    ----------
    x, y
        Examples and encoded labels: an array, or a tuple or mapping of one for each output.
    data, recipe, seed
        See `cnnzoo.train`.
    weights
        Function from the targets of a batch to the weights of its examples in the loss; None for
        equal weights.

    Returns
    -------
    dataset : tf.data.Dataset
        Batches (examples, targets) or (examples, targets, example weights); one pass is one epoch.
    setter : EpochSetter
        Callback that ``fit`` must get.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        targets = tf.nest.map_structure(tf.constant, y)
        epoch = tf.Variable(1)
    read = BatchReader(x)

    def order(_: Any) -> Any:
        # stateless, because TensorFlow mixes its global seed into the seed of a shuffled dataset
        place = (stream(seed, "order"), epoch)
        draws = tf.random.stateless_uniform([len(x)], place, None, None, tf.int32)
        return tf.data.Dataset.from_tensor_slices(tf.argsort(draws, stable=True))

    steps = math.ceil(len(x) / recipe.batch_size)
    batches = (
        tf.data.Dataset.from_tensors(0)
        .flat_map(_as_it_is(order))
        .batch(recipe.batch_size)
        .apply(tf.data.experimental.assert_cardinality(steps))
        .map(_as_it_is(lambda index: (read(index), _gathered(targets, index))))
    )
    start_augmentation: Callable[[], None] = _do_nothing
    if recipe.augment != "none":
        # sequentially, because the random stream depends on the order of the batches
        augment = Augmenter(recipe.augment, data.info, seed)
        batches, start_augmentation = batches.map(_as_it_is(augment)), augment.start
    if channels_first():
        batches = batches.map(_as_it_is(_channels_first))
    if weights is not None:
        batches = batches.map(_as_it_is(lambda images, labels: (images, labels, weights(labels))))
    if keras.config.backend() == "tensorflow":
        # elsewhere an abandoned pass would continue beside the next one
        batches = batches.prefetch(1)
    return _unoptimized(batches), EpochSetter(epoch, start_augmentation)


def _do_nothing() -> None:
    pass


def _gathered(targets: Any, index: Any) -> Any:
    """Return the rows of every array."""
    import tensorflow as tf

    return tf.nest.map_structure(lambda each: tf.gather(each, index), targets)


def _as_it_is(function: Callable[..., Any]) -> Any:
    """Keep TensorFlow from rewriting a function that has no branches on tensors.

    In a new process that takes longer than an epoch of a small model.
    """
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(function)


def validation_stream(x: Pixels, y: Any, batch_size: int) -> Any:
    """Return the stream of validation batches, in order and unchanged.

    Returns
    -------
    tf.data.Dataset
        Batches (examples, targets).
    """
    import tensorflow as tf

    with tf.device("CPU"):
        targets = tf.nest.map_structure(tf.constant, y)
    read = BatchReader(x)
    batches = (
        tf.data.Dataset.range(len(x))
        .batch(batch_size)
        .map(_as_it_is(lambda index: (read(index), _gathered(targets, index))))
    )
    if channels_first():
        batches = batches.map(_as_it_is(_channels_first))
    return _unoptimized(batches)


def _channels_first(images: Any, targets: Any) -> tuple[Any, Any]:
    import tensorflow as tf

    axes = (0, len(images.shape) - 1, *range(1, len(images.shape) - 1))
    return tf.transpose(images, axes), targets


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
