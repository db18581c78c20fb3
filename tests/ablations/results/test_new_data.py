"""Intervals for new data in the results of a study."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import stub_trials

from ablations import Study, TrialResult, open_results, run
from ablations.running import run as runner
from ablations.stats.new_data import NEW_DATA, corrected_t, crossed_t
from cnnzoo.folds import HeldOut
from cnnzoo.training.outcomes import pack

STUDY = Study(
    "mlp",
    "digits",
    factors={"units": [8, 16]},
    baseline={"units": 8},
    seeds=6,
    metrics=["accuracy"],
)

EVEN = 2
"""Number of the draws: their deltas do not count as skewed."""


@pytest.fixture
def ran(stubbed, monkeypatch, tmp_path):
    """Return a function that runs a study of stub trials with a test split."""

    def ran(held_out, study=STUDY):
        def told(trial, report_to=None):
            correct = (
                np.random.default_rng([trial.seed, trial.settings["units"], EVEN]).random(60) < 0.8
            )
            return TrialResult(
                trial,
                "done",
                metrics={"test_accuracy": correct.mean(), "test_loss": 1.0},
                held_out=held_out,
                outcomes=pack({"correct": correct}),
            )

        monkeypatch.setattr(runner, "run_trial", told)
        return run(study, tmp_path / "study", engine="serial", progress=False)

    return ran


def outcome_deltas():
    shares = [
        [np.random.default_rng([seed, units, EVEN]).random(60) < 0.8 for seed in range(6)]
        for units in (8, 16)
    ]
    return np.subtract(*np.array(shares, dtype=float)[::-1])


def test_stored_study_has_the_interval_of_a_fixed_test_set(ran):
    held_out = HeldOut(size=60, pool=0, train=500)
    results = open_results(ran(held_out).directory)
    assert results.held_out == held_out
    (row,) = results.deltas(full=True)[[*NEW_DATA]].itertuples(index=False)
    d = outcome_deltas()
    assert row[:3] == pytest.approx(crossed_t(d.mean(), d))
    assert row.new_data_method == "seeds x examples"


def test_stored_study_has_the_interval_of_redrawn_splits(ran):
    held_out = HeldOut(size=60, pool=240, train=150)
    results = open_results(ran(held_out).directory)
    (row,) = results.deltas(full=True)[[*NEW_DATA]].itertuples(index=False)
    # 6 seeds in repetitions of 4 folds
    assert row[:3] == pytest.approx(corrected_t(outcome_deltas().mean(1), range(6), held_out))
    assert row.new_data_method == "corrected t"


def test_trials_without_a_known_test_split_have_no_interval(go):
    results, _ = go(stub_trials.STUDY)
    assert results.held_out is None
    assert set(results.deltas(full=True)["new_data_method"]) == {
        "none: the trials have no outcomes by example"
    }


def test_auto_seeds_have_an_interval_of_their_last_look(ran):
    study = replace(STUDY, seeds="auto", max_seeds=6)
    held_out = HeldOut(size=60, pool=240, train=150)
    (row,) = ran(held_out, study).deltas(full=True)[[*NEW_DATA]].itertuples(index=False)
    assert row[:3] == pytest.approx(corrected_t(outcome_deltas().mean(1), range(6), held_out))
