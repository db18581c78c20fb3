"""Whatever a configuration does, it is a row with its reason, and the search goes on."""

import json

import keras_tuner
import pytest
import search_builders

import cnnzoo
from cnnzoo.runtime.isolation import STATES
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.execution import Trainer

ONE_EPOCH = Recipe(epochs=1)
REFUSED = ("invalid", "`number` of `faulty` must not be that.")
RAISED = ("failed", "ValueError: there is no such model")
NO_NUMBER = ("failed", "loss is not a finite number after epoch 1 of 1")
REASONS = {
    **dict.fromkeys((1, 2, 3), REFUSED),
    **dict.fromkeys((4, 6, 7, 8), RAISED),
    5: NO_NUMBER,
    9: ("failed", "SystemExit: 3"),
}


def test_a_search_over_a_faulty_builder_ends_with_every_reason(searched):
    trials = searched(
        search_builders.faulty,
        "digits",
        {"number": [*range(40)]},
        tuner="grid",
        recipe=ONE_EPOCH,
        train_size=50,
    )
    assert [trial["values"] for trial in trials] == [{"number": n} for n in range(40)]
    for trial in trials:
        number = trial["values"]["number"]
        (row,) = trial["rows"]
        if number == 7:
            assert row["status"] == "failed"
            assert row["reason"].startswith("ResourceExhaustedError: ")
        elif number == 11:
            assert row["status"] == "failed"
            assert "MemoryError: Unable to allocate" in row["reason"]
        else:
            expected = REASONS.get(number % 10, ("done", ""))
            assert (row["status"], row["reason"]) == expected
        status = {"done": "COMPLETED", "failed": "FAILED", "invalid": "INVALID"}[row["status"]]
        assert trial["status"] == status
        assert trial["message"] == (row["reason"] or None)
        assert trial["score"] == row["score"]
        assert (row["score"] is None) == (row["status"] != "done")
        assert all(value == value for value in row["metrics"].values())


def test_a_seed_that_comes_to_nothing_ends_its_trial(searched, stub_training):
    def response(levels, seed):
        if seed == 1 and levels["units"] == 16:
            raise MemoryError("no more")
        return 0.5

    stub_training(response)
    trials = searched("mlp", "digits", {"units": [8, 16]}, tuner="grid", seeds=3)
    rows = {trial["values"]["units"]: trial["rows"] for trial in trials}
    assert [row["seed"] for row in rows[8]] == [0, 1, 2]
    assert [(row["seed"], row["status"], row["reason"]) for row in rows[16]] == [
        (0, "done", ""),
        (1, "failed", "MemoryError: no more"),
    ]
    assert {trial["values"]["units"]: trial["score"] for trial in trials} == {8: 0.5, 16: None}


def test_a_proposal_out_of_the_space_is_refused_and_the_search_goes_on():
    tuned = cnnzoo.hypermodel("mlp", search={"units": [8, 16]})
    hp = keras_tuner.HyperParameters()
    hp.values["units"] = 12
    found = Trainer(tuned, "digits", "val_accuracy").run(hp, 0)
    assert (found.status, found.score) == ("invalid", None)
    assert found.reason == "`units` of `mlp` must be one of 8, 16; got 12."


def test_a_configuration_that_does_not_fit_the_data_is_invalid(searched):
    trials = searched(
        "downsampling", "digits", {"kernel_size": [3, 9]}, tuner="grid", recipe=ONE_EPOCH
    )
    assert [trial["status"] for trial in trials] == ["COMPLETED", "INVALID"]
    assert trials[1]["message"] == (
        "`stage1_conv` of `downsampling`: kernel_size=9 does not fit a map of 8x8 with "
        "padding='valid'; at most 8 fits."
    )


def test_a_level_that_sets_the_dtype_policy_reaches_no_other_trial():
    model = cnnzoo.hypermodel(search_builders.policy, search=["number"], recipe=ONE_EPOCH)
    fresh, trainer = (Trainer(model, "digits", "val_loss") for _ in range(2))
    found = {}
    for name, number, of in (("alone", 1, fresh), ("before", 0, trainer), ("after", 1, trainer)):
        hp = keras_tuner.HyperParameters()
        hp.values["number"] = number
        found[name] = of.run(hp, 0)
        assert (found[name].status, of.unrestored) == ("done", [])
    assert found["after"].metrics == found["alone"].metrics != found["before"].metrics


def test_a_training_that_spoilt_the_process_is_the_last_there(searched, monkeypatch, tmp_path):
    def train(trainer, levels, seed, epochs, save_to):
        trainer.unrestored.append("the working folder (it is gone)")
        return {"status": "done", "score": 0.5, "metrics": {"val_accuracy": 0.5}, "epochs": 1}

    monkeypatch.setattr("cnnzoo.tuning.execution.Trainer._train", train)
    options = {"search": {"units": [8, 16]}, "tuner": "grid", "seeds": 2}
    for count in (1, 2, 3):  # of executions that calls one after the other leave
        with pytest.raises(cnnzoo.SearchError) as refusal:
            searched("mlp", "digits", **options)
        assert str(refusal.value) == (
            "A trial changed global state that cannot be put back, and in this process the next "
            "ones would depend on it: the working folder (it is gone). Call `tune` again in a new "
            "process to resume, with workers=2 or more, which are replaced, or change the builder."
        )
        files = (tmp_path / "search").glob("trial_*/executions.json")
        assert sum(len(json.loads(path.read_text())) for path in files) == count
    trials = searched("mlp", "digits", **options)
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 2


def test_a_builder_that_spoilt_the_process_trains_nothing_there(searched, monkeypatch, tmp_path):
    def put_back():
        raise OSError("it is gone")

    monkeypatch.setitem(STATES, "the working folder", lambda: put_back)
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched(search_builders.tiny, "digits", trials=1)
    assert "on it: the working folder (OSError: it is gone). Call" in str(refusal.value)
    assert not [*(tmp_path / "search").glob("trial_*/executions.json")]
