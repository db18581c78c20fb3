import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from simulated import simulated

from ablations.stats.notes import UNSEEN_SKEW, skewness, skewness_limit


@given(st.integers(0, 2**32 - 1), st.integers(3, 40))
def test_skewness_agrees_with_scipy(seed, n):
    values = np.random.default_rng(seed).exponential(size=n)
    assert skewness(values) == pytest.approx(stats.skew(values, bias=False), rel=1e-10, abs=1e-10)


def test_what_is_said_below_every_table_is_what_was_simulated():
    _, *silent = simulated("lognormal (skewness 6): covers where nothing is said", "How often")
    assert f"such intervals cover {min(silent):.0f} to {max(silent):.0f}%, not 95%" in UNSEEN_SKEW
    _, _, _, of_ten, *_ = simulated("lognormal (skewness 6)", "How often")
    assert of_ten == pytest.approx(50, abs=5)
    assert "10 seeds show about half as such" in UNSEEN_SKEW


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
