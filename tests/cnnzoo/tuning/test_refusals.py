"""Invalid arguments of a search are refused before anything is trained or written."""

import json
import re
from importlib.metadata import version as installed

import keras
import keras_tuner
import numpy as np
import pytest

import cnnzoo
from cnnzoo.runtime import code_version
from cnnzoo.toggle import ToggleError
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.objective import read_objective

SPACE = {"units": (8, 64), "activation": ["relu", "tanh", "gelu"]}
GROUP = "val_loss, val_accuracy, val_macro_f1, val_nll"
TUNERS = "`tuner`: expected one of random, grid, bayesian, hyperband, or a Tuner of KerasTuner"
MLP = (
    "Toggles of the model: units, depth, activation, normalization, norm_momentum, norm_position, "
    "dropout, weight_decay, kernel_initializer, loss, label_smoothing, logits, optimizer, "
    "learning_rate; "
<<<<<<< HEAD
    "of the recipe: epochs, batch_size, schedule, augment, class_weight, early_stopping, "
    "precision; of the data: image_size, interpolation, skip_bad, normalize, train_size, "
    "label_noise, target_outliers, imbalance."
=======
    "of the recipe: epochs, batch_size, schedule, augment, class_weight, early_stopping; of "
    "the data: image_size, interpolation, skip_bad, normalize, train_size, label_noise, "
    "target_outliers, imbalance, validation, test."
>>>>>>> 5e20399 (Shares of the splits are levels of a baseline; ablations run and plan take levels; loaded data keep their name)
)
SEARCH = (
    "`search` of `mlp`: expected names of toggles, or a mapping from names to levels or ranges; "
    "got "
)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"objective": "val_acuracy"},
            f"`objective`: expected one of {GROUP} for a classification; got 'val_acuracy'; did "
            "you mean 'val_accuracy'?",
        ),
        (
            {"objective": ("val_loss", "down")},
            "Direction of `objective` val_loss: expected 'min' or 'max'; got 'down'.",
        ),
        ({"tuner": "randon"}, f"{TUNERS}; got 'randon'; did you mean random?"),
        ({"tuner": ["random"]}, f"{TUNERS}; got ['random']; did you mean random?"),
        ({"tuner": dict}, f"{TUNERS}; got <class 'dict'>."),
        ({"trials": 0}, "`trials` of `tune` must be a whole number from 1 up; got 0."),
        ({"seeds": 0}, "`seeds` of `tune` must be a whole number from 1 up; got 0."),
        ({"workers": 0}, "`workers` of `tune` must be a whole number from 1 up; got 0."),
        ({"seed": -1}, "`seed` of `tune` must be a whole number from 0 up; got -1."),
        ({"search": 5}, f"{SEARCH}5."),
        ({"search": [3]}, f"{SEARCH}[3]."),
        ({"search": {"units"}}, f"{SEARCH}{{'units'}}."),
        (
            {"search": {"units": (8, 16, 32)}},
            "`units` in `search` of `mlp`: expected a list of levels or a range (low, high); got "
            "(8, 16, 32).",
        ),
        (
            {"search": {"units": np.ones((2, 2), int)}},
            "`units` in `search` of `mlp`: expected a list of levels or a range (low, high); got "
            f"{np.ones((2, 2), int)!r}.",
        ),
        (
            {"recipe": {"epochs": 1}},
            "`recipe`: expected a cnnzoo.Recipe; got {'epochs': 1}.",
        ),
        (
            {"recipe": Recipe(epochs=3), "epochs": 9},
            "`epochs` is set twice: 3 in `recipe` and 9 as a keyword. Remove one of them.",
        ),
        (
            {"search": ["units", "epochs"], "tuner": "hyperband"},
            "`search`: expected no `epochs` with Hyperband, which sets the epochs of each trial "
            "itself. Remove `epochs` from `search`, or use another tuner.",
        ),
        (
            {"trails": 2},
            "`trails`: expected a toggle of `mlp`, its recipe or its data; did you mean `trials`? "
            f"{MLP}",
        ),
        (
            {"baseline": {"units": 8, "depth": 2}},
            "`baseline`: expected fixed levels as keywords, units=8, depth=2; got baseline="
            "{'units': 8, 'depth': 2}.",
        ),
        (
            {"search": ["trials"]},
            f"`trials`: expected a toggle of `mlp`, its recipe or its data. {MLP}",
        ),
        (
            {"input_shape": (5, 5, 1)},
            "`input_shape` of `mlp`: expected (8, 8, 1), the shape of examples of `digits`; got "
            "(5, 5, 1). Leave it out.",
        ),
        (
            {"classes": 3},
            "`classes` of `mlp`: expected 10, the classes of `digits`; got 3. Leave it out.",
        ),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_written(
    searched, tmp_path, options, sentence
):
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", "digits", **{"search": SPACE, **options})
    assert str(refusal.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_a_shape_and_classes_that_fit_the_data_are_accepted(searched, stub_training):
    stub_training(lambda levels, seed: 0.5)
    options = {"input_shape": (None, 8, 1), "classes": 12, "trials": 1}
    assert searched("mlp", "digits", SPACE, **options)[0]["status"] == "COMPLETED"


def test_levels_may_come_as_an_array(searched, stub_training):
    stub_training(lambda levels, seed: 0.5)
    found = searched("mlp", "digits", {"units": np.array([8, 16])}, tuner="grid")
    assert [trial["values"] for trial in found] == [{"units": 8}, {"units": 16}]


def test_hyperband_trains_fixed_epochs(searched, stub_training):
    calls = stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, tuner="hyperband", epochs=4, recipe=Recipe(batch_size=64))
    assert {epochs for *_, epochs in calls} == {2, 4}


def test_default_objective_of_a_regression_is_val_rmse(searched, monkeypatch, tmp_path):
    def train(trainer, levels, seed, epochs, save_to):
        return {"status": "done", "score": 0.5, "metrics": {trainer.objective: 0.5}, "epochs": 1}

    monkeypatch.setattr("cnnzoo.tuning.trainer.Trainer._train", train)
    regression = np.random.default_rng(0).normal(size=(40, 4, 4, 1)), np.linspace(-1, 1, 40)
    (found,) = searched("mlp", regression, SPACE, loss="mse", trials=1)
    assert (found["status"], found["score"]) == ("COMPLETED", 0.5)
    objective = cnnzoo.open_search(tmp_path / "search").objective
    assert (objective.name, objective.direction) == ("val_rmse", "min")
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", regression, SPACE, loss="mse", objective="val_accuracy")
    assert str(refusal.value) == (
        "`objective`: expected one of val_loss, val_mae, val_rmse for a regression; got "
        "'val_accuracy'."
    )


def test_an_invalid_directory_is_refused(searched, tmp_path):
    file = tmp_path / "file"
    file.touch()
    for given in (file, file / "below"):
        with pytest.raises(cnnzoo.SearchError) as refusal:
            searched("mlp", "digits", SPACE, directory=given)
        assert str(refusal.value) == (
            f"`directory`: expected a folder or the name of a new one; got {given}, and {file} is "
            "a file."
        )
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", SPACE, directory=5)
    assert str(refusal.value) == "`directory`: expected a path; got 5."


def test_a_directory_may_be_below_the_home_folder(searched, stub_training, tmp_path, monkeypatch):
    stub_training(lambda levels, seed: 0.5)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    cnnzoo.tune("mlp", "digits", SPACE, trials=1, directory="~/found", progress=False)
    assert (tmp_path / "found" / "search.json").exists()
    assert not (tmp_path / "~").exists()


def test_toggles_of_loaded_data_are_refused(searched):
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", cnnzoo.load_data("digits"), {"label_noise": (0.0, 0.5)})
    assert str(refusal.value) == (
        "`data` of `tune`: expected what `cnnzoo.load_data` loads, because `label_noise` is a "
        "toggle of the data; got loaded data."
    )
    with pytest.raises(cnnzoo.DataError) as refusal:
        searched("mlp", cnnzoo.load_data("digits", validation=0.0), SPACE)
    assert str(refusal.value) == (
        "`data` of `tune`: expected data with a validation split, which gives the scores; got "
        "'digits' without one. Load it with validation=0.1."
    )


# Instances of KerasTuner's tuners


@pytest.fixture
def tuner(tmp_path):
    def make(search=SPACE, kind=keras_tuner.BayesianOptimization, **options):
        chosen = {"objective": keras_tuner.Objective("val_loss", "min"), "seed": 7, **options}
        return kind(
            cnnzoo.hypermodel("mlp", search=search),
            directory=tmp_path / "elsewhere",
            project_name=str(len([*tmp_path.iterdir()])),
            **chosen,
        )

    return make


def test_tuner_instance_keeps_its_objective_and_is_not_changed(
    searched, stub_training, tuner, tmp_path
):
    calls = stub_training(lambda levels, seed: levels["units"] / 100)
    given = tuner(max_trials=3)
    before = vars(given.oracle).copy()
    first = searched("mlp", "digits", SPACE, tuner=given)
    again = searched("mlp", "digits", SPACE, tuner=given)
    assert first == again
    assert len(first) == len(calls) == 3
    assert len(searched("mlp", "digits", SPACE, tuner=given, trials=4)) == 4
    assert vars(given.oracle) == before
    assert type(given.oracle) is keras_tuner.oracles.BayesianOptimizationOracle
    found = cnnzoo.open_search(tmp_path / "search")
    assert (found.objective.name, found.objective.direction) == ("val_loss", "min")
    losses = [1 - trial["values"]["units"] / 100 for trial in first]
    assert [trial["score"] for trial in first] == losses


def test_tuner_with_other_settings_is_another_search(searched, stub_training, tuner, tmp_path):
    stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, tuner=tuner(max_trials=1))
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", SPACE, tuner=tuner(max_trials=1, beta=3.0))
    assert str(refusal.value) == (
        f"{tmp_path / 'search'} holds another search; this one changes tuner_settings.beta from "
        "2.6 to 3.0. Choose another directory."
    )


@pytest.mark.parametrize(
    ("made", "options", "sentence"),
    [
        (
            {},
            {"objective": "val_accuracy"},
            "`objective`: expected val_loss (min), the objective of `tuner`; got val_accuracy "
            "(max). Remove one of them.",
        ),
        (
            {"objective": keras_tuner.Objective("val_f1_score", "max")},
            {},
            f"`objective`: expected one of {GROUP} for a classification; got 'val_f1_score'; did "
            "you mean 'val_macro_f1'?",
        ),
        (
            {"objective": keras_tuner.Objective("val_acc", "max")},
            {},
            f"`objective`: expected one of {GROUP} for a classification; got 'val_acc'; did you "
            "mean 'val_accuracy'?",
        ),
        (
            {"search": {"units": [8, 16]}},
            {},
            "`tuner`: expected a tuner with the space of this search; got one with another space. "
            "`units` is Choice(default=8, values=[8, 16], ordered=True) in the tuner and "
            "Int(default=8, min_value=8, max_value=64, sampling='log') in the search. Create the "
            "tuner with cnnzoo.hypermodel of the same model and search, or give its class.",
        ),
        (
            {"search": {**SPACE, "depth": [1, 2]}},
            {},
            "`tuner`: expected a tuner with the space of this search; got one with another space. "
            "`depth` is Choice(default=1, values=[1, 2], ordered=True) in the tuner and missing in "
            "the search. Create the tuner with cnnzoo.hypermodel of the same model and search, or "
            "give its class.",
        ),
    ],
)
def test_a_tuner_with_another_space_is_refused(searched, tuner, made, options, sentence):
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", "digits", SPACE, tuner=tuner(**made), **options)
    assert str(refusal.value) == sentence


def test_a_tuner_with_trials_is_refused(searched, tuner):
    used = tuner(kind=keras_tuner.RandomSearch)
    used.oracle.create_trial("tuner0")
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", "digits", SPACE, tuner=used)
    assert str(refusal.value) == (
        "`tuner`: expected a tuner without trials; got one with 1. Create a new one, or give its "
        "class."
    )


# Versions that scores depend on


def test_a_search_does_not_resume_with_other_packages(
    searched, stub_training, tmp_path, monkeypatch
):
    stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, trials=1)
    original = code_version.version
    monkeypatch.setattr(
        code_version, "version", lambda name: "9.9" if name == "keras" else original(name)
    )
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", SPACE, trials=2)
    assert str(refusal.value) == (
        f"The scores in {tmp_path / 'search'} do not compare with new ones, because of a "
        f"change of keras from {installed('keras')} to 9.9. Restore it, or choose another "
        "directory. cnnzoo.open_search still reads this one."
    )
    monkeypatch.undo()
    stub_training(lambda levels, seed: 0.5)
    assert len(searched("mlp", "digits", SPACE, trials=2)) == 2


def test_searches_refuse_a_backend_that_cannot_train(
    searched, stub_training, tmp_path, monkeypatch
):
    stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, trials=1)
    monkeypatch.setattr(keras.config, "backend", lambda: "openvino")
    for directory in (tmp_path / "search", tmp_path / "new"):
        with pytest.raises(cnnzoo.SearchError) as refusal:
            searched("mlp", "digits", SPACE, trials=2, directory=directory)
        assert str(refusal.value) == (
            "The Keras backend: expected one of tensorflow, jax, torch; got 'openvino'. Set the "
            "environment variable KERAS_BACKEND=tensorflow before Python starts."
        )
    assert not (tmp_path / "new").exists()


def test_manifest_names_the_backend(searched, stub_training, tmp_path):
    stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, trials=1)
    versions = json.loads((tmp_path / "search" / "search.json").read_text())["versions"]
    assert versions["backend"] == f"tensorflow {installed('tensorflow')}"


BUILDER = """
from helpers.search_builders import Number, tiny

def own(*, input_shape, classes, number: Number = 0):
    return tiny(input_shape=input_shape, classes=classes, number=number + {})
"""


def test_a_search_does_not_resume_with_other_code(searched, stub_training, tmp_path, monkeypatch):
    stub_training(lambda levels, seed: 0.5)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "own_builder_of_a_test.py"
    path.write_text(BUILDER.format(0))
    import own_builder_of_a_test as own

    searched(own.own, "digits", trials=1)
    assert len(searched(own.own, "digits", trials=2)) == 2
    path.write_text(BUILDER.format(1))
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched(own.own, "digits", trials=3)
    changed = re.search(r"of own_builder_of_a_test:own from (\w+) to (\w+)\.", str(refusal.value))
    assert changed[1] != changed[2]


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("accuracy", "acc binary_accuracy categorical_accuracy sparse_categorical_accuracy"),
        ("macro_f1", "f1 f1_score"),
        ("nll", "sparse_categorical_crossentropy"),
    ],
)
def test_aliases_of_objectives_suggest_their_metric(metric, names):
    for name in names.split():
        with pytest.raises(ToggleError) as refusal:
            read_objective(f"val_{name}", "classification")
        assert str(refusal.value) == (
            f"`objective`: expected one of {GROUP} for a classification; got 'val_{name}'; did you "
            f"mean 'val_{metric}'?"
        )


def test_a_search_does_not_resume_with_a_retrained_backbone(searched, stub_training, tmp_path):
    stub_training(lambda levels, seed: 0.5)
    backbone = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    path = tmp_path / "backbone.weights.h5"
    images = np.random.default_rng(0).random((40, 32, 32, 3))
    arguments = ("transfer", (images, np.arange(40) % 2), ["learning_rate"])
    fixed = {"backbone": "mobilenet", "weights": str(path)}
    backbone.save_weights(path)
    searched(*arguments, trials=1, **fixed)
    assert len(searched(*arguments, trials=2, **fixed)) == 2
    backbone.set_weights([weight + 1 for weight in backbone.get_weights()])
    backbone.save_weights(path)
    with pytest.raises(cnnzoo.SearchError, match=r"of a change of weights from \w+ to \w+\."):
        searched(*arguments, trials=3, **fixed)
