"""Stub modules that workers can import, and stub trials in the place of training."""

import sys
from types import SimpleNamespace

import pytest
from helpers import declared_claims, stub_outcomes, stub_trials

from ablations import TrialResult, run
from ablations.claims import catalogue
from ablations.claims import run as claims_runner
from ablations.running import past_times
from ablations.running import run as runner
from cnnzoo.doctor.finding import Finding
from cnnzoo.engine.serial import Serial

FINDINGS = (
    Finding("slow", "Too slow", "9 s", "Wait"),
    Finding("wide", "Too wide", "8 units", "Trim"),
)


@pytest.fixture(autouse=True)
def no_past_times(monkeypatch, tmp_path):
    """Keep the times of trials apart, so that no expected time depends on earlier tests."""
    monkeypatch.setattr(past_times, "times_file", lambda: tmp_path / "cache" / "seconds.json")


@pytest.fixture
def stubbed(monkeypatch):
    """Put `stub_trials` in the place of training, for one test, and count what is run."""
    stub_trials.CALLS.clear()
    stub_trials.MEASURED.clear()
    monkeypatch.setattr(runner, "run_trial", stub_trials.run_trial)
    monkeypatch.setattr(runner, "measure_trial", stub_trials.measure_trial)
    return stub_trials


@pytest.fixture
def go(stubbed, tmp_path):
    """Return a function that runs a study of stub trials here, and says which were run."""

    def go(study=stub_trials.STUDY, **options):
        stub_trials.CALLS.clear()
        stub_trials.MEASURED.clear()
        results = run(study, tmp_path / "study", **{"engine": "serial", **options})
        return results, [(str(trial.settings), trial.seed) for trial in stub_trials.CALLS]

    return go


@pytest.fixture
def outcome(stubbed, monkeypatch, tmp_path):
    """Return a function that runs a study whose trials come to what a function says."""

    def outcome(study, told, name="study"):
        def trial_result(trial, report_to=None):
            found = told(trial)
            if isinstance(found, str):
                return TrialResult(trial, "failed", reason=found)
            return TrialResult(
                trial,
                "done",
                metrics=dict(zip(stub_outcomes.METRICS, found, strict=False)),
                history={"loss": [1.0, found[0]], "val_loss": [1.5, found[0]]},
                seconds=2.0,
                fit_seconds=1.5,
                params=10,
                macs=20,
                findings=FINDINGS if trial.settings.get("units") == 8 else (),
            )

        monkeypatch.setattr(runner, "run_trial", trial_result)
        return run(study, tmp_path / name, engine="serial", progress=False)

    return outcome


@pytest.fixture
def declare(stubbed, monkeypatch):
    """Return a function that declares claims in place of the documents', with stub trials."""

    def declare(*declared):
        clear()
        monkeypatch.setattr(catalogue, "DOCUMENTS", [SimpleNamespace(CLAIMS=declared)])

    def clear():
        catalogue.claims.cache_clear()
        catalogue.studies.cache_clear()

    monkeypatch.setattr(runner, "start_engine", lambda _, *given: Serial(*given[:2]))
    monkeypatch.setattr(claims_runner, "load_keras", lambda: None)
    monkeypatch.setitem(sys.modules, "ablations.claims.exact_checks", declared_claims)
    yield declare
    clear()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
