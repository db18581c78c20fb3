"""Healthy programs: different models, recipes and data, among them textbook faults that do no harm.

A program is healthy because its outcome is good, not because it follows the rules.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import callbacks, layers, optimizers, regularizers

import cnnzoo

from . import data
from .bricks import BINARY, SPARSE, cnn, mlp, run, sequence
from .case import Case, Run, above, minority_found
from .planted import ordered

CASES: list[Case] = []
"""All healthy programs."""


def healthy(name: str, build: Callable[[], Run], outcome=0.8) -> None:
    """Register a program; the outcome is the score that it must exceed, or an `Outcome`."""
    if not hasattr(outcome, "check"):
        outcome = above(outcome)
    CASES.append(Case(name, "healthy", (), build, outcome))


def zoo(name: str, split, epochs: int = 5, *, batch_size: int = 32, **settings) -> Run:
    """Return a model of the zoo with its own recipe."""
    model = cnnzoo.build(name, input_shape=split[0][0].shape[1:], **settings)
    return Run(model, *split, {"epochs": epochs, "batch_size": batch_size})


def hot(split, classes: int = 10):
    """Encode labels for the categorical losses."""
    return data.one_hot(split, classes)


# Models of the zoo

healthy("zoo-simple-cnn", lambda: zoo("simple_cnn", data.mnist()))
healthy(
    "zoo-simple-cnn-norm",
    lambda: zoo("simple_cnn", data.mnist(), 6, normalization="batch", norm_momentum=0.8),
)
healthy("zoo-simple-cnn-group-norm", lambda: zoo("simple_cnn", data.mnist(), normalization="group"))
healthy(
    "zoo-simple-cnn-separable",
    lambda: zoo("simple_cnn", data.digits(), 10, conv="separable", learning_rate=0.005),
)
healthy("zoo-simple-cnn-tanh", lambda: zoo("simple_cnn", data.digits(), activation="tanh"))
healthy(
    "zoo-simple-cnn-gelu-decay",
    lambda: zoo(
        "simple_cnn", data.digits(), activation="gelu", optimizer="adamw", weight_decay=1e-3
    ),
)
healthy("zoo-simple-cnn-linear", lambda: zoo("simple_cnn", data.digits(), activation="linear"))
healthy(
    "zoo-simple-cnn-hinge",
    lambda: zoo("simple_cnn", hot(data.digits()), 6, loss="categorical_hinge"),
)
healthy("zoo-simple-cnn-mse", lambda: zoo("simple_cnn", hot(data.digits()), 6, loss="mse"))
healthy(
    "zoo-simple-cnn-smoothing",
    lambda: zoo(
        "simple_cnn", hot(data.digits()), 6, loss="categorical_crossentropy", label_smoothing=0.1
    ),
)
healthy("zoo-simple-cnn-logits", lambda: zoo("simple_cnn", data.digits(), logits=True))
healthy("zoo-simple-cnn-colored", lambda: zoo("simple_cnn", data.colored(), 8))
healthy("zoo-simple-cnn-dropout", lambda: zoo("simple_cnn", data.digits(), 8, dropout=0.3))
healthy("zoo-mlp", lambda: zoo("mlp", data.mnist(), 6))
healthy("zoo-mlp-deep", lambda: zoo("mlp", data.digits(), 8, depth=4, units=64))
healthy(
    "zoo-mlp-momentum",
    lambda: zoo("mlp", data.digits(), 8, optimizer="momentum", learning_rate=0.02),
)
healthy("zoo-mlp-rmsprop", lambda: zoo("mlp", data.digits(), 8, optimizer="rmsprop"))
healthy(
    "zoo-mlp-sigmoid",
    lambda: zoo("mlp", data.digits(), 8, activation="sigmoid", learning_rate=0.01),
)
healthy(
    "zoo-residual",
    lambda: zoo("residual", data.mnist(), 6, depth=8, filters=8, learning_rate=0.005),
    0.75,
)
healthy(
    "zoo-residual-no-skip",
    lambda: zoo("residual", data.digits(), 6, depth=8, filters=8, skip=False, learning_rate=0.005),
    0.75,
)
healthy("zoo-batch-norm", lambda: zoo("batch_norm", data.digits(), 5, filters=8, norm_momentum=0.9))
healthy(
    "zoo-conv-stack",
    lambda: zoo(
        "conv_stack", data.mnist(), 8, activation="relu", strides=1, head="flatten", filters=8
    ),
)
healthy(
    "zoo-classic",
    lambda: zoo("classic", data.mnist(800, 28), 6, learning_rate=0.004),
    0.75,
)
healthy("zoo-sequence", lambda: zoo("sequence", data.waves(), 6, classes=3))
healthy(
    "zoo-sequence-norm",
    lambda: zoo("sequence", data.waves(), 8, classes=3, normalization="batch", norm_momentum=0.8),
)
healthy("zoo-downsampling", lambda: zoo("downsampling", data.mnist(), 6), 0.7)
healthy("zoo-feature-maps", lambda: zoo("feature_maps", data.mnist(), 6), 0.7)

# Own models on images

healthy("lenet-like", lambda: run(cnn((14, 14, 1), 8, 16, dense=(48,)), data.mnist(), epochs=8))
healthy("wide-first-layer", lambda: run(cnn((8, 8, 1), 64), data.digits(), epochs=4))
healthy("three-channels", lambda: run(cnn((8, 8, 3), 16, 16), data.colored(), epochs=8))
healthy(
    "full-resolution", lambda: run(cnn((28, 28, 1), 8, 8, 16), data.mnist(800, 28), epochs=5), 0.75
)
healthy(
    "global-pooling",
    lambda: run(
        keras.Sequential(
            [
                keras.Input((14, 14, 1)),
                layers.Conv2D(16, 3, activation="relu"),
                layers.Conv2D(32, 3, strides=2, activation="relu"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(10, "softmax"),
            ]
        ),
        data.mnist(1200),
        SPARSE,
        optimizers.Adam(0.01),
        epochs=12,
    ),
    0.75,
)
healthy(
    "norm-default-momentum-enough-steps",
    lambda: run(
        cnn((8, 8, 1), 16, norm=True, momentum=0.99), data.digits(), epochs=12, batch_size=16
    ),
)
healthy(
    "norm-batch-of-eight",
    lambda: run(cnn((8, 8, 1), 16, norm=True), data.digits(), epochs=4, batch_size=8),
)
healthy(
    "layer-norm",
    lambda: run(
        keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Flatten(),
                layers.Dense(48, "relu"),
                layers.LayerNormalization(),
                layers.Dense(10, "softmax"),
            ]
        ),
        data.digits(),
        epochs=6,
    ),
)
healthy("residual-sum", lambda: run(residual_sum(), data.digits(), epochs=6))
healthy("two-branches", lambda: run(two_branches(), data.digits(), epochs=6))
healthy(
    "swish-and-decay",
    lambda: run(
        cnn((8, 8, 1), 16, activation="silu"),
        data.digits(),
        SPARSE,
        optimizers.AdamW(0.002, weight_decay=0.01),
        epochs=6,
    ),
)
healthy(
    "selu-network",
    lambda: run(
        mlp(
            (8, 8, 1),
            48,
            48,
            48,
            out=10,
            head="softmax",
            activation="selu",
            kernel_initializer="lecun_normal",
        ),
        data.digits(),
        epochs=6,
    ),
)
healthy("leaky-relu", lambda: run(cnn((8, 8, 1), 16, activation="leaky_relu"), data.digits()))
healthy(
    "moderate-dropout",
    lambda: run(
        keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Flatten(),
                layers.Dense(128, "relu"),
                layers.Dropout(0.5),
                layers.Dense(10, "softmax"),
            ]
        ),
        data.digits(),
        epochs=8,
    ),
)
healthy(
    "wide-with-high-dropout",
    lambda: run(
        keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Flatten(),
                layers.Dense(512, "relu"),
                layers.Dropout(0.7),
                layers.Dense(10, "softmax"),
            ]
        ),
        data.digits(),
        epochs=6,
    ),
)
healthy(
    "small-penalty",
    lambda: run(cnn((8, 8, 1), 16, kernel_regularizer=regularizers.L2(1e-4)), data.digits()),
)
healthy(
    "logits-and-from-logits",
    lambda: run(
        cnn((8, 8, 1), 16, head=None),
        data.digits(),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
)
healthy(
    "one-hot-digits",
    lambda: run(cnn((8, 8, 1), 16), hot(data.digits()), "categorical_crossentropy"),
)
healthy(
    "focal-loss",
    lambda: run(
        cnn((8, 8, 1), 16),
        hot(data.digits()),
        keras.losses.CategoricalFocalCrossentropy(),
        epochs=8,
    ),
)
healthy(
    "augmented",
    lambda: run(
        keras.Sequential(
            [
                keras.Input((14, 14, 1)),
                layers.RandomTranslation(0.05, 0.05),
                *cnn((14, 14, 1), 8, 16).layers[1:],
            ]
        ),
        data.mnist(),
        epochs=8,
    ),
    0.75,
)
healthy(
    "rescaling-in-the-model",
    lambda: run(
        keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Rescaling(1 / 255),
                layers.Flatten(),
                layers.Dense(64, "relu"),
                layers.Dense(10, "softmax"),
            ]
        ),
        data.inputs(data.digits(), lambda x: x * 255),
        epochs=8,
    ),
)
healthy(
    "normalization-in-the-model",
    lambda: run(
        adapted(data.wines(standardized=False), 3),
        data.wines(standardized=False),
        SPARSE,
        optimizers.Adam(0.01),
        epochs=20,
    ),
)
healthy(
    "cosine-schedule",
    lambda: run(
        cnn((8, 8, 1), 16),
        data.digits(),
        SPARSE,
        optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 190), momentum=0.9),
        epochs=6,
    ),
)
healthy(
    "warm-up-schedule",
    lambda: run(
        cnn((8, 8, 1), 16),
        data.digits(),
        SPARSE,
        optimizers.Adam(
            optimizers.schedules.CosineDecay(1e-5, 190, warmup_target=0.005, warmup_steps=30)
        ),
        epochs=6,
    ),
)
healthy(
    "plain-sgd",
    lambda: run(
        mlp((8, 8, 1), 48, out=10, head="softmax"),
        data.digits(),
        SPARSE,
        optimizers.SGD(0.2),
        epochs=8,
    ),
)
healthy(
    "clipped-norm",
    lambda: run(
        mlp((8, 8, 1), 48, out=10, head="softmax"),
        data.digits(),
        SPARSE,
        optimizers.SGD(0.2, clipnorm=1.0),
        epochs=8,
    ),
)
healthy(
    "adam-with-tiny-clip",
    lambda: run(
        mlp((8, 8, 1), 48, out=10, head="softmax"),
        data.digits(),
        SPARSE,
        optimizers.Adam(0.003, clipnorm=0.001),
        epochs=6,
    ),
)
healthy(
    "early-stopping",
    lambda: run(
        cnn((8, 8, 1), 32),
        data.digits(),
        SPARSE,
        optimizers.Adam(0.005),
        callbacks=[callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)],
        epochs=12,
    ),
)
healthy(
    "reduce-on-plateau",
    lambda: run(
        cnn((8, 8, 1), 16),
        data.digits(),
        SPARSE,
        optimizers.Adam(0.005),
        callbacks=[callbacks.ReduceLROnPlateau(patience=2)],
        epochs=8,
    ),
)
healthy(
    "lion",
    lambda: run(
        mlp((8, 8, 1), 64, out=10, head="softmax"),
        data.digits(),
        SPARSE,
        optimizers.Lion(0.0005),
        epochs=8,
    ),
)
healthy("nadam", lambda: run(cnn((8, 8, 1), 16), data.digits(), SPARSE, optimizers.Nadam(0.003)))
healthy(
    "adadelta-of-one",
    lambda: run(cnn((8, 8, 1), 16), data.digits(), SPARSE, optimizers.Adadelta(1.0)),
)

# Textbook faults that do no harm

healthy(
    "pixels-of-255-with-adam",
    lambda: run(cnn((8, 8, 1), 16), data.inputs(data.digits(), lambda x: x * 255), epochs=6),
)
healthy(
    "pixels-of-255-and-norm",
    lambda: run(
        cnn((8, 8, 1), 16, norm=True), data.inputs(data.digits(), lambda x: x * 255), epochs=6
    ),
)
healthy(
    "linear-convolutions", lambda: run(cnn((8, 8, 1), 16, 16, activation="linear"), data.digits())
)
healthy(
    "linear-dense-layers",
    lambda: run(mlp((14, 14, 1), 64, 32, out=10, head="softmax", activation=None), data.mnist()),
)
healthy(
    "softmax-regression",
    lambda: run(
        mlp((8, 8, 1), out=10, head="softmax"),
        data.digits(),
        SPARSE,
        optimizers.Adam(0.01),
        epochs=6,
    ),
)
healthy(
    "clipnorm-of-zero",
    lambda: run(
        cnn((8, 8, 1), 16),
        data.digits(),
        SPARSE,
        optimizers.SGD(0.1, momentum=0.9, clipnorm=0.0),
        epochs=5,
    ),
)
healthy(
    "softmax-with-from-logits",
    lambda: run(
        cnn((8, 8, 1), 16),
        data.digits(),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
)
healthy("more-units-than-classes", lambda: run(cnn((8, 8, 1), 16, out=15), data.digits()))
healthy(
    "mse-of-one-hot",
    lambda: run(mlp((8, 8, 1), 64, out=10, head="softmax"), hot(data.digits()), "mse", epochs=8),
)
healthy(
    "mse-of-two-classes",
    lambda: run(mlp(30, 16, head="sigmoid"), data.tumors(), "mse", task="binary", epochs=10),
)
healthy(
    "sigmoids-of-exclusive-classes",
    lambda: run(
        cnn((8, 8, 1), 16, head="sigmoid"),
        hot(data.digits()),
        BINARY,
        metrics=["categorical_accuracy"],
        epochs=8,
    ),
)
healthy("zeros-in-the-last-layer", lambda: run(zero_head(), data.digits(), epochs=6))
healthy(
    "frozen-random-features",
    lambda: run(frozen_features(), data.digits(), SPARSE, optimizers.Adam(0.005), epochs=8),
)
healthy(
    "shuffle-off-in-mixed-rows",
    lambda: run(cnn((8, 8, 1), 16), data.digits(), shuffle=False, epochs=6),
)
healthy(
    "large-rate-sgd",
    lambda: run(
        mlp((8, 8, 1), 48, out=10, head="softmax"),
        data.digits(),
        SPARSE,
        optimizers.SGD(0.7),
        epochs=8,
    ),
)
healthy(
    "uint8-images",
    lambda: run(
        keras.Sequential(
            [
                keras.Input((8, 8, 1), dtype="uint8"),
                layers.Rescaling(1 / 255),
                layers.Flatten(),
                layers.Dense(48, "relu"),
                layers.Dense(10, "softmax"),
            ]
        ),
        byte_digits(),
        epochs=8,
    ),
)
healthy(
    "negative-pixels",
    lambda: run(cnn((8, 8, 1), 16), data.inputs(data.digits(), lambda x: 2 * x - 1), epochs=6),
)
healthy(
    "float64-inputs",
    lambda: run(
        mlp((8, 8, 1), 48, out=10, head="softmax"),
        data.inputs(data.digits(), lambda x: x.astype("float64")),
        epochs=8,
    ),
)
healthy(
    "column-of-labels",
    lambda: run(cnn((8, 8, 1), 16), data.targets(data.digits(), lambda y: y[:, None]), epochs=6),
)
healthy(
    "batch-of-one-without-norm",
    lambda: run(
        mlp((8, 8, 1), 32, out=10, head="softmax"), data.digits(500), batch_size=1, epochs=2
    ),
    0.75,
)
healthy(
    "large-batch-many-epochs",
    lambda: run(
        mlp((8, 8, 1), 48, out=10, head="softmax"),
        data.digits(),
        SPARSE,
        optimizers.Adam(0.01),
        batch_size=250,
        epochs=30,
    ),
)
healthy("split-by-fit-of-mixed-rows", lambda: mixed_rows(), 0.8)

# Two classes, tables, sequences

healthy(
    "tumors",
    lambda: run(mlp(30, 16, head="sigmoid"), data.tumors(), BINARY, task="binary", epochs=10),
    0.9,
)
healthy(
    "tumors-logistic",
    lambda: run(
        mlp(30, head="sigmoid"),
        data.tumors(),
        BINARY,
        optimizers.Adam(0.01),
        task="binary",
        epochs=15,
    ),
    0.9,
)
healthy(
    "tumors-logits",
    lambda: run(
        mlp(30, 16),
        data.tumors(),
        keras.losses.BinaryCrossentropy(from_logits=True),
        task="logit",
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
        epochs=10,
    ),
    0.9,
)
healthy(
    "tumors-two-units",
    lambda: run(
        mlp(30, 16, out=2, head="softmax"),
        data.targets(data.tumors(), lambda y: y.astype(int)),
        epochs=10,
    ),
    0.9,
)
healthy(
    "tumors-hinge",
    lambda: run(
        mlp(30, 16, head="tanh"),
        data.targets(data.tumors(), lambda y: 2 * y - 1),
        "hinge",
        task="numbers",
        metrics=[],
        epochs=15,
    ),
    0.7,
)
healthy(
    "moons",
    lambda: run(
        mlp(2, 24, 24, head="sigmoid"),
        data.moons(),
        BINARY,
        optimizers.Adam(0.01),
        task="binary",
        epochs=12,
    ),
    0.9,
)
healthy(
    "noisy-moons",
    lambda: run(
        mlp(2, 24, 24, head="sigmoid"),
        data.moons(noise=0.35),
        BINARY,
        optimizers.Adam(0.01),
        task="binary",
        epochs=10,
    ),
    0.8,
)
healthy(
    "rings",
    lambda: run(
        mlp(2, 24, 24, head="sigmoid", activation="tanh"),
        data.rings(),
        BINARY,
        optimizers.Adam(0.01),
        task="binary",
        epochs=12,
    ),
    0.9,
)
healthy(
    "digit-pair",
    lambda: run(
        cnn((14, 14, 1), 8, 16, out=1, head="sigmoid"), data.pair(), BINARY, task="binary", epochs=8
    ),
    0.85,
)
healthy(
    "wines",
    lambda: run(
        mlp(13, 16, out=3, head="softmax"), data.wines(), SPARSE, optimizers.Adam(0.01), epochs=20
    ),
    0.9,
)
healthy(
    "irises",
    lambda: run(
        mlp(4, 16, out=3, head="softmax"),
        data.irises(),
        SPARSE,
        optimizers.Adam(0.02),
        batch_size=16,
        epochs=25,
    ),
    0.85,
)
healthy("blobs", lambda: run(mlp(20, 32, out=4, head="softmax"), data.blobs(), epochs=8), 0.9)
healthy(
    "overlapping-blobs",
    lambda: run(mlp(5, 16, out=3, head="softmax"), data.blobs(700, 5, 3, 7.0), epochs=10),
    0.6,
)
healthy(
    "several-labels",
    lambda: run(
        mlp(16, 32, out=5, head="sigmoid"),
        data.several(),
        BINARY,
        optimizers.Adam(0.005),
        task="several",
        metrics=["binary_accuracy"],
        epochs=10,
    ),
    0.85,
)
healthy(
    "rare-class-found",
    lambda: run(
        mlp(6, 16, head="sigmoid"),
        data.rare(share=0.08, apart=4.0),
        BINARY,
        optimizers.Adam(0.01),
        task="binary",
        epochs=10,
    ),
    minority_found(0.6),
)
healthy(
    "rare-class-weighted",
    lambda: run(
        mlp(6, 16, head="sigmoid"),
        data.rare(share=0.05, apart=2.5),
        BINARY,
        optimizers.Adam(0.01),
        task="binary",
        class_weight={0: 1.0, 1: 15.0},
        epochs=10,
    ),
    minority_found(0.6),
)
healthy(
    "waves",
    lambda: run(sequence(16, 16), data.waves(), SPARSE, optimizers.Adam(0.003), epochs=6),
    0.85,
)
healthy(
    "four-waves",
    lambda: run(
        sequence(16, 32, out=4), data.waves(1200, 0.3, 4), SPARSE, optimizers.Adam(0.003), epochs=8
    ),
    0.75,
)
healthy(
    "noisy-waves",
    lambda: run(sequence(8, 8), data.waves(1500, 0.8), SPARSE, optimizers.Adam(0.003), epochs=8),
    0.65,
)
healthy(
    "gru-of-waves",
    lambda: run(recurrent(), data.waves(900, 0.2), SPARSE, optimizers.Adam(0.02), epochs=10),
    0.7,
)
healthy(
    "embedded-words",
    lambda: run(words_model(), words(), BINARY, optimizers.Adam(0.01), task="binary", epochs=6),
    0.8,
)

# Numbers

healthy(
    "line",
    lambda: run(mlp(8, 16), data.line(), "mse", optimizers.Adam(0.01), task="numbers", epochs=10),
)
healthy(
    "line-without-hidden-layers",
    lambda: run(mlp(8), data.line(), "mse", optimizers.SGD(0.05), task="numbers", epochs=8),
)
healthy(
    "noisy-line",
    lambda: run(
        mlp(8, 16),
        data.line(800, noise=1.0),
        "mse",
        optimizers.Adam(0.005),
        task="numbers",
        epochs=8,
    ),
    0.3,
)
healthy(
    "curve",
    lambda: run(
        mlp(5, 32, 32),
        data.curve(),
        "mse",
        optimizers.Adam(0.005),
        task="numbers",
        metrics=["mae"],
        epochs=12,
    ),
)
healthy(
    "curve-mae",
    lambda: run(
        mlp(5, 32, 32), data.curve(), "mae", optimizers.Adam(0.005), task="numbers", epochs=12
    ),
)
healthy(
    "curve-huber",
    lambda: run(
        mlp(5, 32, 32, activation="gelu"),
        data.curve(),
        "huber",
        optimizers.Adam(0.005),
        task="numbers",
        epochs=15,
    ),
    0.75,
)
healthy(
    "curve-with-norm",
    lambda: run(
        normalized_curve(), data.curve(), "mse", optimizers.Adam(0.01), task="numbers", epochs=15
    ),
    0.7,
)
healthy(
    "curve-sigmoid-head",
    lambda: run(
        mlp(5, 32, 32, head="sigmoid"),
        data.targets(data.curve(), unit),
        "mse",
        optimizers.Adam(0.01),
        task="numbers",
        epochs=15,
    ),
    0.75,
)
healthy(
    "noisy-line-without-hidden-layers",
    lambda: run(
        mlp(8), data.line(800, noise=0.7), "mse", optimizers.Adam(0.01), task="numbers", epochs=15
    ),
    0.3,
)
healthy(
    "counts-by-poisson",
    lambda: run(
        mlp(5, 32, head="exponential"),
        data.targets(data.curve(), lambda y: np.round(np.exp(y))),
        "poisson",
        optimizers.Adam(0.005),
        task="numbers",
        epochs=15,
    ),
    0.5,
)
healthy(
    "two-numbers",
    lambda: run(
        mlp(8, 32, out=2),
        data.targets(data.line(), lambda y: np.concatenate([y, -2 * y], 1)),
        "mse",
        optimizers.Adam(0.01),
        task="numbers",
        epochs=10,
    ),
)
healthy(
    "small-data-line",
    lambda: run(
        mlp(8, 8),
        data.line(80),
        "mse",
        optimizers.Adam(0.02),
        task="numbers",
        batch_size=16,
        epochs=20,
    ),
)
healthy(
    "small-data-digits",
    lambda: run(
        mlp((8, 8, 1), 32, out=10, head="softmax"),
        data.digits(250),
        SPARSE,
        optimizers.Adam(0.005),
        batch_size=16,
        epochs=10,
    ),
    0.75,
)
healthy("noisy-digits", lambda: run(cnn((8, 8, 1), 16), noisy_digits(), epochs=6), 0.7)
healthy(
    "autoencoder",
    lambda: run(
        mlp(64, 32, out=64, head="sigmoid"),
        autoencoded(),
        "mse",
        optimizers.Adam(0.005),
        task="numbers",
        epochs=20,
    ),
    0.4,
)
healthy(
    "transfer",
    lambda: run(transferred(), data.mnist(800), SPARSE, optimizers.Adam(0.005), epochs=6),
    0.8,
)
healthy(
    "fine-tuned",
    lambda: run(
        transferred(frozen=False), data.mnist(800), SPARSE, optimizers.Adam(0.001), epochs=5
    ),
    0.8,
)
healthy(
    "line-l2",
    lambda: run(
        mlp(8, 16, kernel_regularizer=regularizers.L2(1e-3)),
        data.line(),
        "mse",
        optimizers.Adam(0.01),
        task="numbers",
        epochs=12,
    ),
)
healthy(
    "curve-tanh",
    lambda: run(
        mlp(5, 32, 32, activation="tanh"),
        data.curve(),
        "mse",
        optimizers.Adam(0.01),
        task="numbers",
        epochs=15,
    ),
    0.75,
)
healthy(
    "pair-of-other-digits",
    lambda: run(
        cnn((14, 14, 1), 8, 16, out=1, head="sigmoid"),
        data.pair(400, 0, 1),
        BINARY,
        task="binary",
        epochs=5,
    ),
    0.9,
)
healthy(
    "pair-two-units",
    lambda: run(
        cnn((14, 14, 1), 8, out=2),
        data.targets(data.pair(500, 4, 9, 1), lambda y: y.astype(int)),
        SPARSE,
        optimizers.Adam(0.005),
        epochs=6,
    ),
)
healthy(
    "xor",
    lambda: run(
        mlp(2, 16, head="sigmoid", activation="tanh"),
        data.xor(),
        BINARY,
        optimizers.Adam(0.02),
        task="binary",
        epochs=10,
    ),
    0.9,
)


def residual_sum():
    """Return a small network with a skip connection."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(inputs)
    y = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    x = layers.Add()([x, layers.Conv2D(12, 3, padding="same")(y)])
    return keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(x)))


def two_branches():
    """Return a network that joins filters of two sizes."""
    inputs = keras.Input((8, 8, 1))
    branches = [
        layers.Conv2D(8, size, padding="same", activation="relu")(inputs) for size in (3, 5)
    ]
    x = layers.MaxPooling2D(2)(layers.Concatenate()(branches))
    return keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(x)))


def adapted(split, classes: int):
    """Return a network that standardizes its inputs itself."""
    normalization = layers.Normalization()
    normalization.adapt(split[0][0])
    features = split[0][0].shape[1]
    return keras.Sequential(
        [
            keras.Input((features,)),
            normalization,
            layers.Dense(16, "relu"),
            layers.Dense(classes, "softmax"),
        ]
    )


def zero_head():
    """Return a network whose last layer alone starts at zero."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(48, "relu"),
            layers.Dense(10, "softmax", kernel_initializer="zeros"),
        ]
    )


def frozen_features():
    """Return a wide random layer that stays as it is, under a trained head."""
    features = layers.Dense(400, "relu", trainable=False)
    return keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), features, layers.Dense(10, "softmax")]
    )


def byte_digits():
    """Return digits as bytes."""
    return data.inputs(data.digits(), lambda x: (255 * x).astype("uint8"))


def mixed_rows() -> Run:
    """Return a program whose shuffled rows `fit` splits."""
    x, y = ordered(data.digits())
    order = np.random.default_rng(0).permutation(len(x))
    return run(cnn((8, 8, 1), 16), ((x[order], y[order]), None), validation_split=0.2, epochs=6)


def recurrent():
    """Return a recurrent network."""
    return keras.Sequential(
        [
            keras.Input((48, 1)),
            layers.Conv1D(8, 4, strides=4, activation="relu"),
            layers.GRU(16),
            layers.Dense(3, "softmax"),
        ]
    )


def words():
    """Return sequences of 20 word numbers; a text is positive if it has more words below 25."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 50, (1200, 21))
    y = ((x < 25).sum(1) > 10).astype("float32")
    return (x[:900], y[:900]), (x[900:], y[900:])


def words_model():
    """Return an average of embeddings."""
    return keras.Sequential(
        [
            keras.Input((21,)),
            layers.Embedding(50, 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, "sigmoid"),
        ]
    )


def normalized_curve():
    """Return a regression network with BatchNormalization."""
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(32),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Dense(16, "relu"),
            layers.Dense(1),
        ]
    )


def unit(y):
    """Scale numbers to 0..1 by a fixed range."""
    return np.clip((y + 3) / 6, 0, 1)


def noisy_digits():
    """Return digits of which a tenth of the training labels are wrong."""
    (x, y), held = data.digits()
    rng = np.random.default_rng(0)
    return (x, np.where(rng.random(len(y)) < 0.1, rng.integers(0, 10, len(y)), y)), held


def autoencoded():
    """Return digits as their own targets."""
    (x, _), (held_x, _) = data.flat(data.digits())
    return (x, x), (held_x, held_x)


def transferred(*, frozen: bool = True):
    """Return a network whose convolutions were trained on other digits before."""
    base = cnn((14, 14, 1), 12, 24)
    (x, y), _ = data.mnist(1500, seed=7)
    base.compile(optimizers.Adam(0.003), SPARSE)
    base.fit(x, y, epochs=3, verbose=0)
    features = keras.Model(base.input, base.layers[-2].output, name="features")
    features.trainable = not frozen
    return keras.Sequential([keras.Input((14, 14, 1)), features, layers.Dense(10, "softmax")])
