"""Functions that only this process can import, in worker processes."""

import threading
from functools import partial

import pytest
from helpers import engine_items

from cnnzoo.engine import EngineError, WorkerSetup, start_engine
from cnnzoo.engine.shipping import ship, unpack


def test_workers_receive_a_function_with_what_it_encloses():
    offset = [40]

    def prepare():
        engine_items.PREPARED.append(offset[0] + 2)

    setup = WorkerSetup(prepare=prepare)
    outcomes = engine_items.run(engine_items.prepared, [1], setup=setup, workers=1)
    assert outcomes[1].result == [42]
    assert engine_items.PREPARED == []


def test_importable_functions_are_sent_by_name():
    assert unpack(ship(partial(engine_items.answer, 3))).func is engine_items.answer


def test_object_of_this_process_is_refused_before_a_worker_starts():
    lock = threading.Lock()
    with pytest.raises(EngineError) as refused:
        start_engine("processes", setup=WorkerSetup(prepare=lambda: lock.acquire()))
    assert str(refused.value) == (
        "The builder, its arguments or the data refer to an object that cannot be sent to worker "
        "processes (TypeError: cannot pickle '_thread.lock' object). Create it inside the function "
        "that uses it, or run one trial after the other in this process."
    )
