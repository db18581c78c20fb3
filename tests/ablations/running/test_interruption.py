"""Ctrl-C: stopping after the running trials, or at once."""

import os
import signal
import threading

import pytest

from cnnzoo.runtime.interrupts import interruptible

DRAINS = "Stopping after the running trials; Ctrl-C again stops at once."
STOPS = "Stopped. Finished trials are saved; run the study again to resume."


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def handler_is_given_back():
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


def told(work):
    """Run a function that ends by an interruption, and return the printed lines."""
    said = []

    def run():
        with interruptible(said.append) as interruption:
            work(interruption)

    with pytest.raises(KeyboardInterrupt):
        run()
    return said


def test_first_interruption_stops_if_no_trial_runs():
    assert told(lambda interruption: interrupt()) == [STOPS]


def test_second_interruption_stops_while_trials_run():
    def work(interruption):
        with interruption.draining():
            assert not interruption.asked()
            interrupt()
            assert interruption.asked()
            interrupt()

    assert told(work) == [DRAINS, STOPS]


def test_interruption_after_the_running_trials_stops():
    def work(interruption):
        with interruption.draining():
            interrupt()
        interrupt()

    assert told(work) == [DRAINS, STOPS]


def test_a_wish_alone_ends_in_silence():
    said = []
    with interruptible(said.append) as interruption, interruption.draining():
        interrupt()
    assert said == [DRAINS]


def test_interruption_may_come_while_a_line_is_printed():
    said, pen = [], threading.Lock()

    def say(words):
        with pen:
            said.append(words)

    with interruptible(say) as interruption, interruption.draining(), pen:
        interrupt()
        said.append("other words")
    assert said == ["other words", DRAINS]


def test_another_thread_is_not_interrupted():
    found = []

    def work():
        with interruptible(found.append) as interruption:
            found.append(interruption.asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
