"""What takes the place of training in tests: quick, and told by the trial what to do."""

import logging
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from waiting import wait_until

from ablations.study import Study, Trial, TrialResult
from cnnzoo.runtime.seeding import stream

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


def spoil_for_odd(trial: Trial) -> TrialResult:
    """Leave something behind that cannot be put back."""
    unrestored = ("the working folder (it is gone)",) if trial.seed % 2 else ()
    return replace(tell_pid(trial), unrestored=unrestored)


def advise(trial: Trial) -> TrialResult:
    logging.getLogger("tensorflow").warning("%d calls triggered tf.function retracing.", 5)
    return tell_pid(trial)


def pid_as_loss(trial: Trial, report_to: Path | None = None) -> TrialResult:
    return TrialResult(trial, "done", metrics={"test_loss": float(os.getpid())})


def raise_for_odd(trial: Trial) -> TrialResult:
    if trial.seed % 2:
        raise ValueError(f"seed {trial.seed} is odd\nand there is more to say")
    return tell_pid(trial)


def leave_for_odd(trial: Trial) -> TrialResult:
    if trial.seed % 2:
        raise SystemExit(5)
    return tell_pid(trial)


def die_for_odd(trial: Trial) -> TrialResult:
    """Leave a mark, so that tries can be counted, then die."""
    if trial.seed % 2:
        with Path(trial.data).open("a") as file:
            file.write(f"{trial.seed}\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return tell_pid(trial)


def die_once(trial: Trial) -> TrialResult:
    """Die where no one left a mark yet."""
    mark = Path(f"{trial.data}.{trial.seed}")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return tell_pid(trial)


def exit_with_seed(trial: Trial) -> TrialResult:
    """End once there is a file of the worker's number, which says that it was heard of."""
    wait_until(Path(trial.data, str(os.getpid())).exists)
    os._exit(trial.seed)


def exit_for_odd(trial: Trial) -> TrialResult:
    """End the worker as if all were well."""
    if trial.seed % 2:
        os._exit(0)
    return tell_pid(trial)


def sleep_for_odd(trial: Trial) -> TrialResult:
    if trial.seed % 2:
        time.sleep(600)
    return tell_pid(trial)


def sleep_a_little(trial: Trial) -> TrialResult:
    time.sleep(0.1)
    return tell_pid(trial)


def die_when_idle(trial: Trial) -> TrialResult:
    """Return a result and die a little later, while the worker waits for more."""
    import threading

    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    return tell_pid(trial)


def write_to_stderr(trial: Trial) -> TrialResult:
    os.write(2, f"seed {trial.seed} was here\n".encode())
    return tell_pid(trial)


def return_a_lambda(trial: Trial) -> TrialResult:
    return TrialResult(trial, "done", metrics={"f": lambda: 0})  # which cannot be pickled


def exit_when_idle(trial: Trial) -> TrialResult:
    """Return a result and end the worker a little later, as if all were well."""
    import threading

    threading.Timer(0.3, os._exit, [0]).start()
    return tell_pid(trial)


def exit_in_preparation(log: Path | None = None, gpu: str | None = None) -> None:
    os._exit(0)


def raise_in_counting() -> int:
    raise RuntimeError("no driver")


def prepare_gpu(log: Path | None = None, gpu: str | None = None) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = "left out" if gpu is None else gpu


def tell_gpu(trial: Trial) -> TrialResult:
    time.sleep(0.3)  # so that every worker gets one
    visible = os.environ["CUDA_VISIBLE_DEVICES"]
    return TrialResult(trial, "done", reason=visible, metrics={"pid": os.getpid()})


def no_preparation(log: Path | None = None, gpu: str | None = None) -> None:
    """In the place of `prepare_worker`, which loads Keras."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if log is not None:
        with log.open("a") as file:
            os.dup2(file.fileno(), 2)
