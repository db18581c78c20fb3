"""Each trial has one result, whatever runs it."""

import os

import pytest
import stub_trials
from engine_runs import run, trials

from ablations import StudyError
from ablations.engines import ENGINES, start_engine
from ablations.engines.limits import Limits


@pytest.mark.parametrize("engine", ENGINES)
def test_every_trial_has_one_result(engine):
    asked = trials(variants=5, seeds=6)
    results = run(stub_trials.tell_pid, asked, engine)
    assert set(results) == set(asked)
    assert all(result.status == "done" for result in results.values())
    assert all(result.metrics["seed"] == trial.seed for trial, result in results.items())


@pytest.mark.parametrize("engine", ENGINES)
def test_no_trials_have_no_results(engine):
    assert run(stub_trials.tell_pid, [], engine) == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_runs_more_than_once(engine):
    with start_engine(engine, Limits(workers=1)) as running:
        first = [*running.run(stub_trials.tell_pid, trials(seeds=2))]
        second = [*running.run(stub_trials.tell_pid, trials(seeds=2))]
    assert [r.metrics["pid"] for r in first] == [r.metrics["pid"] for r in second]


def test_the_serial_engine_keeps_tensorflows_advice_against_tracing_back(caplog):
    run(stub_trials.advise, trials(seeds=1), "serial")
    assert caplog.messages == []


def test_the_serial_engine_keeps_the_order_and_the_process():
    asked = trials(variants=2, seeds=3)
    with start_engine("serial", Limits()) as running:
        results = list(running.run(stub_trials.tell_pid, asked))
    assert [result.trial for result in results] == asked
    assert {result.metrics["pid"] for result in results} == {os.getpid()}


def test_a_worker_that_a_trial_spoilt_is_replaced():
    asked = trials(seeds=5)
    results = run(stub_trials.spoil_for_odd, asked, workers=1)
    pids = [results[trial].metrics["pid"] for trial in asked]
    assert [result.status for result in results.values()] == ["done"] * 5
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4] != pids[0]


def test_the_serial_engine_ends_after_a_trial_that_spoilt_it():
    with start_engine("serial", Limits()) as running:
        results = running.run(stub_trials.spoil_for_odd, trials(seeds=4))
        assert [next(results).trial.seed for _ in range(2)] == [0, 1]
        with pytest.raises(StudyError) as refused:
            next(results)
    assert str(refused.value) == (
        "A trial changed global state that cannot be put back, and in this process the next trials "
        "would depend on it: the working folder (it is gone). Run the study with "
        "engine='processes', which replaces the process, or change the builder."
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_stopping_starts_no_more_and_waits_for_the_running(engine):
    ended: list[object] = []
    with start_engine(engine, Limits(workers=2)) as running:
        for result in running.run(
            stub_trials.sleep_a_little, trials(seeds=20), stopping=lambda: len(ended) >= 3
        ):
            ended.append(result)  # noqa: PERF402, asked about while it grows
    workers = 2 if engine == "processes" else 1
    assert 3 <= len(ended) <= 3 + workers - 1
    assert all(result.status == "done" for result in ended)


def test_an_unknown_engine_is_answered_with_the_nearest():
    with pytest.raises(StudyError) as refused:
        start_engine("seriel", Limits())
    assert str(refused.value) == (
        "There is no engine `seriel`; did you mean `serial`? Known: processes, serial."
    )


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"workers": 0}, "`workers` must be a whole number from 1 up; got 0."),
        ({"workers": True}, "`workers` must be a whole number from 1 up; got True."),
        ({"workers": 2.0}, "`workers` must be a whole number from 1 up; got 2.0."),
        ({"renew_after": -1}, "`renew_after` must be a whole number from 0 up; got -1."),
        ({"renew_after": None}, "`renew_after` must be a whole number from 0 up; got None."),
    ],
)
def test_limits_that_are_none_are_refused(limits, sentence):
    with pytest.raises(StudyError) as refused:
        Limits(**limits)
    assert str(refused.value) == sentence
