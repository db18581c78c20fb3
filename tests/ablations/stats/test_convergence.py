import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ablations.stats import StatisticsError, convergence


def histories_of(curves):
    """Return histories from (variant, seed) -> values by epoch."""
    rows = [
        (variant, seed, epoch, value)
        for (variant, seed), values in curves.items()
        for epoch, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=["variant", "seed", "epoch", "value"])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_convergence_agrees_with_a_direct_search(seed):
    rng = np.random.default_rng(seed)
    curves = {
        (variant, block): np.round(rng.exponential(size=6) / np.arange(1, 7), 1)
        for variant in ("baseline", "a")
        for block in range(8)
    }
    row = convergence(histories_of(curves).sample(frac=1, random_state=seed % 1000)).iloc[0]

    def first(values, target):
        return next((i for i, x in enumerate(values, 1) if x <= target), math.inf)

    deltas = np.array(
        [
            first(curves["a", block], curves["baseline", block][-1])
            - first(curves["baseline", block], curves["baseline", block][-1])
            for block in range(8)
        ]
    )
    assert row["n_pairs"] == 8
    assert row["n_censored"] == np.isinf(deltas).sum()
    assert row["n_sooner"] == (deltas < 0).sum()
    assert row["n_later"] == (deltas > 0).sum()
    assert row["median_delta"] == statistics.median(deltas.tolist())
    differ = int((deltas != 0).sum())
    fewer = min((deltas < 0).sum(), (deltas > 0).sum())
    expected = min(1.0, 2 * sum(math.comb(differ, k) for k in range(fewer + 1)) / 2**differ)
    assert row["p_sign"] == pytest.approx(expected, rel=1e-10)
    if np.isfinite(deltas).all():
        assert row["delta"] == pytest.approx(deltas.mean(), abs=1e-10)
    else:
        assert math.isnan(row["delta"])


def test_mean_has_the_paired_t_interval():
    curves = {}
    for seed, epochs in enumerate([1, 2, 2, 3]):
        curves["baseline", seed] = [4.0, 3.0, 2.0, 1.0]
        curves["a", seed] = [9.0] * (epochs - 1) + [0.5] * (5 - epochs)
    row = convergence(histories_of(curves)).iloc[0]
    interval = stats.ttest_1samp([-3, -2, -2, -1], 0).confidence_interval()
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval, rel=1e-10, abs=1e-10)
    assert (row["baseline_epochs"], row["level_epochs"]) == (4, 2)


def test_censored_trial_removes_the_mean():
    curves = {("baseline", seed): [3.0, 1.0] for seed in range(3)}
    curves |= {("a", 0): [1.0, 0.5], ("a", 1): [3.0, 2.0], ("a", 2): [math.nan, math.inf]}
    row = convergence(histories_of(curves)).iloc[0]
    assert (row["n_pairs"], row["n_censored"], row["n_later"]) == (3, 2, 2)
    assert row["notes"] == "2 of 3 never got there: no mean"
    assert row["median_delta"] == math.inf
    assert row[["delta", "level_epochs", "ci_low"]].isna().all()


def test_higher_metric_can_be_better():
    curves = {("baseline", 0): [0.5, 0.7, 0.9], ("a", 0): [0.6, 0.95, 0.9]}
    row = convergence(histories_of(curves), lower_is_better=False).iloc[0]
    assert (row["baseline_epochs"], row["level_epochs"], row["delta"]) == (3, 2, -1)


def test_metric_is_an_option():
    histories = histories_of({("baseline", 0): [0.5, 0.9], ("a", 0): [0.95, 0.9]})
    histories = histories.rename(columns={"value": "val_accuracy"}).assign(loss=1.0)
    row = convergence(histories, "val_accuracy", lower_is_better=False).iloc[0]
    assert (row["metric"], row["delta"]) == ("val_accuracy", -1)


def test_seeds_without_the_baseline_are_no_pairs():
    row = convergence(histories_of({("baseline", 0): [1.0], ("a", 0): [1.0], ("a", 1): [1.0]}))
    assert row["n_pairs"].tolist() == [1]
    row = convergence(histories_of({("a", 0): [1.0]}))
    assert row["n_pairs"].tolist() == [0]


def test_diverged_baseline_is_no_target():
    row = convergence(histories_of({("baseline", 0): [1.0, math.nan], ("a", 0): [1.0, 2.0]}))
    assert row["n_pairs"].tolist() == [0]


def test_duplicate_epoch_is_refused():
    histories = histories_of({("baseline", 0): [1.0], ("a", 0): [1.0]})
    with pytest.raises(StatisticsError) as caught:
        convergence(pd.concat([histories, histories]))
    assert str(caught.value) == (
        "the histories hold variant `baseline`, seed 0, epoch 1 more than once."
    )


def test_missing_column_is_named():
    with pytest.raises(StatisticsError) as caught:
        convergence(pd.DataFrame({"variant": [], "seed": [], "loss": []}))
    assert str(caught.value) == (
        "the histories have no column `epoch`, `value`; they have variant, seed, loss."
    )


def test_empty_table_has_the_columns():
    full = convergence(histories_of({("baseline", 0): [1.0], ("a", 0): [1.0]}))
    empty = convergence(histories_of({}))
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)


def test_value_equal_up_to_rounding_reaches_the_target():
    curves = {("baseline", 0): [0.5, 0.3], ("a", 0): [0.4, 0.3 + 1e-8], ("b", 0): [0.4, 0.3001]}
    table = convergence(histories_of(curves))
    assert table["level_epochs"].iloc[0] == 2
    assert table["n_censored"].tolist() == [0, 1]
    turned = histories_of(curves).assign(value=lambda rows: 1 - rows["value"])
    higher = convergence(turned, lower_is_better=False)
    assert higher["n_censored"].tolist() == [0, 1]
