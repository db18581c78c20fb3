"""What a search cannot do is refused in a sentence before anything is trained or written."""

import json
from importlib.metadata import version as installed

import keras
import keras_tuner
import numpy as np
import pytest

import cnnzoo
from cnnzoo.toggle import ToggleError
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.objective import read_objective

SPACE = {"units": (8, 64), "activation": ["relu", "tanh", "gelu"]}
GROUP = "val_loss, val_accuracy, val_macro_f1, val_nll"
TUNERS = (
    "`tuner` of a search must be one of random, grid, bayesian, hyperband, or a Tuner of KerasTuner"
)
MLP = (
    "The model's: units, depth, activation, normalization, norm_momentum, norm_position, dropout, "
    "weight_decay, kernel_initializer, loss, label_smoothing, logits, optimizer, learning_rate; "
    "the recipe's: epochs, batch_size, schedule, augment, class_weight, early_stopping; the "
    "data's: normalize, train_size, label_noise, imbalance."
)
SEARCH = (
    "`search` of `mlp` takes names of toggles, or a mapping from names to levels or a range; got "
)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"objective": "val_acuracy"},
            f"`objective` of a search must be one of {GROUP} for a classification; got "
            "'val_acuracy'; did you mean 'val_accuracy'?",
        ),
        (
            {"objective": ("val_loss", "down")},
            "The direction of `objective` val_loss must be 'min' or 'max'; got 'down'.",
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
            "`search` of `mlp`: `units` takes a list of levels or a range (low, high); got "
            "(8, 16, 32).",
        ),
        (
            {"search": {"units": np.ones((2, 2), int)}},
            "`search` of `mlp`: `units` takes a list of levels or a range (low, high); got "
            f"{np.ones((2, 2), int)!r}.",
        ),
        (
            {"recipe": {"epochs": 1}},
            "`recipe` of a search must be a cnnzoo.Recipe; got {'epochs': 1}.",
        ),
        (
            {"recipe": Recipe(epochs=3), "epochs": 9},
            "`epochs` is 3 in `recipe` and 9 beside it; give it once.",
        ),
        (
            {"search": ["units", "epochs"], "tuner": "hyperband"},
            "`epochs` is searched, and Hyperband itself decides for how many each trial trains: "
            "leave `epochs` out of `search`, or take another tuner.",
        ),
        (
            {"trails": 2},
            "Neither `mlp`, its recipe nor its data have a toggle `trails`; did you mean "
            f"`trials`? {MLP}",
        ),
        (
            {"search": ["trials"]},
            f"Neither `mlp`, its recipe nor its data have a toggle `trials`. {MLP}",
        ),
        (
            {"input_shape": (5, 5, 1)},
            "`input_shape` of `mlp` is (5, 5, 1), and examples of `digits` are (8, 8, 1); leave it "
            "out.",
        ),
        ({"classes": 3}, "`classes` of `mlp` is 3, and `digits` has 10; leave it out."),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    searched, tmp_path, options, sentence
):
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", "digits", **{"search": SPACE, **options})
    assert str(refusal.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_a_shape_and_classes_that_the_data_have_may_be_given(searched, stub_training):
    stub_training(lambda levels, seed: 0.5)
    options = {"input_shape": (None, 8, 1), "classes": 12, "trials": 1}
    assert searched("mlp", "digits", SPACE, **options)[0]["status"] == "COMPLETED"


def test_levels_may_come_as_an_array(searched, stub_training):
    stub_training(lambda levels, seed: 0.5)
    found = searched("mlp", "digits", {"units": np.array([8, 16])}, tuner="grid")
    assert [trial["values"] for trial in found] == [{"units": 8}, {"units": 16}]


def test_hyperband_trains_the_epochs_that_are_held_beside_a_recipe_without(searched, stub_training):
    calls = stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, tuner="hyperband", epochs=4, recipe=Recipe(batch_size=64))
    assert {epochs for *_, epochs in calls} == {2, 4}


def test_a_regression_is_searched_by_what_all_its_losses_share(searched, monkeypatch, tmp_path):
    def train(trainer, levels, seed, epochs, save_to):
        return {"status": "done", "score": 0.5, "metrics": {trainer.objective: 0.5}, "epochs": 1}

    monkeypatch.setattr("cnnzoo.tuning.execution.Trainer._train", train)
    regression = np.random.default_rng(0).normal(size=(40, 4, 4, 1)), np.linspace(-1, 1, 40)
    (found,) = searched("mlp", regression, SPACE, loss="mse", trials=1)
    assert (found["status"], found["score"]) == ("COMPLETED", 0.5)
    objective = cnnzoo.open_search(tmp_path / "search").objective
    assert (objective.name, objective.direction) == ("val_rmse", "min")
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", regression, SPACE, loss="mse", objective="val_accuracy")
    assert str(refusal.value) == (
        "`objective` of a search must be one of val_loss, val_mae, val_rmse for a regression; got "
        "'val_accuracy'."
    )


def test_a_directory_that_cannot_be_is_refused(searched, tmp_path):
    file = tmp_path / "file"
    file.touch()
    for given in (file, file / "below"):
        with pytest.raises(cnnzoo.SearchError) as refusal:
            searched("mlp", "digits", SPACE, directory=given)
        assert str(refusal.value) == (
            f"`directory` of a search cannot be {given}: {file} is a file. Give a folder, or the "
            "name of a new one."
        )
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", SPACE, directory=5)
    assert str(refusal.value) == "`directory` of a search must be a path; got 5."


def test_a_directory_may_be_below_ones_home(searched, stub_training, tmp_path, monkeypatch):
    stub_training(lambda levels, seed: 0.5)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    cnnzoo.tune("mlp", "digits", SPACE, trials=1, directory="~/found", progress=False)
    assert (tmp_path / "found" / "search.json").exists()
    assert not (tmp_path / "~").exists()


def test_toggles_of_data_that_is_loaded_are_refused(searched):
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", cnnzoo.load_data("digits"), {"label_noise": (0.0, 0.5)})
    assert str(refusal.value) == (
        "`label_noise` is a toggle of the data, and `data` of `tune` is loaded already; give what "
        "`cnnzoo.load_data` loads."
    )
    with pytest.raises(cnnzoo.DataError) as refusal:
        searched("mlp", cnnzoo.load_data("digits", validation=0.0), SPACE)
    assert str(refusal.value) == (
        "`tune` scores on the validation data, and 'digits' has none. Load it with validation=0.1."
    )


# A Tuner that is there already


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


def test_a_tuner_proposes_by_its_own_objective_and_may_be_given_again(
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


def test_a_tuner_made_otherwise_is_another_search(searched, stub_training, tuner, tmp_path):
    stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, tuner=tuner(max_trials=1))
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", SPACE, tuner=tuner(max_trials=1, beta=3.0))
    assert str(refusal.value) == (
        f"Another search was begun in {tmp_path / 'search'}: tuner_settings: beta was 2.6, and is "
        "3.0. Give another directory."
    )


@pytest.mark.parametrize(
    ("made", "options", "sentence"),
    [
        (
            {},
            {"objective": "val_accuracy"},
            "`objective` of a search is val_accuracy (max), and that of its `tuner` val_loss "
            "(min); give one of them.",
        ),
        (
            {"objective": keras_tuner.Objective("val_f1_score", "max")},
            {},
            f"`objective` of a search must be one of {GROUP} for a classification; got "
            "'val_f1_score'; did you mean 'val_macro_f1'?",
        ),
        (
            {"objective": keras_tuner.Objective("val_acc", "max")},
            {},
            f"`objective` of a search must be one of {GROUP} for a classification; got 'val_acc'; "
            "did you mean 'val_accuracy'?",
        ),
        (
            {"search": {"units": [8, 16]}},
            {},
            "`tuner` of a search was made for another one: `units` is Choice(default=8, values=[8, "
            "16], ordered=True) there, and Int(default=8, min_value=8, max_value=64, "
            "sampling='log') here. Make it with cnnzoo.hypermodel of the same model and search, or "
            "give its class.",
        ),
        (
            {"search": {**SPACE, "depth": [1, 2]}},
            {},
            "`tuner` of a search was made for another one: `depth` is Choice(default=1, values=[1, "
            "2], ordered=True) there, and nothing here. Make it with cnnzoo.hypermodel of the same "
            "model and search, or give its class.",
        ),
    ],
)
def test_a_tuner_for_something_else_is_refused(searched, tuner, made, options, sentence):
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", "digits", SPACE, tuner=tuner(**made), **options)
    assert str(refusal.value) == sentence


def test_a_tuner_that_has_searched_is_refused(searched, tuner):
    used = tuner(kind=keras_tuner.RandomSearch)
    used.oracle.create_trial("tuner0")
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched("mlp", "digits", SPACE, tuner=used)
    assert str(refusal.value) == (
        "`tuner` of a search has made 1 trials of its own already; give a new one, or its class."
    )


# What scores depend on besides


def test_with_other_packages_a_search_does_not_go_on(
    searched, stub_training, tmp_path, monkeypatch
):
    stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, trials=1)
    original = cnnzoo.tuning.versions.version
    monkeypatch.setattr(
        cnnzoo.tuning.versions, "version", lambda name: "9.9" if name == "keras" else original(name)
    )
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", SPACE, trials=2)
    assert str(refusal.value) == (
        f"What the scores in {tmp_path / 'search'} depend on has changed since the search was "
        f"begun: keras was '{original('keras')}', and is '9.9'. Scores to come would not compare "
        "with them. Put it back, or give another directory; cnnzoo.open_search reads what is there."
    )
    monkeypatch.undo()
    stub_training(lambda levels, seed: 0.5)
    assert len(searched("mlp", "digits", SPACE, trials=2)) == 2


def test_on_another_backend_of_keras_no_search_begins_or_goes_on(
    searched, stub_training, tmp_path, monkeypatch
):
    stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, trials=1)
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    for directory in (tmp_path / "search", tmp_path / "new"):
        with pytest.raises(cnnzoo.SearchError) as refusal:
            searched("mlp", "digits", SPACE, trials=2, directory=directory)
        assert str(refusal.value) == (
            "Searches need the Keras backend 'tensorflow'; got 'jax'. Set the environment "
            "variable KERAS_BACKEND=tensorflow before Python starts."
        )
    assert not (tmp_path / "new").exists()


def test_the_scores_of_a_search_belong_to_the_backend(searched, stub_training, tmp_path):
    stub_training(lambda levels, seed: 0.5)
    searched("mlp", "digits", SPACE, trials=1)
    versions = json.loads((tmp_path / "search" / "search.json").read_text())["versions"]
    assert versions["backend"] == f"tensorflow {installed('tensorflow')}"


BUILDER = """
from search_builders import Number, tiny

def own(*, input_shape, classes, number: Number = 0):
    return tiny(input_shape=input_shape, classes=classes, number=number + {})
"""


def test_with_other_code_no_search_goes_on(searched, stub_training, tmp_path, monkeypatch):
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
    words = str(refusal.value).split()
    changed = words[words.index("begun:") + 1 : words.index("Scores")]
    assert changed[0] == "own_builder_of_a_test:own"
    assert [changed[1], *changed[3:5]] == ["was", "and", "is"]
    assert changed[2].strip("',") != changed[5].strip("'.")


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("accuracy", "acc binary_accuracy categorical_accuracy sparse_categorical_accuracy"),
        ("macro_f1", "f1 f1_score"),
        ("nll", "sparse_categorical_crossentropy"),
    ],
)
def test_aliases_of_objectives_are_answered_by_their_metric(metric, names):
    for name in names.split():
        with pytest.raises(ToggleError) as refusal:
            read_objective(f"val_{name}", "classification")
        assert str(refusal.value) == (
            f"`objective` of a search must be one of {GROUP} for a classification; got "
            f"'val_{name}'; did you mean 'val_{metric}'?"
        )


def test_with_a_retrained_backbone_no_search_of_transfer_goes_on(searched, stub_training, tmp_path):
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
    with pytest.raises(cnnzoo.SearchError, match=r"begun: weights was '.*', and is '.*'. Scores"):
        searched(*arguments, trials=3, **fixed)
