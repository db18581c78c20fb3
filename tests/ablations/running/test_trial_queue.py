"""Order in which workers get the trials of a study, and results of trials that did not return."""

from helpers import stub_trials
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations import Settings
from ablations.running.trial import KEPT_MODELS
from ablations.running.trial_queue import SLOW, TrialQueue, run_trials
from ablations.study import Trial, TrialResult
from cnnzoo import Recipe
from cnnzoo.engine import Limits, Outcome, start_engine

VARIANTS = "abc"


def trial(variant, seed):
    return Trial("mlp", "digits", Settings(called=variant), Recipe(), seed)


def trials_of(variants, seeds=4):
    return [trial(variant, seed) for variant in variants for seed in range(seeds)]


def taken(queue, seconds=0.1, workers=(0,)):
    """Trials in the order of workers that take turns, each ending its trial at once."""
    order = []
    while (item := queue.take(workers[len(order) % len(workers)])) is not None:
        order.append(f"{item.settings['called']}{item.seed}")
        queue.learn(item, Outcome(TrialResult(item, "done", seconds=seconds)))
    return " ".join(order)


def test_all_variants_of_a_seed_run_before_the_next_seed():
    assert taken(TrialQueue(trials_of("abc"))) == "a0 b0 c0 a1 b1 c1 a2 b2 c2 a3 b3 c3"


def test_workers_return_to_their_variants_in_each_block():
    # workers 0 and 1 take turns: 0 has a and c, 1 has b and d
    order = taken(TrialQueue(trials_of("abcd", 3)), workers=(0, 1))
    assert order == "a0 b0 c0 d0 a1 b1 c1 d1 a2 b2 c2 d2"


def test_worker_runs_one_block_ahead_before_it_takes_over_a_variant():
    # worker 1 is three times as fast as worker 0
    order = taken(TrialQueue(trials_of("abc", 5)), workers=(0, 1, 1, 1))
    assert order == "a0 b0 c0 b1 a1 c1 b2 c2 a2 b3 c3 b4 a3 c4 a4"


def test_resumed_study_completes_its_blocks_first():
    ran = {("a", 0), ("a", 1), ("a", 2), ("b", 0)}
    pending = [one for one in trials_of("abc", 3) if (one.settings["called"], one.seed) not in ran]
    assert taken(TrialQueue(pending)) == "c0 c1 b1 b2 c2"


def test_more_variants_than_kept_models_run_several_seeds_at_once():
    variants = "abcdefghij"
    assert len(variants) == KEPT_MODELS + 2
    order = taken(TrialQueue(trials_of(variants, 6))).split()
    first = [*(f"{v}0" for v in variants[:8]), *(f"{v}{s}" for v in "ij" for s in range(5))]
    assert order[: len(first)] == first
    assert sorted(order) == [f"{v}{s}" for v in variants for s in range(6)]


def test_slow_trials_run_block_by_block_whatever_it_costs():
    variants = "abcdefghij"
    order = taken(TrialQueue(trials_of(variants, 3)), seconds=SLOW).split()
    assert [one[1] for one in order] == [*"0" * 10, *"1" * 10, *"2" * 10]


@given(
    st.sets(st.tuples(st.sampled_from(VARIANTS), st.integers(0, 5)), min_size=1),
    st.lists(st.integers(0, 3), min_size=1, max_size=9),
)
def test_blocks_never_lie_more_than_one_apart(plan, workers):
    queue = TrialQueue([trial(*one) for one in sorted(plan)])
    order = [(one[0], int(one[1])) for one in taken(queue, workers=workers).split()]
    assert sorted(order) == sorted(plan)
    blocks = sorted({seed for _, seed in plan})
    for place, (_, seed) in enumerate(order):
        first = min(seed for _, seed in order[place:])
        assert blocks.index(seed) <= blocks.index(first) + 1


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


def choice_by_definition(queue, worker, all_seeds):
    """Return the variant that a worker takes, by looking at all that are pending."""
    first = min(next(iter(seeds)) for seeds in queue._pending.values())
    following = all_seeds[all_seeds.index(first) + 1 :][:1]
    kept = {key for each in queue._kept.values() for key in each}

    def starting_at(seeds):
        pending = [key for key in queue._variants if key in queue._pending]
        return [key for key in pending if next(iter(queue._pending[key])) in seeds]

    own = queue._kept[worker]
    return [
        *(key for key in starting_at([first]) if key in own),
        *(key for key in starting_at([first]) if key not in kept),
        *(key for key in starting_at(following) if key in own),
        *starting_at([first]),
    ][0]


@given(
    plan=st.sets(st.tuples(st.sampled_from("abcdefghijkl"), st.integers(0, 4)), min_size=1),
    order=st.randoms(use_true_random=False),
    workers=st.lists(st.integers(0, 2), min_size=80, max_size=80),
)
@settings(max_examples=30, deadline=None)
def test_choice_equals_its_definition(plan, order, workers):
    trials = [trial(*one) for one in sorted(plan)]
    order.shuffle(trials)
    queue = TrialQueue(trials)
    seeds = sorted({one.seed for one in trials})
    for worker in workers:
        if queue._pending:
            assert queue._choose(worker) == choice_by_definition(queue, worker, seeds)
            assert queue.take(worker) is not None
    assert not queue._pending
