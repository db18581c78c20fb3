"""What takes the place of training in tests: quick, and told by the trial what to do."""

import os
import time
from dataclasses import replace
from pathlib import Path

from ablations.study import Study, Trial, TrialResult
from cnnzoo.runtime.seeding import stream
from helpers.waiting import wait_until

CALLS: list[Trial] = []
"""The trials run in this process."""

MEASURED: list[Trial] = []
"""The trials measured in this process."""

STUDY = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=2)


def statuses(results):
    """Return the status of each variant with each seed."""
    trials = results.trials
    return {(row.variant, row.seed): row.status for row in trials.itertuples()}


def noise(trial: Trial) -> float:
    """A number from 0 to 1 that is a function of the trial."""
    return stream(trial.seed, trial.key) % 10**6 / 10**6


def measure_trial(trial: Trial) -> TrialResult:
    MEASURED.append(trial)
    if trial.settings.get("units") == 13:
        return TrialResult(trial, "infeasible", reason="ValueError: 13 is bad luck")
    return TrialResult(
        trial,
        "done",
        params=100,
        macs=1000,
        metrics={"examples": 100, "classes": 10},
        fingerprint="stub",
        arithmetic="mental",
    )


def run_trial(trial: Trial, report_to: Path | None = None) -> TrialResult:
    """Fail where `units` is 66; else the loss is 1, less 0.1 for each toggle set, plus noise."""
    CALLS.append(trial)
    if trial.settings.get("units") == 66:
        return TrialResult(trial, "failed", reason="ValueError: 66")
    loss = 1.0 - 0.1 * len(trial.settings) + 0.01 * noise(trial)
    metrics = {"test_loss": loss, "test_accuracy": 1 - loss / 2, "test_nll": loss + 1}
    return TrialResult(trial, "done", metrics=metrics, history={"loss": [2.0, loss]}, seconds=0.1)


def slow_trial(trial: Trial, report_to: Path | None = None) -> TrialResult:
    time.sleep(0.03 + 0.05 * noise(trial))
    return run_trial(trial)


def never_measured(trial: Trial) -> TrialResult:
    time.sleep(600)
    return measure_trial(trial)


def held_after_seed_0(trial: Trial, report_to: Path | None = None) -> TrialResult:
    """Where it is not the first seed, say so, and wait for the file that the environment names."""
    if trial.seed:
        until = Path(os.environ["HELD_UNTIL"])
        Path(f"{until}.{os.getpid()}").touch()
        wait_until(until.exists, seconds=3600)
    return run_trial(trial)


def tell_pid(trial: Trial) -> TrialResult:
    return TrialResult(trial, "done", metrics={"pid": os.getpid(), "seed": trial.seed})


def pid_as_loss(trial: Trial, report_to: Path | None = None) -> TrialResult:
    return TrialResult(trial, "done", metrics={"test_loss": float(os.getpid())})


def raise_for_odd(trial: Trial) -> TrialResult:
    if trial.seed % 2:
        raise ValueError(f"seed {trial.seed} is odd\nand there is more to say")
    return tell_pid(trial)


def tell_pid_slowly(trial: Trial) -> TrialResult:
    time.sleep(0.1)
    return tell_pid(trial)


def change_state(trial: Trial, report_to: Path | None = None) -> TrialResult:
    return replace(run_trial(trial), unrestored=("the working folder (it is gone)",))
