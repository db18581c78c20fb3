"""How workers share GPUs."""

import os

import pytest
import stub_trials
from engine_runs import run, trials

from ablations.engines import processes, start_engine
from ablations.engines.limits import Limits


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
