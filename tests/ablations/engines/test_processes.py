"""Workers in processes of their own: how many, for how long, what they run and hear."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import stub_trials
from engine_runs import run, trials
from waiting import alive, wait_until

from ablations.engines import start_engine
from ablations.engines.limits import Limits

# How many, and how trials are shared out


def test_workers_are_other_processes_and_as_many_as_asked_for():
    results = run(stub_trials.sleep_a_little, trials(variants=2, seeds=4))
    pids = {result.metrics["pid"] for result in results.values()}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_the_seeds_of_a_variant_stay_on_one_worker_while_it_has_some():
    with start_engine("processes", Limits(workers=2)) as running:
        order = {}
        for result in running.run(stub_trials.sleep_a_little, trials(variants=4, seeds=5)):
            order.setdefault(result.metrics["pid"], []).append(result.trial.settings["units"])
    assert len(order) == 2
    for variants in order.values():
        # a worker that left a variant does not come back to it
        runs = [v for i, v in enumerate(variants) if i == 0 or variants[i - 1] != v]
        assert len(runs) == len(set(runs))


def test_seeds_are_shared_out_when_a_worker_has_no_variant_of_its_own():
    results = run(stub_trials.sleep_a_little, trials(variants=1, seeds=8))
    assert len({result.metrics["pid"] for result in results.values()}) == 2


# Renewal and end


def test_workers_are_replaced_after_so_many_trials():
    results = run(stub_trials.tell_pid, trials(seeds=7), workers=1, renew_after=3)
    counts = Counter(result.metrics["pid"] for result in results.values())
    assert sorted(counts.values()) == [1, 3, 3]


def test_workers_are_kept_when_they_are_not_to_be_replaced():
    results = run(stub_trials.tell_pid, trials(seeds=7), workers=1, renew_after=0)
    assert len({result.metrics["pid"] for result in results.values()}) == 1


def test_no_worker_outlives_its_engine():
    with start_engine("processes", Limits(workers=2)) as running:
        pids = {r.metrics["pid"] for r in running.run(stub_trials.tell_pid, trials(variants=2))}
    wait_until(lambda: not any(map(alive, pids)))


def test_leaving_early_stops_the_running_trials():
    start = time.monotonic()
    with start_engine("processes", Limits(workers=2)) as running:
        next(running.run(stub_trials.sleep_for_odd, trials(seeds=2)))
    assert time.monotonic() - start < 300  # of the 600 that the other one sleeps


# What they hear, say and compute with


def test_workers_do_not_hear_of_interruptions():
    with start_engine("processes", Limits(workers=1, retries=0)) as running:
        (first,) = running.run(stub_trials.tell_pid, trials(seeds=1))
        os.kill(first.metrics["pid"], signal.SIGINT)
        (second,) = running.run(stub_trials.tell_pid, trials(seeds=1))
    assert second.metrics["pid"] == first.metrics["pid"]


def test_what_workers_write_to_stderr_goes_to_the_log(tmp_path, capfd):
    log = tmp_path / "log"
    log.write_text("from before\n")
    run(stub_trials.write_to_stderr, trials(seeds=2), log=log)
    assert sorted(log.read_text().splitlines()) == [
        "from before",
        "seed 0 was here",
        "seed 1 was here",
    ]
    assert "was here" not in capfd.readouterr().err


ARITHMETIC = """
from ablations import Settings, Trial
from ablations.engines import start_engine
from ablations.engines.limits import Limits
from ablations.trial import measure_trial
from cnnzoo import Recipe

with start_engine("processes", Limits(workers=1)) as running:
    asked = Trial("mlp", "digits", Settings(), Recipe(), 0)
    print([result.arithmetic for result in running.run(measure_trial, [asked])])
"""


@pytest.mark.parametrize(("onednn", "kernels"), [("0", "Eigen"), ("1", "oneDNN")])
def test_workers_compute_on_one_thread_and_say_by_which_library(onednn, kernels):
    program = subprocess.run(
        [sys.executable, "-c", ARITHMETIC],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn},
        check=True,
        capture_output=True,
        text=True,
    )
    assert program.stdout == f"['threads: 1, kernels: {kernels}']\n"


SCRIPT = """
import os, signal
import stub_trials
from ablations.engines import processes, start_engine
from ablations.engines.limits import Limits
processes.PRELOADED.clear()
processes.prepare_worker = stub_trials.no_preparation
from ablations import Settings, Trial
from cnnzoo import Recipe
print("running", flush=True)
trials = [Trial("mlp", "none", Settings(), Recipe(), seed) for seed in range(4)]
with start_engine("processes", Limits(workers=2)) as engine:
    print(sorted(result.trial.seed for result in engine.run(stub_trials.tell_pid, trials)))
"""


def test_a_script_needs_no_guard_and_runs_once(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(SCRIPT)
    answer = subprocess.run(
        [sys.executable, str(script)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert answer.stderr == ""
    assert answer.stdout.splitlines() == ["running", "[0, 1, 2, 3]"]
