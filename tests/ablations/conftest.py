"""Stub modules that workers can import, and stub trials in the place of training."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # which worker processes inherit

import stub_trials

from ablations import runner


@pytest.fixture
def stubbed(monkeypatch):
    """Put `stub_trials` in the place of training, for one test, and count what is run."""
    stub_trials.CALLS.clear()
    stub_trials.MEASURED.clear()
    monkeypatch.setattr(runner, "run_trial", stub_trials.run_trial)
    monkeypatch.setattr(runner, "measure_trial", stub_trials.measure_trial)
    return stub_trials
