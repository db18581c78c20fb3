"""The modified t: formulas, coverage, and the agreement of p and interval."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from ablations.stats.paired_t import equivalence_p, paired_t
from ablations.stats.skew import (
    correction,
    highest_t,
    lower_tail,
    lowest_t,
    skewness,
    skewness_error,
    upper_tail,
)

SEEDS = st.integers(0, 2**32 - 1)
GAMMAS = st.floats(-2, 2)


@given(SEEDS, st.integers(3, 40))
def test_skewness_agrees_with_scipy(seed, n):
    values = np.random.default_rng(seed).exponential(size=(2, n))
    expected = stats.skew(values, axis=-1, bias=False)
    assert skewness(values) == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_skewness_of_too_few_or_equal_deltas_is_zero():
    assert skewness([1.0, 2.0]) == 0
    assert skewness([1.0, 1.0, 1.0]) == 0
    assert skewness([0.1] * 7) == 0


def test_skewness_survives_tiny_deltas():
    values = np.random.default_rng(3).exponential(size=9)
    assert skewness(values * 1e-150) == pytest.approx(skewness(values))


@pytest.mark.parametrize("n", [6, 10, 30])
def test_standard_error_is_the_spread_of_normal_samples(n):
    sizes = skewness(np.random.default_rng(n).normal(size=(40_000, n)))
    assert sizes.std() == pytest.approx(skewness_error(n), rel=0.02)


def test_few_or_hardly_skewed_deltas_keep_student_s_t():
    assert correction([0.0, 0.0, 0.0, 0.0, 5.0]) == 0  # five deltas
    assert correction([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]) == 0
    values = np.random.default_rng(1).normal(size=(500, 12))
    plain, modified = paired_t(values), paired_t(values, modified=True)
    same = modified.gamma == 0
    assert 0.6 < same.mean() < 0.9
    for name in ("low", "high", "p"):
        left, right = getattr(plain, name)[same], getattr(modified, name)[same]
        assert left == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("gamma", [0.2, 0.7])
@pytest.mark.parametrize("t", [-8.0, -2.5, -0.5])
def test_long_side_inverts_johnson_s_expansion(t, gamma):
    five = 5 * gamma
    c = (
        optimize.brentq(lambda c: c + five * (c**2 / 3 + 1 / 6) + t, -0.01, 20)
        if (-t > five / 6)
        else 0.0
    )
    bounded = max(c, -t / 2.7)
    assert lower_tail(t, gamma, 9) == pytest.approx(stats.t.cdf(-bounded, 9), rel=1e-9)


@given(SEEDS, st.integers(6, 20), st.floats(0.5, 0.9999))
def test_no_side_is_wider_than_2_7_times_student_s(seed, n, confidence):
    values = np.random.default_rng(seed).lognormal(0, 2, size=(20, n))
    plain, modified = paired_t(values, confidence), paired_t(values, confidence, modified=True)
    widest = 2.7 * (plain.high - plain.delta) * (1 + 1e-9)
    assert (modified.high - modified.delta <= widest).all()
    assert (modified.delta - modified.low <= widest).all()


@pytest.mark.parametrize("gamma", [0.2, 0.7])
@pytest.mark.parametrize("t", [8.0, 2.5, 0.5])
def test_short_side_is_johnson_s_expansion(t, gamma):
    moved = t + gamma / 4 * (t**2 / 3 + 1 / 6)
    assert upper_tail(t, gamma, 9) == pytest.approx(stats.t.sf(moved, 9), rel=1e-9)


@given(GAMMAS, st.floats(1.0, 6.0))
def test_ends_have_the_tails_of_student_s_t(gamma, critical):
    tail = stats.t.sf(critical, 9)
    assert lower_tail(lowest_t(critical, gamma), gamma, 9) == pytest.approx(tail, rel=1e-6)
    assert upper_tail(highest_t(critical, gamma), gamma, 9) == pytest.approx(tail, rel=1e-6)


@given(GAMMAS, st.floats(-20, 20), st.floats(0, 5))
def test_tails_rise_with_t(gamma, t, more):
    assert lower_tail(t, gamma, 7) <= lower_tail(t + more, gamma, 7) + 1e-12


@given(SEEDS, st.integers(6, 20), st.floats(0.5, 0.999), st.floats(-1, 1))
def test_p_and_interval_agree(seed, n, confidence, shift):
    values = np.random.default_rng(seed).lognormal(size=(20, n)) - 1.6 + shift
    result = paired_t(values, confidence, modified=True)
    excluded = (result.low > 0) | (result.high < 0)
    close = np.abs(result.p - (1 - confidence)) < 1e-9
    assert (excluded == (result.p < 1 - confidence))[~close].all()
    assert (result.low < result.delta).all()
    assert (result.delta < result.high).all()


@given(SEEDS, st.floats(0.1, 3))
def test_equivalence_agrees_with_the_90_percent_interval(seed, margin):
    values = np.random.default_rng(seed).lognormal(size=(20, 10)) - 1.6
    result = paired_t(values, 0.9, modified=True)
    within = (result.low > -margin) & (result.high < margin)
    assert (within == (equivalence_p(values, margin, modified=True) < 0.05)).all()


@given(SEEDS)
def test_negated_deltas_have_the_negated_interval(seed):
    values = np.random.default_rng(seed).exponential(size=(5, 9))
    one, other = paired_t(values, modified=True), paired_t(-values, modified=True)
    assert one.low == pytest.approx(-other.high)
    assert one.p == pytest.approx(other.p)


DRAWS = 40_000


@pytest.mark.parametrize(("sigma", "least", "most"), [(1.0, 0.92, 0.94), (0.25, 0.94, 0.96)])
def test_lognormal_intervals_cover(sigma, least, most):
    values = np.random.default_rng(7).lognormal(0, sigma, (DRAWS, 10)) - math.exp(sigma**2 / 2)
    plain, modified = paired_t(values), paired_t(values, modified=True)
    covered = [((one.low <= 0) & (one.high >= 0)).mean() for one in (plain, modified)]
    slack = 2 * math.sqrt(0.08 * 0.92 / DRAWS)
    assert least - slack < covered[1] < most
    if sigma == 1:
        assert covered[0] == pytest.approx(0.84, abs=0.01)  # what the plain t holds


@pytest.mark.parametrize("n", [6, 10, 20])
def test_normal_intervals_cover_95_percent(n):
    result = paired_t(np.random.default_rng(n).normal(size=(DRAWS, n)), modified=True)
    covered = ((result.low <= 0) & (result.high >= 0)).mean()
    assert 0.945 < covered < 0.955 + 2 * math.sqrt(0.05 * 0.95 / DRAWS)


def test_lognormal_delta_at_the_margin_is_called_equivalent_less_often():
    sd = math.sqrt((math.e - 1) * math.e)
    values = np.random.default_rng(9).lognormal(size=(DRAWS, 10)) - math.exp(0.5) + sd
    plain = (equivalence_p(values, sd) < 0.05).mean()
    modified = (equivalence_p(values, sd, modified=True) < 0.05).mean()
    assert plain > 0.19
    assert modified < 0.11
