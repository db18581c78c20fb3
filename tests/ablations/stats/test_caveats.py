import numpy as np
import pytest
from helpers.simulated import simulated
from hypothesis import given
from hypothesis import strategies as st

from ablations.stats.caveats import UNSEEN, UNSEEN_OVER_LOOKS, skewness, skewness_limit, unseen_skew

START = (
    "Strong skew may go undetected; the interval then covers the true delta too rarely. "
    "In simulations with lognormal deltas"
)


@given(st.integers(0, 2**32 - 1), st.integers(3, 40))
def test_skewness_agrees_with_its_formula(seed, n):
    values = np.random.default_rng(seed).exponential(size=n)
    cubes = (((values - values.mean()) / values.std(ddof=1)) ** 3).sum()
    expected = n / ((n - 1) * (n - 2)) * cubes
    assert skewness(values) == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_caveat_has_the_simulated_rates():
    section, lognormal = "How often", "lognormal (skewness 6)"
    _, *sizes = simulated("deltas", section)
    assert [f"n = {n}" for n in UNSEEN] == sizes
    _, *shown = simulated(lognormal, section)
    _, *covered = simulated(f"{lognormal}: covers where nothing is said", section)
    for rates, one, other in zip(UNSEEN.values(), shown, covered, strict=True):
        assert rates == pytest.approx((one, other), abs=0.501)  # whole percents
    *_, hold = simulated(lognormal, "Seeds added")
    assert pytest.approx(hold, abs=0.501) == UNSEEN_OVER_LOOKS


@pytest.mark.parametrize(
    ("pairs", "seeds", "shows", "holds"),
    [
        ([10, 10], "10", "53", "76"),
        ([6, 0, 1], "6", "30", "78"),  # no interval of fewer than two
        ([4, 5], "4 to 5", "0 to 23", "79 to 82"),
        ([12], "10", "53", "76"),  # the nearest that was simulated
        ([200], "50", "53", "84"),
        ([6, 30], "6 to 30", "30 to 66", "75 to 80"),  # and all in between
    ],
)
def test_rates_are_those_of_the_number_of_pairs(pairs, seeds, shows, holds):
    assert unseen_skew(pairs) == (
        f"{START} and {seeds} seeds, skew is detected in {shows}% of the samples; in the others "
        f"the 95% interval covers the true delta in {holds}%."
    )


def test_caveat_for_skew_that_never_shows():
    assert unseen_skew([3, 2]) == (
        f"{START} and 3 seeds, skew is never detected, and the 95% interval covers the true delta "
        "in 84% of the samples."
    )


def test_caveat_of_a_sequential_study_covers_all_looks():
    assert unseen_skew([6, 30], looks=True) == (
        f"{START}, the intervals of all looks cover the true delta in 78% of the studies, not in "
        "95%."
    )


def test_two_seeds_have_no_caveat():
    assert unseen_skew([2, 2]) == unseen_skew([2], looks=True) == ""


def test_rows_without_intervals_have_no_caveat():
    assert unseen_skew([1, 0]) == unseen_skew([]) == unseen_skew([1], looks=True) == ""


def test_skewness_of_too_few_or_equal_deltas_is_zero():
    assert skewness([1.0, 2.0]) == 0
    assert skewness([1.0, 1.0, 1.0]) == 0


@pytest.mark.parametrize("n", [6, 10, 20, 30])
def test_at_most_one_normal_sample_in_sixteen_is_called_skewed(n):
    values = np.random.default_rng(n).normal(size=(2000, n))
    said = np.array([abs(skewness(one)) > skewness_limit(n) for one in values])
    assert said.mean() < 1 / 16


@pytest.mark.parametrize("n", [10, 20])
def test_half_of_the_lognormal_samples_are_called_skewed(n):
    values = np.random.default_rng(n).lognormal(size=(2000, n))
    said = np.array([abs(skewness(one)) > skewness_limit(n) for one in values])
    assert said.mean() > 0.45
