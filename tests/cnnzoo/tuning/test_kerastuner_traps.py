"""Guards against what KerasTuner does with failures, ends of ranges and its own traps."""

import keras
import keras_tuner
import numpy as np
import pytest
from helpers.project_files import states

import cnnzoo
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.objective import score_failures
from cnnzoo.tuning.space import at_most

LIMIT = 0.1
"""Learning rate above which the stub training diverges."""


@pytest.mark.parametrize("objective", ["val_accuracy", "val_loss"])
def test_bayesian_search_turns_away_from_failures(searched, stub_training, objective):
    def response(levels, seed):
        if levels["learning_rate"] > LIMIT:
            raise ValueError("loss is not a finite number")
        accuracy = 0.9 - 0.1 * (np.log10(levels["learning_rate"]) + 2) ** 2
        return accuracy if objective == "val_accuracy" else 1 - accuracy

    stub_training(response)
    options = {"tuner": "bayesian", "objective": objective, "trials": 16}
    trials = searched("mlp", "digits", {"learning_rate": (1e-4, 10.0)}, **options)
    statuses = [trial["status"] for trial in trials]
    third = [number for number, status in enumerate(statuses) if status == "COMPLETED"][2]
    begun = third + 1  # until then KerasTuner draws at random
    assert "FAILED" in statuses[:begun]  # something to learn from
    later = statuses[begun:]
    assert later.count("FAILED") < len(later) / 4


class Trial:
    """What KerasTuner keeps of a trial, as far as it is scored."""

    def __init__(self, status, score):
        self.status, self.score = status, score


@pytest.mark.parametrize(("direction", "worst"), [("min", 0.75), ("max", 0.25)])
def test_failed_trials_score_like_the_worst(direction, worst):
    ended = {
        "a": Trial("COMPLETED", 0.25),
        "b": Trial("COMPLETED", float("inf")),
        "c": Trial("FAILED", None),
        "d": Trial("COMPLETED", 0.75),
        "e": Trial("INVALID", None),
        "f": Trial("RUNNING", None),
        "g": Trial("COMPLETED", float("nan")),
    }
    scored = score_failures(ended, direction)
    scores = [scored[name].score for name in "abcdefg"]
    assert scores == [0.25, worst, worst, 0.75, worst, None, worst]
    assert {scored[name].status for name in "abcdeg"} == {"COMPLETED"}
    assert (ended["c"].status, ended["c"].score) == ("FAILED", None)
    assert scored["f"] is ended["f"]


def test_failed_trials_have_no_score_while_nothing_is_done():
    ended = {"a": Trial("FAILED", None), "b": Trial("COMPLETED", float("inf"))}
    assert score_failures(ended, "min") == ended


def test_proposals_end_at_the_end_of_the_range():
    hp = keras_tuner.HyperParameters()
    hp.Int("units", 8, 32, sampling="log")
    hp.Choice("kind", ["a", "b"])
    assert hp.space[0].prob_to_value(1.0) == 33  # KerasTuner's own doing
    assert [at_most(value, "units", hp.space) for value in (8, 32, 33)] == [8, 32, 32]
    assert at_most("b", "kind", hp.space) == "b"
    assert at_most(2, "tuner/epochs", hp.space) == 2


def logarithmic(hp):
    """A ``build(hp)`` with a whole number on a logarithmic scale."""
    units = hp.Int("units", 4, 8, sampling="log")
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(units)]
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_bayesian_search_of_a_build_hp_stays_in_its_range(searched, stub_training):
    calls = stub_training(lambda levels, seed: levels["units"] / 10)  # the more, the better
    searched(logarithmic, "digits", tuner="bayesian", trials=8)
    assert max(levels["units"] for levels, *_ in calls) == 8


def test_diverged_training_is_a_failed_trial_under_kerastuner(tmp_path, monkeypatch):
    histories = iter(
        [
            {"loss": [np.inf, np.nan], "val_loss": [np.inf, np.inf], "val_accuracy": [0.9, 0.9]},
            {"loss": [0.5, np.inf], "val_loss": [0.25, np.inf], "val_accuracy": [0.5, 0.5]},
        ]
    )
    monkeypatch.setattr("cnnzoo.tuning.hypermodel.fit", lambda *_, **__: next(histories))
    tuned = cnnzoo.hypermodel(
        "mlp",
        search={"units": [4, 8]},
        recipe=Recipe(epochs=2),
        input_shape=(8, 8, 1),
        classes=10,
    )
    tuner = keras_tuner.GridSearch(
        tuned, objective=keras_tuner.Objective("val_loss", "min"), directory=tmp_path
    )
    tuner.search(cnnzoo.load_data("digits", train_size=20), verbose=0)
    first, second = states(tmp_path / "untitled_project")
    assert (first["status"], second["status"]) == ("FAILED", "COMPLETED")
    assert first["message"].splitlines()[-1] == (
        "keras_tuner.src.errors.FailedTrialError: loss is not a finite number after any epoch of 2"
    )
    assert second["score"] == 0.25
