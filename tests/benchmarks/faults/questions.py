"""Questions of the kind "why does my Keras model not learn", each rebuilt in a few lines.

What is asked is retold in our own words, on small data of the same shape. `source` is the address
of the thread, or of the study whose class of real faults it stands for.
"""

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
from keras import initializers, layers, optimizers, regularizers

from . import data
from .bricks import BINARY, SPARSE, cnn, mlp, run
from .case import (
    Case,
    Outcome,
    Run,
    above,
    arithmetic,
    below,
    chance,
    gap,
    minority_found,
    minority_lost,
    modes_differ,
    not_finite,
    overfitted,
    raises,
    unstable,
)
from .planted import split_by_fit

CASES: list[Case] = []
"""All questions."""


def question(
    codes: str, asked: str, source: str, outcome: Outcome, mended: Outcome
) -> Callable[[Callable[[bool], Run]], Callable[[bool], Run]]:
    """Register a question; `codes` are the right causes, separated by spaces."""

    def register(build: Callable[[bool], Run]) -> Callable[[bool], Run]:
        CASES.append(
            Case(
                build.__name__.replace("_", "-"),
                "question",
                tuple(codes.split()),
                partial(build, True),
                outcome,
                partial(build, False),
                mended,
                source,
                asked,
            )
        )
        return build

    return register


@question(
    "softmax-of-one head-units",
    "Three noisy readings of a bit; the network always answers 1 and stays at the share of ones.",
    "https://stats.stackexchange.com/revisions/2bda6552-783b-4fb7-ba2b-a03d2266e69b/view-source",
    chance(),
    above(0.9),
)
def majority_of_three_readings(faulty):
    rng = np.random.default_rng(0)
    x = (rng.random((400, 3)) < 0.5).astype("float32")
    y = (x.sum(1) > 1).astype("float32")
    split = ((x[:300], y[:300]), (x[300:], y[300:]))
    model = mlp(3, 10, head="softmax" if faulty else "sigmoid")
    return run(model, split, BINARY, "rmsprop", task="binary", batch_size=4, epochs=15)


@question(
    "head-units labels-out-of-range head-range",
    "MNIST with one hidden layer: 11% accuracy, and a loss of minus 55 that does not move.",
    "https://datascience.stackexchange.com/questions/38604",
    chance(0.12),
    above(0.8),
)
def one_unit_for_all_digits(faulty):
    out, head, loss = (1, "sigmoid", BINARY) if faulty else (10, "softmax", SPARSE)
    return run(mlp(196, 64, out=out, head=head), data.flat(data.mnist()), loss, epochs=8)


@question(
    "targets-unscaled inputs-unscaled saturated",
    "The fourth power of numbers from -100 to 100 cannot be predicted, the third nearly.",
    "https://stackoverflow.com/questions/52800582",
    below(0.3),
    above(0.9),
)
def fourth_power(faulty):
    x = np.random.default_rng(0).uniform(-100, 100, (700, 1)).astype("float32")
    y = x**4
    if not faulty:
        x, y = x / 100, y / 1e8
    model = keras.Sequential(
        [keras.Input((1,)), layers.Dense(32, "tanh"), layers.Dense(32, "elu"), layers.Dense(1)]
    )
    split = ((x[:500], y[:500]), (x[500:], y[500:]))
    return run(model, split, "mse", optimizers.Adam(0.01), task="numbers", epochs=30)


@question(
    "targets-unscaled rate-high loss-nonfinite",
    "Two linear layers of one unit diverge on a parabola although the input is standardized.",
    "https://stats.stackexchange.com/questions/418955",
    not_finite(),
    above(0.8),
)
def parabola_diverges(faulty):
    x = np.random.default_rng(0).permutation(np.arange(100.0))[:, None].astype("float32")
    y = x**2 + 3
    x = (x - x.mean()) / x.std()
    if not faulty:
        y = (y - y.mean()) / y.std()
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1), layers.Dense(1)])
    split = ((x[:80], y[:80]), (x[80:], y[80:]))
    return run(model, split, "mse", "sgd", task="numbers", batch_size=8, epochs=30)


@question(
    "head-range dead-units",
    "y = 2x - 1 with ReLU in every layer: in most runs the loss does not change.",
    "https://community.deeplearning.ai/t/loss-values-do-not-change/324182",
    below(0.5),
    above(0.9),
)
def relu_at_the_end_of_a_line(faulty):
    x = np.random.default_rng(0).uniform(-5, 0.8, (300, 1)).astype("float32")
    y = 2 * x - 1
    head = "relu" if faulty else None
    model = mlp(1, 4, 2, head=head, activation="leaky_relu" if not faulty else "relu")
    split = ((x[:200], y[:200]), (x[200:], y[200:]))
    return run(model, split, "mse", optimizers.Adam(0.01), task="numbers", epochs=40)


@question(
    "head-range",
    "A single sigmoid unit does not learn a curve that looks just like a sigmoid upside down.",
    "https://stackoverflow.com/questions/58887284",
    below(0.1),
    above(0.9),
)
def negative_sigmoid_curve(faulty):
    x = np.random.default_rng(0).uniform(-1, 1, (300, 1)).astype("float32")
    y = 1 / (np.exp(10 * x) + 1)
    y = -y if faulty else y
    split = ((x[:220], y[:220]), (x[220:], y[220:]))
    optimizer = optimizers.Adam(0.05)
    return run(mlp(1, head="sigmoid"), split, "mse", optimizer, task="numbers", epochs=40)


@question(
    "hidden-activation gradient-vanishing rate-low",
    "Wide layers of sigmoids for binary vectors: the loss stays high even in training.",
    "https://ai.stackexchange.com/questions/16557",
    below(0.2),
    above(0.7),
)
def sigmoids_of_binary_vectors(faulty):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (1000, 16)).astype("float32")
    y = x @ rng.normal(size=16) + 2 * x[:, 0] * x[:, 1]
    y = ((y - y.mean()) / y.std())[:, None].astype("float32")
    model = mlp(16, *[100] * 4, activation="sigmoid" if faulty else "relu")
    split = ((x[:800], y[:800]), (x[800:], y[800:]))
    return run(model, split, "mse", optimizers.SGD(0.02), task="numbers", epochs=15)


@question(
    "inputs-unscaled targets-unscaled rate-high loss-nonfinite",
    "The simplest regression, one unit and SGD: NaN in every epoch unless the rate is tiny.",
    "https://stats.stackexchange.com/questions/284189",
    not_finite(),
    above(0.6),
)
def one_column_of_raw_numbers(faulty):
    rng = np.random.default_rng(0)
    x = rng.uniform(500, 4000, (300, 1)).astype("float32")
    y = (0.2 * x + 30 * rng.normal(size=x.shape)).astype("float32")
    if not faulty:
        x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    split = ((x[:220], y[:220]), (x[220:], y[220:]))
    return run(mlp(1), split, "mse", "sgd", task="numbers", batch_size=8, epochs=10)


@question(
    "imbalance",
    "Of 12% positives none is found: the confusion matrix stays the same from epoch 2 on.",
    "https://datascience.stackexchange.com/questions/19283",
    minority_lost(),
    minority_found(0.5),
)
def only_the_bias_is_learned(faulty):
    weights = {} if faulty else {"class_weight": {0: 1.0, 1: 8.0}}
    model = mlp(6, 8, 8, 8, head="sigmoid")
    split = data.rare(1500, 0.11, 0.8)
    return run(model, split, BINARY, task="binary", epochs=8, **weights)


@question(
    "metric-for-task",
    "With a squared error the loss falls, but the accuracy shown next to it stays near zero.",
    "https://stackoverflow.com/questions/48775305",
    arithmetic(
        "R2 above 0.7, the metric below 0.1", lambda m: m["score"] > 0.7 and m["metric"] < 0.1
    ),
    above(0.7),
)
def accuracy_beside_a_squared_error(faulty):
    metrics = ["accuracy"] if faulty else ["mae"]
    model = mlp(10, 32)
    split = data.line(600, 10, 0.3, seed=3)
    return run(
        model, split, "mse", optimizers.Adam(0.005), task="numbers", metrics=metrics, epochs=12
    )


@question(
    "rate-low",
    "The well-known MNIST example with Adadelta is far from the accuracy that it claims.",
    "https://github.com/keras-team/keras/issues/13815",
    below(0.5),
    above(0.8),
)
def adadelta_of_the_mnist_example(faulty):
    optimizer = optimizers.Adadelta() if faulty else optimizers.Adadelta(1.0)
    model = keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(48, "relu"),
            layers.Dropout(0.5),
            layers.Dense(10, "softmax"),
        ]
    )
    split = data.one_hot(data.mnist(), 10)
    return run(model, split, "categorical_crossentropy", optimizer, epochs=8)


@question(
    "rate-low",
    "An autoencoder of digits converged with the old package and does not with the new one.",
    "https://github.com/tensorflow/tensorflow/issues/39432",
    below(0.1),
    above(0.3),
)
def adadelta_of_an_autoencoder(faulty):
    (x, _), (held, _) = data.flat(data.digits())
    optimizer = optimizers.Adadelta() if faulty else optimizers.Adam(0.005)
    model = mlp(64, 32, out=64, head="sigmoid")
    return run(model, ((x, x), (held, held)), BINARY, optimizer, task="numbers", epochs=15)


@question(
    "labels-out-of-range head-units",
    "Iris with three units: an error about a label value of 3.",
    "https://github.com/rstudio/keras3/issues/465",
    raises("label"),
    above(0.85),
)
def irises_counted_from_one(faulty):
    split = data.targets(data.irises(), lambda y: y + (1 if faulty else 0))
    model = mlp(4, 16, out=3, head="softmax")
    return run(model, split, SPARSE, optimizers.Adam(0.02), batch_size=16, epochs=25)


@question(
    "head-loss",
    "A tutorial's exercise with four kinds of text: accuracy barely above a guess without softmax.",
    "https://github.com/tensorflow/docs/pull/2102",
    below(0.6),
    above(0.8),
)
def four_topics_without_softmax(faulty):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 1200)
    x = np.where(
        rng.random((1200, 24)) < 0.25, 10 * y[:, None] + rng.integers(0, 10, (1200, 24)), 99
    )
    x = np.where(x == 99, rng.integers(40, 100, x.shape), x)
    model = keras.Sequential(
        [
            keras.Input((24,)),
            layers.Embedding(100, 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(4, None if faulty else "softmax"),
        ]
    )
    split = ((x[:900], y[:900]), (x[900:], y[900:]))
    return run(model, split, SPARSE, optimizers.Adam(0.02), epochs=8)


@question(
    "penalty-high dropout-high",
    "36 sigmoids learn MNIST; with an L2 penalty and dropout the accuracy stays at 10%.",
    "https://stackoom.com/en/question/4HpqD",
    below(0.5),
    above(0.75),
)
def penalty_of_a_small_layer(faulty):
    model = keras.Sequential(
        [
            keras.Input((196,)),
            layers.Dense(36, "sigmoid", kernel_regularizer=regularizers.L2(0.3 if faulty else 0.0)),
            layers.Dropout(0.5),
            layers.Dense(10, "softmax"),
        ]
    )
    split = data.one_hot(data.flat(data.mnist()), 10)
    optimizer = optimizers.RMSprop(0.003)
    return run(model, split, "categorical_crossentropy", optimizer, epochs=12)


@question(
    "modes-differ norm-batch-small",
    "The training loss falls to zero, the validation loss on the very same rows explodes.",
    "https://github.com/tensorflow/tensorflow/issues/36446",
    modes_differ(0.25),
    above(0.75),
)
def same_rows_other_loss(faulty):
    momentum = 0.999 if faulty else 0.6
    inputs = x = keras.Input((8, 8, 1))
    for n in (8, 16, 16):
        x = layers.Conv2D(n, 3, padding="same", kernel_initializer="he_normal")(x)
        x = layers.BatchNormalization(momentum=momentum)(x)
        x = layers.Activation("relu")(x)
    model = keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(x)))
    (x, y), (held_x, held_y) = data.digits(400)
    held = (3 * x, y) if faulty else (3 * held_x, held_y)
    return run(model, ((3 * x, y), held), SPARSE, optimizers.Adam(0.02), epochs=3)


@question(
    "not-shuffled validation-differs",
    "The share that fit holds out turned out to be all of one class, as the file was ordered.",
    "https://rocuku.github.io/keras-validation-split-shuffle",
    gap(0.4),
    above(0.85),
)
def ordered_file_split_off(faulty):
    model = mlp(20, 32, out=4, head="softmax")
    return split_by_fit(model, data.blobs(), SPARSE, faulty, validation_split=0.3, epochs=8)


@question(
    "inputs-unscaled rate-high dead-units",
    "A CNN gives the same answer for every image; the pixels go from 0 to 255.",
    "http://pullrequest.ru/10248037/cnn-keras-shodyatsya-odnomu-tomu-zhe-znacheniy-nezavisimo-vvoda",
    below(0.4),
    above(0.8),
)
def same_answer_for_every_image(faulty):
    split = data.inputs(data.mnist(), lambda x: x * (255 if faulty else 1))
    model = cnn((14, 14, 1), 8, 16, dense=(32,))
    return run(model, split, SPARSE, optimizers.SGD(0.05, momentum=0.9), epochs=6)


@question(
    "head-units",
    "Two classes, one unit, categorical crossentropy: 26% accuracy and only class 0.",
    "https://stats.stackexchange.com/questions/565956",
    below(0.65),
    above(0.9),
)
def categorical_loss_of_one_sequence_unit(faulty):
    (x, y), (held_x, held_y) = data.waves(700, 0.3, 2)
    split = ((x, y[:, None].astype("float32")), (held_x, held_y[:, None].astype("float32")))
    model = keras.Sequential(
        [
            keras.Input((48, 1)),
            layers.Conv1D(8, 5, strides=2, activation="relu"),
            layers.Conv1D(8, 5, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, "sigmoid"),
        ]
    )
    loss = "categorical_crossentropy" if faulty else BINARY
    return run(model, split, loss, optimizers.Adam(0.003), task="binary", epochs=8)


@question(
    "equal-weights dead-units",
    "Why not start all weights at zero, as that sounds most natural?",
    "https://datascience.stackexchange.com/questions/19170",
    chance(0.1),
    above(0.85),
)
def all_weights_zero(faulty):
    start = "zeros" if faulty else "random_uniform"
    model = mlp(13, 12, 12, out=3, head="softmax", kernel_initializer=start)
    return run(model, data.wines(), SPARSE, optimizers.Adam(0.01), batch_size=16, epochs=20)


@question(
    "overfit",
    "A very small table: near 95% in training, below 80% in validation, with a simple model.",
    "https://datascience.stackexchange.com/questions/19482",
    overfitted(0.15),
    above(0.7),
)
def few_rows_many_columns(faulty):
    rows = 60 if faulty else 1000
    (x, y), held = data.blobs(1000, 40, 4, 14.0)
    model = mlp(40, 64, 64, out=4, head="softmax")
    epochs = 40 if faulty else 4
    return run(model, ((x[:rows], y[:rows]), held), SPARSE, optimizers.Adam(0.005), epochs=epochs)


@question(
    "no-nonlinearity",
    "Stuck at an accuracy until the convolution got an activation, which had been left out.",
    "https://github.com/keras-team/keras/issues/1597",
    below(0.7),
    above(0.8),
)
def convolution_without_activation(faulty):
    (x, y), (held_x, held_y) = data.waves(1000, 0.3, 2, seed=2)
    active = None if faulty else "relu"
    model = keras.Sequential(
        [
            keras.Input((48, 1)),
            layers.Conv1D(16, 5, activation=active),
            layers.Conv1D(16, 5, activation=active),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, "sigmoid"),
        ]
    )
    split = ((x, y.astype("float32")), (held_x, held_y.astype("float32")))
    return run(model, split, BINARY, optimizers.Adam(0.01), task="binary", epochs=12)


@question(
    "rate-low few-steps stopped-early",
    "XOR with a few tanh units and plain SGD: still about 50% after all these epochs.",
    "https://geek-tips.imtqy.com/articles/631334/index.html",
    below(0.8),
    above(0.9),
)
def xor_with_default_sgd(faulty):
    x = np.tile(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32"), (8, 1))
    y = (x.sum(1) == 1).astype("float32")
    held = x[:16] + 0.05 * np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    model = mlp(2, 8, head="sigmoid", activation="tanh")
    optimizer = optimizers.SGD(0.01) if faulty else optimizers.SGD(0.3, momentum=0.9)
    return run(
        model, ((x, y), (held, y[:16])), BINARY, optimizer, task="binary", batch_size=4, epochs=40
    )


@question(
    "inputs-nonfinite loss-nonfinite",
    "A recurrent network for several measured series, of which some values are missing.",
    "https://mcmap.net/q/406467/-multivariate-lstm-with-missing-values",
    not_finite(),
    above(0.7),
)
def series_with_missing_values(faulty):
    def holes(x):
        x = x.copy()
        x[np.random.default_rng(0).random(x.shape) < 0.01] = np.nan if faulty else 0
        return x

    model = keras.Sequential(
        [
            keras.Input((48, 1)),
            layers.Conv1D(8, 4, strides=4, activation="relu"),
            layers.GRU(16),
            layers.Dense(3, "softmax"),
        ]
    )
    split = data.inputs(data.waves(700, 0.2), holes)
    return run(model, split, SPARSE, optimizers.Adam(0.02), epochs=10)


@question(
    "init-scale rate-high loss-unstable loss-nonfinite",
    "Problem class of real programs: the gradient explodes from the start.",
    "https://doi.org/10.1109/tdsc.2024.3450951",
    below(0.5),
    above(0.8),
)
def exploding_gradient(faulty):
    start = initializers.RandomNormal(stddev=2.0) if faulty else "he_normal"
    model = mlp(5, *[32] * 5, kernel_initializer=start)
    return run(model, data.curve(), "mse", optimizers.SGD(0.01), task="numbers", epochs=15)


@question(
    "dead-units rate-high init-scale",
    "Problem class of real programs: ReLU units die and the accuracy stays at chance.",
    "https://doi.org/10.1109/tdsc.2024.3450951",
    chance(0.1),
    above(0.85),
)
def dying_relu(faulty):
    start = initializers.RandomNormal(mean=-0.3, stddev=0.05) if faulty else "he_normal"
    model = mlp((8, 8, 1), 64, 32, out=10, head="softmax", kernel_initializer=start)
    return run(model, data.digits(), SPARSE, optimizers.SGD(0.05), epochs=8)


@question(
    "loss-unstable rate-high",
    "Problem class of real programs: the loss goes up and down from epoch to epoch.",
    "https://doi.org/10.1109/tdsc.2024.3450951",
    unstable(0.25),
    above(0.7),
)
def oscillating_loss(faulty):
    optimizer = optimizers.SGD(0.35 if faulty else 0.02, momentum=0.9)
    model = mlp((14, 14, 1), 48, 48, out=10, head="softmax", activation="tanh")
    return run(model, data.mnist(600), SPARSE, optimizer, epochs=12)


@question(
    "head-loss dead-units head-range",
    "Problem class of real programs: ReLU as the last activation of a classifier.",
    "https://ar5iv.labs.arxiv.org/html/2103.03376",
    below(0.6),
    above(0.85),
)
def relu_as_the_last_activation(faulty):
    model = mlp((8, 8, 1), 48, out=10, head="relu" if faulty else "softmax")
    split = data.one_hot(data.digits(), 10)
    return run(model, split, "categorical_crossentropy", optimizers.Adam(0.003), epochs=8)


@question(
    "softmax-of-one head-range",
    "Problem class of real programs: the output layer does not fit the data set (a number).",
    "https://arxiv.org/html/2412.05775v1",
    below(0.1),
    above(0.8),
)
def softmax_for_a_number(faulty):
    model = mlp(5, 32, 32, head="softmax" if faulty else None)
    return run(model, data.curve(), "mse", optimizers.Adam(0.005), task="numbers", epochs=12)


@question(
    "validation-differs inputs-unscaled",
    "Problem class of real faults: preprocessing that is missing for one part of the data.",
    "https://arxiv.org/abs/1910.11015",
    gap(0.3),
    above(0.85),
)
def tests_without_preprocessing(faulty):
    train, held = data.tumors()
    if faulty:
        held = data.tumors(standardized=False)[1]
    return run(mlp(30, 16, head="sigmoid"), (train, held), BINARY, task="binary", epochs=12)


@question(
    "labels-no-signal",
    "The inputs are shuffled and the labels are not; a list of reasons names it among the first.",
    "https://blog.slavv.com/37-reasons-why-your-neural-network-is-not-working-4020854bd607",
    chance(0.1),
    above(0.8),
)
def labels_shuffled_apart(faulty):
    (x, y), (held_x, held_y) = data.mnist(700)
    if faulty:
        rng = np.random.default_rng(4)
        y, held_y = rng.permutation(y), rng.permutation(held_y)
    return run(
        cnn((14, 14, 1), 12, 24),
        ((x, y), (held_x, held_y)),
        SPARSE,
        optimizers.Adam(0.003),
        epochs=10,
    )
