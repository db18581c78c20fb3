from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ablations.stats import trend
from ablations.stats.pairs import doubled_ranks
from ablations.stats.skew import skewness_error
from ablations.stats.trends import SLOPE_OPEN, page_p

nan = float("nan")


def blocks_of(rng, blocks, levels, slope=0.0):
    return (
        rng.normal(size=(blocks, 1)) + rng.normal(size=(blocks, levels)) + slope * np.arange(levels)
    )


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(3, 10))
@example(0, 12, 8)
@example(0, 20, 3)
@example(0, 51, 3)  # beyond what is enumerated
def test_trend_agrees_with_scipy(seed, blocks, levels):
    values = blocks_of(np.random.default_rng(seed), blocks, levels, 0.3)
    row = trend(table_of(values), "pool_size", "test_loss").iloc[0]
    rises, falls = stats.page_trend_test(values), stats.page_trend_test(values[:, ::-1])
    assert row["page_l"] == rises.statistic
    assert row["p_rises"] == pytest.approx(rises.pvalue, rel=1e-10)
    assert row["p_falls"] == pytest.approx(falls.pvalue, rel=1e-10)
    assert row["p"] == pytest.approx(min(1, 2 * min(rises.pvalue, falls.pvalue)), rel=1e-10)
    rho = [stats.spearmanr(range(levels), block).statistic for block in values]
    assert row["rho"] == pytest.approx(np.mean(rho), abs=1e-10)
    slopes = [stats.linregress(range(1, levels + 1), block).slope for block in values]
    assert row["slope"] == pytest.approx(np.mean(slopes), abs=1e-10)
    interval = stats.ttest_1samp(slopes, 0).confidence_interval()
    ours = (row["slope_low"], row["slope_high"])
    skewness = stats.skew(slopes, bias=False) if blocks > 2 else 0.0
    if blocks < 6 or abs(skewness) <= 1.15 * skewness_error(blocks):
        assert ours == pytest.approx((interval.low, interval.high), rel=1e-10, abs=1e-10)
    elif skewness > 0:  # the interval is longer on the side of the tail
        assert ours[0] > interval.low
        assert ours[1] > interval.high
    else:
        assert ours[0] < interval.low
        assert ours[1] < interval.high


def test_skewed_slopes_have_the_modified_t():
    """Eleven seeds rise alike and one falls, so that the mean may be lower than it looks."""
    slopes = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, -1.5])
    assert stats.ttest_1samp(slopes, 0).confidence_interval().low > 0
    row = trend(table_of(slopes[:, None] * np.arange(4)), "pool_size", "test_loss").iloc[0]
    assert row["p"] < 0.001
    assert row["slope_low"] < 0 < row["slope_high"]
    assert (row["trend"], row["notes"]) == ("", SLOPE_OPEN)


def by_all_orders(values):
    """Return the share of all orders of all blocks with an L at least this large."""
    levels = np.arange(1, values.shape[1] + 1)
    sums = np.zeros(1)
    for block in values:
        ranks = stats.rankdata(block)
        orders = [levels @ order for order in permutations(ranks)]
        sums = np.add.outer(sums, orders).ravel()
    return (sums >= levels @ stats.rankdata(values, axis=1).sum(axis=0)).mean()


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(2, 3), (4, 3), (6, 3), (2, 4), (3, 4), (2, 5)]))
def test_tied_ranks_have_their_permutation_distribution(seed, shape):
    values = np.random.default_rng(seed).integers(0, 3, shape) / 4
    row = trend(table_of(values), "pool_size", "test_loss").iloc[0]
    assert row["p_rises"] == pytest.approx(by_all_orders(values), rel=1e-10)
    assert row["p_falls"] == pytest.approx(by_all_orders(values[:, ::-1]), rel=1e-10)


@pytest.mark.parametrize(("shape", "most"), [((60, 3), 0.1), ((12, 9), 0.3)])
def test_many_tied_ranks_are_near_their_permutation_distribution(shape, most):
    """The expectation is from 20,000 random orders within the blocks."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 3, shape) + (rng.random(shape) < np.linspace(0, most, shape[1]))
    doubled = doubled_ranks(values)
    weights = np.arange(1, shape[1] + 1)
    drawn = rng.permuted(np.broadcast_to(doubled, (20_000, *shape)), axis=2) @ weights
    share = (drawn.sum(axis=1) >= (doubled @ weights).sum()).mean()
    assert 0.001 < share < 0.2
    assert page_p(doubled) == pytest.approx(share, abs=0.01)


def test_levels_that_float32_cannot_tell_apart_are_no_trend():
    values = np.full((8, 1), 0.934) + 1e-8 * np.arange(4)
    row = trend(table_of(values), "pool_size", "test_loss").iloc[0]
    assert row[["p_rises", "p_falls", "p", "rho"]].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert np.isnan(row["slope_low"])
    assert (row["trend"], row["notes"]) == ("", "")


def test_one_huge_value_ties_no_other_levels():
    values = np.array([[0.1, 0.2, 0.3, 1e6]] * 6)
    row = trend(table_of(values), "pool_size", "test_loss").iloc[0]
    assert row["p_rises"] == pytest.approx(1 / 24**6)


def table_of(values, baseline=1):
    """Return shuffled trials of levels 1, 2, ..., one of which is the baseline's."""
    rows = []
    for seed, block in enumerate(values):
        for level, value in enumerate(block, start=1):
            base = level == baseline
            rows.append(
                {
                    "variant": "baseline" if base else f"pool_size={level}",
                    "factor": None if base else "pool_size",
                    "level": None if base else level,
                    "baseline": None if base else baseline,
                    "seed": seed,
                    "status": "done" if np.isfinite(value) else "failed",
                    "test_loss": value,
                }
            )
    table = pd.DataFrame(rows).astype({"level": object, "baseline": object})
    table["level"] = pd.Series([row["level"] for row in rows], dtype=object)
    table["baseline"] = pd.Series([row["baseline"] for row in rows], dtype=object)
    return table.sample(frac=1, random_state=0)


@pytest.mark.parametrize("baseline", [1, 2, 4])
def test_baseline_is_one_of_the_ordered_levels(baseline):
    values = blocks_of(np.random.default_rng(0), 6, 4)
    row = trend(table_of(values, baseline), "pool_size", "test_loss").iloc[0]
    assert row["levels"] == "1, 2, 3, 4"
    assert row["page_l"] == stats.page_trend_test(values).statistic


def test_fall_mirrors_rise():
    values = blocks_of(np.random.default_rng(0), 8, 4, slope=2.0)
    up = trend(table_of(values), "pool_size", "test_loss").iloc[0]
    down = trend(table_of(-values), "pool_size", "test_loss").iloc[0]
    assert (up["trend"], down["trend"]) == ("rises", "falls")
    assert up["p"] == down["p"]
    assert up["slope"] == -down["slope"]


def test_only_complete_blocks_count():
    values = blocks_of(np.random.default_rng(0), 5, 3)
    values[1, 2] = nan
    row = trend(table_of(values), "pool_size", "test_loss").iloc[0]
    assert row["n_blocks"] == 4
    assert row["page_l"] == stats.page_trend_test(np.delete(values, 1, axis=0)).statistic


def reason_of(trials):
    row = trend(trials, "pool_size", "test_loss").iloc[0]
    assert np.isnan([row["p"], row["slope"], row["page_l"]]).all()
    assert row["trend"] == ""
    return row["notes"]


def test_names_have_no_order(trials_of):
    trials = trials_of(
        {"baseline": [1.0, 2], "max": [1.0, 2], "none": [1.0, 2]}, baseline="average"
    )
    assert reason_of(trials) == "its levels are not numbers: they have no order"


def test_booleans_have_no_order(trials_of):
    trials = trials_of({"baseline": [1.0, 2], True: [1.0, 2], 3: [1.0, 2]})
    assert reason_of(trials) == "its levels are not numbers: they have no order"


def test_one_and_one_point_zero_have_no_order(trials_of):
    trials = trials_of({"baseline": [1.0, 2], 1.0: [1.0, 2], 3: [1.0, 2]}, baseline=1)
    assert reason_of(trials) == "two of its levels are the same number: they have no order"


def test_two_levels_are_no_trend(trials_of):
    assert reason_of(trials_of({"baseline": [1.0, 2], 3: [1.0, 2]})) == (
        "2 levels: a trend needs at least 3"
    )


def test_one_block_is_no_trend(trials_of):
    assert reason_of(trials_of({"baseline": [1.0, nan], 3: [1.0, 2], 4: [1.0, 2]})) == (
        "1 complete seed blocks: a trend needs at least 2"
    )


def test_factor_without_trials_is_noted(trials_of):
    assert reason_of(trials_of({"baseline": [1.0, 2]})) == "no trials change this factor alone"


def of_several(trials_of, **values_of):
    """Return trials of several factors that share a baseline, from blocks of values by factor."""
    parts = [
        trials_of(dict(zip(["baseline", 3, 4], np.transpose(values), strict=True)), factor=factor)
        for factor, values in values_of.items()
    ]
    return pd.concat([parts[0], *(part[part["variant"] != "baseline"] for part in parts[1:])])


RISING = [[1.0, 2.0, 3.0]] * 3 + [[1.0, 3.0, 2.0]]


def test_trends_of_a_metric_are_corrected_for_each_other(trials_of):
    mixed = [[1.0, 3.0, 2.0]] * 4
    values = {"pool_size": RISING, "filters": mixed, "depth": RISING, "units": mixed}
    trials = of_several(trials_of, **values)
    table = trend(trials, list(values), "test_loss")
    alone = [trend(trials, factor, "test_loss") for factor in values]
    assert table["p"].tolist() == [one["p"].iloc[0] for one in alone]
    adjusted = multipletests(table["p"], method="holm")[1]
    assert table["p_adjusted"].tolist() == pytest.approx(adjusted)
    p = 2 * stats.page_trend_test(RISING).pvalue
    assert table["p"].iloc[0] == pytest.approx(p)
    assert p < 0.05 < 4 * p  # shown where it is asked about alone, and not as one of four
    assert [one["trend"].iloc[0] for one in alone] == ["rises", "", "rises", ""]
    assert table["trend"].tolist() == ["", "", "", ""]


def test_factor_without_order_does_not_count_in_holm(trials_of):
    trials = of_several(trials_of, pool_size=RISING)
    names = trials_of({"baseline": [0.0] * 4, "max": [1.0] * 4}, factor="pool", baseline="none")
    table = trend(pd.concat([trials, names.iloc[4:]]), ["pool_size", "pool"], "test_loss")
    assert table["p_adjusted"].iloc[0] == table["p"].iloc[0]
    assert table["notes"].iloc[1] == "its levels are not numbers: they have no order"


@pytest.mark.parametrize(
    ("values", "said", "notes"),
    [
        (RISING, "rises", ""),
        (
            [[1.0, 1.1, 1.2]] * 5 + [[1.0, 0.9, -3.0]],
            "",
            "the trend is significant, but the slope's interval includes 0",
        ),
        (
            [[*np.linspace(1.0, 1.1, 7), low] for low in np.linspace(0.0, 0.1, 12)],
            "",
            "the trend is significant, but the slope's interval is on the other side of 0",
        ),
        (
            [[1.0, 0.9, 2.0], [1.0, 0.9, 2.1]],
            "",
            "the trend is not significant, although the slope's interval excludes 0",
        ),
        ([[1.0, 0.9, 1.1], [1.0, 1.2, 0.9]], "", ""),
    ],
)
def test_disagreement_of_test_and_slope_is_noted(values, said, notes):
    row = trend(table_of(np.array(values)), "pool_size", "test_loss").iloc[0]
    assert (row["trend"], row["notes"]) == (said, notes)
