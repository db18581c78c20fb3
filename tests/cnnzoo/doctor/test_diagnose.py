"""Causes of bad trainings in order, each confirmed on a copy."""

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.counterfactual import Effect, Remedy, remedies_for, try_remedies
from cnnzoo.doctor.diagnose import _merge, _rank
from cnnzoo.doctor.finding import Severity
from cnnzoo.doctor.plan import make_plan
from cnnzoo.doctor.record import Change


@pytest.fixture(scope="module")
def digits():
    return cnnzoo.load_data("digits")


def dense(rate=0.01, head="softmax", units=10, start="glorot_uniform", loss=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(32, "relu", kernel_initializer=start),
            layers.Dense(units, activation=head),
        ],
        name="dense",
    )
    loss = loss or "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def test_sound_training_has_no_causes(digits):
    found = cnnzoo.diagnose(dense(), digits.train, epochs=4)
    assert [finding.code for finding in found.results] == []
    assert len(found.causes) == 0
    assert str(found) == "Nothing is wrong with the result."


def test_monitored_copy_has_the_adapted_statistics(monkeypatch):
    x = np.random.default_rng(0).normal(5, 3, size=(40, 2)).astype("float32")
    scaled = layers.Normalization(name="scaled")
    scaled.adapt(x)
    model = keras.Sequential([keras.Input((2,)), scaled, layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    clone, copies = keras.models.clone_model, []
    monkeypatch.setattr(keras.models, "clone_model", lambda m: copies.append(clone(m)) or copies[0])
    cnnzoo.diagnose(model, (x, np.arange(40) % 2), epochs=1)
    (copy,) = copies
    np.testing.assert_array_equal(copy.get_layer("scaled")(x), scaled(x))


@pytest.mark.parametrize(("rate", "code"), [(1e-7, "rate-low"), (30.0, "rate-high")])
def test_learning_rate_is_the_first_cause(digits, rate, code):
    found = cnnzoo.diagnose(dense(rate), digits.train, epochs=2)
    first = found.causes.iloc[0]
    assert (first["rank"], first["code"], first["confirmed"]) == (1, code, True)
    assert first["gain"] > 0.1
    assert "at-chance" in {finding.code for finding in found.results} | {"diverged"}


def test_missing_softmax_is_confirmed_by_logits(digits):
    found = cnnzoo.diagnose(dense(head="linear"), digits.train, epochs=1)
    first = found.causes.iloc[0]
    assert (first["code"], first["confirmed"]) == ("head-loss", True)
    assert first["experiment"].startswith("from_logits=True: after 30 steps the loss is ")


def test_model_stays_as_it_was(digits):
    model = dense(30.0)
    weights = [array.copy() for array in model.get_weights()]
    cnnzoo.diagnose(model, digits.train, epochs=1)
    assert all(map(np.array_equal, weights, model.get_weights()))
    assert int(model.optimizer.iterations) == 0


def test_fix_compares_the_remedy_over_orders(digits):
    found = cnnzoo.diagnose(dense(1e-7), digits.train, epochs=1, fix=True)
    fixes = found.fixes.set_index("change")
    row = fixes.loc["100,000 times the learning rate"]
    assert bool(row["helped"])
    assert row["delta"] == pytest.approx(row["mended_loss"] - row["loss"])
    assert row["ci_low"] < row["delta"] < row["ci_high"] < 0


def test_gain_is_a_share_of_the_loss_of_a_constant_answer():
    """One weight, squared loss (w - 1)^2 of inputs 1 and targets 1, started at 0."""
    model = keras.Sequential(
        [keras.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x, y = np.ones((8, 1), "float32"), np.tile([[0.0], [2.0]], (4, 1)).astype("float32")
    plan = make_plan(model, (x, y), batch_size=8)
    (effect,) = try_remedies(plan, [Remedy("rate-low", "five times", Change(rate=5.0))], steps=4)
    # the error of the mean, w - 1, shrinks by 1 - 2 * rate per step; the variance of y is 1
    ends = [np.mean([(1 - 2 * rate) ** (2 * k) for k in (1, 2, 3)]) for rate in (0.05, 0.25)]
    assert effect.before == pytest.approx(1 + ends[0])
    assert effect.after == pytest.approx(1 + ends[1])
    assert effect.gain == pytest.approx(ends[0] - ends[1])


def test_suspected_causes_are_tried(digits):
    plan = make_plan(dense(head="linear"), digits)
    plain = {remedy.words for remedy in remedies_for(plan, [])}
    more = {remedy.words for remedy in remedies_for(plan, ["head-loss", "penalty-high"])}
    assert more - plain == {"from_logits=True", "no penalties"}


def finding(code, severity="warning", evidence="seen"):
    return CODES[code].finding(evidence, "do", severity=Severity(severity))


def test_one_finding_per_code_is_kept():
    before = [finding("rate-low", "note", "range"), finding("penalty-high", evidence="before")]
    watched = [finding("rate-low", evidence="watched"), finding("penalty-high", evidence="after")]
    merged = _merge([*before, *watched])
    assert [(one.code, one.evidence) for one in merged] == [
        ("rate-low", "watched"),
        ("penalty-high", "after"),
    ]


def ranks(causes, effects=(), is_bad=True):
    return _rank(None, causes, effects, is_bad)["code"].tolist()


def effect(code, gain):
    return Effect(Remedy(code, "a change"), 30, 2.0, 2.0 - gain, gain)


def test_causes_come_before_what_they_explain():
    dead, gone = finding("dead-units"), finding("gradient-missing", "error")
    assert ranks([gone, dead]) == ["dead-units", "gradient-missing"]
    shifted = [finding("labels-no-signal"), finding("validation-differs")]
    assert ranks(shifted) == ["validation-differs", "labels-no-signal"]
    assert ranks([gone, finding("dead-units", "note")]) == ["gradient-missing", "dead-units"]


def test_rate_that_nothing_else_points_at_comes_after_warnings():
    faster = effect("inputs-unscaled", 0.5)
    assert ranks([finding("pooled-early")], [faster]) == ["pooled-early", "inputs-unscaled"]
    assert ranks([finding("few-steps", "note")], [faster]) == ["inputs-unscaled", "few-steps"]
    # the training data are learned, so nothing has to make that faster
    assert ranks([finding("overfit")], [faster]) == ["overfit"]


def test_early_stopping_is_used_in_the_monitored_run(digits):
    stop = keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=5.0)
    found = cnnzoo.diagnose(
        dense(5e-4), digits.train, validation_data=tuple(digits.validation), epochs=4,
        callbacks=[stop],
    )  # fmt: skip
    assert "EarlyStopping ended the training after epoch 2" in str(found)
    assert stop.stopped_epoch == 0
