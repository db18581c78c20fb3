"""Images whose changes can be told, and what an augmentation makes of them."""

import itertools

import keras
import numpy as np

import cnnzoo
from cnnzoo import Recipe
from cnnzoo.training.augmentation import Augmenter
from cnnzoo.training.batches import batch_stream

MIXING = ("cutmix", "mixup")

N = 32

SIDE = 16


def load(x, classes=N, **choices):
    """Data whose examples are all for training; the label of an example is its number."""
    y = np.arange(len(x)) % classes
    return cnnzoo.load_data(
        {"train": (x, y), "validation": (x[:classes], y[:classes]), "test": (x[:1], y[:1])},
        **choices,
    )


def noise(channels=1, n=N, low=1, high=256):
    return np.random.default_rng(0).integers(low, high, (n, SIDE, SIDE, channels)).astype("uint8")


def one_value_each(side=SIDE):
    """Images of one value each, no two alike: 7 / 255 times their label and 1."""
    values = np.arange(1, N + 1, dtype="uint8") * 7
    return load(np.broadcast_to(values[:, None, None, None], (N, side, side, 1)))


VALUES = (np.arange(1, N + 1, dtype="float32") * 7) / np.float32(255)
"""Of the image of each label."""


def drawn(names, data, seed=0, batches=1):
    """The same batch changed several times: images in 0..1 and labels."""
    augment = Augmenter(names, data.info, seed)
    labels = np.eye(data.info.classes, dtype="float32")[data.train.y]
    results = [augment(data.train.x, labels) for _ in range(batches)]
    images, labels = (
        np.stack([keras.ops.convert_to_numpy(result[part]) for result in results])
        for part in (0, 1)
    )
    return (images[0], labels[0]) if batches == 1 else (images, labels)


def epochs_of(names, data, seed=0, epochs=1):
    labels = np.eye(data.info.classes, dtype="float32")[data.train.y]
    keras.utils.set_random_seed(0)
    batches, setter = batch_stream(
        data.train.x, labels, data, Recipe(augment=names, batch_size=8), seed
    )
    found = []
    for epoch in range(epochs):
        setter.on_epoch_begin(epoch)
        found.append(np.concatenate([images for images, _ in batches.as_numpy_iterator()]))
    return found


def distinct(arrays):
    return len({array.tobytes() for array in arrays})


def moved(image, down, right):
    """The image moved by whole pixels, black where it came from."""
    black = np.zeros_like(image)
    height, width = image.shape[:2]
    black[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = image[
        max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return black


def moves_of(before, after, reach):
    """How far each image was moved."""
    steps = range(-reach, reach + 1)
    return [
        next(
            (down, right)
            for down, right in itertools.product(steps, steps)
            if (moved(old, down, right) == new).all()
        )
        for old, new in zip(before, after, strict=True)
    ]
