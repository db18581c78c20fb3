import itertools
from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyDOE3 import fracfact_by_res
from scipy.stats.contingency import association as cramer

from ablations import Settings, StudyError
from ablations.designs import DESIGNS, design
from ablations.designs.orthogonality import correlations, lost_orthogonality
from ablations.designs.path import steps

TWO = {"skip": (False, True), "pool": ("max", "none"), "depth": (1, 2)}
OFF = {"skip": False, "pool": "max", "depth": 1}
ON = {"skip": True, "pool": "none", "depth": 2}


def order(target, losses):
    return [step.factor for step in steps(target, losses)]


def names(layout):
    return [variant.name for variant in layout.variants]


def configurations(layout):
    """What each variant sets in full, by brute force."""
    return [{**layout.baseline, **variant.changes} for variant in layout.variants]


def refusal(name, factors, baseline=None, variants=()):
    with pytest.raises(StudyError) as refused:
        design(name, factors, Settings(baseline or {}), variants)
    return str(refused.value)


def switches(count):
    return {f"f{index}": (False, True) for index in range(count)}


def signs(layout, count):
    """Return the design as -1 and 1, a row a run."""
    rows = [[1 if run[f"f{i}"] else -1 for i in range(count)] for run in configurations(layout)]
    return np.array(rows)


factor_levels = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True).map(tuple),
    min_size=1,
    max_size=4,
)


# One factor at a time


@given(factor_levels, st.randoms(use_true_random=False))
def test_one_at_a_time_tries_every_other_level_once(factors, random):
    baseline = Settings({name: random.choice(levels) for name, levels in factors.items()})
    layout = design("one-at-a-time", factors, baseline)
    expected = [
        {**baseline, name: level}
        for name, levels in factors.items()
        for level in levels
        if level != baseline[name]
    ]
    assert layout.baseline == baseline
    assert configurations(layout) == [dict(baseline), *expected]
    assert all(len(variant.changes) == 1 for variant in layout.variants[1:])


def test_levels_that_are_equal_numbers_are_different_variants():
    layout = design("one-at-a-time", {"a": (1, True, 1.0, "1")}, Settings(a=1))
    assert names(layout) == ["baseline", "a=True", "a=1.0", "a='1'"]


def test_a_baseline_outside_of_the_levels_is_refused_with_what_would_mend_it():
    for name in ("one-at-a-time", "full-factorial"):
        assert refusal(name, {"pool_size": (1, 2)}, {"pool_size": 4}) == (
            "The baseline's level of `pool_size`, 4, is not among the study's levels 1, 2. Add it, "
            "or give baseline={'pool_size': 1}."
        )
        assert refusal(name, {"skip": (1, 0)}, {"skip": True}) == (
            "The baseline's level of `skip`, True, is not among the study's levels 1, 0. Add it, "
            "or give baseline={'skip': 1}."
        )


@pytest.mark.parametrize(
    ("name", "start", "end"), [("add-one-in", OFF, ON), ("leave-one-out", ON, OFF)]
)
def test_one_is_added_to_nothing_or_left_out_of_everything(name, start, end):
    layout = design(name, TWO, Settings(skip=True, pool="max", depth=1, other=7))
    assert layout.baseline == Settings(**start, other=7)
    assert configurations(layout) == [
        {**start, "other": 7},
        *({**start, "other": 7, factor: end[factor]} for factor in TWO),
    ]


# Factorials


@given(factor_levels)
@settings(max_examples=50)
def test_a_full_factorial_has_every_combination_once_and_the_baseline_first(factors):
    baseline = Settings({name: levels[-1] for name, levels in factors.items()})
    layout = design("full-factorial", factors, baseline)
    runs = [tuple(run[name] for name in factors) for run in configurations(layout)]
    assert runs[0] == tuple(baseline.values())
    assert sorted(runs) == sorted(itertools.product(*factors.values()))
    assert len(runs) == prod(len(levels) for levels in factors.values())


@pytest.mark.parametrize("count", range(3, 12))
@pytest.mark.parametrize("name", ["fractional-factorial", "plackett-burman"])
def test_two_level_designs_are_balanced_and_orthogonal_and_hold_the_baseline(name, count):
    layout = design(name, switches(count), Settings())
    runs = signs(layout, count)
    assert (runs[0] == -1).all()
    assert (runs.sum(axis=0) == 0).all()
    assert (runs.T @ runs == len(runs) * np.eye(count)).all()
    assert len({tuple(run) for run in runs}) == len(runs)


@pytest.mark.parametrize(
    ("count", "runs"),
    # Box, Hunter and Hunter (2005), table 6.22: the fractions of resolution IV, and 2^(3-1); of
    # 2^k runs at most 2^(k-1) factors have it
    [(3, 4), (4, 8), *((n, 16) for n in range(5, 9)), *((n, 32) for n in range(9, 17))]
    + [(n, 64) for n in range(17, 33)],
)
def test_a_fraction_is_the_smallest_of_its_resolution(count, runs):
    assert len(design("fractional-factorial", switches(count), Settings()).variants) == runs


@pytest.mark.parametrize("count", range(5, 16))
def test_fractions_are_the_published_ones_as_far_as_these_go(count):
    layout = design("fractional-factorial", switches(count), Settings())
    expected = {tuple(row) for row in -fracfact_by_res(count, 4).astype(int)}
    assert {tuple(row) for row in signs(layout, count)} == expected


@pytest.mark.parametrize("count", range(4, 33))
def test_main_effects_of_a_fraction_are_clear_of_each_other_and_of_all_two_way_interactions(count):
    runs = signs(design("fractional-factorial", switches(count), Settings()), count)
    assert (runs.T @ runs == len(runs) * np.eye(count)).all()
    pairs = itertools.combinations(range(count), 2)
    products = np.column_stack([runs[:, i] * runs[:, j] for i, j in pairs])
    assert not (runs.T @ products).any()


@pytest.mark.parametrize("count", range(3, 48))
def test_plackett_and_burman_take_the_next_multiple_of_four_that_there_is(count):
    runs = signs(design("plackett-burman", switches(count), Settings()), count)
    lacking = {28: 32, 36: 40, 44: 48}
    least = 4 * ceil((count + 1) / 4)
    assert len(runs) == lacking.get(least, least)
    assert (runs.sum(axis=0) == 0).all()
    assert (runs.T @ runs == len(runs) * np.eye(count)).all()


@pytest.mark.parametrize("count", range(3, 10))
@pytest.mark.parametrize("name", ["fractional-factorial", "plackett-burman"])
def test_the_alias_table_is_what_enumeration_finds(name, count):
    layout = design(name, switches(count), Settings())
    runs = signs(layout, count)
    effects = {f"f{i}": runs[:, i] for i in range(count)}
    for i, j in itertools.combinations(range(count), 2):
        effects[f"f{i}:f{j}"] = runs[:, i] * runs[:, j]
    expected = {
        (one, other): np.corrcoef(effects[one], effects[other])[0, 1]
        for one, other in itertools.combinations(effects, 2)
    }
    found = {(one, other): correlation for one, other, correlation in layout.aliases}
    assert len(layout.aliases) == len(found)
    assert {pair for pair, value in expected.items() if abs(value) > 1e-9} == set(found)
    assert all(value == pytest.approx(expected[pair], abs=1e-12) for pair, value in found.items())


def test_twelve_runs_of_plackett_and_burman_spread_each_interaction_over_a_third_of_each_other():
    aliases = design("plackett-burman", switches(11), Settings()).aliases
    mains = [(one, other, value) for one, other, value in aliases if ":" not in one]
    # each of 11 main effects with each of the 45 interactions of two others
    assert len(mains) == 11 * 45
    assert {round(abs(value), 12) for *_, value in mains} == {round(1 / 3, 12)}


@pytest.mark.parametrize("count", range(4, 12))
def test_from_four_factors_on_no_main_effect_is_aliased_with_an_interaction(count):
    aliases = design("fractional-factorial", switches(count), Settings()).aliases
    assert all(":" in one and ":" in other for one, other, _ in aliases)


def test_of_three_factors_each_main_effect_is_aliased_with_the_others_interaction():
    layout = design("fractional-factorial", TWO, Settings())
    assert set(layout.aliases) == {
        ("skip", "pool:depth", -1.0),
        ("pool", "skip:depth", -1.0),
        ("depth", "skip:pool", -1.0),
    }


@pytest.mark.parametrize("name", ["fractional-factorial", "plackett-burman"])
def test_the_first_level_is_off_and_the_second_on(name):
    layout = design(name, TWO, Settings(skip=True, other=7))
    assert layout.baseline == Settings(**OFF, other=7)
    assert all(run[n] in TWO[n] for run in configurations(layout) for n in TWO)


@pytest.mark.parametrize("name", ["fractional-factorial", "plackett-burman"])
def test_a_fraction_of_two_factors_is_refused(name):
    assert refusal(name, {"a": (1, 2), "b": (1, 2)}) == (
        f"The design {name} takes at least 3 factors; got 2. Give full-factorial."
    )


@pytest.mark.parametrize(
    "name", ["add-one-in", "leave-one-out", "fractional-factorial", "plackett-burman", "path"]
)
@pytest.mark.parametrize("levels", [(1,), (1, 2, 3)])
def test_designs_of_off_and_on_take_two_levels(name, levels):
    assert refusal(name, {**TWO, "depth": levels}) == (
        f"The design {name} takes two levels a factor, off and on; `depth` has {len(levels)}: "
        f"{', '.join(map(str, levels))}."
    )


# Path


def walk(factors, loss_of):
    """Follow a path to its end, as a runner would."""
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


@given(st.permutations("abcde"), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_a_path_changes_factors_in_the_order_of_what_they_are_worth(ranked, random):
    worth = {name: 2.0**-place for place, name in enumerate(ranked)}
    factors = dict.fromkeys("abcde", (0, 1))
    _, losses = walk(factors, lambda run: -sum(worth[n] for n in worth if run[n]))
    assert order(dict.fromkeys(factors, 1), losses) == list(ranked)
    # 5 + 4 + 3 + 2 + 1 single changes and the start
    assert len(losses) == 16


def test_a_path_follows_interactions_and_not_the_single_effects():
    def loss(run):
        return {(0, 0, 0): 9, (1, 0, 0): 5, (0, 1, 0): 6, (0, 0, 1): 7}.get(
            (run["a"], run["b"], run["c"]), {True: 1, False: 3}[bool(run["a"] and run["c"])]
        )

    _, losses = walk(dict.fromkeys("abc", (0, 1)), loss)
    assert order(dict.fromkeys("abc", 1), losses) == ["a", "c", "b"]
    assert "b=1, c=1" not in losses


def test_a_tie_goes_to_the_factor_named_first():
    _, losses = walk(dict.fromkeys("bac", (0, 1)), lambda run: 0.0)
    assert order({"b": 1, "a": 1, "c": 1}, losses) == ["b", "a", "c"]


def test_a_change_that_cannot_be_trained_is_made_last():
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


def test_a_path_waits_until_all_of_a_step_is_known():
    layout = design("path", TWO, Settings())
    assert names(layout) == ["baseline", "skip=True", "pool=none", "depth=2"]
    known = {"baseline": 0.0, "skip=True": -1.0, "pool=none": 0.0}
    assert [v.name for v in layout.grow(known)] == ["depth=2"]
    known["depth=2"] = 0.0
    assert [v.name for v in layout.grow(known)] == ["skip=True, pool=none", "skip=True, depth=2"]
    assert order(ON, known) == ["skip"]


def test_the_steps_of_a_path_do_not_depend_on_the_order_of_results():
    _, losses = walk(TWO, lambda run: run["depth"] - run["skip"])
    backwards = dict(reversed(losses.items()))
    assert order(ON, backwards) == order(ON, losses)


def test_a_step_says_what_would_have_been_next_best():
    _, losses = walk(dict.fromkeys("abc", (0, 1)), lambda run: -3 * run["b"] - 2 * run["c"])
    made = steps(dict.fromkeys("abc", 1), losses)
    assert [(step.factor, step.variant.name) for step in made] == [
        ("b", "b=1"),
        ("c", "b=1, c=1"),
        ("a", "a=1, b=1, c=1"),
    ]
    assert [step.runner_up and step.runner_up[0] for step in made] == ["c", "a", None]
    assert [step.runner_up[1].name for step in made[:2]] == ["c=1", "a=1, b=1"]


# Combinations that cannot be built


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from(["a", "b"])), min_size=2).filter(
        lambda rows: all(len(set(column)) == 2 for column in zip(*rows, strict=True))
    )
)
def test_of_two_levels_each_it_is_the_size_of_the_correlation(rows):
    variants = [{"x": x, "y": y} for x, y in rows]
    signs = np.array([[x == 1, y == "a"] for x, y in rows], dtype=float)
    expected = abs(np.corrcoef(signs.T)[0, 1])
    found = correlations(["x", "y"], variants)
    assert (found[0][2] if found else 0.0) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=4))
def test_of_more_levels_it_is_the_measure_of_scipy(rows):
    table = np.zeros((4, 3), dtype=int)
    for x, y in rows:
        table[x, y] += 1
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    found = correlations(["x", "y"], [{"x": x, "y": y} for x, y in rows])
    expected = cramer(table, method="cramer", correction=False) if min(table.shape) > 1 else 0.0
    assert (found[0][2] if found else 0.0) == pytest.approx(expected, abs=1e-7)  # a root of ~0


def test_one_and_true_are_two_levels_there_too():
    variants = [{}, {"x": 1}, {"y": 1}, {"x": True, "y": 1}]
    assert correlations(["x", "y"], variants) != correlations(
        ["x", "y"], [{}, {"x": 1}, {"y": 1}, {"x": 1, "y": 1}]
    )


@pytest.mark.parametrize("name", ["full-factorial", "fractional-factorial", "plackett-burman"])
def test_a_design_of_which_all_can_be_built_is_orthogonal(name):
    layout = design(name, switches(5), Settings(dict.fromkeys(switches(5), False)))
    variants = {variant.name: variant.changes for variant in layout.variants}
    assert lost_orthogonality(list(switches(5)), variants, []) == ""


def test_a_design_of_which_some_cannot_be_built_names_the_factors_and_their_correlation():
    layout = design("full-factorial", switches(3), Settings(dict.fromkeys(switches(3), False)))
    variants = {variant.name: variant.changes for variant in layout.variants}
    lost = [name for name in variants if "f0=True, f1=True" in name]
    assert len(lost) == 2
    # of 6 rows left 2 have f0, 2 others f1: the columns correlate by -1/2
    assert lost_orthogonality(list(switches(3)), variants, lost) == (
        "Main effects are not orthogonal, for 2 of 8 combinations cannot be built: there correlate "
        "f0 and f1 by 0.50; each effect is adjusted for the others, and less certain for it."
    )


# A list of one's own


def test_a_list_holds_the_variants_given_and_the_baseline_first():
    baseline = Settings(a=1, b=2, c=3)
    layout = design("list", {}, baseline, [{"a": 5}, {"a": 5, "b": 6}, {"a": 1}, {"a": 5}])
    assert names(layout) == ["baseline", "a=5", "a=5, b=6"]
    assert configurations(layout)[2] == {"a": 5, "b": 6, "c": 3}


def test_an_unknown_design_is_answered_with_the_nearest():
    assert refusal("one-at-time", TWO) == (
        "There is no design `one-at-time`; did you mean `one-at-a-time`? Known: one-at-a-time, "
        "leave-one-out, add-one-in, full-factorial, fractional-factorial, plackett-burman, path, "
        "list."
    )


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_holds_each_variant_once_and_the_baseline_first(name):
    layout = design(name, TWO, Settings(OFF))
    assert names(layout)[0] == "baseline"
    assert len(set(names(layout))) == len(layout.variants)
    assert len({variant.changes for variant in layout.variants}) == len(layout.variants)
