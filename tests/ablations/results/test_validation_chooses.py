"""Validation metrics choose, test metrics measure."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers.stub_outcomes import STUDY, told

from ablations import Study, StudyError, TrialResult
from ablations.results.choice import NO_VALIDATION, best_table
from ablations.running import run as runner

SIX = replace(STUDY, seeds=6)
PATH = Study("mlp", "digits", factors={"units": [128, 8], "depth": [1, 2]}, design="path", seeds=6)


@pytest.fixture
def both(stubbed, monkeypatch, tmp_path):
    """Return a function that runs a study with a validation and a test loss for each trial."""

    def both(study, losses):
        def trial_result(trial, report_to=None):
            validation, test = losses(trial)
            metrics = {"validation_loss": validation, "test_loss": test}
            return TrialResult(trial, "done", metrics=metrics)

        monkeypatch.setattr(runner, "run_trial", trial_result)
        return runner.run(study, tmp_path / "study", engine="serial", progress=False)

    return both


def opposed(trial):
    """Return losses by which 8 units are the best on validation and the worst on test."""
    units = trial.settings.get("units", 128)
    change = 0.01 * trial.seed * (units == 8)
    return {8: 1.0, 16: 2.0, 128: 3.0}[units], {8: 3.0, 16: 2.0, 128: 1.0}[units] + change


def test_best_is_chosen_by_validation_and_measured_on_test(both):
    results = both(SIX, opposed)
    assert results.chosen_by == "validation_loss"
    assert results.best() == {"units": 8}
    (row,) = results.best_delta("loss").to_dict("records")
    assert (row["variant"], row["metric"]) == ("units=8", "test_loss")
    assert (row["chosen_by"], row["n_variants"], row["n_seeds"]) == ("validation_loss", 3, 6)
    assert row["uncorrected"] == row["delta"] == pytest.approx(2.025)
    assert row["chosen_again"] == 1
    assert row["notes"] == ""
    assert row["ci_low"] < 2.025 < row["ci_high"]


def test_without_a_validation_split_the_test_metric_chooses(outcome):
    results = outcome(SIX, lambda trial: (opposed(trial)[1], 0.5))
    assert results.chosen_by == "test_loss"
    (row,) = results.best_delta("loss").to_dict("records")
    assert row["variant"] == "baseline"
    assert row["notes"] == (
        "chosen by test_loss, because the study has no validation split; "
        "the baseline is the best variant"
    )


def test_choice_of_the_lucky_seed_is_corrected():
    """One seed makes variant b the best; the other seeds prefer a."""
    a, b = [0.2] * 5 + [0.9], [0.3] * 6
    values = {"baseline": [0.5] * 6, "a": a, "b": b}
    rows = [
        (name, seed, "done", value, value)
        for name, column in values.items()
        for seed, value in enumerate(column)
    ]
    columns = ["variant", "seed", "status", "validation_loss", "test_loss"]
    (row,) = best_table(
        pd.DataFrame(rows, columns=columns), ["test_loss"], "validation_loss"
    ).to_dict("records")
    assert row["variant"] == "b"
    assert row["uncorrected"] == pytest.approx(-0.2)
    # b is measured in five seeds, and a in the seed that made b the best
    assert row["delta"] == pytest.approx((5 * -0.2 + 0.4) / 6)
    # a wins if the last seed is not drawn, (5 / 6) ** 6 of the resamples
    assert row["chosen_again"] == pytest.approx(1 - (5 / 6) ** 6, abs=0.04)


def test_best_delta_before_any_trial_is_done(outcome):
    results = outcome(STUDY, lambda trial: "ValueError: always")
    with pytest.raises(StudyError) as refused:
        results.best_delta()
    assert str(refused.value) == f"No trial of the study in {results.directory} is done."


def test_best_delta_of_few_seeds_has_no_interval(outcome):
    results = outcome(replace(STUDY, seeds=2), told)
    row = results.best_delta().iloc[0]
    assert row["delta"] == pytest.approx(-1.5)
    assert np.isnan(row["ci_low"])
    assert row["notes"] == NO_VALIDATION.format("test_loss")


def test_path_is_chosen_by_validation_and_measured_on_test(both):
    def losses(trial):
        validation = 3.0 - ("depth" in trial.settings) - len(trial.settings)
        return validation, 3.0 - 2 * ("units" in trial.settings) - 0.1 * len(trial.settings)

    path = both(PATH, losses).path()
    assert path["factor"].tolist() == ["", "depth", "units"]  # on test, units would come first
    assert path["mean"].tolist() == pytest.approx([3.0, 2.9, 0.8])
    assert path["runner_up_mean"].tolist()[1] == pytest.approx(0.9)
    assert set(path["chosen_by"]) == {"validation_loss"}


def test_luck_of_a_path_step_is_corrected(both):
    """Both changes are alike; depth=2 is chosen because of its luck in seed 0."""
    noise = {("depth", 0): -0.6, ("units", 1): -0.3, ("units", 2): -0.2}

    def losses(trial):
        names = tuple(trial.settings)
        loss = 1.0 + (noise.get((names[0], trial.seed), 0.0) if len(names) == 1 else 0.0)
        return loss, loss

    path = both(PATH, losses).path()
    assert path["factor"].tolist() == ["", "depth", "units"]
    assert path["uncorrected"].tolist()[1:] == pytest.approx([-0.1, 0.1])
    first, second = path["delta"].tolist()[1:]
    assert -0.1 < first < 0.1
    assert first + second == pytest.approx(0, abs=1e-12)  # neither end is chosen


def test_auto_adds_seeds_until_validation_and_test_are_settled(both):
    study = Study("mlp", "digits", factors={"units": [8, 128]}, seeds="auto", max_seeds=10)

    def losses(trial):
        sign = 1 if trial.seed % 2 else -1
        change = "units" in trial.settings
        return sign * change * 1.0, 0.01 * trial.seed - 5.0 * change - 0.001 * sign * change

    results = both(study, losses)
    # the test verdict is settled after 6 seed blocks, that of validation is not after 10
    assert results.trials["seed"].nunique() == 10
    assert results.deltas("loss")["verdict"].tolist() == ["better"]
