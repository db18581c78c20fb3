"""A custom build(hp) or HyperModel is searched like a model of the zoo."""

import itertools
import json

import keras
import keras_tuner
import numpy as np
import pytest
from helpers import search_builders
from helpers import search_hyperparameters as own
from helpers.search_files import trials_of

import cnnzoo
from cnnzoo.models.initialization import complete, initialize
from cnnzoo.training.recipe import Recipe

QUICK = {"recipe": Recipe(epochs=1), "train_size": 40}

REASON = (
    "ValueError: The total size of the tensor must be unchanged. Received: input_shape=(8, 8, 1), "
    "target_shape=(9, 8) (in Reshape)"
)


def space_of(directory):
    state = json.loads((directory / "oracle.json").read_text())["hyperparameters"]
    return [(hp["config"]["name"], hp["class_name"]) for hp in state["space"]]


def test_custom_hyperparameters_are_searched_with_seeds_and_toggles(searched, tmp_path):
    own.SEEN.clear()
    trials = searched(own.build, "digits", ["batch_size"], trials=4, seeds=2, seed=5, **QUICK)
    assert space_of(tmp_path / "search") == [
        ("batch_size", "Int"),
        ("wide", "Boolean"),
        ("kind", "Choice"),
        ("rate", "Float"),
        ("momentum", "Float"),  # found by building for its scope
        ("units", "Int"),  # found by the first trial that is wide
    ]
    statuses = set()
    for trial in trials:
        values = trial["values"]
        statuses.add(trial["status"])
        assert type(values["wide"]) is bool
        assert ("momentum" in values) == (values["kind"] == "sgd")
        if values["kind"] == "refused":
            assert trial["status"] == "INVALID"
            assert trial["message"] == "it would be too slow."
        else:
            assert [row["seed"] for row in trial["rows"]] == [5, 6]
            trained = {name: v for name, v in values.items() if name != "batch_size"}
            assert [seen for seen in own.SEEN if seen.items() >= trained.items()]
    assert statuses == {"COMPLETED", "INVALID"}
    wide = [trial["values"]["units"] for trial in trials if trial["values"]["wide"]]
    assert set(wide) <= {4, 6, 8}
    assert wide[0] == 4  # its default, where it came up
    found = cnnzoo.open_search(tmp_path / "search")
    assert found.model == "helpers.search_hyperparameters:build"
    assert set(found.hyperparameters) == {name for name, _ in space_of(tmp_path / "search")}


@pytest.mark.parametrize("tuner", ["random", "grid", "hyperband"])
def test_interrupted_search_resumes_with_the_same_result(searched, stub_training, tmp_path, tuner):
    calls = itertools.count(1)

    def interrupted(levels, seed):
        if next(calls) == 7:
            raise KeyboardInterrupt
        return levels["rate"] + (levels["kind"] == "sgd") + levels["wide"] * 0.1

    options = {"tuner": tuner, "trials": 6, "seeds": 2, "recipe": Recipe(epochs=3)}
    stub_training(interrupted)
    with pytest.raises(KeyboardInterrupt):
        searched(own.build, "digits", **options)
    resumed = searched(own.build, "digits", **options)
    whole = searched(own.build, "digits", directory=tmp_path / "whole", **options)

    def scores(trials):
        return sorted((str(trial["values"]), trial["score"]) for trial in trials)

    assert scores(resumed) == scores(whole)
    assert len(whole) == 6


def test_model_of_kerastuners_first_guide_is_searched(searched):
    trials = searched(own.guide, "digits", trials=2, seed=3, **QUICK)
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 2
    best = trials[0]
    hp = keras_tuner.HyperParameters()
    hp.values.update(best["values"])
    keras.utils.clear_session(free_memory=False)
    model = own.guide(hp)
    data = cnnzoo.load_data("digits", seed=3, train_size=40)
    complete(model, data.info.input_shape)
    initialize(model, 3)
    again = cnnzoo.train(model, data, QUICK["recipe"], seed=3, steps_per_execution=25)
    assert again.metrics["validation_accuracy"] == best["rows"][0]["score"]


@pytest.mark.parametrize("model", [own.frozen, search_builders.frozen])
def test_loaded_frozen_weights_reach_the_searched_models(searched, monkeypatch, tmp_path, model):
    pretrained = own.backbone()
    pretrained.save_weights(tmp_path / "b.weights.h5")
    monkeypatch.setenv("BACKBONE", str(tmp_path / "b.weights.h5"))
    options = {"trials": 1, "seeds": 2, "checkpoints": True, **QUICK}
    (trial,) = searched(model, "digits", **options)
    assert trial["status"] == "COMPLETED"
    saved = sorted((tmp_path / "search").rglob("seed*.keras"))
    first, second = (keras.models.load_model(path, compile=False) for path in saved)
    for trained in (first, second):
        found, expected = trained.get_layer("backbone").get_weights(), pretrained.get_weights()
        np.testing.assert_array_equal(found[0], expected[0])
    heads = [trained.get_layer("head").get_weights()[0] for trained in (first, second)]
    assert (heads[0] != heads[1]).any()


@pytest.mark.parametrize("model", [own.frozen, search_builders.frozen])
def test_a_search_resumes_only_with_the_same_loaded_weights(
    searched, stub_training, monkeypatch, tmp_path, model
):
    def weights_of(name):
        return json.loads((tmp_path / name / "search.json").read_text())["versions"]["weights"]

    stub_training(lambda levels, seed: 0.5)
    monkeypatch.setenv("BACKBONE", str(tmp_path / "b.weights.h5"))
    pretrained = own.backbone()
    pretrained.save_weights(tmp_path / "b.weights.h5")
    searched(model, "digits", trials=1, seed=3)
    keras.utils.set_random_seed(8)  # which is not the search's
    assert len(searched(model, "digits", trials=2, seed=3)) == 2

    pretrained.set_weights([weight + 1 for weight in pretrained.get_weights()])
    pretrained.save_weights(tmp_path / "b.weights.h5")
    searched(model, "digits", trials=1, seed=4, directory=tmp_path / "retrained")
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched(model, "digits", trials=3, seed=3)
    assert str(refusal.value) == (
        f"The scores in {tmp_path / 'search'} do not compare with new ones, because of a "
        f"change of weights from {weights_of('search')} to {weights_of('retrained')}. Restore "
        "it, or choose another directory. cnnzoo.open_search still reads this one."
    )
    assert weights_of("search") != weights_of("retrained")
    assert len(trials_of(tmp_path / "search")) == 2


@pytest.mark.parametrize("model", [own.guide, search_builders.tiny])
def test_manifest_has_no_weights_if_none_are_loaded(searched, stub_training, tmp_path, model):
    stub_training(lambda levels, seed: 0.5)
    searched(model, "digits", trials=1)
    searched(model, "digits", trials=2)
    versions = json.loads((tmp_path / "search" / "search.json").read_text())["versions"]
    assert "weights" not in versions


def test_a_search_optimizes_the_loss_that_keras_evaluates(searched, tmp_path):
    options = {"trials": 1, "checkpoints": True, **QUICK}
    (trial,) = searched(own.scored, "digits", objective="val_loss", **options)
    (path,) = (tmp_path / "search").rglob("seed*.keras")
    data = cnnzoo.load_data("digits", seed=0, train_size=40)
    whole = keras.models.load_model(path).evaluate(*data.validation, verbose=0)
    assert trial["score"] == pytest.approx(whole, rel=1e-5)


def test_undefined_likelihood_is_the_reason_of_a_failed_trial(searched):
    (trial,) = searched(own.scored, "digits", trials=1, objective="val_nll", **QUICK)
    assert trial["status"] == "FAILED"
    assert trial["rows"][0]["reason"] == (
        "The negative log-likelihood is not defined: the outputs, which linear ends, are neither "
        "probabilities nor declared logits. End the model in softmax, or compile it with a "
        "crossentropy that has from_logits=True."
    )


def test_reason_is_the_informative_line_of_keras(searched):
    trials = searched(own.reshaping, "digits", tuner="grid", **QUICK)
    reasons = {trial["values"]["size"]: trial["message"] for trial in trials}
    assert reasons == {8: None, 9: REASON}


def test_several_workers_find_what_one_process_finds(searched, tmp_path):
    options = {"trials": 4, **QUICK}
    model = own.Hyper(largest=9)
    two = searched(model, "digits", workers=2, directory=tmp_path / "two", **options)
    one = searched(model, "digits", **options)
    assert [trial["status"] for trial in two] == ["COMPLETED"] * 4
    assert len({trial["values"]["units"] for trial in one}) == 4
    scores = [
        sorted((trial["values"]["units"], trial["rows"][0]["score"]) for trial in trials)
        for trials in (one, two)
    ]
    assert scores[0] == scores[1]
    assert space_of(tmp_path / "two") == space_of(tmp_path / "search") == [("units", "Int")]


def test_hypermodel_with_another_setting_is_another_search(searched, stub_training, tmp_path):
    stub_training(lambda levels, seed: levels["units"] / 100)
    searched(own.Hyper(9), "digits", trials=1)
    searched(own.Hyper(9), "digits", trials=2)
    assert len(trials_of(tmp_path / "search")) == 2
    with pytest.raises(cnnzoo.SearchError, match=r"helpers\.search_hyperparameters:Hyper from "):
        searched(own.Hyper(20), "digits", trials=2)


def test_result_of_cnnzoo_hypermodel_has_its_own_search(searched, stub_training):
    calls = stub_training(lambda levels, seed: 0.5)
    made = cnnzoo.hypermodel("mlp", search={"units": [8, 16]}, recipe=Recipe(epochs=2), depth=2)
    trials = searched(made, "digits", tuner="grid")
    assert [trial["values"] for trial in trials] == [{"units": 8}, {"units": 16}]
    assert len(calls) == 2
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched(made, "digits", dropout=0.5)
    assert str(refusal.value) == (
        "`dropout` of `tune`: expected none, because `model` is a hypermodel with its own search, "
        "recipe and fixed levels; got 0.5. Give it to cnnzoo.hypermodel."
    )


KINDS = (
    "`model`: expected the name of a zoo model, a function that returns a keras.Model, an object "
    "with a method `build` that does, KerasTuner's build(hp) or a keras_tuner.HyperModel; got "
)


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        (None, {}, f"{KINDS}None, an object of type NoneType."),
        (3, {}, f"{KINDS}3, an object of type int."),
        (
            own.Hyper,
            {},
            "`model`: expected an instance of a HyperModel; got the class Hyper. Write Hyper().",
        ),
        (
            lambda units: None,
            {},
            "`model`: `<lambda>` has nothing to vary. Give it parameters with defaults, or make "
            "`hp` of KerasTuner the first one.",
        ),
        (
            own.broken,
            {},
            "`broken` cannot be built at its defaults, {}: OSError: no such file",
        ),
        (
            own.misshapen,
            {},
            f"`misshapen` cannot be built at its defaults, {{}}: {REASON}",
        ),
        (
            own.for_others,
            {},
            "`sequential`: expected examples of shape (5,); `digits` has (8, 8, 1). Build the "
            "model with input_shape=(8, 8, 1).",
        ),
        (
            own.two_names,
            {"search": ["batch_size"]},
            "`batch_size` is a hyperparameter of `two_names` and also a toggle of the recipe or "
            "the data. Rename the hyperparameter.",
        ),
        (
            own.constant,
            {},
            "`constant` declares no hyperparameters, and `search` is empty. Add toggles of the "
            "recipe or the data to `search`: epochs, batch_size, schedule, augment, class_weight, "
            "early_stopping, precision, image_size, interpolation, skip_bad, normalize, "
            "train_size, label_noise, target_outliers, imbalance.",
        ),
        (
            own.build,
            {"search": ["rate"]},
            "`rate`: expected a toggle of `build`, its recipe or its data. Toggles of the model: "
            "those of KerasTuner, all searched; of the recipe: epochs, batch_size, schedule, "
            "augment, class_weight, early_stopping, precision; of the data: image_size, "
            "interpolation, skip_bad, normalize, train_size, label_noise, "
            "target_outliers, imbalance, validation, test.",
        ),
    ],
)
def test_invalid_models_are_refused_before_anything_is_written(
    searched, tmp_path, model, options, sentence
):
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched(model, "digits", **options)
    assert str(refusal.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_cnnzoo_hypermodel_refuses_a_hypermodel():
    with pytest.raises(cnnzoo.ToggleError) as refusal:
        cnnzoo.hypermodel(own.build)
    assert str(refusal.value) == (
        "`model`: expected a name of the zoo or a function that builds; got `build`, "
        "which is a hypermodel already. Give it to a tuner or to `cnnzoo.tune`."
    )
    assert isinstance(own.Hyper(2), keras_tuner.HyperModel)


def test_custom_fit_of_a_hypermodel_trains_and_declares(searched):
    trials = searched(own.WithFit(9), "digits", trials=2, **QUICK)
    assert [trial["status"] for trial in trials] == ["COMPLETED", "COMPLETED"]
    assert trials[-1]["values"]["batch"] in (16, 32)
