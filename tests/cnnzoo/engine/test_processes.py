"""Worker processes: their number, renewal, end, log, GPUs and arithmetic."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from helpers import engine_items
from helpers.engine_items import pids, run
from helpers.waiting import is_alive, wait_until

from cnnzoo.engine import Limits, WorkerSetup, processes, start_engine


def test_workers_are_other_processes_and_as_many_as_asked_for():
    found = pids(run(engine_items.answer, range(8)))
    assert len(set(found)) == 2
    assert os.getpid() not in found


def test_no_more_workers_start_than_there_are_items():
    with start_engine("processes", Limits(workers=4)) as running:
        list(running.run(engine_items.answer_slowly, range(2)))
        assert sum(worker.active for worker in running._workers) == 2


# Renewal and end


def test_workers_are_replaced_after_their_number_of_items():
    outcomes = run(engine_items.answer, range(7), workers=1, renew_after=3)
    assert sorted(Counter(pids(outcomes)).values()) == [1, 3, 3]


def test_workers_are_not_replaced_if_renew_after_is_0():
    outcomes = run(engine_items.answer, range(7), workers=1, renew_after=0)
    assert len(set(pids(outcomes))) == 1


def test_no_worker_outlives_its_engine():
    found = pids(run(engine_items.answer_slowly, range(4)))
    wait_until(lambda: not any(map(is_alive, found)))


def test_leaving_early_stops_the_running_items():
    start = time.monotonic()
    with start_engine("processes", Limits(workers=2)) as running:
        next(running.run(engine_items.sleep_if_odd, range(2)))
    assert time.monotonic() - start < 300  # item 1 would sleep 600


KILLED = """
import sys
from helpers import engine_items
from cnnzoo.engine import Limits, start_engine
with start_engine("processes", Limits(workers=2)) as engine:
    for item, outcome in engine.run(engine_items.sleep_if_odd, [0, 1, 2]):
        print(outcome.result.pid, flush=True)
"""


def test_workers_end_at_once_when_their_caller_is_killed():
    caller = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    worker = int(caller.stdout.readline())
    children = set(map(int, _children(caller.pid)))
    busy = {pid for child in children for pid in map(int, _children(child))}
    assert worker in busy
    caller.kill()
    caller.communicate()
    wait_until(lambda: not any(map(is_alive, busy)), seconds=300)  # one of them would sleep 600


def _children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


# Signals, log, arithmetic


def test_workers_ignore_interruptions():
    with start_engine("processes", Limits(workers=1, retries=0)) as running:
        ((_, first),) = running.run(engine_items.answer, [0])
        os.kill(first.result.pid, signal.SIGINT)
        ((_, second),) = running.run(engine_items.answer, [0])
    assert second.result.pid == first.result.pid


def test_output_of_workers_is_appended_to_the_log(tmp_path, capfd):
    log = tmp_path / "log"
    log.write_text("from before\n")
    run(engine_items.write_to_both_streams, range(2), log=log)
    assert sorted(log.read_text().splitlines()) == [
        *("error of 0", "error of 1", "from before", "output of 0", "output of 1"),
    ]
    captured = capfd.readouterr()
    assert "of 0" not in captured.out + captured.err


ARITHMETIC = """
from cnnzoo.engine import Limits, WorkerSetup, start_engine
from cnnzoo.runtime.determinism import arithmetic, fix_arithmetic

import operator
setup = WorkerSetup(preload=("cnnzoo.engine.lean_keras",), prepare=fix_arithmetic)
with start_engine("processes", Limits(workers=1), setup) as engine:
    print([outcome.result for _, outcome in engine.run(operator.call, [arithmetic])])
"""


@pytest.mark.parametrize(("onednn", "kernels"), [("0", "Eigen"), ("1", "oneDNN")])
def test_prepared_workers_compute_on_one_thread(onednn, kernels):
    program = subprocess.run(
        [sys.executable, "-c", ARITHMETIC],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn},
        check=True,
        capture_output=True,
        text=True,
    )
    assert program.stdout == f"['threads: 1, kernels: {kernels}']\n"


SCRIPT = """
from helpers import engine_items
from cnnzoo.engine import Limits, start_engine
print("running", flush=True)
with start_engine("processes", Limits(workers=2)) as engine:
    print(sorted(item for item, _ in engine.run(engine_items.answer, range(4))))
"""


@pytest.mark.parametrize("first", ["", "del __spec__  # as IPython's %reset does"])
def test_a_script_needs_no_guard_and_runs_once(tmp_path, first):
    script = tmp_path / "unguarded.py"
    script.write_text(f"{first}\n{SCRIPT}")
    program = subprocess.run(
        [sys.executable, str(script)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert program.stderr == ""
    assert program.stdout.splitlines() == ["running", "[0, 1, 2, 3]"]


def test_the_engine_loads_neither_keras_nor_tensorflow():
    code = """
import sys, cnnzoo.engine
print([name for name in ("keras", "tensorflow", "keras_tuner") if name in sys.modules])
print([name for name in sys.modules if name.startswith(("ablations", "cnnzoo.tuning"))])
"""
    program = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert program.stdout.splitlines() == ["[]", "[]"]


# GPUs


@pytest.mark.parametrize(
    ("workers", "gpus"),
    [
        (None, ["2", "GPU-3"]),  # one worker per GPU
        (1, ["2"]),
        (3, ["2", "2", "GPU-3"]),
        (4, ["2", "2", "GPU-3", "GPU-3"]),
    ],
)
def test_workers_share_the_gpus_in_turn(monkeypatch, workers, gpus):
    monkeypatch.setattr(processes, "find_gpus", lambda count: ["2", "GPU-3"])
    outcomes = run(engine_items.answer, range(8), workers=workers)
    by_worker = {outcome.result.pid: outcome.result.gpu for outcome in outcomes.values()}
    assert sorted(by_worker.values()) == gpus


def test_workers_see_all_gpus_if_none_are_shared(monkeypatch):
    monkeypatch.setattr(processes, "default_workers", lambda gpus, *_: 3 if gpus == 0 else 0)
    monkeypatch.setattr(processes, "find_gpus", lambda count: [])
    outcomes = run(engine_items.answer, range(6), workers=None)
    by_worker = {outcome.result.pid: outcome.result.gpu for outcome in outcomes.values()}
    assert list(by_worker.values()) == [os.environ.get("CUDA_VISIBLE_DEVICES")] * 3


def test_two_workers_share_a_gpu_that_is_given_by_halves(monkeypatch):
    monkeypatch.setattr(processes, "find_gpus", lambda count: ["2"])
    outcomes = run(engine_items.answer_slowly, range(6), workers=None, gpus=0.5)
    assert {outcome.result.gpu for outcome in outcomes.values()} == {"2"}
    assert len({*pids(outcomes)}) == 2


def test_items_without_a_gpu_see_none(monkeypatch):
    monkeypatch.setattr(processes, "find_gpus", lambda count: ["2"])
    ((_, outcome),) = run(engine_items.answer, [0], workers=1, gpus=0).items()
    assert outcome.result.gpu == "-1"


def test_gpus_are_counted_in_a_process_of_their_own(monkeypatch):
    monkeypatch.setattr(processes, "count_gpus", os.getpid)
    with start_engine("processes", Limits(workers=1)) as running:
        ((_, outcome),) = running.run(engine_items.answer, [0])
        assert running._count_gpus() not in (os.getpid(), outcome.result.pid)


def test_gpus_that_cannot_be_counted_are_not_used(monkeypatch):
    monkeypatch.setattr(processes, "count_gpus", engine_items.raise_in_counting)
    with start_engine("processes", Limits(workers=1), WorkerSetup()) as running:
        assert running._count_gpus() == 0
