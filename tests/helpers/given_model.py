"""A small built model, as a user gives it to a study of its parts."""

import keras
from keras import layers


def given():
    """Return two stages of convolutions, the first with a pooling, and a head."""
    inputs = keras.Input((8, 8, 1), name="images")
    x = layers.Conv2D(4, 3, activation="relu", name="stage1_conv")(inputs)
    x = layers.MaxPooling2D(name="stage1_pool")(x)
    x = layers.Conv2D(4, 3, activation="relu", name="stage2_conv")(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="head")(x), name="mine")
