"""Metrics of a trial on its probe batch: the gradient ratio and the dead units."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.small_trainings import CLASSES, SHAPE, digits

from cnnzoo import Recipe
from cnnzoo.doctor.trial_doctor import doctor_of, measures_of_trial, missing_measures
from cnnzoo.training.train import train

BOTH = ("gradient_ratio", "dead_units")


def trained_measures(model, rate, measures=BOTH):
    """Train a model for an epoch, and return its measures."""
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", run_eagerly=True)
    recipe = Recipe(epochs=1)
    doctor = doctor_of(model, digits(), recipe)
    train(model, digits(), recipe, callbacks=[doctor])
    return measures_of_trial(doctor, measures)


def test_gradient_ratio_equals_a_gradient_tape():
    first = keras.layers.Dense(5, "tanh")
    last = keras.layers.Dense(CLASSES, "softmax")
    hidden = keras.layers.Dense(4, "relu"), keras.layers.BatchNormalization()
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.BatchNormalization(),  # neither the first nor the last layer
            keras.layers.Flatten(),
            *(first, *hidden, last),
            keras.layers.LayerNormalization(center=False, scale=False),
            keras.layers.Softmax(),
        ]
    )
    x, y = digits().train
    assert len(x) <= 32  # the probe batch is the training split
    before = model.get_weights()
    with tf.GradientTape() as tape:
        outputs = model(x, training=True)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, outputs))
    gradients = tape.gradient(loss, [first.kernel, first.bias, last.kernel, last.bias])
    kernel, bias, last_kernel, last_bias = (np.sum(np.square(each)) for each in gradients)
    expected = np.sqrt((kernel + bias) / (last_kernel + last_bias))
    model.set_weights(before)
    assert trained_measures(model, 0.5)["gradient_ratio"] == pytest.approx(expected, rel=1e-4)


def test_dead_units_are_counted_over_all_relus():
    biases = {
        keras.layers.Conv2D(4, 3, activation="relu"): [-1e3, 5, 5, 5],
        keras.layers.Dense(7, activation="tanh"): [-1e3] * 7,
        keras.layers.Dense(6): [-1e3, -1e3, 5, 5, 5, 5],
    }
    conv, tanh, dense = biases
    after = keras.layers.ReLU(), keras.layers.Dense(CLASSES, "softmax")
    layers = conv, keras.layers.Flatten(), tanh, dense, *after
    model = keras.Sequential([keras.Input(SHAPE), *layers])
    for layer, bias in biases.items():
        layer.set_weights([layer.get_weights()[0], np.array(bias)])
    assert trained_measures(model, 1e-9)["dead_units"] == 3 / 10


def test_missing_measures_give_their_reason():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "tanh")], name="small")
    assert [finding.evidence for finding in missing_measures(model, BOTH)] == [
        "gradient_ratio of `small`: fewer than two layers have a trained kernel",
        "dead_units of `small`: no layer ends in a ReLU",
    ]
    deep = keras.Sequential([keras.Input((4,)), *map(keras.layers.Dense, (2, 2))], name="deep")
    assert missing_measures(deep, BOTH[:1]) == ()
    (unmeasured,) = missing_measures(deep, BOTH[:1], {}, "the curves only")
    assert unmeasured.evidence == (
        "gradient_ratio of `deep`: it could not be measured on the curves only"
    )
