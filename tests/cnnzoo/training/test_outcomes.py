"""Outcomes of test examples: their packing, and that their means are the metrics."""

import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnnzoo
from cnnzoo import evaluate
from cnnzoo.models.losses import LOSSES
from cnnzoo.training.evaluation import evaluate_each
from cnnzoo.training.outcomes import pack, unpack

FINITE = st.floats(-1e30, 1e30, allow_subnormal=False)
SHAPE = (4, 4, 1)
X = np.random.default_rng(0).normal(size=(40, *SHAPE)).astype("float32")


@given(st.lists(st.tuples(st.booleans(), FINITE, FINITE)))
def test_unpacked_outcomes_have_the_precision_of_float16(rows):
    correct = np.array([row[0] for row in rows], dtype=bool)
    given = {"nll": np.array([row[1] for row in rows]), "loss": np.array([row[2] for row in rows])}
    found = unpack(pack({"correct": correct, **given}))
    assert list(found) == ["correct", "nll", "loss"]
    np.testing.assert_array_equal(found["correct"], correct)
    for name, numbers in given.items():
        # 11 bits of each number, and what is below 2**-24 of the largest is lost; twins: SAME
        largest = np.abs(numbers).max(initial=0)
        allowed = 1.1e-3 * np.abs(numbers) + 1.1e-6 * largest
        assert (np.abs(found[name] - numbers) <= allowed).all()


def test_alike_numbers_are_stored_once():
    nll = np.random.default_rng(0).exponential(size=1000)
    pair = pack({"nll": nll, "loss": nll * (1 + 1e-6)})
    assert abs(len(pair) - len(pack({"nll": nll}))) < 30
    np.testing.assert_array_equal(unpack(pair)["loss"], unpack(pair)["nll"])


def test_packed_outcomes_take_two_bytes_per_example():
    rng = np.random.default_rng(0)
    nll = rng.exponential(size=10_000)
    packed = pack({"correct": nll < 1, "nll": nll, "loss": nll})
    assert 10_000 * 1.3 < len(packed) < 10_000 * (2 + 1 / 8)


def test_packed_outcomes_are_json_and_numbers():
    head, _, raw = zlib.decompress(pack({"correct": [True, False], "nll": [1.5, -3]})).partition(
        b"\n"
    )
    assert json.loads(head) == {"examples": 2, "arrays": [["correct", "bits"], ["nll", 2]]}
    # 1.5 / 4 = 0x3600 and -3 / 4 = 0xba00 as float16, the high bytes first
    assert raw == bytes([0b10000000, 0x36, 0xBA, 0x00, 0x00])


@pytest.mark.parametrize("loss", LOSSES)
def test_means_of_outcomes_are_the_metrics_of_classes(loss):
    classes = 2 if loss == "binary_crossentropy" else 3
    model = cnnzoo.mlp(input_shape=SHAPE, units=8, classes=classes, loss=loss, seed=0)
    model.run_eagerly = True
    labels = np.arange(len(X)) % classes
    metrics, outcomes, _ = evaluate_each(model, X, labels, outcomes=True)
    assert metrics == evaluate(model, X, labels)
    predicted = model.predict_on_batch(X)
    predicted = predicted[:, 0] > 0.5 if classes == 2 else predicted.argmax(1)
    np.testing.assert_array_equal(outcomes["correct"], predicted == labels)
    names = {"correct": "accuracy", "nll": "nll", "loss": "loss"}
    # the scores of a hinge loss are no probabilities
    assert list(outcomes) == [name for name in names if names[name] in metrics]
    for name, values in outcomes.items():
        assert values.shape == (len(X),)
        assert values.mean() == pytest.approx(metrics[names[name]], rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_means_of_outcomes_are_the_metrics_of_a_regression(loss):
    model = cnnzoo.mlp(input_shape=SHAPE, units=8, classes=1, loss=loss, seed=0)
    model.run_eagerly = True
    labels = np.linspace(-2, 2, len(X)).astype("float32")
    metrics, outcomes, _ = evaluate_each(model, X, labels, outcomes=True)
    error = model.predict_on_batch(X)[:, 0] - labels
    np.testing.assert_allclose(outcomes["error"], error, rtol=1e-5, atol=1e-6)
    assert np.abs(outcomes["error"]).mean() == pytest.approx(metrics["mae"], rel=1e-5)
    assert (outcomes["error"] ** 2).mean() == pytest.approx(metrics["rmse"] ** 2, rel=1e-5)
    assert outcomes["loss"].mean() == pytest.approx(metrics["loss"], rel=1e-5)


def test_outputs_that_are_not_finite_have_no_outcomes():
    model = cnnzoo.mlp(input_shape=SHAPE, units=8, classes=3, seed=0)
    model.run_eagerly = True
    model.set_weights([np.full_like(array, np.nan) for array in model.get_weights()])
    metrics, outcomes, _ = evaluate_each(model, X, np.arange(len(X)) % 3, outcomes=True)
    assert outcomes == {}
    assert np.isnan(metrics["accuracy"])
