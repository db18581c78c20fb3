"""What goes wrong costs one trial."""

import time
from collections import Counter
from dataclasses import replace

import pytest
import stub_trials
from engine_runs import alternating, run, statuses, trials
from pebble.pool.process import TaskManager
from waiting import wait_until

from ablations.engines import ENGINES, processes, start_engine
from ablations.engines.limits import Limits


@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_that_raises_fails_its_trial_alone(engine):
    results = run(stub_trials.raise_for_odd, trials(), engine)
    assert statuses(results) == alternating(4)
    reasons = {trial.seed: result.reason for trial, result in results.items()}
    assert reasons == {0: "", 1: "ValueError: seed 1 is odd", 2: "", 3: "ValueError: seed 3 is odd"}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_that_leaves_python_fails_its_trial_alone(engine):
    results = run(stub_trials.leave_for_odd, trials(), engine)
    assert statuses(results) == alternating(4)
    assert {r.reason for r in results.values()} == {"", "SystemExit: 5"}


@pytest.mark.parametrize(
    ("retries", "reason"),
    [
        (0, "its worker died with signal 9"),
        (1, "its worker died 2 times, at last with signal 9"),
        (2, "its worker died 3 times, at last with signal 9"),
    ],
)
def test_a_worker_that_dies_costs_its_trial_after_so_many_tries(tmp_path, retries, reason):
    marks = tmp_path / "marks"
    results = run(stub_trials.die_for_odd, trials(data=marks), retries=retries)
    assert statuses(results) == alternating(4)
    # of a worker that dies at once, how it ended may not be known
    reasons = {result.reason for result in results.values()}
    assert reasons <= {"", reason, reason.partition(", at last")[0].partition(" with")[0]}
    assert Counter(marks.read_text().split()) == {"1": retries + 1, "3": retries + 1}


def test_a_trial_whose_worker_died_once_is_done_at_the_second_try(tmp_path):
    results = run(stub_trials.die_once, trials(data=tmp_path / "mark"), retries=1)
    assert {result.status for result in results.values()} == {"done"}


def test_the_exit_code_of_a_worker_is_told(tmp_path, monkeypatch):
    begin = TaskManager.task_start

    def heard(manager, task, worker):
        begin(manager, task, worker)
        (tmp_path / str(worker)).touch()

    monkeypatch.setattr(TaskManager, "task_start", heard)
    asked = [replace(trials(seeds=1, data=tmp_path)[0], seed=code) for code in (0, 1, 7, 255)]
    results = run(stub_trials.exit_with_seed, asked, retries=0)
    assert {trial.seed: (result.status, result.reason) for trial, result in results.items()} == {
        code: ("failed", f"its worker died with exit code {code}") for code in (0, 1, 7, 255)
    }


def test_a_worker_that_ends_as_if_all_were_well_has_died():
    results = run(stub_trials.exit_for_odd, trials(), retries=1)
    assert statuses(results) == alternating(4)
    reasons = {result.reason for result in results.values()}
    died = "its worker died 2 times"
    assert reasons <= {"", died, f"{died}, at last with exit code 0"}


def test_a_worker_that_ends_in_its_preparation_has_died(monkeypatch):
    monkeypatch.setattr(processes, "prepare_worker", stub_trials.exit_in_preparation)
    results = run(stub_trials.tell_pid, trials(seeds=2), retries=1)
    assert {result.reason for result in results.values()} == {"its worker died 2 times"}


@pytest.mark.parametrize("end", [stub_trials.die_when_idle, stub_trials.exit_when_idle])
def test_a_worker_that_dies_between_trials_costs_none(end):
    with start_engine("processes", Limits(workers=1, retries=1)) as running:
        for _ in range(2):
            (result,) = running.run(end, trials(seeds=1))
            assert result.status == "done"
            wait_until(lambda: not running._workers[0].active)  # it died, and that was seen
        results = list(running.run(stub_trials.tell_pid, trials()))
    assert [result.status for result in results] == ["done"] * 4


def test_a_worker_that_cannot_start_fails_its_trials_and_not_the_study(tmp_path):
    log = tmp_path / "no such folder" / "log"
    results = run(stub_trials.tell_pid, trials(seeds=2), retries=1, log=log)
    assert {result.reason for result in results.values()} == {"its worker died 2 times"}


def test_a_trial_that_takes_too_long_is_given_up_alone():
    start = time.monotonic()
    results = run(stub_trials.sleep_for_odd, trials(), timeout=2.5)
    assert time.monotonic() - start < 300  # of the 600 that they sleep
    assert statuses(results) == alternating(4)
    assert {result.reason for result in results.values()} == {"", "took longer than 2.5 s"}


def test_a_result_that_cannot_be_sent_fails_its_trial():
    results = run(stub_trials.return_a_lambda, trials(seeds=2))
    assert {result.status for result in results.values()} == {"failed"}
