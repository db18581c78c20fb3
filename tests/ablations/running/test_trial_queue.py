"""Order in which workers get the trials of a study, and results of trials that did not return."""

import pytest
from helpers import stub_trials

from ablations import Settings
from ablations.running.trial_queue import SLOW, TrialQueue, run_trials
from ablations.study import Trial, TrialResult
from cnnzoo import Recipe
from cnnzoo.engine import Limits, Outcome, start_engine

VARIANTS = "abc"


def trial(variant, seed):
    return Trial("mlp", "digits", Settings(called=variant), Recipe(), seed)


@pytest.fixture
def queue():
    return TrialQueue([trial(variant, seed) for variant in VARIANTS for seed in range(4)])


def taken(queue, seconds, workers=1):
    """Trials in the order of workers that take turns, each ending its trial at once."""
    order = []
    while (item := queue.take(len(order) % workers)) is not None:
        order.append(f"{item.settings['called']}{item.seed}")
        queue.learn(item, Outcome(TrialResult(item, "done", seconds=seconds)))
    return " ".join(order)


def test_a_worker_keeps_to_a_variant_if_trials_are_quick(queue):
    assert taken(queue, 0.9 * SLOW) == "a0 a1 a2 a3 b0 b1 b2 b3 c0 c1 c2 c3"


def test_slow_trials_begin_with_two_seeds_of_every_variant(queue):
    assert taken(queue, SLOW) == "a0 a1 b0 b1 c0 c1 c2 c3 a2 a3 b2 b3"


def test_two_workers_leave_slow_variants_only_for_new_ones(queue):
    assert taken(queue, SLOW, workers=2) == "a0 b0 a1 b1 c0 b2 c1 b3 c2 a2 c3 a3"


def test_a_trial_without_a_result_is_not_slow(queue):
    for _ in range(3):
        queue.learn(queue.take(0), Outcome(reason="its worker died"))
    assert taken(queue, 0.0) == "a3 b0 b1 b2 b3 c0 c1 c2 c3"


def test_the_seeds_of_a_variant_stay_on_one_worker():
    trials = [trial(variant, seed) for variant in "abcd" for seed in range(5)]
    order = {}
    with start_engine("processes", Limits(workers=2)) as engine:
        for result in run_trials(engine, stub_trials.tell_pid_slowly, trials):
            order.setdefault(result.metrics["pid"], []).append(result.trial.settings["called"])
    assert len(order) == 2
    for variants in order.values():
        # a worker that left a variant does not return to it
        runs = [v for i, v in enumerate(variants) if i == 0 or variants[i - 1] != v]
        assert len(runs) == len(set(runs))


def test_the_seeds_of_the_last_variant_are_shared():
    trials = [trial("a", seed) for seed in range(8)]
    with start_engine("processes", Limits(workers=2)) as engine:
        results = [*run_trials(engine, stub_trials.tell_pid_slowly, trials)]
    assert len({result.metrics["pid"] for result in results}) == 2


def test_trial_that_does_not_return_fails_with_the_reason():
    trials = [trial("a", seed) for seed in range(2)]
    with start_engine("serial") as engine:
        results = {r.trial.seed: r for r in run_trials(engine, stub_trials.raise_for_odd, trials)}
    assert (results[0].status, results[1].status) == ("done", "failed")
    assert results[1].reason == "ValueError: seed 1 is odd"
