"""Ablation path from off to on."""

from helpers.layouts import ON, TWO, names
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations import Settings
from ablations.designs import design
from ablations.designs.path import steps


def walk(factors, loss_of):
    """Return the layout of a path and its losses at the end."""
    layout = design("path", factors, Settings())
    losses, variants = {}, list(layout.variants)
    for _ in range(100):
        losses |= {v.name: loss_of({**layout.baseline, **v.changes}) for v in variants}
        more = layout.grow(losses)
        if not more:
            return layout, losses
        assert not {variant.name for variant in more} & set(losses)
        variants = more
    raise AssertionError("the path does not end")


def order(target, losses):
    return [step.factor for step in steps(target, losses)]


@given(st.permutations("abcde"), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_path_changes_the_most_useful_factor_first(ranked, random):
    worth = {name: 2.0**-place for place, name in enumerate(ranked)}
    factors = dict.fromkeys("abcde", (0, 1))
    _, losses = walk(factors, lambda run: -sum(worth[n] for n in worth if run[n]))
    assert order(dict.fromkeys(factors, 1), losses) == list(ranked)
    # 5 + 4 + 3 + 2 + 1 single changes and the start
    assert len(losses) == 16


def test_path_follows_interactions():
    def loss(run):
        return {(0, 0, 0): 9, (1, 0, 0): 5, (0, 1, 0): 6, (0, 0, 1): 7}.get(
            (run["a"], run["b"], run["c"]), {True: 1, False: 3}[bool(run["a"] and run["c"])]
        )

    _, losses = walk(dict.fromkeys("abc", (0, 1)), loss)
    assert order(dict.fromkeys("abc", 1), losses) == ["a", "c", "b"]
    assert "b=1, c=1" not in losses


def test_tie_goes_to_the_factor_named_first():
    _, losses = walk(dict.fromkeys("bac", (0, 1)), lambda run: 0.0)
    assert order({"b": 1, "a": 1, "c": 1}, losses) == ["b", "a", "c"]


def test_failed_change_comes_last():
    infinite = float("inf")
    _, losses = walk(
        dict.fromkeys("abc", (0, 1)),
        lambda run: infinite if run["a"] and not run["c"] else -run["c"] + 3 * run["b"],
    )
    assert order(dict.fromkeys("abc", 1), losses)[0] == "c"
    _, losses = walk(
        dict.fromkeys("abc", (0, 1)), lambda run: infinite if run["a"] else 5.0 + run["b"]
    )
    assert order(dict.fromkeys("abc", 1), losses) == ["c", "b", "a"]


def test_step_needs_the_losses_of_all_its_variants():
    layout = design("path", TWO, Settings())
    assert names(layout) == ["baseline", "skip=True", "pool=none", "depth=2"]
    known = {"baseline": 0.0, "skip=True": -1.0, "pool=none": 0.0}
    assert [v.name for v in layout.grow(known)] == ["depth=2"]
    known["depth=2"] = 0.0
    assert [v.name for v in layout.grow(known)] == ["skip=True, pool=none", "skip=True, depth=2"]
    assert order(ON, known) == ["skip"]


def test_steps_do_not_depend_on_the_order_of_results():
    _, losses = walk(TWO, lambda run: run["depth"] - run["skip"])
    backwards = dict(reversed(losses.items()))
    assert order(ON, backwards) == order(ON, losses)


def test_step_has_its_runner_up():
    _, losses = walk(dict.fromkeys("abc", (0, 1)), lambda run: -3 * run["b"] - 2 * run["c"])
    made = steps(dict.fromkeys("abc", 1), losses)
    assert [(step.factor, step.variant.name) for step in made] == [
        ("b", "b=1"),
        ("c", "b=1, c=1"),
        ("a", "a=1, b=1, c=1"),
    ]
    assert [step.runner_up and step.runner_up[0] for step in made] == ["c", "a", None]
    assert [step.runner_up[1].name for step in made[:2]] == ["c=1", "a=1, b=1"]
