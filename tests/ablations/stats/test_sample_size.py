"""Sample size: power against statsmodels, and the spread of a pilot."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from ablations.stats.paired_t import equivalence_p, equivalence_power
from ablations.stats.sample_size import Spread, pooled_spread, sample_size, spread_of


def trials_of(values, names=None, status="done"):
    """Return the trials of a matrix with one row per seed and one column per variant."""
    names = names or ["baseline", *(f"v{at}" for at in range(1, values.shape[1]))]
    rows = [
        {
            "variant": name,
            "seed": seed,
            "status": status,
            "codes": "",
            "test_loss": values[seed, at],
        }
        for at, name in enumerate(names)
        for seed in range(len(values))
    ]
    return pd.DataFrame(rows)


@given(
    st.floats(0.002, 0.1),
    st.floats(0.005, 0.05),
    st.integers(1, 20),
    st.integers(6, 40),
    st.one_of(st.none(), st.integers(1, 30)),
)
def test_power_is_that_of_statsmodels(effect, sd, comparisons, n, df):
    spread = Spread(sd, math.inf if df is None else df)
    (row,) = sample_size(spread, effect=effect, comparisons=comparisons, seeds=[n]).to_dict(
        "records"
    )
    high = sd if df is None else sd * math.sqrt(df / stats.chi2.ppf(0.2, df))
    assert row["sd_high"] == pytest.approx(high, rel=1e-9)
    level = 0.05 / comparisons
    for column, at in (("power", sd), ("power_low", high)):
        theirs = TTestPower().power(effect / at, n, level, alternative="two-sided")
        if np.isnan(theirs):  # scipy's noncentral t gives up far out in a tail
            shift = effect / at * math.sqrt(n)
            theirs = stats.nct.sf(stats.t.ppf(1 - level / 2, n - 1), n - 1, shift)
        assert row[column] == pytest.approx(theirs, abs=1e-8)
    shown = TTestPower().power(row["detectable"] / sd, n, level, alternative="two-sided")
    assert np.isnan(shown) or shown == pytest.approx(0.8, abs=1e-6)


def test_width_is_the_mean_width_of_intervals():
    rng = np.random.default_rng(5)
    for n in (3, 10):
        values = rng.normal(0, 0.02, (40_000, n))
        widths = 2 * stats.t.ppf(0.975, n - 1) * values.std(axis=1, ddof=1) / math.sqrt(n)
        (row,) = sample_size(Spread(0.02, math.inf), seeds=[n]).to_dict("records")
        assert row["ci_width"] == pytest.approx(widths.mean(), rel=0.01)
        assert row["ci_width_high"] == row["ci_width"]


@pytest.mark.parametrize(
    ("effect", "margin", "n", "level"),
    [(0, 1, 10, 0.05), (0, 2, 6, 0.005), (0.3, 1, 20, 0.01), (0, 2, 5, 0.01), (0, 3, 2, 0.05)],
)
def test_power_of_equivalence_is_that_of_simulated_studies(effect, margin, n, level):
    values = np.random.default_rng(3).normal(effect, 1, (40_000, n))
    simulated = (equivalence_p(values, margin) < level).mean()
    assert equivalence_power(effect, margin, n, level) == pytest.approx(simulated, abs=0.01)


@given(st.floats(0, 0.9), st.integers(2, 50), st.sampled_from([0.05, 0.005]))
def test_power_of_equivalence_is_the_integral(effect, n, level):
    shares = (np.arange(20_000) + 0.5) / 20_000
    s = np.sqrt(stats.chi2.ppf(shares, n - 1) / (n - 1))
    half = np.maximum(0, 2 * math.sqrt(n) - stats.t.ppf(1 - level, n - 1) * s)
    shift = effect * math.sqrt(n)
    within = stats.norm.cdf(half - shift) - stats.norm.cdf(-half - shift)
    assert equivalence_power(effect, 2.0, n, level) == pytest.approx(within.mean(), abs=1e-4)


def test_number_of_seeds_is_extended_until_the_power_is_80_percent():
    found = sample_size(Spread(0.02, 9), effect=0.01)
    cautious = 0.01 / Spread(0.02, 9).high
    needed = TTestPower().solve_power(cautious, power=0.8, alpha=0.05)
    assert found["seeds"].tolist() == list(range(6, math.ceil(needed) + 1))
    assert found["power_low"].iloc[-1] >= 0.8 > found["power_low"].iloc[-2]
    assert sample_size(Spread(0.02, 9), effect=0.0001)["seeds"].iloc[-1] == 200
    assert sample_size(Spread(0.02, 9))["seeds"].tolist() == list(range(6, 31))


def test_fewer_than_six_seeds_have_no_power():
    found = sample_size(Spread(0.01, 9), effect=1.0, margin=1.0, seeds=[5, 6])
    assert found["power"].tolist() == [0, 1]
    assert found["power_equivalence"].round(6).tolist() == [0, 1]
    assert found["detectable"].isna().tolist() == [True, False]
    assert found["ci_width"].notna().all()


def test_spread_of_one_variant_is_its_own():
    values = np.random.default_rng(0).normal(size=(7, 2))
    spread = spread_of(trials_of(values), "test_loss")
    assert spread.sd == pytest.approx(np.std(values[:, 1] - values[:, 0], ddof=1))
    assert spread.df == pytest.approx(6)


def test_upper_limit_of_the_spread_holds_in_80_percent():
    rng = np.random.default_rng(1)
    for count in (1, 2, 6):
        values = rng.normal(size=(1000, count + 1, 6))
        high = [pooled_spread(each[1:] - each[0]).high for each in values]
        holds = np.mean(np.array(high) >= math.sqrt(2))
        assert 0.8 - 0.04 < holds < 0.93


def test_diverged_and_unchanging_variants_are_left_out_of_the_spread():
    values = np.random.default_rng(0).normal(size=(7, 4))
    values[:, 2] = values[:, 0] + 0.5
    values[:, 3] *= 1000
    trials = trials_of(values)
    trials.loc[(trials["variant"] == "v3") & (trials["seed"] == 2), "codes"] = "diverged"
    kept = spread_of(trials_of(values[:, :2]), "test_loss")
    found = spread_of(trials, "test_loss")
    assert (found.sd, found.df) == pytest.approx((kept.sd, kept.df))


def test_one_seed_has_no_spread():
    values = np.random.default_rng(0).normal(size=(1, 3))
    assert spread_of(trials_of(values), "test_loss") is None
    failed = trials_of(np.random.default_rng(0).normal(size=(5, 3)), status="failed")
    assert spread_of(failed, "test_loss") is None
