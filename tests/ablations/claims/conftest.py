"""Stored studies whose trials have the values that a test says."""

import pytest
from helpers.stub_trials import measure_trial

from ablations import TrialResult, run
from ablations.running import run as runner


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """Return a function that runs a study; each trial has the fields that a function returns."""

    def stored(study, told):
        monkeypatch.setattr(runner, "measure_trial", measure_trial)
        monkeypatch.setattr(
            runner,
            "run_trial",
            lambda trial, report_to=None: TrialResult(trial, **{"status": "done", **told(trial)}),
        )
        return run(study, tmp_path / study.name, engine="serial", progress=False)

    return stored
