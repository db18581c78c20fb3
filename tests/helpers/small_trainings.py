"""Small data, small models that train on them in no time, and what they come to."""

import functools

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo import Recipe, ToggleError
from cnnzoo.data import Data
from cnnzoo.training.train import train

SHAPE, CLASSES = (6, 6, 1), 3


def examples(n=40, shape=SHAPE, classes=CLASSES):
    """Noise with a bright pixel where the class is."""
    rng = np.random.default_rng(0)
    x = rng.random((n, *shape)).astype("float32") / 2
    y = np.arange(n) % classes
    x.reshape(n, -1)[np.arange(n), y] = 1
    return x, y


@functools.cache
def digits(**choices) -> Data:
    return cnnzoo.load_data(examples(), **{"validation": 0.2, "test": 0.2, **choices})


def angles() -> Data:
    return cnnzoo.load_data((examples()[0], np.linspace(0.05, 0.95, 40)))


def quick(seed=0, model="mlp", **toggles):
    """A small model of the zoo that trains without being traced."""
    size = {"units": 4} if model == "mlp" else {"filters": 2}
    built = cnnzoo.build(
        model, input_shape=SHAPE, classes=CLASSES, seed=seed, **{**size, **toggles}
    )
    built.run_eagerly = True
    return built


RECIPE = Recipe(epochs=2, batch_size=8, augment="flip")

NOISY = {"model": "batch_norm", "dropout": 0.5}
"""A model with statistics, and with random numbers of its own."""


@functools.cache
def ended(seed=0):
    """The weights and the history of one training in a graph."""
    trained = train(
        "batch_norm", digits(), RECIPE, seed=seed, filters=2, dropout=0.5, steps_per_execution=25
    )
    return weights_of(trained.model), trained.history, trained.metrics


def weights_of(model):
    return [np.asarray(weight) for weight in model.get_weights()]


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def differ(first, second):
    return any((one != other).any() for one, other in zip(first, second, strict=True))


def refusal(model, data, recipe=None, error=ToggleError, **options) -> str:
    class Untrained(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise AssertionError("training began")

    with pytest.raises(error) as caught:
        train(model, data, recipe or Recipe(), callbacks=[Untrained()], **options)
    return str(caught.value)
