"""Intervals for new data, compared with their formulas, other software and a real bootstrap."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from ablations.stats import deltas, new_data, sequential
from ablations.stats.new_data import corrected_t, crossed_t, mean_correlation, outcomes_of
from cnnzoo.folds import HeldOut
from cnnzoo.training.outcomes import pack

MNIST5K = HeldOut(size=500, pool=5000, train=4000)
FIXED = HeldOut(size=40, pool=0, train=900)


def with_keys(trials):
    return trials.assign(key=trials["variant"] + "/" + trials["seed"].astype(str))


def test_seeds_of_different_repetitions_have_nadeau_and_bengios_interval():
    d = np.array([0.3, -0.1, 0.4, 0.2, 0.1, 0.5])
    low, high, p = corrected_t(d, [0, 10, 20, 30, 40, 50], MNIST5K)
    error = d.std(ddof=1) * math.sqrt(1 / 6 + 500 / 4000)  # equation 9 of their paper
    half = scipy_stats.t.ppf(0.975, 5) * error
    assert (low, high) == pytest.approx((d.mean() - half, d.mean() + half))
    assert p == pytest.approx(2 * scipy_stats.t.sf(d.mean() / error, 5))


def test_folds_of_one_repetition_correlate_by_half():
    assert mean_correlation(range(10), MNIST5K) == pytest.approx(500 / 4500 / 2)


def test_mean_correlation_counts_pairs_of_seeds():
    seeds, rho = [3, 9, 10, 11, 25], 500 / 4500
    pairs = [(a, b) for a in seeds for b in seeds if a < b]
    each = [rho / 2 if a // 10 == b // 10 else rho for a, b in pairs]
    assert mean_correlation(seeds, MNIST5K) == pytest.approx(sum(each) / len(pairs))


@pytest.mark.parametrize("d", [[0.2], [0.1, 0.1, 0.1]])
def test_deltas_without_spread_have_no_corrected_interval(d):
    assert np.isnan(corrected_t(d, range(len(d)), MNIST5K)).all()


def test_crossed_variance_is_that_of_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    seeds, examples = rng.normal(size=(5, 1)), rng.normal(size=(1, 12))
    d = 0.4 + seeds + 2 * examples + rng.normal(size=(5, 12))
    frame = pd.DataFrame(
        {"y": d.ravel(), "seed": np.repeat(range(5), 12), "example": [*range(12)] * 5}
    )
    table = anova_lm(ols("y ~ C(seed) + C(example)", frame).fit())
    of_seeds, of_examples, rest = table["mean_sq"]
    total = of_seeds + of_examples - rest
    freedom = total**2 / (of_seeds**2 / 4 + of_examples**2 / 11 + rest**2 / 44)
    error = math.sqrt(total / 60)
    half = scipy_stats.t.ppf(0.975, freedom) * error
    low, high, p = crossed_t(d.mean(), d)
    assert (low, high) == pytest.approx((d.mean() - half, d.mean() + half))
    assert p == pytest.approx(2 * scipy_stats.t.sf(abs(d.mean()) / error, freedom))


def test_crossed_interval_is_that_of_a_bootstrap_with_many_seeds():
    rng = np.random.default_rng(1)
    d = 0.1 * rng.normal(size=(60, 1)) + rng.normal(size=(1, 300)) + rng.normal(size=(60, 300))
    means = []
    for _ in range(2000):
        rows, columns = rng.integers(60, size=60), rng.integers(300, size=300)
        means.append(d[rows][:, columns].mean())
    low, high, _ = crossed_t(d.mean(), d)
    ends = np.quantile(means, [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(ends), abs=0.15 * (high - low))


def test_equal_outcomes_have_no_crossed_interval():
    assert np.isnan(crossed_t(0.0, np.zeros((4, 9)))).all()
    assert np.isnan(crossed_t(0.1, np.ones((1, 9)))).all()


def test_outcomes_have_the_metric_as_their_mean():
    error = np.array([1.0, -2.0, 4.0, 0.5])
    known = {"error": error, "loss": error**2}
    assert outcomes_of("test_mae", known).mean() == pytest.approx(7.5 / 4)
    assert outcomes_of("test_rmse", known).mean() == pytest.approx(math.sqrt(21.25 / 4))
    np.testing.assert_array_equal(outcomes_of("test_loss", known), error**2)
    assert outcomes_of("test_macro_f1", {"correct": np.ones(4)}) is None
    assert outcomes_of("test_nll", known) is None


def test_linearized_rmse_follows_a_small_change_of_the_examples():
    error = np.random.default_rng(0).normal(size=200)
    weights = np.full(200, 1 / 200)
    weights[:20] += 1e-6
    weights /= weights.sum()
    exact = math.sqrt(weights @ error**2)
    assert weights @ outcomes_of("test_rmse", {"error": error}) == pytest.approx(exact, abs=1e-9)


def test_redrawn_split_has_the_corrected_interval_of_its_pairs(trials_of):
    values = {"baseline": [1.0, 1.1, 1.2, math.nan, 1.1, 1.3], 3: [1.4, 1.3, 1.5, 1.2, 1.2, 1.9]}
    trials = with_keys(trials_of(values))
    table = deltas(trials, ["test_loss"])
    (row,) = new_data(table, trials, MNIST5K, {}).itertuples(index=False)
    expected = corrected_t([0.4, 0.2, 0.3, 0.1, 0.6], [0, 1, 2, 4, 5], MNIST5K)
    assert row[:3] == pytest.approx(expected)
    assert row.new_data_method == "corrected t"
    assert row.new_data_high - row.new_data_low > table["ci_high"][0] - table["ci_low"][0]


def test_interval_for_new_data_includes_that_of_skewed_deltas(trials_of):
    base = [1.0, 1.1, 1.2, 1.3, 1.1, 1.3, 1.2, 1.0]
    values = {"baseline": base, 3: np.add(base, [0.1, 0.11, 0.12, 0.1, 0.11, 0.12, 0.1, 0.6])}
    table = deltas(trials_of(values), ["test_loss"])
    assert table["ci_method"].tolist() == ["modified t"]
    (row,) = new_data(table, with_keys(trials_of(values)), MNIST5K, {}).itertuples()
    low, high, p = corrected_t(values[3] - np.array(base), range(8), MNIST5K)
    assert high < table["ci_high"][0]  # the symmetric interval is shorter there
    assert row.new_data_low == pytest.approx(min(low, table["ci_low"][0]))
    assert row.new_data_high == table["ci_high"][0]
    assert row.new_data_p == pytest.approx(max(p, table["p"][0]))


def test_fixed_split_has_the_interval_of_its_outcomes(trials_of):
    rng = np.random.default_rng(0)
    correct = {
        f"{variant}/{seed}": rng.random(40) < share
        for variant, share in (("baseline", 0.8), ("pool_size=3 (int)", 0.6))
        for seed in range(6)
    }
    values = {
        level: [correct[f"{variant}/{seed}"].mean() for seed in range(6)]
        for level, variant in (("baseline", "baseline"), (3, "pool_size=3 (int)"))
    }
    trials = with_keys(trials_of(values, "test_accuracy")).assign(test_macro_f1=range(12))
    packed = {key: pack({"correct": each}) for key, each in correct.items()}
    table = deltas(trials, ["test_accuracy", "test_macro_f1"])
    found = new_data(table, trials, FIXED, packed)
    d = np.array(
        [
            correct[f"pool_size=3 (int)/{seed}"].astype(float) - correct[f"baseline/{seed}"]
            for seed in range(6)
        ]
    )
    assert tuple(found.iloc[0, :3]) == pytest.approx(crossed_t(d.mean(), d))
    assert found["new_data_method"].tolist() == [
        "seeds x examples",
        "none: test_macro_f1 is not a mean over examples",
    ]
    assert found.iloc[1, :3].isna().all()


@pytest.mark.parametrize("held_out", [None, FIXED])
def test_trials_without_outcomes_have_no_interval(trials_of, held_out):
    trials = with_keys(trials_of({"baseline": [1.0, 1.1, 1.3], 3: [1.4, 1.3, 1.5]}))
    found = new_data(deltas(trials, ["test_loss"]), trials, held_out, {})
    assert found["new_data_method"].tolist() == ["none: the trials have no outcomes by example"]
    assert found.iloc[0, :3].isna().all()


def test_looks_count_in_the_interval_for_new_data(trials_of):
    rng = np.random.default_rng(0)
    values = {"baseline": rng.normal(size=12), 3: rng.normal(size=12) + 0.5}
    trials = with_keys(trials_of(values))
    table = sequential(trials, ["test_loss"], (6, 10, 20))
    assert table["blocks"].tolist() == [10]
    (row,) = new_data(table, trials, MNIST5K, {}, at=(6, 10, 20)).itertuples(index=False)
    # the second of three looks spends 4 of 20 blocks' share of the error
    d = np.subtract(values[3], values["baseline"])[:10]
    low, high, p = corrected_t(d, range(10), MNIST5K, 1 - 0.05 * 4 / 20)
    assert row[:3] == pytest.approx((low, high, min(1, p * 5)))


def test_no_variants_have_no_intervals(trials_of):
    trials = with_keys(trials_of({"baseline": [1.0, 1.1]}))
    found = new_data(deltas(trials, ["test_loss"]), trials, MNIST5K, {})
    assert list(found) == ["new_data_low", "new_data_high", "new_data_p", "new_data_method"]
    assert len(found) == 0
