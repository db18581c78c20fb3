"""Objectives whose direction KerasTuner inferred wrongly."""

import contextlib
import inspect
import json

import pytest
from helpers.old_projects import add_epochs, write_project

import cnnzoo
from cnnzoo.training.metric_names import better_direction
from cnnzoo.tuning.reading.directions import WRONGLY_MINIMIZED
from cnnzoo.tuning.records import Objective

MINIMIZED = (
    "KerasTuner minimized val_f1_score although higher is better, because it inferred the "
    "direction from the name; here trials are ranked by the highest value. If its tuner learns "
    "from scores, it searched for the lowest"
)
KERAS_2_ONLY = {"top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"}


def test_list_of_wrongly_inferred_metrics_is_complete():
    import keras
    from keras.src.utils.naming import to_snake_case
    from keras_tuner.src.engine.metrics_tracking import infer_metric_direction

    inferred = {}
    for name, _ in inspect.getmembers(keras.metrics, inspect.isclass):
        with contextlib.suppress(TypeError):  # it cannot be made without arguments
            metric = to_snake_case(name)
            inferred[metric] = infer_metric_direction(f"val_{metric}")
    wrong = {name for name, way in inferred.items() if better_direction(name) not in (None, way)}
    assert wrong == {*WRONGLY_MINIMIZED} - KERAS_2_ONLY
    assert {inferred[name] for name in wrong} == {"min"}


def test_inferred_f1_direction_is_corrected(tmp_path):
    import keras_tuner

    class Stub(keras_tuner.RandomSearch):
        def run_trial(self, trial, *_, **__):
            return {"val_f1_score": trial.hyperparameters.Int("units", 1, 9) / 10}

    hp = keras_tuner.HyperParameters()
    hp.Int("units", 1, 9)
    told = {"objective": "val_f1_score", "max_trials": 5, "seed": 1}  # no direction
    stub = Stub(hyperparameters=hp, directory=tmp_path, project_name="a", **told)
    with contextlib.redirect_stdout(None):
        stub.search(verbose=0)
    worst = stub.oracle.get_best_trials()[0]
    results = cnnzoo.open_search(tmp_path / "a")
    scores = results.trials["score"]
    assert worst.score == min(scores) < max(scores)  # the best trial by KerasTuner
    assert results.objective == Objective("val_f1_score", "max")
    assert results.best(1)["score"].item() == max(scores)
    assert results.best() == {"units": round(10 * max(scores))}
    (note,) = results.notes
    assert note == (
        f"{MINIMIZED}; if KerasTuner's `fit` trained a trial, its score is the lowest of its "
        "epochs, because no other is stored."
    )


def test_reported_epochs_are_scored_by_the_highest(tmp_path):
    place = write_project(tmp_path / "a", "1.1.3")
    add_epochs(place, "min", "val_f1_score")
    results = cnnzoo.open_search(place)
    assert results.configurations["score"].tolist() == [0.9, 0.85]
    assert results.trials["val_f1_score"].tolist() == [0.9, 0.85]
    assert results.notes == (f"{MINIMIZED}.",)


@pytest.mark.parametrize(
    ("name", "kept", "scores", "ranked", "note"),
    [
        ("val_loss", "min", (0.2, 0.1), "min", ""),
        ("val_auc", "max", (0.2, 0.1), "max", "val_auc is computed at 200 fixed thresholds"),
        ("val_bleu", "min", (0.2, 0.1), "min", ""),
        ("val_weighted_r2_score", "min", (0.2, -0.1), "max", "KerasTuner minimized val_weighted_"),
        ("val_cosine_similarity", "min", (0.2, -0.1), "max", "KerasTuner minimized val_cosine_"),
        (
            "val_cosine_similarity",
            "min",
            (-0.2, -0.1),
            "min",
            "All values of val_cosine_similarity are negative, as for Keras's loss of that name; "
            "trials are ranked by the lowest value.",
        ),
        (
            "val_accuracy",
            "min",
            (0.2, 0.1),
            "min",
            "The search minimized val_accuracy as its Objective requires, although higher is "
            "better; trials are ranked by the lowest value.",
        ),
        (
            "val_loss",
            "max",
            (0.2, 0.1),
            "max",
            "The search maximized val_loss as its Objective requires, although lower is better; "
            "trials are ranked by the highest value.",
        ),
    ],
)
def test_only_inferred_directions_are_changed(tmp_path, name, kept, scores, ranked, note):
    place = write_project(tmp_path / "a", "1.3.5")
    for trial, score in enumerate(scores):
        path = place / f"trial_{trial}" / "trial.json"
        state = json.loads(path.read_text())
        history = [{"value": [score], "step": 0}]
        state["metrics"]["metrics"] = {name: {"direction": kept, "observations": history}}
        path.write_text(json.dumps({**state, "score": score}))
    results = cnnzoo.open_search(place)
    assert results.objective == Objective(name, ranked)
    expected = sorted(scores, reverse=ranked == "max")
    assert results.configurations["score"].tolist() == expected
    assert "".join(results.notes)[: len(note) or None] == note
