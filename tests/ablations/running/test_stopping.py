"""Ctrl-C during a run."""

import os
import signal
from dataclasses import replace

import pytest
from helpers import stub_trials

from ablations import Study
from ablations.cli import _show
from ablations.running import run as runner
from ablations.running.rounds import Rounds


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def interrupt_in(monkeypatch):
    """Return a function that presses Ctrl-C after a number of trials."""

    def interrupt_in(count):
        def trial_result(trial, report_to=None):
            if len(stub_trials.CALLS) == count:
                interrupt()
            return stub_trials.run_trial(trial)

        monkeypatch.setattr(runner, "run_trial", trial_result)

    return interrupt_in


def test_interruption_of_the_last_trial_is_heard(go, interrupt_in):
    interrupt_in(5)
    results, ran = go()
    assert len(ran) == 6
    assert (results.interrupted, results.stop_asked) == (False, True)


def test_without_an_interruption_none_was_heard(go):
    results, _ = go()
    assert (results.interrupted, results.stop_asked) == (False, False)


def test_interruption_after_the_last_trial_leaves_the_study_finished(go, monkeypatch):
    grow = Rounds._grow

    def interrupted(self):
        interrupt()
        return grow(self)

    monkeypatch.setattr(Rounds, "_grow", interrupted)
    results, ran = go()
    assert len(ran) == 6
    assert (results.interrupted, results.stop_asked) == (False, True)


def test_interruption_leaves_failed_trials_to_retry(go, interrupt_in, capsys):
    study = Study("mlp", "digits", factors={"units": [66, 128]}, seeds=3)
    first, _ = go(study)
    assert first.trials["status"].value_counts().to_dict() == {"done": 3, "failed": 3}
    interrupt_in(0)
    results, ran = go(study, retry_failed=True)
    assert len(ran) == 1
    assert results.interrupted
    _show(results)
    told = capsys.readouterr().out
    assert "Not all failed trials were retried; run the same command to resume.\n" in told
    assert "More trials are planned" not in told


def test_interruption_before_added_seeds_announces_more_trials(go, monkeypatch, capsys):
    def undecided(trial, report_to=None):
        if len(stub_trials.CALLS) == 11:
            interrupt()
        loss = 1.0 + stub_trials.noise(trial)
        return replace(stub_trials.run_trial(trial), metrics={"test_loss": loss})

    monkeypatch.setattr(runner, "run_trial", undecided)
    factors = {"units": [8, 128]}
    study = Study("mlp", "digits", factors=factors, metrics=["loss"], seeds="auto", max_seeds=10)
    results, ran = go(study)
    assert len(ran) == 12  # two variants with the six seeds of the first look
    assert results.interrupted
    _show(results)
    told = capsys.readouterr().out
    assert "More trials are planned from these results; run the same command to resume.\n" in told


class Garbage:
    """Object that raises Ctrl-C in its finalizer, where Python loses it."""

    def __init__(self, times):
        self.times = times

    def __del__(self):
        for _ in range(self.times):
            signal.raise_signal(signal.SIGINT)


def test_lost_interruption_during_checks_stops_before_any_trial(go, monkeypatch, capfd):
    def measured(trial):
        Garbage(1)
        return stub_trials.measure_trial(trial)

    monkeypatch.setattr(runner, "measure_trial", measured)
    with pytest.raises(KeyboardInterrupt):
        go()
    assert stub_trials.CALLS == []
    assert "KeyboardInterrupt" not in capfd.readouterr().err


def test_lost_second_interruption_stops_after_the_current_trial(go, monkeypatch):
    def trained(trial, report_to=None):
        if len(stub_trials.CALLS) == 1:
            Garbage(2)
        return stub_trials.run_trial(trial)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(runner, "run_trial", trained)
        with pytest.raises(KeyboardInterrupt):
            go()
    assert len(stub_trials.CALLS) == 2
    _, ran = go()
    assert len(ran) == 4  # what had ended is stored


def test_lost_interruption_at_the_end_is_heard(go, monkeypatch):
    run = Rounds.run

    def interrupted(self, interruption):
        found = run(self, interruption)
        Garbage(1)
        return found

    monkeypatch.setattr(Rounds, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go()
