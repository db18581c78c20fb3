"""Designs that change one factor at a time."""

import pytest
from helpers.layouts import OFF, ON, TWO, configurations, factor_levels, names, refusal
from hypothesis import given
from hypothesis import strategies as st

from ablations import Settings
from ablations.designs import design


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


def test_equal_numbers_of_different_types_are_different_variants():
    layout = design("one-at-a-time", {"a": (1, True, 1.0, "1")}, Settings(a=1))
    assert names(layout) == ["baseline", "a=True", "a=1.0", "a='1'"]


def test_baseline_outside_the_levels_is_refused():
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
def test_designs_start_with_all_off_or_all_on(name, start, end):
    layout = design(name, TWO, Settings(**start, other=7))
    assert layout.baseline == Settings(**start, other=7)
    assert configurations(layout) == [
        {**start, "other": 7},
        *({**start, "other": 7, factor: end[factor]} for factor in TWO),
    ]
