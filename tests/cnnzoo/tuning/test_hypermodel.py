"""The toggles are searched by KerasTuner's own tuners."""

from unittest import mock

import keras
import keras_tuner
import numpy as np
import pytest
from helpers import search_builders

import cnnzoo
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning import hypermodel as module

FOR_DIGITS = {"input_shape": (8, 8, 1), "classes": 10}


def search(tmp_path, hypermodel, *arguments, tuner=keras_tuner.RandomSearch, **options):
    """KerasTuner's way: make a tuner, search, look at the trials."""
    chosen = {"objective": keras_tuner.Objective("val_accuracy", "max"), "seed": 1, **options}
    found = tuner(hypermodel, directory=tmp_path, project_name="search", **chosen)
    found.search(*arguments[:1], **(arguments[1] if len(arguments) > 1 else {}))
    return [found.oracle.trials[name] for name in found.oracle.start_order]


@pytest.fixture
def untraced(monkeypatch):
    """Train a few small batches without tracing a step, which takes longer than they do."""

    def make(self, *arguments, **purpose):
        model = original(self, *arguments, **purpose)
        model.run_eagerly = True
        return model

    original = module.ZooHyperModel.make
    monkeypatch.setattr(module.ZooHyperModel, "make", make)


@pytest.fixture
def digits():
    return cnnzoo.load_data("digits", train_size=60)


def test_hypermodel_builds_the_model_for_its_values():
    tuned = cnnzoo.hypermodel(
        "mlp", search=["units", "activation"], seed=0, depth=2, dropout=0.5, **FOR_DIGITS
    )
    assert isinstance(tuned, keras_tuner.HyperModel)
    hp = keras_tuner.HyperParameters()
    tuned.build(hp)
    hp.values.update(units=24, activation="tanh")
    built = tuned.build(hp)
    same = cnnzoo.mlp(units=24, activation="tanh", depth=2, dropout=0.5, seed=0, **FOR_DIGITS)
    assert built.get_config() == same.get_config()
    for weights, expected in zip(built.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)


def test_the_space_is_discovered_without_building_a_model(tmp_path):
    tuned = cnnzoo.hypermodel("downsampling", **FOR_DIGITS)
    with mock.patch.object(module.ZooHyperModel, "make", side_effect=AssertionError):
        tuner = keras_tuner.RandomSearch(tuned, objective="val_loss", directory=tmp_path)
    assert [hp.name for hp in tuner.oracle.hyperparameters.space] == list(tuned.space.searched)


def test_dtype_policy_survives_clear_session_of_kerastuner(mixed_precision):
    tuned = cnnzoo.hypermodel("mlp", search={"units": [8, 16]}, **FOR_DIGITS)
    keras.backend.clear_session()
    assert keras.config.dtype_policy().name == "float32"
    built = tuned.build(keras_tuner.HyperParameters())
    assert built.get_layer("stage1_dense").compute_dtype == "float16"


def test_each_execution_of_kerastuner_starts_from_the_seed(tmp_path, digits, untraced):
    tuned = cnnzoo.hypermodel(
        "mlp", search={"units": [8, 16]}, recipe=Recipe(epochs=1), **FOR_DIGITS
    )
    starts = []

    def make(self, levels, seed, **purpose):
        model = original(self, levels, seed, **purpose)
        starts.append(model.get_layer("head").get_weights()[0])
        return model

    original = module.ZooHyperModel.make
    with mock.patch.object(module.ZooHyperModel, "make", make):
        search(tmp_path, tuned, digits, max_trials=1, executions_per_trial=2)
    np.testing.assert_array_equal(*starts)


def test_recipe_and_data_toggles_apply_in_fit(tmp_path, untraced):
    tuned = cnnzoo.hypermodel(
        "mlp",
        search={"batch_size": [16, 32], "train_size": [40, 80], "schedule": ["cosine", "step"]},
        recipe=Recipe(epochs=1),
        **FOR_DIGITS,
    )
    seen = []

    def fit(model, data, recipe, **options):
        seen.append((recipe.batch_size, data.info.sizes.train, recipe.schedule))
        return original(model, data, recipe, **options)

    original = module.fit
    with mock.patch.object(module, "fit", fit):
        trials = search(tmp_path, tuned, "digits", max_trials=3)
    values = [trial.hyperparameters.values for trial in trials]
    assert seen == [(v["batch_size"], v["train_size"], v["schedule"]) for v in values]
    assert all(trial.status == "COMPLETED" for trial in trials)


def test_arrays_are_accepted_as_by_any_hypermodel(tmp_path, digits):
    tuned = cnnzoo.hypermodel(
        "mlp", search={"loss": ["mse", "categorical_crossentropy"]}, **FOR_DIGITS
    )
    (x, y), validation = digits.train, digits.validation
    kwargs = {"y": y, "validation_data": tuple(validation), "epochs": 2, "batch_size": 16}
    trials = search(tmp_path, tuned, x, kwargs, tuner=keras_tuner.GridSearch)
    assert [trial.status for trial in trials] == ["COMPLETED"] * 2
    assert all(0 <= trial.score <= 1 for trial in trials)
    losses = {trial.hyperparameters.values["loss"] for trial in trials}
    assert losses == {"mse", "categorical_crossentropy"}


@pytest.mark.parametrize(
    ("name", "shape", "others"),
    [("sequence", (8, 8), {"kernel_size": 3}), ("mlp", (8, 8, 1), {})],
)
def test_arrays_without_channels_get_the_kind_of_the_model(name, shape, others, digits):
    tuned = cnnzoo.hypermodel(
        name, search=["activation"], **FOR_DIGITS | {"input_shape": shape, **others}
    )
    hp = keras_tuner.HyperParameters()
    seen = []
    with mock.patch.object(module, "fit", lambda _, data, *a, **k: seen.append(data) or {}):
        tuned.fit(hp, tuned.build(hp), digits.train.x[..., 0], digits.train.y)
    assert [data.info.input_shape for data in seen] == [shape]


def test_hyperband_of_kerastuner_gives_the_epochs(tmp_path, digits, untraced):
    tuned = cnnzoo.hypermodel("mlp", search={"units": (4, 64)}, **FOR_DIGITS)
    seen = []

    def fit(model, data, recipe, **options):
        seen.append(recipe.epochs)
        return original(model, data, recipe, **options)

    original = module.fit
    with mock.patch.object(module, "fit", fit):
        trials = search(tmp_path, tuned, digits, tuner=keras_tuner.Hyperband, max_epochs=3)
    values = [trial.hyperparameters.values for trial in trials]
    assert seen == [v["tuner/epochs"] - v["tuner/initial_epoch"] for v in values]
    assert set(seen) == {1, 2, 3}


def refusing(tmp_path, digits, **options):
    """A search of KerasTuner's own over five kernels, of which all but the last are refused."""
    tuned = cnnzoo.hypermodel(
        "downsampling",
        search={"kernel_size": [9, 10, 11, 12, 3]},
        recipe=Recipe(epochs=1),
        **FOR_DIGITS,
    )
    return search(tmp_path, tuned, digits, tuner=keras_tuner.GridSearch, **options)


def test_refused_configuration_is_a_failed_trial_with_its_reason(tmp_path, digits, untraced):
    trials = refusing(tmp_path, digits, max_consecutive_failed_trials=1000)
    by_size = {trial.hyperparameters.values["kernel_size"]: trial for trial in trials}
    assert by_size[3].status == "COMPLETED"
    for size in (9, 10, 11, 12):
        assert by_size[size].status == "FAILED"  # KerasTuner's only end of what gave no score
        last = by_size[size].message.splitlines()[-1]
        assert last.partition("FailedTrialError: ")[2] == (
            f"`stage1_conv` of `downsampling`: kernel_size={size} does not fit a map of 8x8 with "
            "padding='valid'; at most 8 fits."
        )
        assert "/keras/" not in by_size[size].message


def test_kerastuner_stops_after_three_refusals_by_default(tmp_path, digits, untraced):
    with pytest.raises(RuntimeError, match="consecutive failures exceeded the limit of 3"):
        refusing(tmp_path, digits)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (
            ({"shuffle": True},),
            keras_tuner.errors.FatalTypeError,
            "`search`: expected data from `cnnzoo.load_data` or what it loads, or x and y with "
            "validation_data or validation_split; and epochs, batch_size, callbacks, verbose; "
            "got shuffle.",
        ),
        (
            ("digit", {}),
            keras_tuner.errors.FatalValueError,
            "`data`: expected 'mnist5k', 'digits', 'rotation', 'mnist1d', 'tfds:NAME', "
            "'folder:PATH', 'npz:PATH', an existing path or arrays (x, y); got 'digit'; did you "
            "mean 'digits'?",
        ),
    ],
)
def test_invalid_data_ends_the_search(tmp_path, digits, arguments, error, sentence):
    tuned = cnnzoo.hypermodel("mlp", search={"units": [4, 8]}, **FOR_DIGITS)
    data, *rest = arguments if len(arguments) > 1 else (digits, *arguments)
    with pytest.raises(error) as refusal:
        search(tmp_path, tuned, data, *rest, max_trials=1)
    assert str(refusal.value) == sentence


def test_custom_builder_starts_from_its_seed():
    one, other = (
        cnnzoo.hypermodel(search_builders.tiny, search=["number"], seed=seed, **FOR_DIGITS)
        for seed in (0, 1)
    )
    weights = [each.make({"number": 3}, each.seed).get_weights()[0] for each in (one, one, other)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()


def test_train_size_may_mix_shares_and_numbers():
    hp = keras_tuner.HyperParameters()
    space = cnnzoo.hypermodel("mlp", search={"train_size": [0.5, 100]}).space
    space.declare(hp)
    assert hp.space[0].values == [0.5, 100.0]  # of one type, as KerasTuner has it
    hp.values["train_size"] = 100.0
    assert [*map(repr, space.read(hp).values())] == ["100"]
