"""What Ctrl-C leaves undone, and what it does not."""

import os
import signal

import pytest
import stub_trials

from ablations import Study
from ablations.cli import _show
from ablations.running import runner
from ablations.running.rounds import Rounds


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def interrupt_in(monkeypatch):
    """Have Ctrl-C pressed while so many trials have been run."""

    def interrupt_in(count):
        def trial_result(trial, report_to=None):
            if len(stub_trials.CALLS) == count:
                interrupt()
            return stub_trials.run_trial(trial)

        monkeypatch.setattr(runner, "run_trial", trial_result)

    return interrupt_in


def test_an_interruption_of_the_last_trial_was_heard_and_ended_nothing(go, interrupt_in):
    interrupt_in(5)
    results, ran = go()
    assert len(ran) == 6
    assert (results.interrupted, results.stop_asked) == (False, True)


def test_without_an_interruption_none_was_heard(go):
    results, _ = go()
    assert (results.interrupted, results.stop_asked) == (False, False)


def test_an_interruption_after_the_last_trial_lets_the_study_end_as_finished(go, monkeypatch):
    grow = Rounds._grow

    def interrupted(self):
        interrupt()
        return grow(self)

    monkeypatch.setattr(Rounds, "_grow", interrupted)
    results, ran = go()
    assert len(ran) == 6
    assert (results.interrupted, results.stop_asked) == (False, True)


def test_failed_trials_that_were_to_be_tried_again_are_left_undone_by_an_interruption(
    go, interrupt_in, capsys
):
    study = Study("mlp", "digits", factors={"units": [66, 128]}, seeds=3)
    first, _ = go(study)
    assert first.trials["status"].value_counts().to_dict() == {"done": 3, "failed": 3}
    interrupt_in(0)
    results, ran = go(study, retry_failed=True)
    assert len(ran) == 1
    assert results.interrupted
    _show(results)
    told = capsys.readouterr().out
    assert "Not all failed trials were run again; the same command goes on with them.\n" in told
    assert "More trials follow" not in told
