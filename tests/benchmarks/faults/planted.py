"""Planted faults: each kind in several models and data, with a twin in which only it is mended.

A builder takes `faulty` and returns the program with or without the fault; all else is equal.
"""

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
from keras import callbacks, initializers, layers, ops, optimizers, regularizers

import cnnzoo

from . import data
from .bricks import BINARY, SPARSE, cnn, mlp, run, sequence
from .case import (
    Case,
    Outcome,
    Run,
    above,
    arithmetic,
    below,
    broken,
    chance,
    diverged,
    gap,
    minority_found,
    minority_lost,
    modes_differ,
    not_finite,
    overfitted,
    raises,
    unstable,
)

CASES: list[Case] = []
"""All faulty programs."""


def fault(
    kind: str, codes: str, outcome: Outcome, mended: Outcome | None = None
) -> Callable[[Callable[[bool], Run]], Callable[[bool], Run]]:
    """Register a builder; `codes` are separated by spaces, the expected one first."""

    def register(build: Callable[[bool], Run]) -> Callable[[bool], Run]:
        twin = None if mended is None else partial(build, False)
        CASES.append(
            Case(
                build.__name__.replace("_", "-"),
                kind,
                tuple(codes.split()),
                partial(build, True),
                outcome,
                twin,
                mended,
            )
        )
        return build

    return register


# The head and the loss


@fault("softmax-over-one-unit", "softmax-of-one head-units", chance(), above(0.9))
def softmax_of_one_moons(faulty):
    head = "softmax" if faulty else "sigmoid"
    return run(mlp(2, 32, 32, head=head), data.moons(), BINARY, task="binary", epochs=25)


@fault("softmax-over-one-unit", "softmax-of-one head-units", chance(), above(0.9))
def softmax_of_one_digit_pair(faulty):
    model = cnn((14, 14, 1), 8, 16, out=1, head="softmax" if faulty else "sigmoid")
    return run(model, data.pair(), BINARY, task="binary", epochs=6)


@fault("softmax-over-one-unit", "softmax-of-one head-units", chance(), above(0.9))
def softmax_of_one_added_as_layer(faulty):
    last = layers.Softmax() if faulty else layers.Activation("sigmoid")
    model = keras.Sequential([keras.Input((30,)), layers.Dense(16, "relu"), layers.Dense(1), last])
    return run(model, data.tumors(), BINARY, task="binary", epochs=10)


@fault("logits-taken-for-probabilities", "head-loss", below(0.6), above(0.85))
def logits_without_from_logits_digits(faulty):
    model = mlp((8, 8, 1), 32, out=10, head=None if faulty else "softmax")
    return run(model, data.digits(), SPARSE, optimizers.SGD(0.1), epochs=10)


@fault("logits-taken-for-probabilities", "head-loss", below(0.8), above(0.9))
def logits_without_from_logits_tumors(faulty):
    model = mlp(30, 16, head="tanh" if faulty else "sigmoid")
    return run(model, data.tumors(), BINARY, task="binary", epochs=10)


@fault("logits-taken-for-probabilities", "head-loss", below(0.6), above(0.8))
def logits_without_from_logits_one_hot(faulty):
    loss = keras.losses.CategoricalCrossentropy(from_logits=not faulty)
    model = cnn((14, 14, 1), 8, 8, head=None)
    return run(model, data.one_hot(data.mnist(), 10), loss, epochs=8)


@fault("softmax-applied-twice", "head-loss", below(0.6), above(0.8))
def softmax_before_reshape_with_from_logits(faulty):
    inputs = keras.Input((8, 8, 1))
    x = layers.Dense(32, "relu")(layers.Flatten()(inputs))
    x = layers.Dense(10, "softmax" if faulty else None)(x)
    model = keras.Model(inputs, layers.Reshape((10,))(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return run(model, data.digits(), loss, optimizers.SGD(0.05), epochs=8)


@fault("softmax-applied-twice", "head-loss hidden-activation", below(0.65), above(0.85))
def softmax_layer_after_softmax(faulty):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
            *([layers.Softmax()] if faulty else []),
        ]
    )
    return run(model, data.digits(), SPARSE, optimizers.SGD(0.1), epochs=8)


@fault("regression-loss-of-class-numbers", "loss-for-numbers head-units", chance(0.1), above(0.85))
def mse_of_class_numbers_with_softmax(faulty):
    model = cnn((8, 8, 1), 16)
    split = data.targets(data.digits(), lambda y: y[:, None])
    return run(model, split, "mse" if faulty else SPARSE, epochs=8)


@fault("regression-loss-of-class-numbers", "loss-for-numbers head-units", below(0.6), above(0.8))
def mse_of_class_numbers_with_one_unit(faulty):
    out, head, loss = (1, None, "mse") if faulty else (10, "softmax", SPARSE)
    return run(cnn((14, 14, 1), 8, 16, out=out, head=head), data.mnist(), loss, epochs=8)


@fault("absolute-error-of-one-hot", "loss-for-numbers", below(0.6), above(0.85))
def mae_of_one_hot_digits(faulty):
    model = mlp((8, 8, 1), 32, out=10, head="softmax")
    loss = "mae" if faulty else "categorical_crossentropy"
    return run(model, data.one_hot(data.digits(), 10), loss, optimizers.SGD(0.1), epochs=10)


@fault("absolute-error-of-one-hot", "loss-for-numbers", below(0.6), above(0.85))
def mae_of_one_hot_zoo(faulty):
    loss = "mae" if faulty else "categorical_crossentropy"
    model = cnnzoo.build("simple_cnn", input_shape=(14, 14, 1), compile=False)
    return run(model, data.one_hot(data.mnist(), 10), loss, optimizers.SGD(0.1), epochs=8)


@fault(
    "one-unit-for-many-classes",
    "head-units labels-out-of-range head-range",
    chance(0.12),
    above(0.85),
)
def one_sigmoid_for_ten_digits(faulty):
    out, head, loss = (1, "sigmoid", BINARY) if faulty else (10, "softmax", SPARSE)
    return run(mlp((8, 8, 1), 64, out=out, head=head), data.digits(), loss, epochs=8)


@fault(
    "one-unit-for-many-classes",
    "head-units labels-out-of-range head-range",
    below(0.75),
    above(0.85),
)
def one_sigmoid_for_three_waves(faulty):
    out, head, loss = (1, "sigmoid", BINARY) if faulty else (3, "softmax", SPARSE)
    return run(sequence(16, 16, out=out, head=head), data.waves(), loss, epochs=8)


@fault("categorical-loss-of-one-unit", "head-units", below(0.75), above(0.9))
def categorical_loss_of_one_unit_xor(faulty):
    loss = "categorical_crossentropy" if faulty else BINARY
    model = mlp(2, 16, 16, head="sigmoid", activation="tanh")
    return run(
        model,
        data.targets(data.xor(), lambda y: y[:, None]),
        loss,
        optimizers.Adam(0.01),
        task="binary",
        epochs=15,
    )


@fault("categorical-loss-of-one-unit", "head-units", below(0.85), above(0.9))
def categorical_loss_of_one_unit_moons(faulty):
    loss = "categorical_crossentropy" if faulty else BINARY
    split = data.targets(data.moons(), lambda y: y[:, None])
    return run(mlp(2, 32, 32, head="sigmoid"), split, loss, task="binary", epochs=25)


@fault("softmax-for-several-labels", "head-units head-loss", below(0.75), above(0.85))
def softmax_for_several_labels(faulty):
    head, loss = ("softmax", "categorical_crossentropy") if faulty else ("sigmoid", BINARY)
    model = mlp(16, 64, out=5, head=head)
    return run(model, data.several(), loss, task="several", metrics=[], epochs=15)


@fault("softmax-for-several-labels", "head-units head-loss", below(0.75), above(0.85))
def softmax_for_several_labels_binary_loss(faulty):
    model = mlp(16, 32, 32, out=5, head="softmax" if faulty else "sigmoid")
    return run(model, data.several(seed=1), BINARY, task="several", metrics=[], epochs=15)


@fault("head-cannot-reach-targets", "head-range", below(0.6), above(0.8))
def sigmoid_head_for_real_numbers(faulty):
    model = mlp(8, 32, head="sigmoid" if faulty else None)
    return run(model, data.line(), "mse", task="numbers", epochs=20)


@fault("head-cannot-reach-targets", "head-range dead-units", below(0.6), above(0.8))
def relu_head_for_negative_numbers(faulty):
    model = mlp(5, 32, 32, head="relu" if faulty else None)
    split = data.targets(data.curve(), lambda y: y - 1)
    return run(model, split, "mse", optimizers.Adam(0.003), task="numbers", epochs=20)


@fault("head-cannot-reach-targets", "head-range", below(0.5), above(0.8))
def tanh_head_for_wide_numbers(faulty):
    model = mlp(8, 32, head="tanh" if faulty else None)
    split = data.targets(data.line(seed=2), lambda y: 8 * y)
    return run(model, split, "mse", optimizers.Adam(0.01), task="numbers", epochs=30)


# Layers


@fault("softmax-between-layers", "hidden-activation gradient-vanishing", below(0.5), above(0.85))
def softmax_as_hidden_activation(faulty):
    hidden = "softmax" if faulty else "relu"
    model = mlp((8, 8, 1), 64, 64, 64, out=10, head="softmax", activation=hidden)
    return run(model, data.digits(), SPARSE, epochs=8)


@fault("softmax-between-layers", "hidden-activation gradient-vanishing", below(0.5), above(0.8))
def softmax_over_channels(faulty):
    model = cnn((14, 14, 1), 16, 32, activation="softmax" if faulty else "relu")
    return run(model, data.mnist(), SPARSE, epochs=5)


@fault("deep-sigmoids", "hidden-activation gradient-vanishing", below(0.4), above(0.85))
def eight_sigmoid_layers(faulty):
    hidden = "sigmoid" if faulty else "relu"
    model = mlp((8, 8, 1), *[48] * 8, out=10, head="softmax", activation=hidden)
    return run(model, data.digits(), SPARSE, epochs=10)


@fault("deep-sigmoids", "hidden-activation gradient-vanishing", chance(0.15), above(0.8))
def sigmoid_convolutions(faulty):
    inputs = x = keras.Input((8, 8, 1))
    for _ in range(7):
        x = layers.Conv2D(12, 3, padding="same", activation="sigmoid" if faulty else "relu")(x)
    model = keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(x)))
    return run(model, data.digits(600), SPARSE, epochs=6)


@fault(
    "gradient-vanishes", "gradient-vanishing init-scale hidden-activation", chance(0.15), above(0.8)
)
def tiny_weights_in_seven_layers(faulty):
    start = initializers.RandomNormal(stddev=0.01) if faulty else "he_normal"
    model = mlp((8, 8, 1), *[32] * 6, out=10, head="softmax", kernel_initializer=start)
    return run(model, data.digits(), SPARSE, optimizers.SGD(0.05), epochs=10)


@fault(
    "gradient-vanishes", "gradient-vanishing init-scale hidden-activation", chance(0.1), above(0.8)
)
def tanh_with_tiny_weights_of_waves(faulty):
    start = initializers.RandomNormal(stddev=0.02) if faulty else "glorot_uniform"
    inputs = x = keras.Input((48, 1))
    for _ in range(6):
        x = layers.Conv1D(8, 5, padding="same", activation="tanh", kernel_initializer=start)(x)
    model = keras.Model(inputs, layers.Dense(3, "softmax")(layers.Flatten()(x)))
    return run(model, data.waves(), SPARSE, optimizers.SGD(0.02, momentum=0.9), epochs=8)


@fault("no-nonlinearity-where-needed", "no-nonlinearity at-chance", chance(0.15), above(0.9))
def linear_layers_for_rings(faulty):
    model = mlp(2, 32, 32, head="sigmoid", activation=None if faulty else "relu")
    return run(model, data.rings(), BINARY, task="binary", epochs=25)


@fault("no-nonlinearity-where-needed", "no-nonlinearity at-chance", below(0.85), above(0.9))
def linear_layers_for_xor(faulty):
    model = mlp(2, 16, 16, head="sigmoid", activation=None if faulty else "tanh")
    return run(model, data.xor(), BINARY, optimizers.Adam(0.01), task="binary", epochs=15)


@fault("no-nonlinearity-where-needed", "no-nonlinearity", below(0.5), above(0.75))
def linear_convolutions_for_negatives(faulty):
    inputs = x = keras.Input((8, 8, 1))
    for n in (16, 32):
        x = layers.Conv2D(n, 3, padding="same", activation=None if faulty else "relu")(x)
    model = keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(x)))
    return run(model, data.signed(), SPARSE, epochs=8)


@fault("pooled-too-early", "pooled-early too-small", below(0.55), above(0.8))
def pooled_to_one_pixel(faulty):
    pools = [layers.MaxPooling2D(8)] if faulty else [layers.MaxPooling2D(2)]
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            *pools,
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    return run(model, data.digits(), SPARSE, epochs=6)


@fault("pooled-too-early", "pooled-early too-small", below(0.55), above(0.75))
def strided_to_one_pixel(faulty):
    model = keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(8, 3, strides=7 if faulty else 2, padding="same", activation="relu"),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, "softmax"),
        ]
    )
    return run(model, data.mnist(), SPARSE, optimizers.Adam(0.005), epochs=10)


@fault("dropout-too-high", "dropout-high", below(0.6), above(0.85))
def dropout_of_nine_tenths(faulty):
    rate = 0.95 if faulty else 0.2
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(32, "relu"),
            layers.Dropout(rate),
            layers.Dense(32, "relu"),
            layers.Dropout(rate),
            layers.Dense(10, "softmax"),
        ]
    )
    return run(model, data.digits(), SPARSE, epochs=10)


@fault("dropout-too-high", "dropout-high", below(0.6), above(0.75))
def dropout_after_every_convolution(faulty):
    inputs = x = keras.Input((14, 14, 1))
    rate = 0.95 if faulty else 0.1
    for n in (8, 16):
        x = layers.Conv2D(n, 3, padding="same", activation="relu")(x)
        x = layers.Dropout(rate)(layers.MaxPooling2D(2)(x))
    x = layers.Dense(24, "relu")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(10, "softmax")(layers.Dropout(rate)(x)))
    return run(model, data.mnist(), SPARSE, optimizers.Adam(0.002), epochs=6)


@fault("nothing-trainable", "not-trainable", chance(0.25), above(0.8))
def model_frozen(faulty):
    model = cnn((8, 8, 1), 16)
    model.trainable = not faulty
    return run(model, data.digits(), SPARSE, epochs=5)


@fault("nothing-trainable", "not-trainable", below(0.3), above(0.8))
def all_layers_frozen(faulty):
    model = mlp(5, 32, 32)
    for layer in model.layers:
        layer.trainable = not faulty
    return run(model, data.curve(), "mse", optimizers.Adam(0.005), task="numbers", epochs=25)


@fault("fresh-layers-frozen", "not-trainable too-small", below(0.6), above(0.75))
def fresh_backbone_frozen(faulty):
    base = keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(4, 3, strides=2, activation="relu"),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Conv2D(12, 2, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ],
        name="base",
    )
    base.trainable = not faulty
    model = keras.Sequential([keras.Input((14, 14, 1)), base, layers.Dense(10, "softmax")])
    return run(model, data.mnist(), SPARSE, optimizers.Adam(0.01), epochs=12)


@fault("fresh-layers-frozen", "not-trainable too-small", below(0.75), above(0.85))
def fresh_sequence_layers_frozen(faulty):
    model = keras.Sequential(
        [
            keras.Input((48, 1)),
            layers.Conv1D(3, 5, strides=2, activation="relu"),
            layers.Conv1D(3, 5, strides=2, activation="relu"),
            layers.Conv1D(3, 5, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3, "softmax"),
        ]
    )
    for layer in model.layers[:3]:
        layer.trainable = not faulty
    return run(model, data.waves(1200, 0.4), SPARSE, optimizers.Adam(0.02), epochs=20)


# Initialization


@fault("zero-weights", "equal-weights dead-units", chance(0.05), above(0.85))
def zero_weights_relu(faulty):
    start = "zeros" if faulty else "glorot_uniform"
    model = mlp((8, 8, 1), 48, 48, out=10, head="softmax", kernel_initializer=start)
    return run(model, data.digits(), SPARSE, epochs=6)


@fault("zero-weights", "equal-weights dead-units", chance(0.05), above(0.8))
def zero_weights_convolutions(faulty):
    start = "zeros" if faulty else "glorot_uniform"
    return run(cnn((14, 14, 1), 8, 16, kernel_initializer=start), data.mnist(), SPARSE, epochs=8)


@fault("constant-weights", "equal-weights init-scale", below(0.5), above(0.85))
def constant_weights_tanh(faulty):
    start = initializers.Constant(0.05) if faulty else "glorot_uniform"
    model = mlp(
        (8, 8, 1), 32, 32, out=10, head="softmax", activation="tanh", kernel_initializer=start
    )
    return run(model, data.digits(), SPARSE, epochs=8)


@fault("constant-weights", "equal-weights init-scale", below(0.7), above(0.9))
def constant_weights_rings(faulty):
    start = "ones" if faulty else "glorot_uniform"
    model = mlp(2, 32, 32, head="sigmoid", kernel_initializer=start)
    return run(model, data.rings(), BINARY, task="binary", epochs=25)


@fault(
    "weights-start-large", "init-scale saturated rate-low loss-unstable", below(0.5), above(0.85)
)
def weights_of_deviation_five(faulty):
    start = initializers.RandomNormal(stddev=5) if faulty else "he_normal"
    model = mlp(
        (8, 8, 1), 64, 64, 64, out=10, head="softmax", activation="tanh", kernel_initializer=start
    )
    return run(model, data.digits(), SPARSE, epochs=8)


@fault("weights-start-large", "init-scale targets-unscaled loss-unstable", below(0.3), above(0.8))
def large_weights_for_a_number(faulty):
    start = initializers.RandomNormal(stddev=3) if faulty else "glorot_uniform"
    model = mlp(5, 32, 32, 32, kernel_initializer=start)
    return run(model, data.curve(), "mse", optimizers.Adam(0.003), task="numbers", epochs=15)


@fault("weights-start-small", "init-scale gradient-vanishing", chance(0.15), above(0.8))
def weights_of_deviation_one_thousandth(faulty):
    start = initializers.RandomNormal(stddev=0.001) if faulty else "he_normal"
    model = cnn((14, 14, 1), 8, 16, dense=(32,), kernel_initializer=start)
    return run(model, data.mnist(), SPARSE, optimizers.SGD(0.05, momentum=0.9), epochs=6)


@fault("weights-start-small", "init-scale gradient-vanishing", below(0.3), above(0.8))
def small_weights_for_a_number(faulty):
    start = initializers.RandomNormal(stddev=0.001) if faulty else "he_normal"
    model = mlp(8, 32, 32, 32, kernel_initializer=start)
    return run(model, data.line(), "mse", optimizers.SGD(0.02), task="numbers", epochs=15)


@fault("units-start-dead", "dead-units init-scale gradient-vanishing", chance(0.05), above(0.85))
def bias_of_minus_ten(faulty):
    start = initializers.Constant(-10.0) if faulty else "zeros"
    model = mlp((8, 8, 1), 48, 48, out=10, head="softmax", bias_initializer=start)
    return run(model, data.digits(), SPARSE, epochs=6)


@fault("units-start-dead", "dead-units init-scale gradient-vanishing", chance(0.1), above(0.8))
def negative_bias_in_one_convolution(faulty):
    start = initializers.Constant(-8.0) if faulty else "zeros"
    inputs = keras.Input((14, 14, 1))
    x = layers.Conv2D(8, 3, activation="relu", strides=2)(inputs)
    x = layers.Conv2D(16, 3, activation="relu", strides=2, bias_initializer=start)(x)
    model = keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(x)))
    return run(model, data.mnist(), SPARSE, epochs=12)


@fault("tanh-saturates", "saturated inputs-unscaled", below(0.6), above(0.8))
def tanh_of_inputs_in_thousands(faulty):
    split = data.inputs(data.curve(), lambda x: 1000 * (x + 3) if faulty else x)
    model = mlp(5, 32, 32, activation="tanh")
    return run(model, split, "mse", optimizers.Adam(0.003), task="numbers", epochs=25)


@fault("tanh-saturates", "saturated init-scale", below(0.75), above(0.85))
def sigmoid_with_large_weights(faulty):
    start = initializers.RandomNormal(stddev=30) if faulty else "glorot_uniform"
    model = mlp(
        (8, 8, 1), 64, 64, out=10, head="softmax", activation="sigmoid", kernel_initializer=start
    )
    return run(model, data.digits(), SPARSE, optimizers.Adam(0.005), epochs=10)


# Optimization


@fault("adam-rate-too-high", "rate-high dead-units loss-unstable", below(0.5), above(0.85))
def adam_rate_of_one(faulty):
    model = cnn((8, 8, 1), 16, 16)
    return run(model, data.digits(), SPARSE, optimizers.Adam(1.0 if faulty else 0.003), epochs=6)


@fault("adam-rate-too-high", "rate-high dead-units loss-unstable", below(0.5), above(0.8))
def adam_rate_of_a_half_zoo(faulty):
    model = cnnzoo.build("simple_cnn", input_shape=(14, 14, 1), depth=2, compile=False)
    return run(model, data.mnist(), SPARSE, optimizers.Adam(0.5 if faulty else 0.001), epochs=5)


@fault("adam-rate-too-high", "rate-high saturated loss-unstable", below(0.7), above(0.85))
def rmsprop_rate_of_waves(faulty):
    model = sequence(16, 16)
    return run(model, data.waves(), SPARSE, optimizers.RMSprop(1.0 if faulty else 0.002), epochs=8)


@fault("sgd-rate-too-high", "rate-high dead-units loss-nonfinite diverged", below(0.5), above(0.85))
def sgd_rate_of_ten(faulty):
    model = mlp((8, 8, 1), 64, 64, out=10, head="softmax")
    return run(model, data.digits(), SPARSE, optimizers.SGD(10.0 if faulty else 0.1), epochs=8)


@fault(
    "sgd-rate-too-high", "rate-high dead-units loss-nonfinite loss-unstable", below(0.5), above(0.8)
)
def momentum_with_rate_of_one(faulty):
    model = cnn((14, 14, 1), 8, 16)
    optimizer = optimizers.SGD(1.0 if faulty else 0.02, momentum=0.9)
    return run(model, data.mnist(), SPARSE, optimizer, epochs=5)


@fault("loss-becomes-nan-by-rate", "rate-high loss-nonfinite diverged", not_finite(), above(0.8))
def nan_by_rate_for_a_line(faulty):
    optimizer = optimizers.SGD(1.5 if faulty else 0.02)
    return run(
        mlp(8, 16, activation=None), data.line(), "mse", optimizer, task="numbers", epochs=15
    )


@fault("loss-becomes-nan-by-rate", "rate-high loss-nonfinite diverged", not_finite(), above(0.7))
def nan_by_momentum_for_a_curve(faulty):
    optimizer = optimizers.SGD(1.0 if faulty else 0.01, momentum=0.95)
    model = mlp(5, 32, 32, activation="leaky_relu")
    return run(model, data.curve(), "mse", optimizer, task="numbers", epochs=15)


@fault("loss-becomes-nan-by-function", "loss-nonfinite", not_finite(), above(0.85))
def logarithm_of_zero(faulty):
    def loss(true, predicted):
        safe = predicted if faulty else ops.clip(predicted, 1e-6, 1 - 1e-6)
        return -ops.mean(true * ops.log(safe) + (1 - true) * ops.log(1 - safe))

    split = data.targets(data.tumors(), lambda y: y[:, None])
    split = data.inputs(split, lambda x: 6 * x)
    optimizer = optimizers.Adam(0.02)
    return run(mlp(30, 32, head="sigmoid"), split, loss, optimizer, task="binary", epochs=15)


@fault("loss-becomes-nan-by-function", "loss-nonfinite", broken(), above(0.8))
def square_root_of_zero(faulty):
    @keras.saving.register_keras_serializable()
    def root(x):
        return ops.sqrt(ops.relu(x) + (0.0 if faulty else 1e-3))

    model = mlp((8, 8, 1), 64, out=10, head="softmax", activation=root)
    return run(model, data.digits(), SPARSE, epochs=8)


@fault(
    "exponential-activations",
    "hidden-activation loss-nonfinite init-scale",
    not_finite(),
    above(0.8),
)
def exponential_in_four_layers(faulty):
    hidden = "exponential" if faulty else "relu"
    model = mlp((8, 8, 1), *[48] * 4, out=10, head="softmax", activation=hidden)
    return run(model, data.digits(), SPARSE, epochs=8)


@fault(
    "exponential-activations",
    "hidden-activation loss-nonfinite init-scale",
    not_finite(),
    above(0.8),
)
def exponential_for_a_curve(faulty):
    hidden = "exponential" if faulty else "elu"
    model = mlp(5, *[24] * 4, activation=hidden)
    return run(model, data.curve(), "mse", optimizers.Adam(0.005), task="numbers", epochs=15)


@fault("loss-jumps", "loss-unstable rate-high", unstable(0.25), above(0.8))
def loss_jumps_of_a_curve(faulty):
    optimizer = optimizers.Adam(0.3 if faulty else 0.005)
    return run(mlp(5, 32, 32), data.curve(), "mse", optimizer, task="numbers", epochs=20)


@fault("loss-jumps", "loss-unstable rate-high", unstable(0.25), above(0.85))
def loss_jumps_of_digits(faulty):
    optimizer = optimizers.SGD(0.7 if faulty else 0.05, momentum=0.9)
    model = mlp((8, 8, 1), 64, 32, out=10, head="softmax", activation="tanh")
    return run(model, data.digits(), SPARSE, optimizer, epochs=12)


@fault("training-diverges", "diverged rate-high loss-unstable", diverged(), above(0.8))
def regression_diverges(faulty):
    optimizer = optimizers.Adam(3.0 if faulty else 0.005)
    return run(
        mlp(8, 32, 32, 32),
        data.line(),
        "mse",
        optimizer,
        task="numbers",
        epochs=3 if faulty else 20,
    )


@fault("training-diverges", "diverged rate-high loss-unstable", diverged(), above(0.8))
def linear_regression_diverges(faulty):
    optimizer = optimizers.SGD(1.02 if faulty else 0.05)
    epochs = 1 if faulty else 8
    return run(mlp(8), data.line(256), "mse", optimizer, task="numbers", epochs=epochs)


@fault("rate-too-low", "rate-low few-steps stopped-early", chance(0.25), above(0.8))
def sgd_rate_of_one_millionth(faulty):
    model = cnn((8, 8, 1), 16)
    return run(model, data.digits(), SPARSE, optimizers.SGD(1e-6 if faulty else 0.1), epochs=8)


@fault("rate-too-low", "rate-low few-steps stopped-early", below(0.5), above(0.8))
def adam_rate_of_one_millionth_zoo(faulty):
    model = cnnzoo.build(
        "mlp", input_shape=(14, 14, 1), units=64, learning_rate=1e-6 if faulty else 1e-3
    )
    split = data.mnist()
    return Run(model, *split, {"epochs": 8})


@fault("rate-too-low", "rate-low few-steps stopped-early", below(0.3), above(0.8))
def adam_rate_too_low_for_a_curve(faulty):
    optimizer = optimizers.Adam(1e-6 if faulty else 0.005)
    return run(mlp(5, 32, 32), data.curve(), "mse", optimizer, task="numbers", epochs=20)


@fault("rate-too-low-by-default", "rate-low few-steps stopped-early", below(0.5), above(0.85))
def adadelta_default_digits(faulty):
    optimizer = optimizers.Adadelta() if faulty else optimizers.Adadelta(1.0)
    return run(cnn((8, 8, 1), 16, 16), data.digits(), SPARSE, optimizer, epochs=8)


@fault("rate-too-low-by-default", "rate-low few-steps stopped-early", below(0.5), above(0.8))
def adagrad_default_waves(faulty):
    optimizer = optimizers.Adagrad(0.0001 if faulty else 0.05)
    return run(sequence(8, 8), data.waves(), SPARSE, optimizer, epochs=8)


@fault("rate-falls-too-soon", "rate-low few-steps stopped-early", below(0.6), above(0.85))
def exponential_decay_in_steps(faulty):
    rate = optimizers.schedules.ExponentialDecay(
        0.001, 1 if faulty else 100, 0.5 if faulty else 0.96
    )
    return run(cnn((8, 8, 1), 16), data.digits(), SPARSE, optimizers.Adam(rate), epochs=8)


@fault("rate-falls-too-soon", "rate-low few-steps stopped-early", below(0.6), above(0.8))
def cosine_decay_over_five_steps(faulty):
    rate = optimizers.schedules.CosineDecay(0.05, 5 if faulty else 250)
    model = mlp((14, 14, 1), 48, out=10, head="softmax")
    optimizer = optimizers.SGD(rate, momentum=0.9)
    return run(model, data.mnist(), SPARSE, optimizer, epochs=8)


@fault("gradient-clipped-to-nothing", "gradient-clipped rate-low", chance(0.25), above(0.85))
def norm_clipped_to_nothing(faulty):
    optimizer = optimizers.SGD(0.1, clipnorm=1e-5 if faulty else 1.0)
    return run(
        mlp((8, 8, 1), 48, out=10, head="softmax"), data.digits(), SPARSE, optimizer, epochs=10
    )


@fault("gradient-clipped-to-nothing", "gradient-clipped rate-low", below(0.4), above(0.8))
def values_clipped_to_nothing(faulty):
    optimizer = optimizers.SGD(0.05, momentum=0.9, clipvalue=1e-7 if faulty else 0.5)
    return run(cnn((14, 14, 1), 8, 16), data.mnist(), SPARSE, optimizer, epochs=6)


@fault("gradient-clipped-to-nothing", "gradient-clipped rate-low", below(0.3), above(0.8))
def global_norm_clipped_to_nothing(faulty):
    optimizer = optimizers.SGD(0.05, global_clipnorm=1e-5 if faulty else 10.0)
    return run(mlp(8, 32), data.line(), "mse", optimizer, task="numbers", epochs=15)


@fault("penalty-too-high", "penalty-high", below(0.5), above(0.85))
def squared_penalty_of_ten(faulty):
    penalty = regularizers.L2(10.0 if faulty else 1e-5)
    model = mlp((8, 8, 1), 48, 48, out=10, head="softmax", kernel_regularizer=penalty)
    return run(model, data.digits(), SPARSE, epochs=8)


@fault("penalty-too-high", "penalty-high", below(0.5), above(0.8))
def absolute_penalty_of_convolutions(faulty):
    penalty = regularizers.L1(0.3 if faulty else 1e-6)
    model = cnn((14, 14, 1), 8, 16, kernel_regularizer=penalty)
    return run(model, data.mnist(), SPARSE, epochs=6)


@fault("decay-too-high", "penalty-high", below(0.5), above(0.85))
def weight_decay_of_fifty(faulty):
    optimizer = optimizers.AdamW(0.003, weight_decay=100.0 if faulty else 0.004)
    return run(cnn((8, 8, 1), 16), data.digits(), SPARSE, optimizer, epochs=8)


@fault("decay-too-high", "penalty-high", below(0.4), above(0.8))
def weight_decay_for_a_curve(faulty):
    optimizer = optimizers.AdamW(0.005, weight_decay=60.0 if faulty else 0.004)
    return run(mlp(5, 32, 32), data.curve(), "mse", optimizer, task="numbers", epochs=25)


@fault("too-few-steps", "few-steps rate-low stopped-early", below(0.6), above(0.85))
def whole_data_as_a_batch(faulty):
    size = 1000 if faulty else 32
    return run(cnn((8, 8, 1), 16), data.digits(), SPARSE, batch_size=size, epochs=6)


@fault("too-few-steps", "few-steps rate-low stopped-early", below(0.4), above(0.8))
def batches_of_half_the_data(faulty):
    size = 400 if faulty else 16
    model = mlp(5, 32, 32)
    return run(model, data.curve(), "mse", task="numbers", batch_size=size, epochs=12)


@fault("normalization-of-one-row", "norm-batch-small modes-differ", below(0.6), above(0.8))
def batch_norm_of_single_rows(faulty):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(32),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Dense(10, "softmax"),
        ]
    )
    size = 1 if faulty else 32
    return run(model, data.digits(600), SPARSE, batch_size=size, epochs=2 if faulty else 12)


@fault("normalization-of-one-row", "norm-batch-small modes-differ", below(0.5), above(0.8))
def batch_norm_of_single_rows_for_numbers(faulty):
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(32),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Dense(1),
        ]
    )
    size, epochs = (1, 2) if faulty else (16, 25)
    optimizer = optimizers.Adam(0.005)
    return run(model, data.line(), "mse", optimizer, task="numbers", batch_size=size, epochs=epochs)


@fault("moving-averages-lag", "modes-differ", modes_differ(0.2), above(0.8))
def momentum_of_moving_averages(faulty):
    model = cnn((14, 14, 1), 16, 16, norm=True, momentum=0.999 if faulty else 0.7)
    return run(model, data.mnist(), SPARSE, optimizers.Adam(0.003), epochs=3)


@fault("moving-averages-lag", "modes-differ", modes_differ(0.3), above(0.75))
def momentum_of_moving_averages_zoo(faulty):
    model = cnnzoo.build(
        "residual",
        input_shape=(14, 14, 1),
        depth=8,
        filters=8,
        norm_momentum=0.999 if faulty else 0.7,
        compile=False,
    )
    return run(model, data.mnist(800), SPARSE, optimizers.Adam(0.005), epochs=4)


# Data


@fault("nan-in-the-data", "inputs-nonfinite loss-nonfinite", broken(), above(0.85))
def missing_values_in_inputs(faulty):
    def holes(x):
        x = x.copy()
        x[::50, 3] = np.nan if faulty else 0
        return x

    return run(
        mlp(30, 16, head="sigmoid"),
        data.inputs(data.tumors(), holes),
        BINARY,
        task="binary",
        epochs=10,
    )


@fault("nan-in-the-data", "inputs-nonfinite loss-nonfinite", not_finite(), above(0.8))
def infinite_targets(faulty):
    (x, y), held = data.line()
    y = y.copy()
    y[17] = np.inf if faulty else 0
    return run(mlp(8, 32), ((x, y), held), "mse", task="numbers", epochs=20)


@fault("nan-in-the-data", "inputs-nonfinite loss-nonfinite", broken(), above(0.8))
def blank_image_divided_by_its_deviation(faulty):
    def standardize(x):
        x = x.copy()
        x[5] = 0.5
        with np.errstate(invalid="ignore"):
            deviation = x.std((1, 2, 3), keepdims=True)
            return (x - x.mean((1, 2, 3), keepdims=True)) / (deviation + (0 if faulty else 1e-6))

    return run(cnn((8, 8, 1), 16), data.inputs(data.digits(), standardize), SPARSE, epochs=6)


@fault("constant-inputs", "inputs-constant at-chance", chance(), above(0.85))
def pixels_divided_as_integers(faulty):
    def divide(x):
        pixels = (x * 254).astype("uint8")
        return (pixels // 255 if faulty else pixels / 255).astype("float32")

    return run(cnn((8, 8, 1), 16), data.inputs(data.digits(), divide), SPARSE, epochs=6)


@fault("constant-inputs", "inputs-constant at-chance", chance(), above(0.85))
def one_row_repeated(faulty):
    def repeat(x):
        return np.repeat(x[:1], len(x), 0) if faulty else x

    return run(sequence(16, 16), data.inputs(data.waves(), repeat), SPARSE, epochs=8)


@fault(
    "inputs-in-thousands",
    "inputs-unscaled rate-high loss-nonfinite dead-units",
    below(0.5),
    above(0.85),
)
def raw_table_with_sgd(faulty):
    split = data.wines(standardized=not faulty)
    return run(mlp(13, 16, out=3, head="softmax"), split, SPARSE, optimizers.SGD(0.05), epochs=40)


@fault(
    "inputs-in-thousands",
    "inputs-unscaled rate-high loss-nonfinite dead-units",
    below(0.5),
    above(0.85),
)
def pixels_of_255_with_sgd(faulty):
    split = data.inputs(data.digits(), lambda x: x * (255 if faulty else 1))
    optimizer = optimizers.SGD(0.05, momentum=0.9)
    return run(cnn((8, 8, 1), 16, 16), split, SPARSE, optimizer, epochs=6)


@fault("one-column-dwarfs-the-others", "inputs-unscaled", below(0.75), above(0.85))
def one_huge_column(faulty):
    def widen(x):
        noise = np.random.default_rng(len(x)).normal(size=(len(x), 1))
        return np.concatenate([x, noise * (1e5 if faulty else 1)], 1).astype("float32")

    split = data.inputs(data.tumors(), widen)
    return run(mlp(31, 16, head="sigmoid"), split, BINARY, task="binary", epochs=12)


@fault("one-column-dwarfs-the-others", "inputs-unscaled", below(0.5), above(0.8))
def identifier_among_the_columns(faulty):
    def number(x):
        ids = np.random.default_rng(len(x)).permutation(len(x))[:, None] * 50.0 + 1e5
        ids = ids if faulty else (ids - ids.mean()) / ids.std()
        return np.concatenate([ids, x], 1).astype("float32")

    split = data.inputs(data.curve(), number)
    return run(mlp(6, 32, 32), split, "mse", optimizers.Adam(0.005), task="numbers", epochs=20)


@fault("labels-beyond-the-units", "labels-out-of-range head-units", raises("label"), above(0.85))
def labels_from_one_to_ten(faulty):
    split = data.targets(data.digits(), lambda y: y + (1 if faulty else 0))
    return run(cnn((8, 8, 1), 16), split, SPARSE, epochs=6)


@fault("labels-beyond-the-units", "labels-out-of-range head-units", raises("label"), above(0.8))
def labels_with_a_negative_class(faulty):
    split = data.targets(data.waves(), lambda y: y - (1 if faulty else 0))
    return run(sequence(16, 16), split, SPARSE, epochs=8)


@fault("targets-in-thousands", "targets-unscaled rate-low", below(0.3), above(0.8))
def prices_in_hundred_thousands(faulty):
    scale = (lambda y: 2e5 + 5e4 * y) if faulty else (lambda y: y)
    model = mlp(5, 32, 32)
    return run(
        model,
        data.targets(data.curve(), scale),
        "mse",
        optimizers.Adam(0.003),
        task="numbers",
        epochs=25,
    )


@fault("targets-in-thousands", "targets-unscaled rate-low", below(0.3), above(0.8))
def years_as_targets(faulty):
    scale = (lambda y: 1990 + 10 * y) if faulty else (lambda y: y)
    model = mlp(8, 32)
    return run(model, data.targets(data.line(), scale), "mae", task="numbers", epochs=25)


@fault("rare-class-ignored", "imbalance", minority_lost(), minority_found(0.5))
def rare_class_ignored(faulty):
    weights = {} if faulty else {"class_weight": {0: 1.0, 1: 30.0}}
    model = mlp(6, 16, head="sigmoid")
    return run(model, data.rare(), BINARY, task="binary", epochs=8, **weights)


@fault("rare-class-ignored", "imbalance", minority_lost(), minority_found(0.3))
def rare_digits_ignored(faulty):
    (x, y), held = data.mnist(2400)
    keep = np.zeros(len(y), bool)
    for label in range(10):
        rows = np.flatnonzero(y == label)
        keep[rows[: 3 if faulty and label in (3, 8, 9) else len(rows)]] = True
    return run(cnn((14, 14, 1), 8, 16), ((x[keep], y[keep]), held), SPARSE, epochs=5)


def ordered(split):
    """Return all rows in the order of their labels."""
    (x, y), (held_x, held_y) = split
    x, y = np.concatenate([x, held_x]), np.concatenate([y, held_y])
    order = np.argsort(y, kind="stable")
    return x[order], y[order]


def split_by_fit(model, split, loss, faulty, task="classes", **fit) -> Run:
    """Return a program whose validation rows `fit` cuts off, from ordered or shuffled rows."""
    x, y = ordered(split)
    if not faulty:
        order = np.random.default_rng(0).permutation(len(x))
        x, y = x[order], y[order]
    return run(model, ((x, y), None), loss, task=task, **fit)


@fault("split-of-ordered-rows", "not-shuffled validation-differs", gap(0.5), above(0.85))
def ordered_digits_split_off(faulty):
    model = cnn((8, 8, 1), 16)
    return split_by_fit(model, data.digits(), SPARSE, faulty, validation_split=0.2, epochs=6)


@fault("split-of-ordered-rows", "not-shuffled validation-differs", gap(0.5), above(0.85))
def ordered_wines_split_off(faulty):
    model = mlp(13, 16, out=3, head="softmax")
    return split_by_fit(model, data.wines(), SPARSE, faulty, validation_split=0.3, epochs=40)


@fault("ordered-rows-not-shuffled", "not-shuffled loss-unstable", below(0.6), above(0.8))
def ordered_digits_without_shuffling(faulty):
    (x, y), held = data.digits()
    order = np.argsort(y, kind="stable")
    split = ((x[order], y[order]), held)
    return run(
        cnn((8, 8, 1), 16), split, SPARSE, optimizers.Adam(0.01), shuffle=not faulty, epochs=5
    )


@fault("ordered-rows-not-shuffled", "not-shuffled loss-unstable", below(0.7), above(0.8))
def ordered_waves_without_shuffling(faulty):
    (x, y), held = data.waves()
    order = np.argsort(y, kind="stable")
    split = ((x[order], y[order]), held)
    return run(
        sequence(16, 16), split, SPARSE, optimizers.Adam(0.003), shuffle=not faulty, epochs=6
    )


@fault(
    "validation-rows-in-training",
    "leak",
    arithmetic(
        "at least 0.3 of the validation rows are training rows", lambda m: m["shared_rows"] >= 0.3
    ),
    arithmetic("no validation row is a training row", lambda m: m["shared_rows"] < 0.01),
)
def validation_rows_in_training(faulty):
    (x, y), (held_x, held_y) = data.mnist()
    if faulty:
        held_x, held_y = x[:300], y[:300]
    return run(cnn((14, 14, 1), 8, 16), ((x, y), (held_x, held_y)), SPARSE, epochs=5)


@fault(
    "validation-rows-in-training",
    "leak",
    arithmetic(
        "at least 0.3 of the validation rows are training rows", lambda m: m["shared_rows"] >= 0.3
    ),
    arithmetic("no validation row is a training row", lambda m: m["shared_rows"] < 0.01),
)
def rows_copied_before_the_split(faulty):
    (x, y), (held_x, held_y) = data.rare(800, 0.2)
    if faulty:
        x, y = np.concatenate([x, held_x[::2]]), np.concatenate([y, held_y[::2]])
    split = ((x, y), (held_x, held_y))
    return run(mlp(6, 32, head="sigmoid"), split, BINARY, task="binary", epochs=8)


@fault("validation-prepared-otherwise", "validation-differs", gap(0.3), above(0.85))
def validation_scaled_twice(faulty):
    train, (held_x, held_y) = data.digits()
    split = (train, (held_x / (255 if faulty else 1), held_y))
    model = mlp((8, 8, 1), 48, out=10, head="softmax", activation="tanh")
    return run(model, split, SPARSE, optimizers.Adam(0.003), epochs=8)


@fault("validation-prepared-otherwise", "validation-differs", gap(0.3), above(0.8))
def validation_from_minus_one_to_one(faulty):
    train, (held_x, held_y) = data.mnist()
    held_x = 1 - 2 * held_x if faulty else held_x
    return run(cnn((14, 14, 1), 8, 16), (train, (held_x, held_y)), SPARSE, epochs=10)


@fault("validation-prepared-otherwise", "validation-differs", gap(0.3), above(0.7))
def targets_scaled_in_training_only(faulty):
    (x, y), (held_x, held_y) = data.curve()
    split = ((x, y), (held_x, 20 + 7 * held_y if faulty else held_y))
    return run(mlp(5, 32, 32), split, "mse", optimizers.Adam(0.005), task="numbers", epochs=20)


@fault("axes-mixed", "axes labels-no-signal", chance(0.12), above(0.85))
def rows_on_the_last_axis_reshaped(faulty):
    def reorder(x):
        stacked = np.ascontiguousarray(np.moveaxis(x, 0, -1))  # 8, 8, 1, rows
        return stacked.reshape(x.shape) if faulty else x

    return run(cnn((8, 8, 1), 16), data.inputs(data.digits(), reorder), SPARSE, epochs=6)


@fault("axes-mixed", "axes labels-no-signal", chance(0.12), above(0.8))
def stack_of_images_reshaped_zoo(faulty):
    def reorder(x):
        stacked = np.ascontiguousarray(np.moveaxis(x[..., 0], 0, -1))  # 14, 14, rows
        return stacked.reshape(x.shape) if faulty else x

    model = cnnzoo.build("simple_cnn", input_shape=(14, 14, 1), compile=False)
    return run(model, data.inputs(data.mnist(), reorder), SPARSE, optimizers.Adam(0.003), epochs=6)


@fault("labels-of-other-rows", "labels-no-signal overfit at-chance", chance(0.1), above(0.85))
def inputs_shuffled_without_labels(faulty):
    (x, y), (held_x, held_y) = data.digits()
    if faulty:
        x = x[np.random.default_rng(1).permutation(len(x))]
        held_x = held_x[np.random.default_rng(2).permutation(len(held_x))]
    return run(
        mlp((8, 8, 1), 64, out=10, head="softmax"), ((x, y), (held_x, held_y)), SPARSE, epochs=12
    )


@fault("labels-of-other-rows", "labels-no-signal overfit at-chance", chance(0.1), above(0.8))
def waves_with_labels_shifted_by_a_row(faulty):
    split = data.targets(data.waves(), lambda y: np.roll(y, 1) if faulty else y)
    return run(sequence(16, 16), split, SPARSE, optimizers.Adam(0.003), epochs=10)


# Size, time, metrics


@fault("too-narrow", "too-small", below(0.5), above(0.85))
def bottleneck_of_one_unit(faulty):
    model = mlp((8, 8, 1), 32, 1 if faulty else 16, 32, out=10, head="softmax", activation="tanh")
    return run(model, data.digits(), SPARSE, optimizers.Adam(0.003), epochs=12)


@fault("too-narrow", "too-small", below(0.6), above(0.75))
def two_filters_zoo(faulty):
    model = cnnzoo.build(
        "simple_cnn",
        input_shape=(14, 14, 1),
        filters=1 if faulty else 24,
        growth=1.0,
        depth=2,
        head="average",
        learning_rate=0.01,
    )
    return Run(model, *data.mnist(), {"epochs": 18})


@fault("learned-by-heart", "overfit", overfitted(0.25))
def thirty_digits_learned_by_heart(faulty):
    (x, y), held = data.mnist()
    model = mlp((14, 14, 1), 128, 128, out=10, head="softmax")
    return run(model, ((x[:60], y[:60]), held), SPARSE, optimizers.Adam(0.005), epochs=60)


@fault("learned-by-heart", "overfit", overfitted(0.25))
def noisy_numbers_learned_by_heart(faulty):
    (x, y), held = data.diabetes()
    model = mlp(10, 128, 128)
    return run(model, ((x, y), held), "mse", optimizers.Adam(0.01), task="numbers", epochs=60)


@fault("learned-by-heart", "overfit", overfitted(0.25))
def wrong_labels_learned_by_heart(faulty):
    (x, y), held = data.digits(400)
    rng = np.random.default_rng(0)
    y = np.where(rng.random(len(y)) < 0.5, rng.integers(0, 10, len(y)), y)
    return run(
        cnn((8, 8, 1), 32, dense=(128,)), ((x, y), held), SPARSE, optimizers.Adam(0.003), epochs=40
    )


@fault("stopped-too-early", "stopped-early few-steps", below(0.7), above(0.85))
def patience_of_none(faulty):
    stop = callbacks.EarlyStopping("val_loss", patience=0, min_delta=0.6 if faulty else 0)
    return run(cnn((8, 8, 1), 16), data.digits(), SPARSE, callbacks=[stop], epochs=12)


@fault("stopped-too-early", "stopped-early few-steps", below(0.7), above(0.8))
def loss_to_be_maximized(faulty):
    stop = callbacks.EarlyStopping("val_loss", patience=1, mode="max" if faulty else "min")
    model = mlp(5, 32, 32)
    return run(model, data.curve(), "mse", task="numbers", callbacks=[stop], epochs=40)


@fault(
    "accuracy-of-real-numbers",
    "metric-for-task",
    arithmetic(
        "R2 above 0.7, the metric below 0.1", lambda m: m["score"] > 0.7 and m["metric"] < 0.1
    ),
    above(0.7),
)
def accuracy_of_real_numbers(faulty):
    metrics = ["accuracy"] if faulty else ["mae"]
    return run(mlp(8, 32), data.line(), "mse", task="numbers", metrics=metrics, epochs=20)


@fault(
    "accuracy-of-real-numbers",
    "metric-for-task",
    arithmetic(
        "R2 above 0.7, the metric below 0.1", lambda m: m["score"] > 0.7 and m["metric"] < 0.1
    ),
    above(0.7),
)
def accuracy_of_a_curve(faulty):
    metrics = ["accuracy"] if faulty else ["r2_score"]
    optimizer = optimizers.Adam(0.005)
    return run(
        mlp(5, 32, 32), data.curve(), "mae", optimizer, task="numbers", metrics=metrics, epochs=20
    )


@fault(
    "binary-accuracy-of-many-classes",
    "metric-for-task",
    arithmetic(
        "the metric is above 0.89 and 0.05 above the accuracy",
        lambda m: m["metric"] > max(0.89, m["score"] + 0.05),
    ),
    above(0.7),
)
def binary_accuracy_of_ten_digits(faulty):
    metrics = ["binary_accuracy" if faulty else "categorical_accuracy"]
    split = data.one_hot(data.digits(), 10)
    return run(
        cnn((8, 8, 1), 8),
        split,
        "categorical_crossentropy",
        metrics=metrics,
        epochs=3 if faulty else 8,
    )


@fault(
    "binary-accuracy-of-many-classes",
    "metric-for-task",
    arithmetic(
        "the metric is above 0.89 and 0.05 above the accuracy",
        lambda m: m["metric"] > max(0.89, m["score"] + 0.05),
    ),
    above(0.7),
)
def binary_accuracy_zoo(faulty):
    metrics = [keras.metrics.BinaryAccuracy() if faulty else keras.metrics.CategoricalAccuracy()]
    model = cnnzoo.build("simple_cnn", input_shape=(14, 14, 1), filters=8, compile=False)
    split = data.one_hot(data.mnist(), 10)
    return run(model, split, "categorical_crossentropy", metrics=metrics, epochs=3 if faulty else 8)
