"""Rounds that add seeds, or follow a path."""

import dataclasses
import itertools

import pytest
from helpers import stub_trials
from helpers.stub_trials import STUDY, statuses

from ablations import Study, TrialResult, stats
from ablations.designs.path import steps
from ablations.running import run as runner


@pytest.mark.parametrize(("cap", "looks"), [(30, [6, 10, 15, 20, 30]), (8, [6, 8])])
def test_auto_seeds_are_added_only_for_open_verdicts(go, monkeypatch, cap, looks):
    """units=8 is clearly worse; units=16 stays open until the maximum of seeds."""

    def told(trial, report_to=None):
        stub_trials.CALLS.append(trial)
        units = trial.settings.get("units", 128)
        shift = {8: 1.0 + 0.01 * stub_trials.noise(trial), 16: 0.1 * (-1) ** trial.seed}
        metrics = {"test_loss": 1.0 + shift.get(units, 0.0), "test_accuracy": 0.5}
        return TrialResult(trial, "done", metrics=metrics)

    monkeypatch.setattr(runner, "run_trial", told)
    study = dataclasses.replace(STUDY, seeds="auto", max_seeds=cap)
    results, ran = go(study)
    counts = results.trials["variant"].value_counts().to_dict()
    assert counts == {"baseline": cap, "units=8": 6, "units=16": cap}
    # 6 of each first, then blocks up to the next looks of what is open
    expected = [(name, seed) for seed in range(6) for name in ("", "units=8", "units=16")]
    for least, most in itertools.pairwise(looks):
        expected += [(name, seed) for seed in range(least, most) for name in ("", "units=16")]
    assert ran == expected
    deltas = results.deltas(["loss"], full=True).set_index("variant")
    assert deltas.loc["units=16", "look"] == len(looks)
    at_first = stats.deltas(results.trials[results.trials["seed"] < 6], ["test_loss"])
    p = at_first.set_index("variant").loc["units=8", "p"]
    assert deltas.loc["units=8", "p"] == pytest.approx(p * cap / 6, rel=1e-10)
    assert deltas.loc["units=8", "verdict"] == "worse"
    assert deltas.loc["units=16", "verdict"] == "inconclusive"
    again, ran = go(study)
    assert ran == []
    assert again.trials.equals(results.trials)


PATH = Study(
    "mlp",
    "digits",
    factors={"units": [128, 8], "dropout": [0.0, 0.5], "depth": [1, 2]},
    design="path",
    seeds=2,
    metrics=["accuracy", "loss"],
)

GAIN = {"units": 0.1, "dropout": 0.3, "depth": -0.2}


def test_path_is_completed_by_the_first_metric(go, monkeypatch):
    def told(trial, report_to=None):
        stub_trials.CALLS.append(trial)
        accuracy = 0.5 + sum(GAIN[name] for name in trial.settings)
        return TrialResult(
            trial, "done", metrics={"test_accuracy": accuracy, "test_loss": accuracy}
        )

    monkeypatch.setattr(runner, "run_trial", told)
    results, ran = go(PATH)
    assert list(dict.fromkeys(results.trials["variant"])) == [
        "baseline",
        *("units=8", "dropout=0.5", "depth=2"),  # dropout gains most
        *("units=8, dropout=0.5", "dropout=0.5, depth=2"),  # then units
        "units=8, dropout=0.5, depth=2",
    ]
    assert len(ran) == len(set(ran)) == 14
    means = results.trials.groupby("variant")["test_accuracy"].mean()
    losses = {str(name): -mean for name, mean in means.items()}
    made = steps({"units": 8, "dropout": 0.5, "depth": 2}, losses)
    assert [step.factor for step in made] == ["dropout", "units", "depth"]
    assert go(PATH)[1] == []


def test_path_tries_failing_changes_last(go):
    factors = {"units": [128, 13], "depth": [1, 2], "dropout": [0.0, 0.5]}
    results, ran = go(dataclasses.replace(PATH, factors=factors, seeds=1))
    found = statuses(results)
    assert {name for name, _ in found if found[name, 0] == "infeasible"} == {
        *("units=13", "units=13, depth=2, dropout=0.5"),
        *(name for name, _ in found if name in ("units=13, depth=2", "units=13, dropout=0.5")),
    }
    assert found["depth=2, dropout=0.5", 0] == "done"
    assert len(ran) == 4
