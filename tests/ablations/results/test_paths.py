"""Steps of a path."""

from dataclasses import replace

import pandas as pd
import pytest
from helpers import stub_trials
from helpers.stub_outcomes import STUDY, told

from ablations import Settings, Study, StudyError
from ablations.designs import design
from ablations.results.choice import losses_of, path_table


def test_path_has_one_row_per_step(outcome):
    study = Study(
        "mlp",
        "digits",
        factors={"units": [128, 8], "dropout": [0.0, 0.5], "depth": [1, 2]},
        design="path",
        seeds=6,
        metrics=["accuracy", "loss"],
    )
    gain = {"units": 0.1, "dropout": 0.3, "depth": -0.2}

    def told(trial):
        accuracy = 0.5 + sum(gain[name] for name in trial.settings)
        return 1 - accuracy + 0.01 * stub_trials.noise(trial), accuracy

    results = outcome(study, told)
    path = results.path()
    assert path[["step", "factor", "from_level", "to_level", "runner_up"]].to_numpy().tolist() == [
        [0, "", "", "", ""],
        [1, "dropout", 0.0, 0.5, "units"],
        [2, "units", 128, 8, "depth"],
        [3, "depth", 1, 2, ""],
    ]
    assert path["mean"].tolist() == pytest.approx([0.5, 0.8, 0.9, 0.7])
    assert path["delta"].tolist()[1:] == pytest.approx([0.3, 0.1, -0.2])
    assert path["share"].tolist()[1:] == pytest.approx([1.5, 0.5, -1.0])
    assert path["runner_up_mean"].tolist()[1:3] == pytest.approx([0.6, 0.6])
    assert list(path["metric"].unique()) == ["test_accuracy"]
    by_loss = results.path("loss")
    assert by_loss["factor"].tolist() == path["factor"].tolist()  # the accuracy chose them
    deltas = -path["delta"].iloc[1:]
    assert (by_loss["ci_low"].iloc[1:] < deltas + 0.01).all()
    assert (by_loss["ci_high"].iloc[1:] > deltas - 0.01).all()
    page = results.report(results.directory / "report.md").read_text()
    assert "## The path, step by step" in page
    assert "| 1 | dropout | 0.0 | 0.5 |" in page


def test_path_ends_where_results_end(outcome):
    study = Study("mlp", "digits", factors={"units": [128, 8], "depth": [1, 2]}, design="path")
    results = outcome(
        study, lambda trial: "ValueError: no" if "depth" in trial.settings else (1, 1)
    )
    path = results.path()
    assert path["factor"].tolist() == ["", "units", "depth"]
    assert path["mean"].isna().tolist() == [False, False, True]
    assert path["runner_up_mean"].isna().all()  # it was never done


FORK = Study("mlp", "digits", factors={"units": [128, 8], "depth": [1, 2]}, design="path", seeds=5)


def test_change_that_mostly_failed_is_made_last(outcome):
    """units=8 is done in one seed of five."""

    def told(trial):
        if dict(trial.settings) == {"units": 8} and trial.seed:
            return "ValueError: bad luck"
        return 0.0 if "units" in trial.settings else 1.0 - ("depth" in trial.settings) / 2, 0.5

    results = outcome(FORK, told)
    assert results.losses()["units=8"] == float("inf")
    path = results.path()
    assert path["factor"].tolist() == ["", "depth", "units"]
    assert path["runner_up"].tolist() == ["", "units", ""]
    assert path["runner_up_mean"].isna().all()
    assert list(dict.fromkeys(results.trials["variant"]))[-1] == "units=8, depth=2"


def test_changes_of_a_step_are_compared_over_shared_seeds(outcome):
    """units=8 fails in hard seeds, and would win over the other seeds."""

    def told(trial):
        hard = 10.0 * (trial.seed >= 3)
        if dict(trial.settings) == {"units": 8} and hard:
            return "ValueError: too hard"
        return {(): 3.0, ("units",): 2.0, ("depth",): 1.0}.get(tuple(trial.settings), 0) + hard, 0.5

    results = outcome(FORK, told)
    means = results.trials.groupby("variant")["test_loss"].mean()
    assert means["units=8"] == 2.0 < means["depth=2"] == 5.0
    # over seeds 0, 1 and 2; the baseline's and the end's over all five
    assert results.losses() == {
        "baseline": 7.0,
        "units=8": 2.0,
        "depth=2": 1.0,
        "units=8, depth=2": 4.0,
    }
    path = results.path()
    assert path["factor"].tolist() == ["", "depth", "units"]
    assert path["runner_up_mean"].tolist()[1] == 2.0


def test_change_that_failed_most_comes_last_without_shared_seeds(outcome):
    failing = {"units": {3}, "depth": {0, 1}, "dropout": {2}}

    def told(trial):
        if len(trial.settings) == 1 and trial.seed in failing[next(iter(trial.settings))]:
            return "ValueError: bad luck"
        return 10.0 * trial.seed - 5 * ("depth" in trial.settings), 0.5

    factors = {**FORK.factors, "dropout": [0.0, 0.5]}
    losses = outcome(replace(FORK, factors=factors, seeds=4), told).losses()
    # units and dropout share seeds 0 and 1, with depth no seed would be left
    assert {name: losses[name] for name in ("units=8", "depth=2", "dropout=0.5")} == {
        "units=8": 5.0,
        "depth=2": float("inf"),
        "dropout=0.5": 5.0,
    }


def test_path_waits_for_pending_trials_of_a_step(outcome):
    results = outcome(FORK, lambda trial: (1.0 - len(trial.settings) / 4, 0.5))
    assert results.path()["factor"].tolist() == ["", "units", "depth"]
    trials = results.trials
    last = (trials["variant"] == "depth=2") & (trials["seed"] == 4)
    trials.loc[last, "status"] = "pending"
    trials.loc[last, "test_loss"] = float("nan")
    assert "depth=2" not in losses_of(trials, "test_loss", results.changes)
    table = path_table(results.study, trials, results.changes, "test_loss", "test_loss")
    assert table["factor"].tolist() == [""]
    layout = design("path", {"units": (128, 8), "depth": (1, 2)}, Settings())
    assert [v.name for v in layout.grow(losses_of(trials, "test_loss", results.changes))] == [
        "depth=2"
    ]
    # the end of the path is there, and the steps before it are known once this one is
    trials.loc[last, "status"] = "failed"
    assert len(path_table(results.study, trials, results.changes, "test_loss", "test_loss")) == 3


def test_other_designs_have_no_path(outcome):
    with pytest.raises(StudyError) as refused:
        outcome(STUDY, told).path()
    assert str(refused.value) == "The study has no path: its design is one-at-a-time."


def test_level_with_a_comma_is_one_change():
    """It is compared with the other single changes."""
    changes = {"baseline": {}, "a + b=1": {"a + b": 1}, "c=1": {"c": 1}}
    trials = pd.DataFrame(
        [
            *(("baseline", None, seed, "done", 5.0) for seed in (0, 1)),
            *(("a + b=1", "a + b", seed, "done", 1.0 + 10 * seed) for seed in (0, 1)),
            *(("c=1", "c", 0, "done", 2.0), ("c=1", "c", 1, "failed", None)),
        ],
        columns=["variant", "factor", "seed", "status", "test_loss"],
    )
    # both over seed 0, which they share
    assert losses_of(trials, "test_loss", changes) == {"baseline": 5.0, "a + b=1": 1.0, "c=1": 2.0}
