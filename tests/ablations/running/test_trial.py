"""Trials with real training: 100 of the 8x8 digits, 8 units, 1 or 2 epochs."""

import os
import random
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from ablations import Settings, Trial
from ablations.running import trial as module
from ablations.running.trial import forget, measure_trial, run_trial
from cnnzoo import Recipe
from cnnzoo.doctor.likelihood import NO_LIKELIHOOD
from cnnzoo.folds import HeldOut
from cnnzoo.runtime.determinism import fix_arithmetic
from cnnzoo.training.outcomes import unpack

TINY = {"units": 8, "train_size": 100.0}


def trial(model="mlp", data="digits", seed=0, epochs=1, **levels):
    settings = Settings({**(TINY if model == "mlp" else {"train_size": 100.0}), **levels})
    return Trial(model, str(data), settings, Recipe(epochs=epochs), seed)


@pytest.fixture(scope="module")
def plain():
    """Return the result of the plain trial in a fresh process."""
    forget()
    return run_trial(trial())


@pytest.fixture
def explained():
    """For tests of findings: look for the causes of bad results too."""


@pytest.fixture(autouse=True)
def fresh(plain, request):
    if "explained" not in request.fixturenames:
        request.getfixturevalue("unexplained")
    forget()
    yield
    forget()


def test_trial_is_measured_on_every_split():
    asked = trial(epochs=2)
    result = run_trial(asked)
    assert (result.trial, result.status, result.reason) == (asked, "done", "")
    names = {"loss", "accuracy", "macro_f1", "nll"}
    splits = ("train", "validation", "test")
    gaps = {"gap", "loss_gap"}
    assert set(result.metrics) == {f"{split}_{name}" for split in splits for name in names} | gaps
    assert len(result.history["loss"]) == len(result.history["val_loss"]) == 2
    assert result.params == 64 * 8 + 8 + 8 * 10 + 10
    assert result.macs == 64 * 8 + 8 * 10
    assert 0 < result.fit_seconds < result.seconds
    assert result.held_out == HeldOut(size=180, pool=1797, train=1437)
    outcomes = unpack(result.outcomes)
    assert outcomes["correct"].shape == (180,)
    assert outcomes["correct"].mean() == pytest.approx(result.metrics["test_accuracy"])
    assert outcomes["nll"].mean() == pytest.approx(result.metrics["test_nll"], rel=1e-3)
    assert outcomes["loss"].mean() == pytest.approx(result.metrics["test_loss"], rel=1e-3)


@pytest.mark.parametrize(
    ("levels", "codes", "said"),
    [
        ({"learning_rate": 0.01, "units": 32}, ["stopped-early"], ""),
        (
            {"learning_rate": 1e-6},
            ["at-chance", "rate-low"],
            "accuracy is 0.111 (a constant answer: 0.1)",
        ),
        (
            {"learning_rate": 1.0},
            ["at-chance", "rate-high", "dead-units"],
            "at the learning rate 1, and to",
        ),
        (
            {"learning_rate": 100.0, "optimizer": "sgd"},
            ["diverged", "at-chance", "rate-high", "dead-units"],
            "where a constant answer has 2.3",
        ),
    ],
)
def test_a_trial_that_learned_nothing_is_marked(explained, levels, codes, said):
    result = run_trial(trial(epochs=2, **levels))
    assert result.status == "done"
    assert [finding.code for finding in result.findings] == codes
    assert said in " ".join(map(str, result.findings))
    # that it stopped early follows from the recipe, and that units died from the rate
    notes = {finding.code for finding in result.findings if finding.severity == "note"}
    assert notes == {"stopped-early", "dead-units"} & {*codes}


@pytest.mark.parametrize(
    ("asked", "loss"),
    [
        (trial(), "sparse_categorical_crossentropy"),
        (trial(loss="mse"), "mse"),
        (trial(loss="focal"), "focal"),
        (
            trial(loss="categorical_crossentropy", label_smoothing=0.1),
            "categorical_crossentropy, label_smoothing=0.1",
        ),
        (trial("helpers.stub_builders:objective"), "sparse_categorical_crossentropy"),
        (trial("helpers.stub_builders:objective", objective="squares"), "mse"),
        (trial("helpers.stub_builders:objective", objective="focal"), "focal, gamma=3.0"),
    ],
)
def test_loss_is_read_from_the_compiled_model(asked, loss):
    assert measure_trial(asked).loss == loss


def test_measuring_trains_nothing_and_agrees_with_training(plain):
    measured = measure_trial(trial())
    assert measured.status == "done"
    assert measured.metrics == {"examples": 100, "rare_classes": 0}
    for name in ("params", "macs", "fingerprint", "loss"):
        assert getattr(measured, name) == getattr(plain, name)
    assert measured.arithmetic.startswith("threads: ")


def test_measures_on_request_change_nothing_else(explained, plain):
    asked = run_trial(replace(trial(), measures=("gradient_ratio", "dead_units")))
    new = {name: asked.metrics[name] for name in asked.trial.measures}
    assert asked.metrics == plain.metrics | new
    assert asked.findings == plain.findings
    assert 0 < new["gradient_ratio"] < 10
    assert new["dead_units"] * 8 in range(9)


def test_measurement_holds_notes_on_the_data(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez(tmp_path / "grey.npz", x=x, y=np.arange(40) % 2, masks=x)
    measured = measure_trial(trial(data=f"npz:{tmp_path}/grey.npz", train_size=20.0))
    assert measured.data_notes == ("arrays left out: 'masks'",)


def test_grey_bytes_are_trained_as_images(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez(tmp_path / "grey.npz", x=x, y=np.arange(40) % 2)
    levels = {"train_size": 20.0, "filters": 2}
    measured = measure_trial(trial("downsampling", f"npz:{tmp_path}/grey.npz", **levels))
    # 3x3 convolutions from 1 channel to 2 and on to 4, then 4 features to 2 classes
    assert measured.params == (9 * 2 + 2) + (9 * 2 * 4 + 4) + (4 * 2 + 2)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            trial(data="mnist5kk"),
            "DataError: `data`: expected 'mnist5k', 'digits', 'rotation', 'mnist1d', 'tfds:NAME', "
            "'folder:PATH', 'npz:PATH', an existing path or arrays (x, y); got 'mnist5kk'; did you "
            "mean 'mnist5k'?",
        ),
        (
            trial(
                "helpers.stub_builders:refusing", units=16
            ),  # in two lines, of which the first is told
            "ValueError: 16 are too many",
        ),
        (
            trial("downsampling", kernel_size=31),
            "ToggleError: `stage1_conv` of `downsampling`: kernel_size=31 does not fit a map of "
            "8x8 with padding='valid'; at most 8 fits.",
        ),
        (trial("helpers.stub_builders:leaving", units=16), "SystemExit: 3"),
        (
            trial("helpers.stub_builders:whole", units=9),
            "BuilderError: `helpers.stub_builders:whole`: expected a keras.Model "
            "as result; got 9 "
            "(int).",
        ),
        (  # which Keras wraps
            trial("helpers.stub_builders:reshaping", size=7),
            "ValueError: The total size of the tensor must be unchanged. Received: "
            "input_shape=(8, 8, 1), target_shape=(7, 8) (in Reshape)",
        ),
    ],
)
def test_infeasible_trial_fails_with_the_same_reason(asked, reason):
    measured, run = measure_trial(asked), run_trial(asked)
    assert (measured.status, measured.reason) == ("infeasible", reason)
    assert (run.status, run.reason) == ("failed", reason)


def test_sequential_without_input_trains_like_one_with_input():
    result = run_trial(trial("helpers.stub_builders:inputless"))
    assert (result.status, result.params) == ("done", 64 * 8 + 8 + 8 * 10 + 10)
    assert result.metrics == run_trial(trial("helpers.stub_builders:plain", units=8)).metrics


def test_nan_loss_ends_the_trial_as_failed(explained):
    diverging = {"optimizer": "sgd", "learning_rate": 100.0, "activation": "linear", "depth": 4}
    result = run_trial(trial(epochs=2, **diverging))
    assert result.status == "failed"
    assert result.reason == "train_loss is not a finite number after epoch 1 of 2"
    assert len(result.history["loss"]) == 1
    found = {finding.code: finding for finding in result.findings}
    broken = found["loss-nonfinite"]
    assert (broken.severity, broken.epoch) == ("error", 1)
    assert f"`{broken.layer}` is the first" in broken.evidence
    assert "rate-high" in found


def test_outputs_without_a_likelihood_are_a_finding():
    result = run_trial(trial("helpers.stub_builders:scored"))
    assert (result.status, result.reason) == ("done", "")
    assert not [name for name in result.metrics if name.endswith("nll")]
    assert {"test_loss", "test_accuracy", "test_macro_f1"} <= set(result.metrics)
    assert [str(one) for one in result.findings if one.code == NO_LIKELIHOOD] == [
        "The negative log-likelihood is not defined: the outputs, which linear ends, are neither "
        "probabilities nor declared logits. End the model in softmax, or compile it with a "
        "crossentropy that has from_logits=True.",
    ]
    # Keras's validation loss of the last epoch is of the same weights
    last = result.history["val_loss"][-1]
    assert result.metrics["validation_loss"] == pytest.approx(last, rel=1e-5)


def test_losses_of_epochs_and_splits_exclude_penalties(tmp_path):
    import json

    result = run_trial(trial(weight_decay=0.1, epochs=2), report_to=tmp_path)
    validation = result.metrics["validation_loss"]
    assert result.history["val_loss"][-1] == pytest.approx(validation, rel=1e-5)
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["loss"] == result.history["loss"][-1]


def test_repeated_trial_is_equal_bit_for_bit(plain):
    again = run_trial(trial())
    assert plain.metrics == again.metrics
    assert plain.history == again.history
    assert run_trial(trial(seed=1)).metrics != plain.metrics


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        ("batch_norm", {"filters": 4, "dropout": 0.5, "optimizer": "adam"}),
        ("mlp", {"optimizer": "sgd"}),
    ],
)
def test_trial_on_a_warm_worker_equals_a_fresh_one(model, levels):
    fresh = {}
    for seed in (0, 1):
        forget()
        fresh[seed] = run_trial(trial(model, seed=seed, **levels))
    for seed in (0, 1, 0):
        warm = run_trial(trial(model, seed=seed, **levels))
        assert warm.metrics == fresh[seed].metrics
        assert warm.history == fresh[seed].history
    assert len(module._WARM.keys) == 1


SHARING = [
    ({}, {"learning_rate": 0.01}),
    ({"batch_size": 12, "schedule": "cosine"}, {}),
    ({"augment": "crop", "class_weight": "balanced"}, {"train_size": 90.0}),
    ({"epochs": 3, "early_stopping": 1}, {"label_noise": 0.2, "learning_rate": 0.1}),
]


def test_variants_with_one_model_equal_fresh_ones():
    """Neither the learning rate nor the recipe nor the data need another traced model."""
    trials = [
        replace(trial(dropout=0.5, **levels), recipe=Recipe(**{"epochs": 1, **recipe}))
        for recipe, levels in SHARING
    ]
    warm = [run_trial(each) for each in trials]
    assert len(module._WARM.keys) == 1
    for each, result in zip(trials[1:], warm[1:], strict=True):
        forget()
        fresh = run_trial(each)
        assert (fresh.metrics, fresh.history) == (result.metrics, result.history)
        assert (fresh.timing.traced, result.timing.traced) == (True, False)


def test_findings_on_a_warm_worker_equal_fresh_ones(explained):
    rates = (10.0, 1e-6)
    bad = [trial(learning_rate=rate, seed=seed) for seed in (0, 1) for rate in rates]
    warm = [run_trial(each).findings for each in bad]
    assert {each.code for each in (*warm[0], *warm[1])} >= {"rate-high", "rate-low"}
    for each, findings in zip(bad[2:], warm[2:], strict=True):
        forget()
        assert run_trial(each).findings == findings


def test_results_do_not_depend_on_the_order_of_trials():
    """Seed block by seed block with kept models, and each trial with a new model."""
    levels = [{"dropout": 0.5}, {"normalization": "batch", "dropout": 0.25}]
    trials = [trial(seed=seed, **changed) for seed in (0, 1, 2) for changed in levels]
    by_turns = [run_trial(one) for one in trials]
    assert len(module._WARM.keys) == 2
    for one, result in zip(trials[2:], by_turns[2:], strict=True):
        forget()
        alone = run_trial(one)
        assert (alone.metrics, alone.history) == (result.metrics, result.history)
        assert alone.outcomes == result.outcomes


def test_trial_after_a_failed_one_equals_a_fresh_one(plain):
    run_trial(trial(data="mnist5kk"))
    assert run_trial(trial()).metrics == plain.metrics


def test_custom_builder_is_rebuilt_and_repeats_bit_for_bit():
    asked = [trial("helpers.stub_builders:plain", rate=0.5, seed=seed) for seed in (0, 1, 0)]
    one, other, again = map(run_trial, asked)
    assert one.status == "done"
    assert one.metrics == again.metrics != other.metrics
    assert module._WARM.keys == []


def test_loaded_frozen_weights_reach_the_trained_model(monkeypatch, tmp_path):
    from helpers import stub_builders

    pretrained = stub_builders.backbone_of((8, 8, 1))
    for weight in pretrained.weights:
        weight.assign(np.random.default_rng(0).normal(1, 0.1, weight.shape))
    pretrained.save_weights(tmp_path / "b.weights.h5")
    monkeypatch.setenv("BACKBONE", str(tmp_path / "b.weights.h5"))
    ends = []
    for seed in (0, 1, 0):
        result = run_trial(trial("helpers.stub_builders:frozen", rate=0.5, seed=seed))
        assert result.status == "done"
        model = stub_builders.MADE.pop()
        loaded = model.get_layer("backbone").get_weights()
        for found, expected in zip(loaded, pretrained.get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)
        ends.append((result.metrics, model.get_layer("head").get_weights()[0]))
    assert ends[0][0] == ends[2][0] != ends[1][0]
    np.testing.assert_array_equal(ends[0][1], ends[2][1])


@pytest.mark.parametrize("leak", ["policy", "floatx", "epsilon", "patch"])
def test_trial_does_not_affect_the_next(leak):
    fresh = run_trial(trial("helpers.stub_builders:leaking"))
    changed = run_trial(trial("helpers.stub_builders:leaking", leak=leak))
    after = run_trial(trial("helpers.stub_builders:leaking"))
    assert fresh.status == changed.status == after.status == "done"
    assert changed.metrics != fresh.metrics
    assert after.metrics == fresh.metrics
    assert after.history == fresh.history


def test_random_draws_of_a_builder_depend_on_the_seed():
    first, other, again = (
        run_trial(trial("helpers.stub_builders:leaking", leak="draw", seed=seed))
        for seed in (0, 1, 0)
    )
    assert (first.status, first.params, first.metrics) == ("done", again.params, again.metrics)
    assert other.metrics != first.metrics


def test_measurement_does_not_affect_the_next_trial():
    before = keras.config.dtype_policy().name
    measured = measure_trial(trial("helpers.stub_builders:leaking", leak="policy"))
    assert (measured.status, measured.unrestored) == ("done", ())
    assert keras.config.dtype_policy().name == before


def test_warm_model_survives_a_trial_under_another_policy():
    first, second = trial(seed=0), trial(seed=1)
    forget()
    fresh = run_trial(second)
    forget()
    run_trial(first)
    run_trial(trial("helpers.stub_builders:leaking", leak="policy"))
    warm = run_trial(second)
    assert len(module._WARM.keys) == 1
    assert warm.metrics == fresh.metrics


def test_trial_leaves_global_random_streams_unchanged():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    keras.utils.set_random_seed(3)
    expected = random.random(), np.random.random(), float(keras.random.uniform(()))  # noqa: NPY002, S311
    keras.utils.set_random_seed(3)
    run_trial(trial("helpers.stub_builders:leaking"))
    found = random.random(), np.random.random(), float(keras.random.uniform(()))  # noqa: NPY002, S311
    assert found == expected


@pytest.mark.parametrize("model", ["helpers.stub_builders:tuned", "helpers.stub_builders:Tuned"])
def test_a_builder_of_kerastuner_is_trained(model):
    result = run_trial(trial(model, kind="dropout", wide=True))
    assert (result.status, result.reason) == ("done", "")
    assert result.params == 64 * 32 + 32 + 32 * 10 + 10


def test_running_trial_reports_its_epochs(tmp_path):
    import json

    asked = trial(epochs=2)
    result = run_trial(asked, report_to=tmp_path)
    (path,) = tmp_path.glob("*.json")
    assert path.name == f"{os.getpid()}.json"
    word = json.loads(path.read_text())
    assert (word["key"], word["epoch"]) == (asked.key, 2)
    assert word["loss"] == pytest.approx(result.history["loss"][-1])


def test_changed_file_is_read_again_after_forget(tmp_path):
    path = tmp_path / "data.npz"
    fingerprints = []
    for shift in (0, 1):
        x = np.random.default_rng(shift).random((60, 8, 8, 1))
        np.savez(path, x=x, y=np.arange(60) % 3)
        asked = Trial("mlp", f"npz:{path}", Settings(units=8), Recipe(epochs=1), 0)
        fingerprints.append(measure_trial(asked).fingerprint)
        forget()
    assert fingerprints[0] != fingerprints[1]


# Preparation of workers


@pytest.fixture
def tensorflow(monkeypatch):
    """Record the calls of TensorFlow's configuration on a host with a given number of GPUs."""
    import tensorflow as tf

    told = {"gpus": [], "calls": []}

    def note(name):
        return lambda *args: told["calls"].append((name, *args))

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: told["gpus"])
    for owner, name in [
        (tf.config.experimental, "enable_op_determinism"),
        (tf.config.threading, "set_intra_op_parallelism_threads"),
        (tf.config.threading, "set_inter_op_parallelism_threads"),
    ]:
        monkeypatch.setattr(owner, name, note(name))
    return told


THREADS = [("set_intra_op_parallelism_threads", 1), ("set_inter_op_parallelism_threads", 1)]


def test_only_threads_are_fixed_without_a_gpu(tensorflow):
    fix_arithmetic()
    assert tensorflow["calls"] == THREADS


def test_gpus_compute_in_a_fixed_order(tensorflow):
    tensorflow["gpus"] = ["a", "b"]
    fix_arithmetic()
    assert tensorflow["calls"] == [("enable_op_determinism",), *THREADS]


def test_worker_loads_no_module_of_reports_or_statistics():
    code = (
        "import ablations.running.trial, sys; "
        "print([n for n in ('pandas', 'scipy', 'rich', 'tensorflow') if n in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "[]\n"


def test_precision_of_the_recipe_is_that_of_the_trial(plain):
    full = trial()
    mixed = replace(full, recipe=replace(full.recipe, precision="mixed_bfloat16"))
    assert "precision" not in full.to_dict()["recipe"]  # so that stored trials keep their keys
    assert len({full.variant_key, mixed.variant_key}) == 2
    rounded, again = run_trial(mixed), run_trial(full)
    assert again.metrics == plain.metrics
    assert 0 < abs(rounded.metrics["test_loss"] - plain.metrics["test_loss"]) < 0.01
