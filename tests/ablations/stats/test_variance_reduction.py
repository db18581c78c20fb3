import math

import numpy as np
import pytest
from benchmarks.variance_reduction import blocks, variance_reduction, welch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

nan = float("nan")


@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_welchs_half_width_agrees_with_scipy(seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(scale=3, size=n)
    interval = stats.ttest_ind(x, y, equal_var=False).confidence_interval()
    ours = welch(n, x.var(ddof=1), y.var(ddof=1), 0.95)
    assert 2 * ours == pytest.approx(interval.high - interval.low, rel=1e-10)


@given(st.floats(0.05, 5.0), st.floats(0.0, 4.0), st.floats(0.1, 4.0))
def test_independent_blocks_are_the_fewest_with_that_width(half, first, second):
    n = int(blocks(half, first, second, 0.95))
    assert welch(n, first, second, 0.95) <= half
    assert n == 2 or welch(n - 1, first, second, 0.95) > half


def test_correlated_pairs_save_trials(trials_of):
    rng = np.random.default_rng(0)
    block = rng.normal(size=10)
    base, level = block + 0.1 * rng.normal(size=10), block + 0.1 * rng.normal(size=10)
    row = variance_reduction(trials_of({"baseline": base, 3: level}), "test_loss").iloc[0]
    assert row["correlation"] == pytest.approx(np.corrcoef(base, level)[0, 1], abs=1e-10)
    spread = (level - base).var(ddof=1)
    assert row["variance_ratio"] == pytest.approx(
        (base.var(ddof=1) + level.var(ddof=1)) / spread, rel=1e-10
    )
    interval = stats.ttest_rel(level, base).confidence_interval()
    assert 2 * row["paired_half_width"] == pytest.approx(interval.high - interval.low, rel=1e-10)
    assert row["trials_paired"] == 20
    assert row["trials_independent"] > 200
    assert row["trials_ratio"] == row["trials_independent"] / 20


def test_uncorrelated_pairs_save_no_trials(trials_of):
    rng = np.random.default_rng(0)
    values = {"baseline": rng.normal(size=2000), 3: rng.normal(size=2000)}
    row = variance_reduction(trials_of(values), "test_loss").iloc[0]
    assert row["trials_ratio"] == pytest.approx(1.0, abs=0.1)


def test_deltas_without_spread_need_infinitely_many_trials(trials_of):
    row = variance_reduction(trials_of({"baseline": [1.0, 2, 3], 3: [2.0, 3, 4]}), "test_loss")
    assert row["trials_independent"].tolist() == [math.inf]


def test_one_pair_or_no_spread_gives_nan(trials_of):
    values = {"baseline": [1.0, 1.0], 3: [nan, 2.0], 4: [1.0, 1.0]}
    table = variance_reduction(trials_of(values), "test_loss")
    assert table["n_pairs"].tolist() == [1, 2]
    assert table["trials_independent"].isna().all()


def test_spread_within_rounding_counts_as_none(trials_of):
    flat = 0.934 + 1e-9 * np.array([3.0, -1.0, 2.0, 0.0])
    values = {"baseline": flat, 3: flat[::-1], 4: [0.1, 0.2, 0.4, 0.3]}
    table = variance_reduction(trials_of(values), "test_loss").set_index("variant")
    same, other = table.iloc[0], table.iloc[1]
    assert same[["correlation", "variance_ratio", "trials_independent"]].isna().all()
    assert same["independent_half_width"] == 0
    assert np.isnan(other["correlation"])
    assert other["variance_ratio"] == pytest.approx(1)


def test_empty_table_has_the_columns(trials_of):
    trials = trials_of({"baseline": [1.0, 2.0], 3: [1.0, 3.0]})
    full = variance_reduction(trials, "test_loss")
    assert list(variance_reduction(trials.iloc[:0], "test_loss").columns) == list(full.columns)
