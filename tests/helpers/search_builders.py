"""Custom builders: tiny, faulty and deadly ones."""

import os
import signal
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf

from cnnzoo.toggle import Toggle, ToggleError
from helpers import search_hyperparameters

Number = Annotated[int, Toggle("which of many", low=0, high=99)]


def tiny(*, input_shape, classes, number: Number = 0, start="glorot_uniform"):
    layers = [
        keras.Input(input_shape),
        keras.layers.Flatten(),
        keras.layers.Dense(classes, activation="softmax", kernel_initializer=start),
    ]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.001 * (1 + number)), "sparse_categorical_crossentropy")
    return model


def faulty(*, input_shape, classes, number: Number = 0):
    """Of ten, one trains, one of the others is no number, and the rest never begin."""
    if number == 7:
        raise tf.errors.ResourceExhaustedError(None, None, "no memory")  # as its allocator does
    if number == 11:
        np.zeros(2**52)  # NumPy's refuses
    if number % 10 in (1, 2, 3):
        raise ToggleError("`number` of `faulty` must not be that.")
    if number % 10 in (4, 6, 7, 8):
        raise ValueError("there is no such model\nand there is more to say")
    if number % 10 == 9:
        raise SystemExit(3)
    if number % 10 == 5:
        not_a_number = keras.initializers.Constant(float("nan"))
        return tiny(input_shape=input_shape, classes=classes, start=not_a_number)
    return tiny(input_shape=input_shape, classes=classes, number=number)


def deadly(*, input_shape, classes, number: Number = 0):
    """Kill the process on number 2, and make it useless for later trials on number 4."""
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
        tf.compat.v1.disable_eager_execution()
    return tiny(input_shape=input_shape, classes=classes, number=number)


def frozen(*, input_shape, classes, number: Number = 0):
    """As `search_hyperparameters.frozen`, with a toggle."""
    fixed = type("Rate", (), {"Float": lambda *_, **__: 0.001 * (1 + number)})
    return search_hyperparameters.frozen(fixed)


def policy(*, input_shape, classes, number: Number = 0):
    """Set the dtype policy for number 0 alone, and leave it so."""
    if number == 0:
        keras.config.set_dtype_policy("mixed_bfloat16")
    return tiny(input_shape=input_shape, classes=classes)
