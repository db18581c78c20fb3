"""Two-level designs: balance, orthogonality and aliases."""

import itertools
from math import ceil

import numpy as np
import pytest
from helpers.layouts import OFF, ON, TWO, all_off, configurations, refusal, signs, switches
from pyDOE3 import fracfact_by_res

from ablations import Settings
from ablations.designs import design


@pytest.mark.parametrize("count", range(3, 12))
@pytest.mark.parametrize("name", ["fractional-factorial", "plackett-burman"])
def test_two_level_designs_are_orthogonal_and_contain_the_baseline(name, count):
    layout = design(name, switches(count), all_off(count))
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
def test_fraction_is_the_smallest_of_its_resolution(count, runs):
    assert len(design("fractional-factorial", switches(count), all_off(count)).variants) == runs


@pytest.mark.parametrize("count", range(5, 16))
def test_fractions_are_the_published_ones(count):
    layout = design("fractional-factorial", switches(count), all_off(count))
    expected = {tuple(row) for row in -fracfact_by_res(count, 4).astype(int)}
    assert {tuple(row) for row in signs(layout, count)} == expected


@pytest.mark.parametrize("count", range(4, 33))
def test_main_effects_are_clear_of_two_way_interactions(count):
    runs = signs(design("fractional-factorial", switches(count), all_off(count)), count)
    assert (runs.T @ runs == len(runs) * np.eye(count)).all()
    pairs = itertools.combinations(range(count), 2)
    products = np.column_stack([runs[:, i] * runs[:, j] for i, j in pairs])
    assert not (runs.T @ products).any()


@pytest.mark.parametrize("count", range(3, 48))
def test_plackett_burman_takes_the_next_available_multiple_of_four(count):
    runs = signs(design("plackett-burman", switches(count), all_off(count)), count)
    lacking = {28: 32, 36: 40, 44: 48}
    least = 4 * ceil((count + 1) / 4)
    assert len(runs) == lacking.get(least, least)
    assert (runs.sum(axis=0) == 0).all()
    assert (runs.T @ runs == len(runs) * np.eye(count)).all()


@pytest.mark.parametrize("count", range(3, 10))
@pytest.mark.parametrize("name", ["fractional-factorial", "plackett-burman"])
def test_alias_table_agrees_with_enumeration(name, count):
    layout = design(name, switches(count), all_off(count))
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


def test_plackett_burman_spreads_interactions_over_main_effects():
    aliases = design("plackett-burman", switches(11), all_off(11)).aliases
    mains = [(one, other, value) for one, other, value in aliases if ":" not in one]
    # each of 11 main effects with each of the 45 interactions of two others
    assert len(mains) == 11 * 45
    assert {round(abs(value), 12) for *_, value in mains} == {round(1 / 3, 12)}


@pytest.mark.parametrize("count", range(4, 12))
def test_fractions_of_four_factors_alias_no_main_effect(count):
    aliases = design("fractional-factorial", switches(count), all_off(count)).aliases
    assert all(":" in one and ":" in other for one, other, _ in aliases)


def test_fraction_of_three_factors_aliases_main_effects():
    layout = design("fractional-factorial", TWO, Settings(OFF))
    assert set(layout.aliases) == {
        ("skip", "pool:depth", -1.0),
        ("pool", "skip:depth", -1.0),
        ("depth", "skip:pool", -1.0),
    }


@pytest.mark.parametrize("start", [OFF, ON])
@pytest.mark.parametrize("name", ["fractional-factorial", "plackett-burman"])
def test_fraction_contains_the_baseline_in_any_order(name, start):
    layout = design(name, TWO, Settings(**start, other=7))
    turned = design(name, {n: levels[::-1] for n, levels in TWO.items()}, layout.baseline)
    assert layout.baseline == Settings(**start, other=7)
    assert layout == turned
    assert {tuple(run.values()) for run in configurations(layout)} >= {(*start.values(), 7)}
    assert all(run[n] in TWO[n] for run in configurations(layout) for n in TWO)


@pytest.mark.parametrize("name", ["fractional-factorial", "plackett-burman"])
def test_fraction_without_the_baselines_level_is_refused(name):
    factors = {**TWO, "depth": (3, 4)}
    assert refusal(name, factors, OFF) == (
        "The baseline's level of `depth`, 1, is not among the study's levels 3, 4. Replace "
        "one of them by it, or give baseline={'depth': 3}."
    )


@pytest.mark.parametrize("name", ["fractional-factorial", "plackett-burman"])
def test_fraction_of_two_factors_is_refused(name):
    assert refusal(name, {"a": (1, 2), "b": (1, 2)}) == (
        f"`factors`: expected at least 3 for the design {name}; got 2. Use full-factorial."
    )
