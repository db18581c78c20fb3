"""A worker that dies, or an item that takes too long, fails one item only."""

import time
from collections import Counter
from functools import partial

import pytest
from helpers import engine_items
from helpers.engine_items import reasons, run
from helpers.engine_parameters import PARALLEL, one_ray
from helpers.waiting import wait_until
from pebble.pool.process import TaskManager

from cnnzoo.engine import Limits, WorkerSetup, start_engine


@pytest.fixture(scope="module", params=PARALLEL)
def engine(request):
    with one_ray(request.param):
        yield request.param


@pytest.mark.parametrize(
    ("retries", "reason"),
    [
        (0, "its worker died with signal 9"),
        (1, "its worker died 2 times, at last with signal 9"),
        (2, "its worker died 3 times, at last with signal 9"),
    ],
)
def test_an_item_whose_worker_dies_fails_after_its_retries(engine, tmp_path, retries, reason):
    marks = tmp_path / "marks"
    outcomes = run(partial(engine_items.die_if_odd, marks), range(4), engine, retries=retries)
    # how a worker ended is unknown if it died before its item was acknowledged
    allowed = {reason, reason.partition(", at last")[0].partition(" with")[0]}
    for item, text in reasons(outcomes).items():
        assert text in (allowed if item % 2 else {""})
        assert outcomes[item].worker_died == bool(item % 2)
    assert Counter(marks.read_text().split()) == {"1": retries + 1, "3": retries + 1}


def test_an_item_whose_worker_died_once_is_retried(engine, tmp_path):
    outcomes = run(partial(engine_items.die_once, tmp_path / "mark"), range(4), engine, retries=1)
    assert set(reasons(outcomes).values()) == {""}


def test_the_exit_code_of_a_worker_is_reported(tmp_path, monkeypatch):
    begin = TaskManager.task_start

    def acknowledged(manager, task, worker):
        begin(manager, task, worker)
        (tmp_path / str(worker)).touch()

    monkeypatch.setattr(TaskManager, "task_start", acknowledged)
    codes = [0, 1, 7, 255]
    outcomes = run(partial(engine_items.exit_with_item, tmp_path), codes, retries=0)
    assert reasons(outcomes) == {code: f"its worker died with exit code {code}" for code in codes}


def test_a_worker_that_exits_with_code_0_has_died():
    told = reasons(run(engine_items.exit_with_0_if_odd, range(4), retries=1))
    died = "its worker died 2 times"
    for item, text in told.items():
        assert text in ({died, f"{died}, at last with exit code 0"} if item % 2 else {""})


def test_a_worker_that_exits_while_it_is_prepared_has_died(engine):
    setup = WorkerSetup(prepare=engine_items.exit_in_preparation)
    outcomes = run(engine_items.answer, range(2), engine, setup, retries=1)
    assert set(reasons(outcomes).values()) == {"its worker died 2 times"}


@pytest.mark.parametrize("end", [engine_items.die_when_idle, engine_items.exit_when_idle])
def test_a_worker_that_dies_between_items_fails_none(end, tmp_path):
    with start_engine("processes", Limits(workers=1, retries=1)) as running:
        for _ in range(2):
            ((_, outcome),) = running.run(partial(end, tmp_path), [0])
            (tmp_path / str(outcome.result.pid)).touch()
            wait_until(lambda: not running._workers[0].active)
        outcomes = dict(running.run(engine_items.answer, range(4)))
    assert set(reasons(outcomes).values()) == {""}


def test_a_worker_whose_log_cannot_be_written_fails_its_items(tmp_path):
    log = tmp_path / "no such folder" / "log"
    outcomes = run(engine_items.answer, range(2), retries=1, log=log)
    assert set(reasons(outcomes).values()) == {"its worker died 2 times"}


def test_an_item_that_exceeds_the_timeout_fails(engine):
    start = time.monotonic()
    outcomes = run(engine_items.sleep_if_odd, range(4), engine, timeout=2.5)
    assert time.monotonic() - start < 300  # each of both would sleep 600
    late = "took longer than 2.5 s"
    assert reasons(outcomes) == {0: "", 1: late, 2: "", 3: late}


def test_a_result_that_cannot_be_pickled_fails_its_item(engine):
    outcomes = run(engine_items.return_a_lock, range(2), engine)
    assert all(reasons(outcomes).values())
