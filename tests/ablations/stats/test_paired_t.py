import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from ablations.stats.paired_t import (
    detectable_effect,
    equivalence_p,
    paired_t,
    pairs_for_difference,
    pairs_for_equivalence,
    pairs_to_settle,
    power,
)
from ablations.stats.pairs import noise_of
from ablations.stats.resampling import sign_flip_p

draws = st.tuples(st.integers(2, 40), st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))


def two_samples(n, seed, shift):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n), rng.normal(shift, 2.0, size=n)


@given(draws, st.sampled_from([0.8, 0.95, 0.99]))
def test_paired_t_agrees_with_scipy(draw, confidence):
    base, level = two_samples(*draw)
    ours = paired_t(level - base, confidence)
    theirs = stats.ttest_rel(level, base)
    interval = theirs.confidence_interval(confidence)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-10, abs=1e-14)
    assert ours.low == pytest.approx(interval.low, rel=1e-10, abs=1e-12)
    assert ours.high == pytest.approx(interval.high, rel=1e-10, abs=1e-12)
    assert ours.sd == pytest.approx(np.std(level - base, ddof=1), rel=1e-12)


@given(draws, st.floats(0.1, 3.0))
def test_equivalence_agrees_with_statsmodels(draw, margin):
    base, level = two_samples(*draw)
    theirs = ttost_paired(level, base, -margin, margin)[0]
    assert equivalence_p(level - base, margin) == pytest.approx(theirs, rel=1e-10, abs=1e-14)


def test_tests_work_along_the_last_axis():
    values = np.random.default_rng(0).normal(size=(3, 4, 7))
    whole = paired_t(values)
    one = paired_t(values[1, 2])
    assert whole.p.shape == (3, 4)
    assert whole.p[1, 2] == one.p
    assert whole.low[1, 2] == one.low
    assert equivalence_p(values, 0.5)[1, 2] == equivalence_p(values[1, 2], 0.5)


@pytest.mark.parametrize("n", [2, 5, 10])
def test_equal_deltas_have_the_sign_flip_p(n):
    result = paired_t(np.full(n, 0.25))
    assert result.sd == 0
    assert np.isnan(result.low)
    assert np.isnan(result.high)
    assert result.p == 2 / 2**n


def test_zero_deltas_have_p_1():
    assert paired_t(np.zeros(5)).p == 1


def test_deltas_within_rounding_are_equal():
    found = np.array([0.3 - 0.2, 0.4 - 0.3, 0.9 - 0.8])
    assert np.ptp(found) > 0
    assert paired_t(found, noise=1e-12).p == 2 / 2**3


def test_jitter_within_rounding_is_no_spread_to_test():
    noise = noise_of(np.full(4, 0.934))
    result = paired_t(noise * [0.9, 0.8, -0.9, 0.7], noise=noise)
    assert (result.p, result.sd) == (1, 0)
    assert np.isnan(result.low)


def test_huge_pair_ties_no_other_deltas():
    deltas, noise = np.array([0.05, 0.06, 0.07, 0.0]), noise_of([0.1, 0.1, 0.1, 1e6])
    assert paired_t(deltas, noise=noise).p == paired_t(deltas).p < 1
    assert equivalence_p(deltas, 0.1, noise) == equivalence_p(deltas, 0.1)


def test_equal_deltas_with_ties_have_the_sign_flip_p():
    deltas, noise = np.array([0.05, 0.05, 0.05, 0.15]), noise_of([0.1, 0.1, 0.1, 1e6])
    assert paired_t(deltas, noise=noise).p == sign_flip_p(deltas, noise) == 2 / 2**3


def test_rounding_puts_no_delta_inside_the_margin():
    level, base = np.float32([[0.93] * 6, [0.925] * 6]).astype(float)
    assert (level - base < 0.005).all()
    assert equivalence_p(level - base, 0.005, noise_of(level, base)) == 1
    assert equivalence_p(level - base, 0.0051, noise_of(level, base)) == 2**-6


def test_equal_deltas_are_equivalent_by_sign_flips():
    assert equivalence_p(np.full(6, 0.1), margin=0.2) == 2**-6
    assert equivalence_p(np.full(6, 0.3), margin=0.2) == 1


def test_one_delta_has_neither_interval_nor_p():
    result = paired_t([0.5])
    assert result.delta == 0.5
    assert np.isnan([result.low, result.high, result.p, result.sd]).all()
    assert np.isnan(equivalence_p([0.5], 1.0))


def test_no_deltas_have_no_mean():
    assert np.isnan(paired_t([]).delta)


@given(st.integers(2, 60), st.floats(0.05, 3.0), st.sampled_from([0.05, 0.01, 0.005]))
def test_power_agrees_with_statsmodels(n, effect, level):
    theirs = TTestPower().power(effect, n, level, alternative="two-sided")
    if np.isnan(theirs):  # scipy's noncentral t gives up far out in a tail
        critical = stats.t.ppf(1 - level / 2, n - 1)
        theirs = stats.nct.sf(critical, n - 1, effect * np.sqrt(n))
    assert power(effect, n, level) == pytest.approx(theirs, abs=1e-10)


@pytest.mark.parametrize("effect", [3.0, 30.0, 300.0, 3e4])
def test_huge_effect_is_shown_by_few_pairs(effect):
    assert power(effect, 10, 0.005) == pytest.approx(1.0, abs=1e-4)
    assert pairs_for_difference(effect, 0.005) <= 10
    assert pairs_for_equivalence(0.0, effect, 0.005) <= 10


@pytest.mark.parametrize("n", [3, 6, 10, 30])
@pytest.mark.parametrize("level", [0.05, 0.005])
def test_detectable_effect_has_80_percent_power(n, level):
    effect = detectable_effect(n, level)
    assert power(effect, n, level) == pytest.approx(0.8, abs=1e-10)
    # statsmodels finds the effect itself only to six digits, but knows the power of ours
    theirs = TTestPower().power(effect, n, level, alternative="two-sided")
    assert theirs == pytest.approx(0.8, abs=1e-10)


@given(st.floats(0.1, 4.0), st.sampled_from([0.05, 0.005]))
def test_needed_pairs_are_the_fewest_with_80_percent_power(effect, level):
    n = int(pairs_for_difference(effect, level))
    assert power(effect, n, level) >= 0.8
    assert n == 2 or power(effect, n - 1, level) < 0.8


def test_needed_pairs_for_small_effects_are_those_of_the_normal():
    effect = 0.01
    expected = ((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / effect) ** 2
    assert pairs_for_difference(effect, 0.05) == math.ceil(expected)


def test_no_number_of_pairs_shows_a_difference_of_zero():
    assert pairs_for_difference(0.0, 0.05) == math.inf


def test_no_number_of_pairs_shows_equivalence_outside_the_margin():
    assert pairs_for_equivalence(1.0, 1.0, 0.05) == math.inf


def test_needed_pairs_for_equivalence_have_80_percent_power():
    n = int(pairs_for_equivalence(0.2, 1.0, 0.05))
    values = np.random.default_rng(0).normal(0.2, 1.0, size=(20_000, n))
    assert 0.79 < (equivalence_p(values, 1.0) < 0.05).mean() < 0.86


def test_verdict_is_settled_by_the_smaller_number_of_pairs():
    difference = pairs_to_settle(10, 0.1, 1.0, level=0.05)
    either = pairs_to_settle(10, 0.1, 1.0, level=0.05, margin=1.0)
    assert difference == pairs_for_difference(0.1, 0.05)
    assert either == pairs_for_equivalence(0.1, 1.0, 0.05)


def test_open_verdict_needs_at_least_one_pair_more():
    assert pairs_to_settle(10, 5.0, 1.0, level=0.05) == 11
