"""A configuration that fails is an execution with a reason, and the search continues."""

import json

import pytest
from helpers import search_builders

import cnnzoo
from cnnzoo.runtime.isolation import STATES
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.records import Execution
from cnnzoo.tuning.trainer import SeedResult, SeedRun, Trainer

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


def test_failed_trials_keep_their_reasons(searched):
    trials = searched(
        search_builders.faulty,
        "digits",
        {"number": [*range(12)]},
        tuner="grid",
        recipe=ONE_EPOCH,
        train_size=50,
    )
    assert [trial["values"] for trial in trials] == [{"number": n} for n in range(12)]
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


def test_a_failed_seed_ends_its_trial(searched, stub_training):
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


def test_a_proposal_outside_of_the_space_is_invalid():
    tuned = cnnzoo.hypermodel("mlp", search={"units": [8, 16]})
    trainer = Trainer(tuned, "digits", "val_accuracy")
    found = trainer.run(SeedRun("0", {"units": 12}, seed=0)).execution
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


def test_dtype_policy_of_a_level_reaches_no_other_trial():
    model = cnnzoo.hypermodel(search_builders.policy, search=["number"], recipe=ONE_EPOCH)
    fresh, trainer = (Trainer(model, "digits", "val_loss") for _ in range(2))
    found = {}
    for name, number, of in (("alone", 1, fresh), ("before", 0, trainer), ("after", 1, trainer)):
        result = of.run(SeedRun("0", {"number": number}, seed=0))
        found[name] = result.execution
        assert (found[name].status, result.changed_state) == ("done", ())
    assert found["after"].metrics == found["alone"].metrics != found["before"].metrics


def test_process_ends_after_a_training_that_changes_it(searched, monkeypatch, tmp_path):
    def run(trainer, run):
        execution = Execution("done", 0.5, {"val_accuracy": 0.5}, run.seed, seconds=0.0, epochs=1)
        return SeedResult(execution, changed_state=("the working folder (it is gone)",))

    monkeypatch.setattr(Trainer, "run", run)
    options = {"search": {"units": [8, 16]}, "tuner": "grid", "seeds": 2}
    for count in (1, 2, 3):  # executions after each call
        with pytest.raises(cnnzoo.SearchError) as refusal:
            searched("mlp", "digits", **options)
        assert str(refusal.value) == (
            "A trial changed global state that cannot be restored: the working folder (it is "
            "gone). The next trials in this process would depend on it. Resume in a new process "
            "with workers=2 or more, which are replaced, or change the builder."
        )
        files = (tmp_path / "search").glob("trial_*/executions.json")
        assert sum(len(json.loads(path.read_text())) for path in files) == count
    trials = searched("mlp", "digits", **options)
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 2


def test_builder_that_changes_the_process_prevents_training(searched, monkeypatch, tmp_path):
    def put_back():
        raise OSError("it is gone")

    monkeypatch.setitem(STATES, "the working folder", lambda: put_back)
    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched(search_builders.tiny, "digits", trials=1)
    assert "restored: the working folder (OSError: it is gone). The" in str(refusal.value)
    assert not [*(tmp_path / "search").glob("trial_*/executions.json")]
