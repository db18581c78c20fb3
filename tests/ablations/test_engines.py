import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest
import stub_trials

from ablations import Settings, StudyError, Trial
from ablations.engines import ENGINES, processes, start_engine
from ablations.engines.limits import Limits
from cnnzoo import Recipe


def trials(variants=1, seeds=4, data="none"):
    return [
        Trial("mlp", str(data), Settings(units=variant + 1), Recipe(), seed)
        for variant in range(variants)
        for seed in range(seeds)
    ]


def run(function, asked, engine="processes", stopping=lambda: False, **limits):
    """Run trials, and return results by trial, having checked that each has one."""
    with start_engine(engine, Limits(**{"workers": 2, **limits})) as running:
        results = list(running.run(function, asked, stopping=stopping))
    assert max(Counter(result.trial for result in results).values(), default=1) == 1
    return {result.trial: result for result in results}


def statuses(results):
    return {(trial.settings["units"], trial.seed): results[trial].status for trial in results}


def alternating(count):
    return {(1, seed): "failed" if seed % 2 else "done" for seed in range(count)}


@pytest.fixture(autouse=True)
def quick_workers(monkeypatch):
    """Workers of stubs need no Keras."""
    monkeypatch.setattr(processes, "prepare_worker", stub_trials.no_preparation)


# Each trial has one result


@pytest.mark.parametrize("engine", ENGINES)
def test_every_trial_has_one_result(engine):
    asked = trials(variants=5, seeds=6)
    results = run(stub_trials.tell_pid, asked, engine)
    assert set(results) == set(asked)
    assert all(result.status == "done" for result in results.values())
    assert all(result.metrics["seed"] == trial.seed for trial, result in results.items())


@pytest.mark.parametrize("engine", ENGINES)
def test_no_trials_have_no_results(engine):
    assert run(stub_trials.tell_pid, [], engine) == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_runs_more_than_once(engine):
    with start_engine(engine, Limits(workers=1)) as running:
        first = [*running.run(stub_trials.tell_pid, trials(seeds=2))]
        second = [*running.run(stub_trials.tell_pid, trials(seeds=2))]
    assert [r.metrics["pid"] for r in first] == [r.metrics["pid"] for r in second]


def test_the_serial_engine_keeps_tensorflows_advice_against_tracing_back(caplog):
    run(stub_trials.advise, trials(seeds=1), "serial")
    assert caplog.messages == []


def test_the_serial_engine_keeps_the_order_and_the_process():
    asked = trials(variants=2, seeds=3)
    with start_engine("serial", Limits()) as running:
        results = list(running.run(stub_trials.tell_pid, asked))
    assert [result.trial for result in results] == asked
    assert {result.metrics["pid"] for result in results} == {os.getpid()}


def test_workers_are_other_processes_and_as_many_as_asked_for():
    results = run(stub_trials.sleep_a_little, trials(variants=2, seeds=4))
    pids = {result.metrics["pid"] for result in results.values()}
    assert len(pids) == 2
    assert os.getpid() not in pids


# What goes wrong costs one trial


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


def test_the_exit_code_of_a_worker_is_told():
    asked = [replace(trials(seeds=1)[0], seed=code) for code in (0, 1, 7, 255)]
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
            time.sleep(0.6)  # it dies now
        results = list(running.run(stub_trials.tell_pid, trials()))
    assert [result.status for result in results] == ["done"] * 4


def test_a_worker_that_cannot_start_fails_its_trials_and_not_the_study(tmp_path):
    log = tmp_path / "no such folder" / "log"
    results = run(stub_trials.tell_pid, trials(seeds=2), retries=1, log=log)
    assert {result.reason for result in results.values()} == {"its worker died 2 times"}


def test_a_trial_that_takes_too_long_is_given_up_alone():
    start = time.monotonic()
    results = run(stub_trials.sleep_for_odd, trials(), timeout=0.5)
    assert time.monotonic() - start < 30
    assert statuses(results) == alternating(4)
    assert {result.reason for result in results.values()} == {"", "took longer than 0.5 s"}


def test_a_result_that_cannot_be_sent_fails_its_trial():
    results = run(stub_trials.return_a_lambda, trials(seeds=2))
    assert {result.status for result in results.values()} == {"failed"}


# Order, renewal, end


@pytest.mark.parametrize("engine", ENGINES)
def test_stopping_starts_no_more_and_waits_for_the_running(engine):
    ended: list[object] = []
    with start_engine(engine, Limits(workers=2)) as running:
        for result in running.run(
            stub_trials.sleep_a_little, trials(seeds=20), stopping=lambda: len(ended) >= 3
        ):
            ended.append(result)  # noqa: PERF402, asked about while it grows
    workers = 2 if engine == "processes" else 1
    assert 3 <= len(ended) <= 3 + workers - 1
    assert all(result.status == "done" for result in ended)


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


def test_workers_are_replaced_after_so_many_trials():
    results = run(stub_trials.tell_pid, trials(seeds=7), workers=1, renew_after=3)
    counts = Counter(result.metrics["pid"] for result in results.values())
    assert sorted(counts.values()) == [1, 3, 3]


def test_workers_are_kept_when_they_are_not_to_be_replaced():
    results = run(stub_trials.tell_pid, trials(seeds=7), workers=1, renew_after=0)
    assert len({result.metrics["pid"] for result in results.values()}) == 1


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


def test_no_worker_outlives_its_engine():
    with start_engine("processes", Limits(workers=2)) as running:
        pids = {r.metrics["pid"] for r in running.run(stub_trials.tell_pid, trials(variants=2))}
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_leaving_early_stops_the_running_trials():
    start = time.monotonic()
    with start_engine("processes", Limits(workers=1)) as running:
        next(running.run(stub_trials.sleep_for_odd, trials(seeds=2)))
    assert time.monotonic() - start < 30


def test_an_unknown_engine_is_answered_with_the_nearest():
    with pytest.raises(StudyError) as refused:
        start_engine("seriel", Limits())
    assert str(refused.value) == (
        "There is no engine `seriel`; did you mean `serial`? Known: processes, serial."
    )


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"workers": 0}, "`workers` must be a whole number from 1 up; got 0."),
        ({"workers": True}, "`workers` must be a whole number from 1 up; got True."),
        ({"workers": 2.0}, "`workers` must be a whole number from 1 up; got 2.0."),
        ({"renew_after": -1}, "`renew_after` must be a whole number from 0 up; got -1."),
        ({"renew_after": None}, "`renew_after` must be a whole number from 0 up; got None."),
    ],
)
def test_limits_that_are_none_are_refused(limits, sentence):
    with pytest.raises(StudyError) as refused:
        Limits(**limits)
    assert str(refused.value) == sentence


# GPUs


def gpus_of_workers(monkeypatch, gpus, **limits):
    """Return by worker what `CUDA_VISIBLE_DEVICES` it has, on a host with such GPUs."""
    monkeypatch.setattr(processes, "find_gpus", lambda count: gpus)
    monkeypatch.setattr(processes, "prepare_worker", stub_trials.prepare_gpu)
    results = run(stub_trials.tell_gpu, trials(variants=8), **limits)
    return {result.metrics["pid"]: result.reason for result in results.values()}


@pytest.mark.parametrize(
    ("workers", "given"),
    [
        (None, ["2", "GPU-3"]),  # one a GPU
        (1, ["2"]),
        (3, ["2", "2", "GPU-3"]),
        (4, ["2", "2", "GPU-3", "GPU-3"]),
    ],
)
def test_workers_share_the_gpus_in_turn(monkeypatch, workers, given):
    told = gpus_of_workers(monkeypatch, ["2", "GPU-3"], workers=workers)
    assert sorted(told.values()) == given


def test_without_gpus_workers_see_what_the_program_sees(monkeypatch):
    monkeypatch.setattr(processes, "default_workers", lambda gpus: 3 if gpus == 0 else 0)
    told = gpus_of_workers(monkeypatch, [], workers=None)
    assert list(told.values()) == ["left out"] * 3


def test_gpus_are_counted_by_a_process_of_their_own(monkeypatch):
    monkeypatch.setattr(processes, "count_gpus", os.getppid)
    with start_engine("processes", Limits(workers=1)) as running:
        (result,) = running.run(stub_trials.tell_pid, trials(seeds=1))
        parent = running._count_gpus()
    assert parent not in (os.getpid(), os.getppid(), result.metrics["pid"])


@pytest.mark.parametrize("fault", [stub_trials.exit_in_preparation, stub_trials.raise_in_counting])
def test_gpus_that_cannot_be_counted_are_not_used(monkeypatch, fault):
    monkeypatch.setattr(processes, "count_gpus", fault)
    with start_engine("processes", Limits(workers=1)) as running:
        assert running._count_gpus() == 0


# Programs of all kinds


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
        timeout=60,
    )
    assert answer.stderr == ""
    assert answer.stdout.splitlines() == ["running", "[0, 1, 2, 3]"]


def test_workers_do_not_hear_of_interruptions():
    with start_engine("processes", Limits(workers=1, retries=0)) as running:
        (first,) = running.run(stub_trials.tell_pid, trials(seeds=1))
        os.kill(first.metrics["pid"], signal.SIGINT)
        (second,) = running.run(stub_trials.tell_pid, trials(seeds=1))
    assert second.metrics["pid"] == first.metrics["pid"]
