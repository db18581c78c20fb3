"""A Ctrl-C that Python only prints ends a search all the same."""

import sys

import pytest

from cnnzoo.engine.processes import Processes
from cnnzoo.runtime.interrupts import lost_interruptions


class Garbage:
    """Raises when it is deleted, where Python can only print the error."""

    def __init__(self, error):
        self.error = error

    def __del__(self):
        raise self.error


def test_interrupted_search_finishes_its_trial_and_resumes(searched, stub_training, capfd):
    def interrupted(levels, seed):
        if len(calls) == 2:
            Garbage(KeyboardInterrupt())
        return 0.5

    calls = stub_training(interrupted)
    asked = ("mlp", "digits", {"units": [4, 8, 16]})
    with pytest.raises(KeyboardInterrupt):
        searched(*asked, tuner="grid")
    assert len(calls) == 2
    assert "KeyboardInterrupt" not in capfd.readouterr().err
    trials = searched(*asked, tuner="grid")
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 3
    assert len(calls) == 3  # the trials that had ended are not trained again


def test_a_parallel_search_ends_while_workers_train(searched, monkeypatch):
    def run(engine, function, queue, stopping):
        Garbage(KeyboardInterrupt())
        stopping()
        raise AssertionError("the interruption was not heard")

    monkeypatch.setattr(Processes, "run", run)
    with pytest.raises(KeyboardInterrupt):
        searched("mlp", "digits", {"units": [4, 8]}, workers=2)


def test_lost_interruption_is_raised_at_the_end():
    with pytest.raises(KeyboardInterrupt), lost_interruptions():
        Garbage(KeyboardInterrupt())


def test_nothing_is_raised_without_an_interruption():
    with lost_interruptions() as raise_lost:
        raise_lost()


def test_other_errors_are_printed_as_before(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    hook = sys.unraisablehook
    with lost_interruptions() as raise_lost:
        Garbage(ValueError("no"))
        raise_lost()
    assert [one.exc_type for one in told] == [ValueError]
    assert sys.unraisablehook is hook
