"""Executions of a trial, and search.json."""

import json

import pytest
from helpers.project_files import edit, state_of

import cnnzoo


def test_stored_executions_are_rows(seeded):
    results = cnnzoo.open_search(seeded)
    trials = results.trials
    assert len(trials) == 18
    assert trials["seed"].tolist() == [0, 1, 2] * 6
    assert trials["execution"].tolist() == [0, 1, 2] * 6
    assert trials["seconds"].tolist() == [1.5, 2.5, 3.5] * 6
    assert set(trials["trained_epochs"]) == {2}
    assert set(trials["loss"]) == {0.5}
    assert results.seeds == (0, 1, 2)
    for trial, rows in trials.groupby("trial"):
        assert rows["score"].mean() == pytest.approx(state_of(seeded, trial)["score"])
        configuration = results.configurations.set_index("trial").loc[trial]
        assert configuration["sd"] == pytest.approx(0.01)
        assert configuration["executions"] == 3


def test_reported_values_are_executions(copied):
    place = copied("twice")
    path = place / "trial_1" / "trial.json"
    state = json.loads(path.read_text())
    observations = state["metrics"]["metrics"]["val_accuracy"]["observations"]
    mean = observations[0]["value"][0]
    observations[0]["value"] = [mean - 0.25, mean + 0.25]
    state["score"] = sum(observations[0]["value"]) / 2
    path.write_text(json.dumps(state))
    trials = cnnzoo.open_search(place).trials
    rows = trials[trials["trial"] == "1"]
    assert rows["execution"].tolist() == [0, 1]
    assert rows["score"].tolist() == rows["val_accuracy"].tolist() == [mean - 0.25, mean + 0.25]
    assert trials["seed"].isna().all()


def test_trial_with_a_failed_execution_is_not_compared(seeded):
    path = seeded / "trial_2" / "executions.json"
    rows = json.loads(path.read_text())
    rows[1] |= {"status": "failed", "score": None, "reason": "MemoryError: too\nbig"}
    path.write_text(json.dumps(rows))
    results = cnnzoo.open_search(seeded)
    trials = results.trials[results.trials["trial"] == "2"]
    assert trials["status"].tolist() == ["done", "failed", "done"]
    assert trials["reason"].tolist() == ["", "MemoryError: too big", ""]
    assert "2" not in set(results.configurations["trial"])


def test_trial_interrupted_between_executions_is_unfinished(seeded):
    path = seeded / "trial_4" / "executions.json"
    path.write_text(json.dumps(json.loads(path.read_text())[:1]))
    edit(seeded / "trial_4" / "trial.json", status="RUNNING", score=None)
    trials = cnnzoo.open_search(seeded).trials
    rows = trials[trials["trial"] == "4"]
    assert rows["status"].tolist() == ["done", "unfinished"]
    assert rows["score"].notna().tolist() == [True, False]


def test_trial_with_unreadable_executions_is_read(seeded):
    path = seeded / "trial_4" / "executions.json"
    path.write_text(path.read_text()[:50])
    trials = cnnzoo.open_search(seeded).trials
    row = trials[trials["trial"] == "4"].iloc[0]
    assert row["status"] == "done"
    assert row["score"] == pytest.approx(state_of(seeded, "4")["score"])


def test_executions_with_the_same_seed_count_once(seeded):
    scores = {"0": (0.5, 0.7), "1": (0.6, 0.9)}  # by trial, of the seeds 0 and 1
    for trial in ("0", "1"):
        folder = seeded / f"trial_{trial}"
        rows = json.loads((folder / "executions.json").read_text())[:2]
        pairs = zip(rows, scores[trial], strict=True)
        (folder / "executions.json").write_text(
            json.dumps([row | {"score": score} for row, score in pairs])
        )
        same = state_of(seeded, "0")["hyperparameters"]
        edit(folder / "trial.json", hyperparameters=same)
    row = cnnzoo.open_search(seeded).configurations.set_index("trial").loc["0"]
    assert row["executions"] == 2
    assert row["score"] == pytest.approx((0.55 + 0.8) / 2)
    assert row["sd"] == pytest.approx(0.25 / 2**0.5)  # of 0.55 and 0.8


# search.json


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("versions", ["a"], "an object of texts by package; got ['a']"),
        ("model", {"a": 1}, "a text; got {'a': 1}"),
        ("fixed", "none", "an object of levels by name; got 'none'"),
        ("recipe", {"epochs": "x"}, "an object of a Recipe's levels by name; got {'epochs': 'x'}"),
        ("objective", {"name": 1}, "a name and a direction, 'min' or 'max'; got {'name': 1}"),
        ("seeds", [0, True], "a list of whole numbers from 0; got [0, True]"),
        ("classes", -1, "a whole number from 0, or one for each output; got -1"),
        ("data", ["long"] * 99, f"a text; got {str(['long'] * 99)[:60]}…"),
    ],
)
def test_invalid_value_in_search_json_is_ignored_with_a_note(seeded, name, value, must):
    edit(seeded / "search.json", **{name: value})
    results = cnnzoo.open_search(seeded)
    assert results.notes == (f"`{name}` in search.json is ignored: expected {must}.",)
    assert results.best_line()
    assert len(results.trials) == 18


def test_unknown_key_in_search_json_is_kept(seeded):
    edit(seeded / "search.json", mood=["good"])
    results = cnnzoo.open_search(seeded)
    assert results.notes == ()
    assert results.project.search["mood"] == ["good"]
