"""Objectives whose direction KerasTuner inferred: ranked by what the metric means."""

import contextlib
import inspect
import json

import pytest
from old_projects import add_epochs, write_project

import cnnzoo
from cnnzoo.training.metric_names import better_direction
from cnnzoo.tuning.reading.inferred import WRONGLY_MINIMIZED
from cnnzoo.tuning.records import Objective

MINIMIZED = (
    "KerasTuner minimized val_f1_score, of which higher is better, because it inferred the "
    "direction from the name; trials are ranked here by the highest. Its proposals looked for the "
    "lowest, if its tuner learns from scores"
)
KERAS_2_ONLY = {"top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"}


def test_what_keras_tuner_infers_wrongly_is_known():
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


def test_f1_by_name_is_ranked_by_the_highest(tmp_path):
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
    assert worst.score == min(scores) < max(scores)  # KerasTuner's own best
    assert results.objective == Objective("val_f1_score", "max")
    assert results.best(1)["score"].item() == max(scores)
    assert results.best() == {"units": round(10 * max(scores))}
    (note,) = results.notes
    assert note == (
        f"{MINIMIZED}; a score is the lowest of a trial's epochs, if KerasTuner's own `fit` "
        "trained it, because no other is stored."
    )


def test_reported_epochs_are_scored_anew_by_the_highest(tmp_path):
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
            *("val_cosine_similarity", "min", (-0.2, -0.1), "min"),
            "All values of val_cosine_similarity are negative, as of Keras's loss of that name; "
            "trials are ranked by the lowest.",
        ),
        (
            *("val_accuracy", "min", (0.2, 0.1), "min"),
            "The search minimized val_accuracy, of which higher is better, because its Objective "
            "says so; trials are ranked by the lowest.",
        ),
        (
            *("val_loss", "max", (0.2, 0.1), "max"),
            "The search maximized val_loss, of which lower is better, because its Objective says "
            "so; trials are ranked by the highest.",
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
