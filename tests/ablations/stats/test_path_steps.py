import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from ablations.stats import steps

NAMES = ["baseline", "a", "a, b", "a, b, c"]


def trials_of(values):
    """Return trials from values by variant and seed; None is a failed trial."""
    rows = [
        (name, seed, "failed" if value is None else "done", value)
        for name, column in values.items()
        for seed, value in enumerate(column)
    ]
    return pd.DataFrame(rows, columns=["variant", "seed", "status", "test_loss"])


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_step_is_paired_with_the_one_before(seed, n):
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(size=n) + place for place, name in enumerate(NAMES)}
    table = steps(trials_of(values), NAMES, "test_loss")
    assert table["mean"].to_numpy() == pytest.approx([values[n].mean() for n in NAMES], abs=1e-10)
    for place in (1, 2, 3):
        theirs = scipy_stats.ttest_rel(values[NAMES[place]], values[NAMES[place - 1]])
        interval = tuple(theirs.confidence_interval(1 - 0.05 / 3))  # all three steps at once
        row = table.iloc[place]
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval, rel=1e-10, abs=1e-10)
    total = values[NAMES[-1]].mean() - values["baseline"].mean()
    means = [values[name].mean() for name in NAMES]
    expected = np.diff(means) / total
    assert table["share"].iloc[1:].to_numpy() == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_start_has_a_mean_and_no_delta():
    row = steps(trials_of({"baseline": [1.0, 2.0]}), ["baseline"], "test_loss").iloc[0]
    assert (row["step"], row["mean"], row["n_pairs"]) == (0, 1.5, 0)
    assert row[["delta", "ci_low", "ci_high", "share"]].isna().all()


def test_seed_that_failed_in_one_step_is_no_pair():
    trials = trials_of(
        {"baseline": [1.0, 2.0, None], "a": [0.5, None, 3.0], "a, b": [0.0, 1.0, 1.0]}
    )
    table = steps(trials, NAMES[:3], "test_loss")
    assert table["n_pairs"].tolist() == [0, 1, 2]
    assert table["delta"].iloc[1:].tolist() == [-0.5, -1.25]


def test_means_are_over_the_seed_blocks_that_all_steps_share():
    trials = trials_of(
        {"baseline": [1.0, 2.0, 9.0], "a": [1.5, 2.5, 9.5], "a, b": [1.75, 2.75, None]}
    )
    table = steps(trials, NAMES[:3], "test_loss")
    assert table["mean"].tolist() == [1.5, 2.0, 2.25]
    assert table["n_pairs"].tolist() == [0, 3, 2]


def test_p_is_corrected_for_the_choices():
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=8) + 2 * place for place, name in enumerate(NAMES)}
    table = steps(trials_of(values), NAMES, "test_loss", choices=[3, 2, 1])
    for place in (1, 2, 3):
        theirs = scipy_stats.ttest_rel(values[NAMES[place]], values[NAMES[place - 1]]).pvalue
        adjusted = min(1, 6 * theirs)
        assert table["p"].iloc[place] == pytest.approx(theirs, rel=1e-8)
        assert table["p_adjusted"].iloc[place] == pytest.approx(adjusted, rel=1e-8)
    assert np.isnan(table["p_adjusted"].iloc[0])


def test_unknown_delta_removes_the_shares():
    trials = trials_of({"baseline": [1.0, 2.0], "a": [None, None], "a, b": [0.0, 1.0]})
    assert steps(trials, NAMES[:3], "test_loss")["share"].isna().all()
    trials = trials_of({"baseline": [1.0, 2.0], "a": [2.0, 3.0], "a, b": [1.0, 2.0]})
    assert steps(trials, NAMES[:3], "test_loss")["share"].isna().all()


def test_luck_is_moved_to_the_next_step():
    rng = np.random.default_rng(1)
    values = {name: rng.normal(size=8) for name in NAMES[:3]}
    plain = steps(trials_of(values), NAMES[:3], "test_loss")
    table = steps(trials_of(values), NAMES[:3], "test_loss", lucks=[0.0, -0.25, 0.0])
    assert (table["mean"] - plain["mean"]).tolist() == pytest.approx([0, 0.25, 0])
    assert (table["delta"] - plain["delta"]).tolist()[1:] == pytest.approx([0.25, -0.25])
    assert table["uncorrected"].tolist()[1:] == pytest.approx(plain["delta"].tolist()[1:])
    assert table["delta"].sum() == pytest.approx(plain["delta"].sum())


def test_step_is_judged_with_and_without_its_luck():
    rng = np.random.default_rng(1)
    values = {name: rng.normal(size=8) + 2 * place for place, name in enumerate(NAMES[:3])}
    table = steps(trials_of(values), NAMES[:3], "test_loss", lucks=[0.0, -0.25, 0.0])
    for place, too_much in ((1, -0.25), (2, 0.25)):
        deltas = values[NAMES[place]] - values[NAMES[place - 1]]
        tests = [scipy_stats.ttest_1samp(deltas - shift, 0) for shift in (0.0, too_much)]
        ends = [test.confidence_interval(1 - 0.05 / 2) for test in tests]
        row = table.iloc[place]
        assert row["ci_low"] == pytest.approx(min(end.low for end in ends))
        assert row["ci_high"] == pytest.approx(max(end.high for end in ends))
        assert row["p"] == pytest.approx(max(test.pvalue for test in tests), rel=1e-8)


def test_luck_that_turns_a_delta_leaves_no_evidence():
    values = {"baseline": np.arange(8) / 100, "a": np.arange(8) / 90 - 0.1}
    table = steps(trials_of(values), NAMES[:2], "test_loss", lucks=[0.0, -0.2])
    row = table.iloc[1]
    assert row["uncorrected"] < 0 < row["delta"]
    assert row["ci_low"] < 0 < row["ci_high"]
    assert row["p"] == 1


@given(st.integers(0, 2**32 - 1), st.integers(6, 12), st.floats(-2, 2))
def test_step_is_significant_exactly_if_its_interval_excludes_0(seed, n, shift):
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(size=n) + place * shift for place, name in enumerate(NAMES)}
    options = {"choices": [3, 2, 1], "lucks": [0.0, -0.2, 0.1, 0.0]}
    table = steps(trials_of(values), NAMES, "test_loss", **options).iloc[1:]
    excludes = (table["ci_low"] > 0) | (table["ci_high"] < 0)
    assert (excludes == (table["p_adjusted"] < 0.05)).all()
