"""Project directories of every KerasTuner tuner: levels, scores and comparability."""

import json
import math
import subprocess
import sys
import textwrap

import pandas as pd
import pytest
from helpers.project_files import edit, states

import cnnzoo
from cnnzoo.tuning.records import Objective

TUNERS = ("random", "grid", "bayesian", "hyperband", "twice", "single", "both")


def score_of(row):
    """Compute the formula of the fixture from the table."""
    size = 0 if pd.isna(row.pool_size) else row.pool_size
    bent = 0.9 - 0.02 * (math.log10(row.learning_rate) + 2) ** 2
    return bent + 0.01 * size + (0.005 if row.skip else 0)


@pytest.mark.parametrize("name", TUNERS)
def test_each_trial_is_a_row_with_its_score(searches, name):
    trials = cnnzoo.open_search(searches[name]).trials
    stored = {state["trial_id"]: state["score"] for state in states(searches[name])}
    assert dict(zip(trials["trial"], trials["score"], strict=True)) == stored
    assert set(trials["status"]) == {"done"}
    assert (
        list(trials["trial"])
        == json.loads((searches[name] / "oracle.json").read_text())["start_order"]
    )


@pytest.mark.parametrize("name", ["random", "grid", "bayesian", "hyperband", "twice"])
def test_hyperparameters_are_those_of_the_score(searches, name):
    trials = cnnzoo.open_search(searches[name]).trials
    for row in trials.itertuples():
        assert row.score == pytest.approx(score_of(row), abs=1e-12)
        assert pd.isna(row.pool_size) == (row.pool == "none")


def test_levels_keep_their_types(searches):
    trials = cnnzoo.open_search(searches["failing"]).trials
    assert trials["skip"].dtype == bool
    assert trials["pool_size"].dtype == "Int64"
    assert trials["learning_rate"].dtype == "float64"
    assert trials["width"].dtype == "int64"


def test_booleans_stored_as_numbers_are_booleans(copied):
    place = copied("random")
    for path in place.glob("trial_*/trial.json"):
        state = json.loads(path.read_text())
        values = state["hyperparameters"]["values"]
        values |= {"skip": int(values["skip"]), "width": 8}
        path.write_text(json.dumps(state))
    results = cnnzoo.open_search(place)
    assert results.trials["skip"].dtype == bool
    assert type(results.best()["skip"]) is bool


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("random", Objective("val_accuracy", "max")),
        ("hyperband", Objective("val_accuracy", "max")),
        ("single", Objective("default_objective", "min")),
        ("both", Objective("multi_objective", "min")),
    ],
)
def test_objective_is_inferred_from_the_scores(searches, name, objective):
    results = cnnzoo.open_search(searches[name])
    assert results.objective == objective
    scores = results.configurations["score"].tolist()
    assert scores == sorted(scores, reverse=objective.direction == "max")


def test_columns_with_the_same_name_get_a_prefix(copied):
    place = copied("random")
    for path in place.glob("trial_*/trial.json"):
        state = json.loads(path.read_text())
        state["hyperparameters"]["values"] |= {"loss": "mse", "status": "on"}
        metrics = state["metrics"]["metrics"]
        metrics["loss"] = metrics["score"] = metrics["val_loss"]
        path.write_text(json.dumps(state))
    oracle = json.loads((place / "oracle.json").read_text())
    for name in ("loss", "status"):
        config = {"name": name, "default": None, "conditions": [], "values": ["mse", "on"]}
        oracle["hyperparameters"]["space"].append({"class_name": "Choice", "config": config})
    (place / "oracle.json").write_text(json.dumps(oracle))
    trials = cnnzoo.open_search(place).trials
    assert set(trials["loss"]) == {"mse"}
    assert set(trials["hp:status"]) == {"on"}
    assert set(trials["status"]) == {"done"}
    assert trials["metric:loss"].tolist() == trials["metric:score"].tolist()
    assert trials["metric:loss"].tolist() == trials["val_loss"].tolist()
    assert not trials.columns.duplicated().any()


def test_reading_changes_nothing_and_loads_no_tensorflow(searches):
    def seen():
        return {
            path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
            for place in searches.values()
            for path in sorted(place.rglob("*"))
        }

    before = seen()
    code = """
        import sys, cnnzoo
        for place in sys.argv[1:]:
            results = cnnzoo.open_search(place)
            results.trials, results.configurations, results.notes, results.seeds
            if results.comparable: results.best(3), results.best(), results.best_line()
        assert not {"tensorflow", "keras", "keras_tuner"} & {*sys.modules}
    """
    run = [sys.executable, "-c", textwrap.dedent(code), *map(str, searches.values())]
    subprocess.run(run, check=True)
    assert seen() == before


def of_the_loss(place, name):
    """Change the objective to the loss and the name of a hyperparameter."""
    for path in place.rglob("*.json"):
        text = path.read_text().replace("val_loss", "val_other").replace("val_accuracy", "val_loss")
        path.write_text(text.replace("learning_rate", name).replace('"max"', '"min"'))
    return cnnzoo.open_search(place)


@pytest.mark.parametrize("name", ["weight_decay", "head_l2", "dense_regularizer", "wd"])
def test_loss_of_another_search_may_contain_penalties(copied, name):
    assert of_the_loss(copied("random"), name).notes == (
        f"val_loss of Keras contains penalties on weights, so if `{name}` sets one, scores compare "
        "the penalties too.",
    )


@pytest.mark.parametrize("name", ["learning_rate", "l20", "pool2", "lr_decay"])
def test_loss_of_another_search_without_penalties_has_no_note(copied, name):
    assert of_the_loss(copied("random"), name).notes == ()


def test_loss_of_tune_has_no_penalties(seeded):
    edit(seeded / "search.json", objective={"name": "val_loss", "direction": "min"})
    assert of_the_loss(seeded, "weight_decay").notes == ()


# Hyperband


def test_partial_hyperband_trials_are_not_compared(searches):
    results = cnnzoo.open_search(searches["hyperband"])
    trials = results.trials
    assert sorted(set(trials["trained_epochs"])) == [1, 3, 9]
    assert (trials["partial"] == (trials["trained_epochs"] < 9)).all()
    assert set(trials["bracket"]) == {0, 1, 2}
    assert set(results.configurations["trial"]) == set(trials.loc[~trials["partial"], "trial"])
    assert results.notes == (
        "Later rounds of Hyperband began with the weights of earlier ones, a new optimizer and the "
        "learning-rate schedule from its start (KerasTuner 1.4.8): a configuration that is trained "
        "from the start may score differently.",
        f"Hyperband stopped {trials['partial'].sum()} trials before 9 epochs; their scores are not "
        "compared with the others.",
    )
    assert not [name for name in trials if name.startswith("tuner/")]


def test_unfinished_hyperband_compares_the_longest_trials(copied):
    place = copied("hyperband")
    for state in states(place):
        if state["hyperparameters"]["values"]["tuner/epochs"] == 9:
            edit(place / f"trial_{state['trial_id']}" / "trial.json", status="RUNNING", score=None)
    results = cnnzoo.open_search(place)
    done = results.trials[results.trials["status"] == "done"]
    longest = done[done["trained_epochs"] == 3]
    assert set(results.configurations["trial"]) <= set(longest["trial"])
    assert results.notes[-1] == (
        "No trial has completed a full training of 9 epochs; trials of 3 epochs are compared."
    )
