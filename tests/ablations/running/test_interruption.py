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
    """Run something that ends by an interruption, and return what was said."""
    said = []

    def run():
        with interruptible(said.append) as interruption:
            work(interruption)

    with pytest.raises(KeyboardInterrupt):
        run()
    return said


def test_while_no_trial_runs_the_first_interruption_stops():
    assert told(lambda interruption: interrupt()) == [STOPS]


def test_while_trials_run_the_first_interruption_is_a_wish_and_the_second_stops():
    def work(interruption):
        with interruption.draining():
            assert not interruption.asked()
            interrupt()
            assert interruption.asked()
            interrupt()

    assert told(work) == [DRAINS, STOPS]


def test_after_the_running_trials_the_second_interruption_stops_too():
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


def test_an_interruption_may_come_in_the_midst_of_other_words():
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
