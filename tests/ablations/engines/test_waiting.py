"""Which trial a worker takes next."""

import pytest

from ablations import Settings
from ablations.engines.waiting import SLOW, Waiting
from ablations.study import Trial, TrialResult
from cnnzoo import Recipe

VARIANTS = "abc"


def trial(variant, seed):
    return Trial("mlp", "digits", Settings(called=variant), Recipe(), seed)


@pytest.fixture
def waiting():
    return Waiting([trial(variant, seed) for variant in VARIANTS for seed in range(4)])


def taken(waiting, seconds, workers=1):
    """What workers take in turn, each ending its trial before the next one takes its own."""
    order = []
    while waiting:
        next_one = waiting.take(len(order) % workers)
        order.append(f"{next_one.settings['called']}{next_one.seed}")
        waiting.learn(TrialResult(next_one, "done", seconds=seconds))
    return " ".join(order)


def test_a_worker_keeps_to_a_variant_where_trials_are_quick(waiting):
    assert taken(waiting, 0.9 * SLOW) == "a0 a1 a2 a3 b0 b1 b2 b3 c0 c1 c2 c3"


def test_slow_trials_begin_with_two_seeds_of_every_variant(waiting):
    assert taken(waiting, SLOW) == "a0 a1 b0 b1 c0 c1 c2 c3 a2 a3 b2 b3"


def test_two_workers_leave_slow_variants_only_for_new_ones(waiting):
    assert taken(waiting, SLOW, workers=2) == "a0 b0 a1 b1 c0 b2 c1 b3 c2 a2 c3 a3"


def test_a_variant_whose_trial_is_tried_again_is_not_new(waiting):
    order = [waiting.take(0) for _ in range(3)]
    waiting.put_back(order[0])
    waiting.learn(TrialResult(order[1], "done", seconds=SLOW))
    assert taken(waiting, SLOW) == "b0 b1 c0 c1 c2 c3 a3 a0 b2 b3"
