"""Findings about the head of a model: each fault beside a sound twin."""

import contextlib

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype("float32")
IDS = np.arange(60) % 3
ONE_HOT = np.eye(3, dtype="float32")[IDS]
BINARY = (np.arange(60) % 2).astype("float32")
NUMBERS = RNG.normal(size=60).astype("float32")


def model(units=3, activation="softmax", loss="sparse_categorical_crossentropy", after=(), **how):
    built = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, "relu", name="hidden"),
            layers.Dense(units, activation, name="head"),
            *after,
        ]
    )
    built.compile("adam", loss, **how)
    return built


def codes(built, y, **how):
    """Codes of errors and warnings."""
    table = cnnzoo.check(built, (X, y), probes=False, **how)
    return table.loc[table["severity"] != "note", "code"].tolist()


def first(built, y):
    table = cnnzoo.check(built, (X, y), probes=False)
    return table.iloc[0]


SIGMOID = {"units": 1, "activation": "sigmoid", "loss": "binary_crossentropy"}
SPARSE = keras.losses.SparseCategoricalCrossentropy
CATEGORICAL = keras.losses.CategoricalCrossentropy
BINARY_LOSS = keras.losses.BinaryCrossentropy


@pytest.mark.parametrize(
    ("built", "y"),
    [
        ({}, IDS),
        ({"loss": "categorical_crossentropy"}, ONE_HOT),
        ({"loss": "categorical_crossentropy"}, 0.9 * ONE_HOT + 0.1 / 3),
        ({"units": 1, "activation": "sigmoid", "loss": "binary_crossentropy"}, BINARY),
        ({"units": 1, "activation": None, "loss": BINARY_LOSS(from_logits=True)}, BINARY),
        ({"activation": None, "loss": SPARSE(from_logits=True)}, IDS),
        ({"activation": "sigmoid", "loss": "binary_crossentropy"}, np.minimum(ONE_HOT * 2, 1)),
        ({"units": 1, "activation": None, "loss": "mse"}, NUMBERS),
        ({"units": 1, "activation": "tanh", "loss": "mse"}, np.tanh(NUMBERS)),
        ({"loss": "mse"}, ONE_HOT),
        ({"loss": "categorical_hinge", "activation": None}, ONE_HOT),
        ({"metrics": ["accuracy"]}, IDS),
        ({"units": 1, "activation": None, "loss": "mse", "metrics": ["mae"]}, NUMBERS),
    ],
)
def test_sound_heads_have_no_finding(built, y):
    assert codes(model(**built), y) == []


@pytest.mark.parametrize(
    ("built", "y", "code"),
    [
        ({"units": 1, "loss": "binary_crossentropy"}, BINARY, "softmax-of-one"),
        ({"activation": None}, IDS, "head-loss"),
        ({"activation": "relu"}, IDS, "head-loss"),
        ({"activation": "tanh", "loss": "categorical_crossentropy"}, ONE_HOT, "head-loss"),
        ({"activation": "sigmoid"}, IDS, "head-loss"),
        ({"loss": "binary_crossentropy"}, ONE_HOT, "head-loss"),
        ({"units": 1, "activation": None, "loss": "binary_crossentropy"}, BINARY, "head-loss"),
        ({"loss": SPARSE(from_logits=True)}, IDS, "head-loss"),
        ({"activation": "relu", "loss": SPARSE(from_logits=True)}, IDS, "head-loss"),
        ({"activation": None, "loss": "mse"}, IDS, "loss-for-numbers"),
        (
            {"units": 1, "activation": None, "loss": "mse", "metrics": ["accuracy"]},
            IDS,
            "loss-for-numbers",
        ),
        ({"units": 1, "activation": "sigmoid", "loss": "binary_crossentropy"}, IDS, "head-units"),
        ({"units": 4, "loss": "categorical_crossentropy"}, ONE_HOT, "head-units"),
        (
            {"loss": "categorical_crossentropy"},
            np.minimum(ONE_HOT + ONE_HOT[::-1], 1),
            "head-units",
        ),
        ({"loss": "categorical_crossentropy"}, IDS, "label-encoding"),
        ({}, ONE_HOT, "label-encoding"),
        ({"units": 1, "activation": "sigmoid", "loss": "mse"}, NUMBERS * 9, "head-range"),
        ({"units": 1, "activation": "relu", "loss": "mae"}, NUMBERS, "head-range"),
        (
            {"units": 1, "activation": "sigmoid", "loss": "binary_crossentropy"},
            NUMBERS,
            "head-range",
        ),
        (
            {"units": 1, "activation": None, "loss": "mse", "metrics": ["accuracy"]},
            NUMBERS,
            "metric-for-task",
        ),
        (
            {"loss": "categorical_crossentropy", "metrics": [keras.metrics.BinaryAccuracy()]},
            ONE_HOT,
            "metric-for-task",
        ),
    ],
)
def test_faulty_heads_are_found(built, y, code):
    assert code in codes(model(**built), y)


def test_softmax_of_one_says_that_the_loss_may_fall():
    finding = first(model(units=1, loss="binary_crossentropy"), BINARY)
    assert finding["severity"] == "error"
    assert finding["evidence"] == (
        "`head` normalizes one unit (output shape (None, 1)), so the output is 1 for every input; "
        "the loss may fall all the same, because Keras computes a crossentropy from the logits "
        "behind the softmax"
    )
    assert finding["remedy"] == "Use the activation sigmoid with the loss binary_crossentropy"


def test_kept_logits_are_a_warning_and_lost_ones_an_error():
    kept = model(loss=SPARSE(from_logits=True))
    lost = model(loss=SPARSE(from_logits=True), after=[layers.Reshape((3,), name="reshaped")])
    assert first(kept, IDS)["severity"] == "warning"
    finding = first(lost, IDS)
    assert finding["severity"] == "error"
    assert finding["evidence"] == (
        "`head` ends in softmax before `reshaped` and sparse_categorical_crossentropy has "
        "from_logits=True, so the loss applies softmax to probabilities: with outputs of 0 to 1 it "
        "cannot come near 0"
    )


@pytest.mark.parametrize("after", [[], [layers.Reshape((3,))]])
def test_verdict_on_logits_agrees_with_the_loss_of_keras(after):
    """The loss of a training step is that of the logits exactly if they are kept."""
    built = model(loss=SPARSE(from_logits=True), after=after)
    probabilities = built.predict(X, verbose=0).astype("float64")
    honest = -np.log(probabilities[np.arange(60), IDS]).mean()
    with (
        pytest.warns(UserWarning, match="received `from_logits=True`")
        if not after
        else contextlib.nullcontext()
    ):
        trained = built.train_on_batch(X, IDS)
    finding = first(built, IDS)
    assert (finding["severity"] == "warning") == bool(abs(float(trained) - honest) < 1e-4)


def test_metric_evidence_has_the_value_of_a_constant_answer():
    built = model(loss="categorical_crossentropy", metrics=[keras.metrics.BinaryAccuracy()])
    evidence = first(built, ONE_HOT)["evidence"]
    # two of three columns are 0
    assert evidence.endswith("compares each of 3 columns, so the answer 0 for all has 0.667")


def test_outputs_decide_if_the_last_layer_is_unknown():
    def scale(values):
        return values * 3

    custom = model(after=[layers.Lambda(scale)])
    assert codes(custom, IDS) == ["head-loss"]
    assert codes(model(after=[layers.Lambda(lambda values: values + 0)]), IDS) == []


def test_subclassed_models_are_judged_by_their_outputs():
    class Custom(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(3)

        def call(self, inputs):
            return self.inner(inputs)

    built = Custom()
    built.compile("adam", "sparse_categorical_crossentropy")
    assert codes(built, IDS) == ["head-loss"]


@pytest.mark.parametrize(("loss", "severity"), [("mse", "note"), ("mae", "warning")])
def test_absolute_error_of_probabilities_is_worse_than_squared_error(loss, severity):
    found = first(model(loss=loss), ONE_HOT)
    assert (found["code"], found["severity"]) == ("loss-for-numbers", severity)
