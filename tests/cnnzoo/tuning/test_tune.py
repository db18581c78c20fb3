"""A search proposes, trains, stores each score, and can be resumed."""

import contextlib
import itertools
import json
import math
import os

import keras_tuner
import numpy as np
import pytest

import cnnzoo
from cnnzoo.training.recipe import Recipe

TUNERS = ("random", "grid", "bayesian", "hyperband")
SPACE = {"units": (8, 64), "activation": ["relu", "tanh", "gelu"]}
TRIALS = 8  # of which the Bayesian one proposes two that are not random


def response(levels, seed):
    """Best at 32 units and with tanh; the activation hardly matters."""
    distance = math.log2(levels["units"] / 32) ** 2
    return 1 - distance - 0.01 * (levels["activation"] != "tanh") + 0.001 * seed


def summary(trials):
    return [
        (trial["trial_id"], trial["values"], trial["status"], trial["score"]) for trial in trials
    ]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("tuner", TUNERS)
def test_search_depends_on_its_seed_only(searched, stub_training, tmp_path, tuner, seed):
    stub_training(response)
    options = {"tuner": tuner, "trials": TRIALS, "recipe": Recipe(epochs=9), "search": SPACE}
    first, again = (
        searched("mlp", "digits", seed=seed, directory=tmp_path / name, **options)
        for name in ("first", "again")
    )
    assert summary(first) == summary(again)
    assert len(first) == TRIALS
    if tuner != "grid":
        few = {**options, "trials": 4}
        other = searched("mlp", "digits", seed=seed + 2, directory=tmp_path / "other", **few)
        assert [trial["values"] for trial in first[:4]] != [trial["values"] for trial in other]


@pytest.fixture(scope="module")
def uninterrupted():
    """By tuner, the same search from its beginning to its end."""
    return {}


@pytest.mark.parametrize("interrupted_at", [1, 8, 15])
@pytest.mark.parametrize("tuner", TUNERS)
def test_interrupted_search_resumes_with_the_same_result(
    searched, stub_training, uninterrupted, tmp_path, tuner, interrupted_at
):
    calls = []

    def interrupted(levels, seed):
        calls.append((levels, seed))
        if len(calls) == interrupted_at:
            raise KeyboardInterrupt
        return response(levels, seed)

    options = {"tuner": tuner, "trials": TRIALS, "recipe": Recipe(epochs=9), "seeds": 2}
    stub_training(interrupted)
    with pytest.raises(KeyboardInterrupt):
        searched("mlp", "digits", SPACE, **options)
    resumed = searched("mlp", "digits", SPACE, **options)
    assert len(calls) == 2 * TRIALS + 1
    if tuner not in uninterrupted:
        uninterrupted[tuner] = searched(
            "mlp", "digits", SPACE, directory=tmp_path / "whole", **options
        )
    whole = uninterrupted[tuner]
    if tuner == "grid":  # in whatever order
        resumed, whole = (sorted(summary(t), key=lambda row: str(row[1])) for t in (resumed, whole))
        assert [row[1:] for row in resumed] == [row[1:] for row in whole]
    else:
        assert summary(resumed) == summary(whole)


@pytest.mark.parametrize("tuner", ["random", "grid", "hyperband"])
def test_search_killed_at_any_write_resumes_with_the_same_result(
    searched, stub_training, tmp_path, monkeypatch, tuner
):
    calls = stub_training(response)
    options = {"tuner": tuner, "trials": 4, "recipe": Recipe(epochs=3)}
    whole = searched("mlp", "digits", SPACE, directory=tmp_path / "whole", **options)
    for dies_at in itertools.count():
        directory = tmp_path / str(dies_at)
        with monkeypatch.context() as patch:
            writes = itertools.count()

            def sync(_):
                if next(writes) == dies_at:  # noqa: B023
                    raise KeyboardInterrupt

            patch.setattr(os, "fsync", sync)
            with contextlib.suppress(KeyboardInterrupt):
                searched("mlp", "digits", SPACE, directory=directory, **options)
        if next(writes) <= dies_at:
            break
        calls.clear()
        found = searched("mlp", "digits", SPACE, directory=directory, **options)
        assert summary(found) == summary(whole)
        assert len(calls) <= 4
    assert dies_at > 4 * 4


@pytest.mark.parametrize("tuner", TUNERS)
def test_more_trials_extend_a_search(searched, stub_training, tuner):
    calls = stub_training(response)
    options = {"tuner": tuner, "recipe": Recipe(epochs=9)}
    few = searched("mlp", "digits", SPACE, trials=3, **options)
    many = searched("mlp", "digits", SPACE, trials=TRIALS, **options)
    assert summary(many)[:3] == summary(few)
    assert len(many) == len(calls) == TRIALS


def hill(levels, seed):
    """Of its variance over the space the units have 4 fifths, the activation 1, the optimizer 0."""
    distance = math.log2(levels["units"] / 32) ** 2
    return 1 - distance / 8 - 0.15 * (levels["activation"] != "tanh")


@pytest.mark.parametrize(("tuner", "trials"), [("random", 60), ("bayesian", 20), ("hyperband", 90)])
def test_tuners_find_a_known_optimum_and_importances(
    searched, stub_training, tmp_path, tuner, trials
):
    stub_training(hill)
    space = {**SPACE, "optimizer": ["adam", "sgd"]}
    found = searched("mlp", "digits", space, tuner=tuner, trials=trials, recipe=Recipe(epochs=9))
    best = max(found, key=lambda trial: trial["score"])
    assert 26 < best["values"]["units"] < 39
    assert best["values"]["activation"] == "tanh"
    if tuner == "random":  # the others try what is good more often, and so see less of the rest
        table = cnnzoo.open_search(tmp_path / "search").importance()
        assert table["toggle"].to_list() == ["units", "activation", "optimizer"]
        units, activation, optimizer = table["importance"]
        assert units > 2 * activation > 4 * abs(optimizer)


def test_a_grid_is_searched_to_its_end(searched, stub_training):
    stub_training(lambda levels, seed: 0.5)
    search = {"normalization": ["none", "batch"], "norm_momentum": [0.5, 0.9], "units": [8, 16]}
    found = searched("mlp", "digits", search, tuner="grid")
    chosen = [
        (v["normalization"], v.get("norm_momentum"), v["units"])
        for v in (trial["values"] for trial in found)
    ]
    assert sorted(chosen, key=str) == sorted(
        [
            (normalization, momentum, units)
            for normalization, momenta in (("none", [None]), ("batch", [0.5, 0.9]))
            for momentum in momenta
            for units in (8, 16)
        ],
        key=str,
    )


def test_hyperband_sets_the_epochs(searched, stub_training):
    calls = stub_training(response)
    found = searched("mlp", "digits", SPACE, tuner="hyperband", recipe=Recipe(epochs=9))
    assert [epochs for _, _, epochs in calls] == [t["values"]["tuner/epochs"] for t in found]
    assert {epochs for _, _, epochs in calls} == {1, 3, 9}


def test_seeds_train_like_train_and_the_score_is_their_mean(searched):
    recipe = Recipe(epochs=2, batch_size=64)
    found = searched(
        "mlp",
        "digits",
        {"units": [8, 16], "batch_size": [16, 32], "train_size": [100, 200]},
        seeds=2,
        seed=3,
        trials=2,
        recipe=recipe,
        activation="tanh",
    )
    for trial in found:
        values = trial["values"]
        assert [row["seed"] for row in trial["rows"]] == [3, 4]
        assert trial["score"] == np.mean([row["score"] for row in trial["rows"]])
        for row in trial["rows"]:
            data = cnnzoo.load_data("digits", seed=row["seed"], train_size=values["train_size"])
            trained = cnnzoo.train(
                "mlp",
                data,
                Recipe(epochs=2, batch_size=values["batch_size"]),
                seed=row["seed"],
                units=values["units"],
                activation="tanh",
                steps_per_execution=25,
            )
            for metric in ("loss", "accuracy", "macro_f1", "nll"):
                expected = trained.metrics[f"validation_{metric}"]
                assert row["metrics"][f"val_{metric}"] == expected
            assert row["score"] == row["metrics"]["val_accuracy"]
            assert row["epochs"] == 2


def test_manifest_describes_the_search(searched, stub_training, tmp_path):
    stub_training(response)
    options = {"objective": ("val_loss", "min"), "tuner": "bayesian", "trials": 2, "seeds": 2}
    searched("mlp", "digits", SPACE, loss="focal", name="mine", **options)
    written = json.loads((tmp_path / "search" / "search.json").read_text())
    assert set(written.pop("versions")) >= {"cnnzoo", "keras", "keras-tuner", "tensorflow"}
    assert written == {
        "model": "mlp",
        "data": "digits",
        "about_data": str(cnnzoo.load_data("digits").info),
        "builder": "name",
        "input_shape": [8, 8, 1],
        "classes": 10,
        "search": ["units", "activation"],
        "space": {
            "units": {"range": [8, 64]},
            "activation": {"levels": ["relu", "tanh", "gelu"]},
        },
        "fixed": {"loss": "focal"},
        "others": {"name": "mine"},
        "recipe": {
            "epochs": 10,
            "batch_size": 32,
            "schedule": "constant",
            "augment": "none",
            "class_weight": "none",
            "early_stopping": 0,
            "precision": "float32",
        },
        "objective": {"name": "val_loss", "direction": "min"},
        "tuner": "bayesian",
        "tuner_settings": {"alpha": 0.0001, "beta": 2.6},
        "seeds": [0, 1],
        "fingerprint": cnnzoo.load_data("digits").info.fingerprint,
    }


def test_another_search_in_the_same_directory_is_refused(searched, stub_training, tmp_path):
    stub_training(response)
    searched("mlp", "digits", SPACE, trials=1)
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", SPACE, trials=1, seeds=2)
    assert str(refusal.value) == (
        f"{tmp_path / 'search'} holds another search; this one changes seeds from [0] to [0, 1]. "
        "Choose another directory."
    )
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", SPACE, trials=1, recipe=Recipe(epochs=3))
    assert str(refusal.value) == (
        f"{tmp_path / 'search'} holds another search; this one changes recipe.epochs from 10 to "
        "3. Choose another directory."
    )


@pytest.mark.parametrize("name", ["oracle.json", "trial_1/trial.json"])
def test_damaged_file_is_named(searched, stub_training, tmp_path, name):
    stub_training(response)
    searched("mlp", "digits", SPACE, trials=2)
    damaged = tmp_path / "search" / name
    damaged.write_text(damaged.read_text()[:5])
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", SPACE, trials=3)
    assert str(refusal.value).startswith(f"{damaged} cannot be read (")
    assert str(refusal.value).endswith("Restore it from a copy, or choose another directory.")


def test_tuner_class_of_kerastuner_proposes(searched, stub_training, tmp_path):
    stub_training(response)
    options = {"trials": 4, "directory": tmp_path / "class"}
    by_class = searched("mlp", "digits", SPACE, tuner=keras_tuner.RandomSearch, **options)
    by_name = searched("mlp", "digits", SPACE, tuner="random", trials=4)
    assert summary(by_class) == summary(by_name)


def size_of(files):
    return sum(path.stat().st_size for path in files if path.is_file())


def test_a_hundred_trials_take_less_than_20_mb(searched, stub_training, tmp_path):
    real, stubbed = tmp_path / "real", tmp_path / "stubbed"
    options = {"recipe": Recipe(epochs=2), "train_size": 50, "filters": 64}
    searched("downsampling", "digits", trials=2, directory=real, **options)
    trained = [path for folder in real.glob("trial_*") for path in folder.rglob("*")]
    stub_training(lambda levels, seed: 0.5)
    assert len(searched("downsampling", "digits", trials=100, directory=stubbed)) == 100
    # what training leaves behind, a hundred times, and what a search of that length writes
    assert 50 * size_of(trained) + size_of(stubbed.rglob("*")) < 20e6


def test_models_are_saved_only_if_asked_for(searched, tmp_path):
    options = {"trials": 1, "recipe": Recipe(epochs=1), "train_size": 50}
    searched("mlp", "digits", {"units": [8, 16]}, **options)
    names = {path.name for path in (tmp_path / "search").rglob("*") if path.is_file()}
    known = {"oracle.json", "search.json", "trial.json", "executions.json", "tuner0.json"}
    assert names == {*known, ".running"}
    searched(
        "mlp", "digits", {"units": [8, 16]}, checkpoints=True, directory=tmp_path / "2", **options
    )
    (saved,) = tmp_path.rglob("*.keras")
    assert saved.name == "seed0.keras"
    assert cnnzoo.load_model(saved).name == "mlp"


def test_size_of_images_of_several_sizes_is_searched(tmp_path, unexplained):
    from PIL import Image

    rng = np.random.default_rng(0)
    for place in range(40):
        folder = tmp_path / "images" / str(place % 2)
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (6 + place % 3, 6), np.uint8)
        Image.fromarray(pixels).save(folder / f"{place}.png")
    results = cnnzoo.tune(
        "mlp",
        tmp_path / "images",
        {"image_size": [4, 6]},
        tuner="grid",
        units=2,
        recipe=Recipe(epochs=1),
        directory=tmp_path / "search",
        progress=False,
    )
    assert sorted(results.trials["image_size"]) == [4, 6]
    assert set(results.trials["status"]) == {"done"}


def test_levels_of_several_types_come_back_with_their_types(tmp_path, unexplained):
    from helpers.optional_layer import build

    for _ in range(2):  # the second call finds all trials done
        results = cnnzoo.tune(
            build,
            "digits",
            {"units": [None, 3]},
            tuner="grid",
            recipe=Recipe(epochs=1, batch_size=256),
            directory=tmp_path / "search",
            progress=False,
        )
    assert results.trials["units"].to_list() == ["None", 3]
    assert len(results.trials) == 2
    assert results.best()["units"] in ("None", 3)
