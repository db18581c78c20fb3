import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ablations.stats import StatisticsError, deltas
from ablations.stats.deltas import FURTHER
from ablations.stats.paired_t import detectable_effect, pairs_for_difference
from ablations.stats.resampling import bca_interval

nan = float("nan")


def noisy(n, shift=0.0, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(shift, scale, size=n)


def row_of(table, level):
    return table[[type(found) is type(level) and found == level for found in table["level"]]].iloc[
        0
    ]


def test_columns_begin_with_the_contract(trials_of):
    table = deltas(trials_of({"baseline": [1.0, 2.0], 3: [2.0, 3.5]}), ["test_loss"])
    contract = [
        *("factor", "level", "baseline", "metric", "n_pairs", "n_failed", "baseline_mean"),
        *("level_mean", "p", "p_adjusted", "delta", "ci_low", "ci_high", "verdict"),
    ]
    assert list(table.columns) == [*contract, *FURTHER]


def test_empty_table_has_the_same_columns_and_types(trials_of):
    full = trials_of({"baseline": [1.0, 2.0], 3: [2.0, 3.5]})
    empty = deltas(full.iloc[:0], ["test_loss"])
    assert len(empty) == 0
    assert empty.dtypes.equals(deltas(full, ["test_loss"]).dtypes)
    alone = full[full["variant"] == "baseline"]
    assert deltas(alone, ["test_loss"]).dtypes.equals(empty.dtypes)


def test_row_agrees_with_scipy(trials_of):
    base, level = noisy(10), noisy(10, 0.8, seed=1)
    row = deltas(trials_of({"baseline": base, 3: level}), ["test_loss"]).iloc[0]
    theirs = stats.ttest_rel(level, base)
    interval = theirs.confidence_interval()
    assert row["p"] == pytest.approx(theirs.pvalue, rel=1e-10)
    assert row["p_adjusted"] == row["p"]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval, rel=1e-10, abs=1e-10)
    assert row["delta"] == pytest.approx((level - base).mean(), rel=1e-10, abs=1e-10)
    assert row["level_mean"] - row["baseline_mean"] == pytest.approx(row["delta"], abs=1e-10)
    assert row["p_wilcoxon"] == pytest.approx(stats.wilcoxon(level - base).pvalue, rel=1e-10)
    assert row["ci_method"] == "t"
    assert (row["n_pairs"], row["n_failed"]) == (10, 0)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_pairs_do_not_depend_on_the_order_of_rows(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, 8))
    trials = pd.DataFrame(
        {
            "variant": ["baseline"] * 8 + ["a"] * 8,
            "factor": "f",
            "level": 1,
            "baseline": 0,
            "seed": [*range(8)] * 2,
            "status": "done",
            "test_loss": values.ravel(),
        }
    )
    gone = rng.random(16) < 0.2
    trials.loc[gone, "status"] = "failed"
    both = ~(gone[:8] | gone[8:])
    row = deltas(trials.sample(frac=1, random_state=seed % 1000), ["test_loss"]).iloc[0]
    assert row["n_pairs"] == both.sum()
    assert row["n_failed"] == 8 - both.sum()
    if both.any():
        assert row["delta"] == pytest.approx((values[1] - values[0])[both].mean(), rel=1e-10)


def test_holm_runs_over_the_variants_of_one_metric(trials_of):
    values = {"baseline": noisy(10), 3: noisy(10, 2, seed=1), 4: noisy(10, 1, seed=2)}
    trials = trials_of(values).assign(test_accuracy=noisy(30, seed=4))
    table = deltas(trials, ["test_loss", "test_accuracy"])
    for _, part in table.groupby("metric"):
        low, high = sorted(part["p"])
        assert sorted(part["p_adjusted"]) == pytest.approx(
            [2 * low, min(1, max(2 * low, high))], rel=1e-10
        )
    assert list(table["metric"]) == ["test_loss", "test_accuracy"] * 2


def test_direction_of_the_metric_decides_what_is_better(trials_of):
    values = {"baseline": noisy(10, 0, scale=0.1), 3: noisy(10, 1, seed=1, scale=0.1)}
    losses = deltas(trials_of(values, "test_loss"), ["test_loss"])
    accuracies = deltas(trials_of(values, "test_accuracy"), ["test_accuracy"])
    assert losses["verdict"].tolist() == ["worse"]
    assert losses["p_better"].tolist() == [0.0]
    assert accuracies["verdict"].tolist() == ["better"]
    assert accuracies["p_better"].tolist() == [1.0]


def test_equivalent_needs_a_margin_and_precedes_better_or_worse(trials_of):
    base = noisy(10)
    trials = trials_of({"baseline": base, 3: base + 0.1 + noisy(10, seed=1, scale=0.01)})
    assert deltas(trials, ["test_loss"])["verdict"].tolist() == ["worse"]
    row = deltas(trials, ["test_loss"], margins={"test_loss": 0.5}).iloc[0]
    assert row["verdict"] == "equivalent"
    assert row["p_adjusted"] < 0.05
    assert row["p_equivalence_adjusted"] < 0.05
    assert deltas(trials, ["test_loss"], margins={"test_loss": 0.05}).iloc[0]["verdict"] == "worse"


def test_missing_pairs_are_shown_and_not_filled_in(trials_of):
    base = [1.0, 2.0, nan, 4.0, 5.0, 6.0, 7.0, 8.0]
    level = [1.5, nan, 3.0, 4.2, 5.6, 6.4, math.inf, 8.3]
    row = deltas(trials_of({"baseline": base, 3: level}), ["test_loss"]).iloc[0]
    assert (row["n_pairs"], row["n_failed"]) == (5, 3)
    assert row["delta"] == pytest.approx(np.mean([0.5, 0.2, 0.6, 0.4, 0.3]), abs=1e-10)
    assert row["baseline_mean"] == pytest.approx(np.mean([1.0, 4.0, 5.0, 6.0, 8.0]), abs=1e-10)
    assert row["notes"].startswith("3 of 8 pairs are missing; no verdict: fewer than 6 pairs")


def test_further_baseline_seeds_are_not_failures(trials_of):
    row = deltas(trials_of({"baseline": noisy(12), 3: noisy(6, seed=1)}), ["test_loss"]).iloc[0]
    assert (row["n_pairs"], row["n_failed"]) == (6, 0)


def test_one_seed_gives_neither_interval_nor_verdict(trials_of):
    row = deltas(trials_of({"baseline": [1.0], 3: [2.0]}), ["test_loss"]).iloc[0]
    assert row["delta"] == 1.0
    assert row[["ci_low", "ci_high", "p", "p_adjusted", "sd", "p_sign_flip"]].isna().all()
    assert row["verdict"] == ""
    assert row["notes"] == "one seed gives neither interval nor verdict"


def test_variant_that_always_fails_has_a_row(trials_of):
    row = deltas(trials_of({"baseline": [1.0, 2.0], 3: [nan, nan]}), ["test_loss"]).iloc[0]
    assert (row["n_pairs"], row["n_failed"], row["verdict"]) == (0, 2, "")
    assert row["notes"] == "2 of 2 pairs are missing; no pairs: nothing to compare"


def test_infeasible_variant_has_a_row_without_numbers(trials_of):
    trials = trials_of({"baseline": noisy(6), 3: noisy(6, 3, seed=1)})
    bad = {"variant": "bad", "factor": "pool_size", "level": 9, "baseline": 2}
    trials = pd.concat(
        [trials, pd.DataFrame([bad | {"seed": None, "status": "infeasible", "test_loss": nan}])]
    )
    table = deltas(trials, ["test_loss"])
    row = row_of(table, 9)
    assert (row["n_pairs"], row["n_failed"], row["verdict"]) == (0, 0, "")
    assert row["notes"] == "infeasible: not trained"
    assert row_of(table, 3)["p_adjusted"] == row_of(table, 3)["p"]


def test_without_the_baseline_there_are_no_pairs(trials_of):
    table = deltas(trials_of({3: [1.0, 2.0]}), ["test_loss"])
    assert table["n_pairs"].tolist() == [0]


def test_one_and_true_and_one_point_zero_are_three_levels(trials_of):
    base = noisy(6)
    trials = trials_of({"baseline": base})
    parts = [trials_of({level: base + shift}) for level, shift in ((1, 1), (True, 2), (1.0, 3))]
    table = deltas(pd.concat([trials, *parts], ignore_index=True), ["test_loss"])
    assert [type(level) for level in table["level"]] == [int, bool, float]
    assert table["delta"].tolist() == pytest.approx([1, 2, 3], abs=1e-10)


def test_zero_deltas_have_p_1_and_no_interval(trials_of):
    base = noisy(6)
    row = deltas(trials_of({"baseline": base, 3: base}), ["test_loss"]).iloc[0]
    assert (row["delta"], row["p"], row["p_sign_flip"], row["p_wilcoxon"]) == (0, 1, 1, 1)
    assert (row["p_better"], row["verdict"], row["ci_method"]) == (0.5, "inconclusive", "")
    assert row["notes"] == "the deltas are all 0"
    assert math.isnan(row["detectable"])
    assert math.isnan(row["seeds_needed"])


def test_equal_deltas_have_the_sign_flip_p(trials_of):
    base = np.float32([0.91, 0.92, 0.93, 0.94, 0.95, 0.96])
    level = np.float32([0.92, 0.93, 0.94, 0.95, 0.96, 0.97])
    trials = trials_of({"baseline": base.astype(float), 3: level.astype(float)}, "test_accuracy")
    row = deltas(trials, ["test_accuracy"]).iloc[0]
    assert row["p"] == row["p_sign_flip"] == row["p_wilcoxon"] == 2 / 2**6
    assert math.isnan(row["ci_low"])
    assert row["verdict"] == "better"
    assert row["notes"].startswith("the deltas are all alike")


def test_huge_value_does_not_affect_sign_tests_of_others(trials_of):
    values = {"baseline": [0.1, 0.12, 0.11, 0.13, 0.12, 0.11, 0.1]}
    values[3] = [0.15, 0.17, 0.165, 0.18, 0.17, 0.16, 1e6]
    row = deltas(trials_of(values), ["test_loss"]).iloc[0]
    assert row[["p_sign_flip", "p_wilcoxon", "p_better"]].tolist() == [2 / 2**7, 2 / 2**7, 0.0]


def test_five_seeds_cannot_reach_5_percent_by_sign_flips(trials_of):
    row = deltas(trials_of({"baseline": noisy(5), 3: noisy(5, seed=1)}), ["test_loss"]).iloc[0]
    assert row["verdict"] == ""
    assert "no verdict: fewer than 6 pairs" in row["notes"]
    assert (
        "5 seeds cannot reach p 0.05 in the sign-flip test: its least p is 0.0625" in row["notes"]
    )
    more = deltas(trials_of({"baseline": noisy(6), 3: noisy(6, seed=1)}), ["test_loss"]).iloc[0]
    assert more["notes"] == ""


def test_skewed_deltas_have_the_modified_t(trials_of):
    skewed = np.array([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.2, 0.1, 0.3, 9.0])
    row = deltas(trials_of({"baseline": np.zeros(10), 3: skewed}), ["test_loss"]).iloc[0]
    usual = stats.t.interval(0.95, 9, skewed.mean(), stats.sem(skewed))
    assert row["ci_method"] == "modified t"
    assert row["ci_low"] > usual[0]
    assert row["ci_high"] > usual[1] + 1
    assert row["notes"] == ""


def test_bca_interval_needs_20_pairs_and_is_reproducible(trials_of):
    few = deltas(trials_of({"baseline": noisy(19), 3: noisy(19, seed=1)}), ["test_loss"]).iloc[0]
    base, level = noisy(20), noisy(20, 1, seed=1)
    trials = trials_of({"baseline": base, 3: level})
    enough, again = (deltas(trials, ["test_loss"]).iloc[0] for _ in range(2))
    assert math.isnan(few["bca_low"])
    expected = by_formula(level - base, 0.95)
    assert (enough["bca_low"], enough["bca_high"]) == pytest.approx(expected, rel=1e-10)
    assert enough["bca_low"] == again["bca_low"]


def by_formula(values, confidence):
    """Return the BCa interval by Efron's formulas, from the same resamples."""
    resamples = np.random.default_rng(0).integers(0, len(values), (4999, len(values)))
    means, mean = values[resamples].mean(axis=1), values.mean()
    bias = stats.norm.ppf(((means < mean).mean() + (means <= mean).mean()) / 2)
    influence = values - mean
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    z = bias + stats.norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    return tuple(np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z))))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(20, 60), st.sampled_from([0.9, 0.95, 0.99]))
def test_bca_interval_agrees_with_its_formula(seed, n, confidence):
    deltas = np.random.default_rng(seed).gamma(1.0, size=n)
    expected = by_formula(deltas, confidence)
    assert bca_interval(deltas, confidence) == pytest.approx(expected, rel=1e-10)


def test_bca_interval_is_that_of_scipy_bit_for_bit():
    for n in (20, 33, 50):
        deltas = np.random.default_rng(n).gamma(1.0, size=n)
        interval = stats.bootstrap(
            (deltas,), np.mean, n_resamples=4999, method="BCa", rng=np.random.default_rng(0)
        ).confidence_interval
        assert bca_interval(deltas) == tuple(map(float, interval))


def test_detectable_delta_is_at_the_level_of_holm(trials_of):
    values = {"baseline": noisy(10), 3: noisy(10, seed=1), 4: noisy(10, 30, seed=2)}
    table = deltas(trials_of(values), ["test_loss"])
    shown, hidden = row_of(table, 4), row_of(table, 3)
    assert (shown["verdict"], hidden["verdict"]) == ("worse", "inconclusive")
    assert hidden["detectable"] == pytest.approx(
        hidden["sd"] * detectable_effect(10, 0.05), rel=1e-10
    )
    assert shown["detectable"] == pytest.approx(
        shown["sd"] * detectable_effect(10, 0.025), rel=1e-10
    )
    expected = pairs_for_difference(hidden["delta"] / hidden["sd"], 0.05)
    assert hidden["seeds_needed"] == pytest.approx(expected)
    assert shown["seeds_needed"] == 10


def test_other_loss_has_a_note_and_no_delta(trials_of):
    trials = trials_of({"baseline": noisy(6), "mse": noisy(6, 3, seed=1)}, factor="loss")
    trials["test_nll"] = trials["test_loss"]
    kinds = {"baseline": "crossentropy", "loss=mse (str)": "mse"}
    table = deltas(trials, ["test_loss", "test_nll"], loss_kinds=kinds).set_index("metric")
    assert math.isnan(table.loc["test_loss", "delta"])
    assert table.loc["test_loss", "notes"] == (
        "minimizes mse, the baseline crossentropy: their losses are not compared"
    )
    assert table.loc["test_nll", "n_pairs"] == 6


def test_missing_column_is_named(trials_of):
    trials = trials_of({"baseline": [1.0], 3: [2.0]}).drop(columns="status")
    with pytest.raises(StatisticsError) as caught:
        deltas(trials, ["test_loss", "test_nll"])
    assert str(caught.value) == (
        "the trials have no column `status`, `test_nll`; they have variant, factor, level, "
        "baseline, seed, test_loss."
    )


def test_duplicate_trial_is_refused(trials_of):
    trials = trials_of({"baseline": [1.0, 2.0], 3: [2.0, 3.0]})
    with pytest.raises(StatisticsError) as caught:
        deltas(pd.concat([trials, trials.tail(1)]), ["test_loss"])
    assert str(caught.value) == (
        "the trials hold variant `pool_size=3 (int)` with seed 1 more than once: counting a trial "
        "twice would make its interval too narrow. Keep one row per trial."
    )


@pytest.mark.parametrize("margin", [0.0, -1.0, nan, math.inf])
def test_invalid_margin_is_refused(trials_of, margin):
    with pytest.raises(StatisticsError) as caught:
        deltas(trials_of({"baseline": [1.0]}), ["test_loss"], margins={"test_loss": margin})
    assert str(caught.value) == (
        "`margins`: expected a finite number above 0 for test_loss, the smallest delta that "
        f"matters; got {margin!r}."
    )


@pytest.mark.parametrize("confidence", [95, 1.0, 0.05, nan])
def test_invalid_confidence_is_refused(trials_of, confidence):
    with pytest.raises(StatisticsError) as caught:
        deltas(trials_of({"baseline": [1.0]}), ["test_loss"], confidence=confidence)
    assert str(caught.value) == f"`confidence`: expected 0.5 <= confidence < 1; got {confidence!r}."


def test_trials_are_not_modified(trials_of):
    trials = trials_of({"baseline": noisy(4), 3: noisy(4, seed=1)})
    before = trials.copy(deep=True)
    deltas(trials, ["test_loss"])
    pd.testing.assert_frame_equal(trials, before)
