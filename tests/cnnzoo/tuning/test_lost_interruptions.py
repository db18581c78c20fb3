"""Ctrl-C that comes where Python can raise nothing ends a search all the same."""

import sys
from types import SimpleNamespace

import pytest

from cnnzoo.runtime.interrupts import lost_interruptions
from cnnzoo.tuning import hosts, role, workers
from cnnzoo.tuning.records import Objective


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


@pytest.mark.parametrize("leads", [workers, hosts])
def test_a_chief_hears_it_while_others_train(searched, monkeypatch, port, leads):
    if leads is hosts:
        for name, value in zip(role.VARIABLES, ("chief", "127.0.0.1", str(port)), strict=True):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(leads, "raise_if_broken", lambda oracle: Garbage(KeyboardInterrupt()))
    monkeypatch.setattr(leads, "LOOK_AFTER", 0.01)
    with pytest.raises(KeyboardInterrupt):
        searched("mlp", "digits", {"units": [4, 8]}, workers=1 if leads is hosts else 2)


def test_a_worker_hears_it_after_a_trial(monkeypatch):
    def search(after_each):
        for trial in range(3):
            begun.append(trial)
            Garbage(KeyboardInterrupt())
            after_each()

    begun = []
    plan = SimpleNamespace(
        objective=Objective("val_accuracy", "max"),
        trainer=lambda: None,
        tuner=lambda *_: SimpleNamespace(search=search),
    )
    monkeypatch.setattr(workers, "fix_arithmetic", lambda: None)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("no_grpc_proxy", "")
    with pytest.raises(KeyboardInterrupt):
        workers.follow(plan)
    assert begun == [0]


def test_at_the_end_it_is_raised_in_any_case():
    with pytest.raises(KeyboardInterrupt), lost_interruptions():
        Garbage(KeyboardInterrupt())


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
