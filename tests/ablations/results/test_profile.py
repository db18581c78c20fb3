"""Where the time of a study went."""

from itertools import count

import pytest

from ablations import Settings, Study, Trial, TrialResult
from ablations.results.profile import profile
from ablations.results.report_contents import contents_of
from ablations.store import StoredResults
from ablations.study.timing import Timing
from cnnzoo import Recipe

SEEDS = count()
"""Seeds of trials, each its own: a trial has one result."""


def result(process, started, seconds, phases, *, units=8, traced=True, load=None):
    trial = Trial("mlp", "digits", Settings({"units": units}), Recipe(epochs=1), next(SEEDS))
    timing = Timing(process, started, phases, traced)
    return TrialResult(trial, "done", seconds=seconds, timing=timing, load=load)


def seconds_of(told):
    return dict(zip(told.parts["part"], told.parts["seconds"], strict=True))


def test_time_of_workers_is_shared_out():
    """Two processes for 10 s: 14 s of trials, 6 s without one. A warm model trains in 2 s."""
    trials = [
        result(1, 100.0, 5.0, {"load": 0.5, "build": 0.5, "train": 3.0, "evaluate": 1.0}),
        result(1, 106.0, 4.0, {"train": 2.0, "explain": 1.5}, traced=False),
        result(2, 101.0, 5.0, {"train": 4.5}, units=16),  # it has no warm one: all is training
    ]
    told = profile(StoredResults.of(trials))
    assert told.seconds == 10.0
    assert told.workers == 2.0
    assert told.trials_per_minute == pytest.approx(18.0)
    assert seconds_of(told) == pytest.approx(
        {
            "load": 0.5,
            "build": 0.5,
            "trace": 1.0,
            "train": 8.5,
            "evaluate": 1.0,
            "explain": 1.5,
            "other": 1.0,
            "wait": 6.0,
        }
    )
    assert told.parts["share"].sum() == pytest.approx(1.0)
    assert told.words == (
        "3 trials in 0:10 on 2 workers, 18 per minute: 42% training, 30% workers without a trial, "
        "8% the doctor's experiments, 5% tracing, once a variant and worker, 5% measuring on the "
        "splits and 5% the rest of the trials."
    )
    assert told.advice == (
        "Workers had no trial for 30% of the time. Fewer workers, or more trials in one run, would "
        "use them better.",
    )


def test_breaks_between_runs_do_not_count():
    trials = [result(1, 0.0, 5.0, {"train": 5.0}), result(2, 9000.0, 5.0, {"train": 5.0})]
    told = profile(StoredResults.of(trials))
    assert (told.seconds, told.workers) == (10.0, 1.0)
    assert seconds_of(told)["wait"] == 0.0
    assert told.advice == ()


def test_runs_of_one_process_are_apart():
    """A notebook resumes in its own process; a new process may have an old one's id."""
    trials = [result(1, start, 1.0, {"train": 1.0}) for start in (0.0, 1.0, 3600.0)]
    told = profile(StoredResults.of(trials))
    assert (told.seconds, told.workers, told.trials_per_minute) == (3.0, 1.0, 60.0)
    assert seconds_of(told)["wait"] == 0.0


def test_renewed_processes_are_no_further_workers():
    """Two workers are busy for 10 s; each is renewed after five trials."""
    trials = [
        result(10 * worker + place // 5, float(place), 1.0, {"train": 1.0})
        for worker in (1, 2)
        for place in range(10)
    ]
    told = profile(StoredResults.of(trials))
    assert (told.seconds, told.workers) == (10.0, 2.0)
    assert seconds_of(told)["wait"] == 0.0
    assert told.advice == ()


def test_tracing_that_takes_long_and_a_shared_machine_are_said():
    trials = [
        result(1, 0.0, 9.0, {"train": 9.0}, load=2.5),
        result(1, 9.0, 1.0, {"train": 1.0}, traced=False, load=2.5),
    ]
    told = profile(StoredResults.of(trials))
    assert told.notes[1:] == [
        "The machine was shared: 2.5 processes per core at a median, so times are too long and "
        "vary.",
        "Each worker traces each variant once, so further seeds need no further tracing.",
    ]
    assert str(told).splitlines()[:3] == told.notes
    html = told._repr_html_()
    assert all(f"<p>{note}</p>" in html for note in told.notes)


def test_trials_without_timing_have_no_profile(outcome):
    study = Study("mlp", "digits", factors={"units": [8, 128]}, seeds=2)
    results = outcome(study, lambda trial: (1.0, 0.5))
    assert results.profile() is None
    assert contents_of(results).time == ""
