"""What all engines promise, and the queue protocol."""

import os
from functools import partial

import pytest
from helpers import engine_items
from helpers.engine_items import SETUP, pids, reasons, run
from helpers.engine_parameters import EVERY_ENGINE, one_ray

from cnnzoo.engine import (
    ChangedStateError,
    EngineError,
    InOrder,
    Limits,
    Queue,
    WorkerSetup,
    start_engine,
)


@pytest.fixture(scope="module", params=EVERY_ENGINE)
def engine(request):
    with one_ray(request.param):
        yield request.param


def test_each_item_has_one_outcome(engine):
    outcomes = run(engine_items.answer, range(30), engine)
    assert {item: outcome.result.item for item, outcome in outcomes.items()} == {
        number: number for number in range(30)
    }


def test_no_items_have_no_outcomes(engine):
    assert run(engine_items.answer, [], engine) == {}


def test_an_engine_runs_more_than_once(engine):
    with start_engine(engine, Limits(workers=1)) as running:
        first, second = ([*running.run(engine_items.answer, range(2))] for _ in range(2))
    assert [o.result.pid for _, o in first] == [o.result.pid for _, o in second]


def test_the_serial_engine_hides_advice_of_tensorflow_on_retracing(caplog):
    run(engine_items.advise, [1], "serial")
    assert caplog.messages == []


def test_the_serial_engine_keeps_the_order_and_the_process():
    outcomes = run(engine_items.answer, [3, 1, 2], "serial")
    assert list(outcomes) == [3, 1, 2]
    assert set(pids(outcomes)) == {os.getpid()}


def test_serial_engine_prepares_its_process_once():
    prepared = []

    def prepare():
        prepared.append(len(prepared))
        raise RuntimeError("TensorFlow has started")

    run(engine_items.answer, [], "serial", WorkerSetup(prepare=prepare))
    assert prepared == []
    run(engine_items.answer, [1, 2], "serial", WorkerSetup(prepare=prepare))
    assert prepared == [0]


def test_a_worker_with_changed_state_is_replaced():
    outcomes = run(engine_items.change_state_if_odd, range(5), workers=1)
    first, second, third, fourth, fifth = pids(outcomes)
    assert first == second != third == fourth != fifth != first


def test_serial_engine_stops_after_an_item_that_changed_state():
    with start_engine("serial", setup=SETUP) as running:
        outcomes = running.run(engine_items.change_state_if_odd, range(4))
        assert [next(outcomes)[0] for _ in range(2)] == [0, 1]
        with pytest.raises(ChangedStateError) as refused:
            next(outcomes)
    assert refused.value.changed_state == ("the working folder (it is gone)",)


def test_changed_state_after_the_last_item_is_no_error():
    assert len(run(engine_items.change_state_if_odd, [1], "serial")) == 1


def test_stopping_starts_no_more_items_and_waits_for_the_running(engine):
    ended = []
    with start_engine(engine, Limits(workers=2)) as running:
        for item, outcome in running.run(
            engine_items.answer_slowly, range(20), lambda: len(ended) >= 3
        ):
            assert outcome.result.item == item
            ended.append(item)
    workers = 1 if engine == "serial" else 2
    assert 3 <= len(ended) <= 3 + workers - 1


def test_stopping_retries_no_item_whose_worker_died(tmp_path):
    asked = []

    def stopping():
        asked.append(len(asked))
        return (tmp_path / "mark").exists()  # the worker has begun to die

    outcomes = run(
        partial(engine_items.die_if_odd, tmp_path / "mark"), [1, 3], workers=1, stopping=stopping
    )
    assert outcomes == {}


def test_an_exception_of_stopping_ends_the_run(engine):
    def stopping():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(engine_items.answer, range(3), engine, stopping=stopping)


class Tournament:
    """Two rounds: items 0 to 3, then the two with the highest results, which must wait."""

    def __init__(self):
        self.first, self.results, self.second, self.told = [0, 1, 2, 3], {}, None, []

    def take(self, worker):
        if self.first:
            return self.first.pop(0)
        if len(self.results) < 4:
            return None
        if self.second is None:
            self.second = [10 + item for item in sorted(self.results, key=self.results.get)[-2:]]
        return self.second.pop(0) if self.second else None

    def learn(self, item, outcome):
        self.told.append(item)
        if item < 10:
            self.results[item] = outcome.result.item


def test_a_queue_may_wait_for_results_before_it_gives_more(engine):
    queue = Tournament()
    assert isinstance(queue, Queue)
    outcomes = run(engine_items.answer_slowly, queue, engine, workers=3)
    assert sorted(outcomes) == [0, 1, 2, 3, 12, 13]
    assert sorted(queue.told) == sorted(outcomes)


def test_a_queue_hears_of_failures():
    class Listening(InOrder):
        heard = {}

        def learn(self, item, outcome):
            self.heard[item] = outcome.reason

    run(engine_items.raise_if_odd, Listening([0, 1]))
    assert Listening.heard == {0: "", 1: "ValueError: 1 is odd"}


def test_a_function_that_raises_fails_its_item_only(engine):
    outcomes = run(engine_items.raise_if_odd, range(4), engine)
    assert reasons(outcomes) == {
        0: "",
        1: "ValueError: 1 is odd",
        2: "",
        3: "ValueError: 3 is odd",
    }
    assert not any(outcome.worker_died for outcome in outcomes.values())


def test_a_function_that_exits_fails_its_item_only(engine):
    outcomes = run(engine_items.leave_if_odd, range(4), engine)
    assert reasons(outcomes) == {0: "", 1: "SystemExit: 5", 2: "", 3: "SystemExit: 5"}


def test_an_unknown_engine_suggests_the_nearest():
    with pytest.raises(EngineError) as refused:
        start_engine("seriel")
    assert str(refused.value) == (
        "`engine`: expected one of processes, ray, serial; got 'seriel'; did you mean `serial`?"
    )


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"workers": 0}, "`workers`: expected a whole number from 1 up; got 0."),
        ({"workers": True}, "`workers`: expected a whole number from 1 up; got True."),
        ({"workers": 2.0}, "`workers`: expected a whole number from 1 up; got 2.0."),
        ({"renew_after": -1}, "`renew_after`: expected a whole number from 0 up; got -1."),
        ({"renew_after": None}, "`renew_after`: expected a whole number from 0 up; got None."),
    ],
)
def test_invalid_limits_are_refused(limits, sentence):
    with pytest.raises(EngineError) as refused:
        Limits(**limits)
    assert str(refused.value) == sentence
