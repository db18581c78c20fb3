"""Ctrl-C that comes where Python can raise nothing ends a search all the same."""

import sys

import pytest

from cnnzoo.tuning.interruption import lost_interruptions


class Garbage:
    """What raises as it is thrown away, where Python can only print it."""

    def __init__(self, error):
        self.error = error

    def __del__(self):
        raise self.error


def test_a_search_ends_after_the_trial_that_it_came_in_and_goes_on_later(
    searched, stub_training, capfd
):
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
    assert len(calls) == 3  # what had ended is not trained again


def test_without_one_nothing_is_raised():
    with lost_interruptions() as raise_lost:
        raise_lost()


def test_other_errors_are_told_as_ever(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    hook = sys.unraisablehook
    with lost_interruptions() as raise_lost:
        Garbage(ValueError("no"))
        raise_lost()
    assert [one.exc_type for one in told] == [ValueError]
    assert sys.unraisablehook is hook
