import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.stats import deltas, pareto
from ablations.stats.pareto import undominated

nan = float("nan")
points = st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=12)


def dominates(a, b):
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


@given(points)
def test_undominated_agrees_with_brute_force(rows):
    expected = [not any(dominates(other, row) for other in rows) for row in rows]
    assert undominated(np.array(rows, dtype=float).reshape(-1, 3)).tolist() == expected


def table_of(**columns):
    count = len(next(iter(columns.values())))
    return pd.DataFrame(
        {"variant": [f"v{i}" for i in range(count)], "seed": 0, "status": "done"} | columns
    )


def test_higher_metric_can_be_better():
    table = pareto(table_of(test_accuracy=[0.9, 0.8], params=[10.0, 20.0]), "test_accuracy")
    assert table["optimal"].tolist() == [True, False]


def test_means_and_median_costs_are_over_shared_seed_blocks():
    trials = pd.DataFrame(
        {
            "variant": ["a"] * 5 + ["b"] * 5,
            "seed": [0, 1, 2, 3, 4] * 2,
            "status": ["done", "done", "failed", "done", "done"] + ["done"] * 4 + ["failed"],
            "test_loss": [1.0, 2.0, 99.0, 1.5, 7.0, 3.0, 4.0, 99.0, 5.0, nan],
            "fit_seconds": [60.0, 20.0, 1.0, 10.0, 500.0, 9.0, nan, 500.0, 8.0, 7.0],
        }
    )
    table = pareto(trials, "test_loss")
    assert table["value"].tolist() == [1.5, 4.0]
    assert table["fit_seconds"].tolist() == [20.0, 8.5]  # the first one was traced
    assert table["n_trials"].tolist() == [4, 4]
    assert table["n_blocks"].tolist() == [3, 3]
    assert table["optimal"].tolist() == [True, False]
    assert table["notes"].tolist() == ["", ""]


HARD = [0.10, 0.11, 0.12, 0.13, 0.30, 0.32, 0.34, 0.31, 0.33, 0.35, 0.10, 0.11, 0.12, 0.13]


@pytest.mark.parametrize("how", ["failed", "diverged", "pending", "absent"])
def test_failing_on_hard_seeds_makes_no_variant_optimal(trials_of, how):
    easy = np.array(HARD) < 0.2
    trials = trials_of({"baseline": HARD, 3: np.where(easy, np.add(HARD, 0.005), nan)})
    lost = trials["test_loss"].isna()
    if how == "absent":
        trials = trials[~lost]
    else:
        status = "done" if how == "diverged" else how
        trials.loc[lost, ["status", "test_loss"]] = [status, np.inf]
    table = pareto(trials.assign(params=10), "test_loss")
    assert table["value"].tolist() == pytest.approx([0.115, 0.120], rel=1e-12)
    assert table["optimal"].tolist() == [True, False]
    assert table["n_blocks"].tolist() == [8, 8]
    row = deltas(trials, ["test_loss"]).iloc[0]
    barred = how in ("failed", "diverged")
    alike = "the deltas are all alike: no spread to form an interval from, p is the sign-flip p"
    lost_note = (
        "no verdict: the variant failed in seeds that are not like the others: there the "
        "baseline has a mean of 0.325, in the 8 seeds of the pairs 0.115 (rank-sum p = 0.00067)"
    )
    assert row["verdict"] == ("" if barred else "worse")
    notes = ["6 of 14 pairs are missing", alike, lost_note] if barred else [alike]
    assert row["notes"] == "; ".join(notes)


def test_variant_that_mostly_failed_is_left_out_with_a_note(trials_of):
    values = {"baseline": [1.0, 2.0, 3.0], 3: [nan, 0.1, nan], 4: [nan] * 3, 5: [2.0, 3.0, nan]}
    table = pareto(trials_of(values).assign(params=10), "test_loss")
    assert table["value"].fillna(-1).tolist() == [1.5, -1, -1, 2.5]
    assert table["optimal"].tolist() == [True, False, False, False]
    assert table["params"].isna().tolist() == [False, True, True, False]
    assert table["n_blocks"].tolist() == [2, 0, 0, 2]
    assert table["notes"].tolist() == [
        "",
        "left out: done in 1 of 3 seed blocks",
        "left out: done in 0 of 3 seed blocks",
        "",
    ]


def test_variants_are_left_out_until_they_share_a_block(trials_of):
    values = {"baseline": [1.0, 2.0, 3.0, nan], 3: [nan, nan, 5.0, 6.0], 4: [4.0, 5.0, nan, nan]}
    table = pareto(trials_of(values), "test_loss")
    assert table["value"].fillna(-1).tolist() == [3.0, 5.0, -1]
    assert table["notes"].tolist() == ["", "", "left out: done in 2 of 4 seed blocks"]


def test_without_any_shared_block_nothing_is_optimal(trials_of):
    table = pareto(trials_of({"baseline": [nan, nan], 3: [nan, nan]}), "test_loss")
    assert table["optimal"].tolist() == [False, False]
    assert (
        table["notes"].tolist() == ["no trial is done in a seed block that all variants have"] * 2
    )


def test_costs_decide_between_means_equal_up_to_rounding(trials_of):
    values = {"baseline": [0.93, 0.94], 3: [0.93 + 1e-8, 0.94 + 1e-8], 4: [0.93, 0.9402]}
    trials = trials_of(values, "test_accuracy")
    trials["params"] = trials["variant"].map({"baseline": 10}).fillna(20)
    table = pareto(trials, "test_accuracy")
    assert table["optimal"].tolist() == [True, False, True]


def test_deltas_that_cancel_up_to_rounding_give_equal_means(trials_of):
    """Both means are 0.918 up to the rounding of float32."""
    base, level = np.float32([0.934, 0.902]).astype(float), np.float32([0.932, 0.904]).astype(float)
    assert base.sum() != level.sum()
    for first, second in ((base, level), (level, base)):
        trials = trials_of({"baseline": first, 3: second}, "test_accuracy")
        trials["params"] = trials["variant"].map({"baseline": 10}).fillna(20)
        assert pareto(trials, "test_accuracy")["optimal"].tolist() == [True, False]


def test_one_huge_value_ties_no_other_means(trials_of):
    table = pareto(trials_of({"baseline": [0.1, 0.1, 1e6], 3: [0.11, 0.11, 1e6]}), "test_loss")
    assert table["optimal"].tolist() == [True, False]


def test_costs_are_compared_exactly(trials_of):
    trials = trials_of({"baseline": [0.1, 0.2], 3: [0.1, 0.2]})
    trials["params"] = trials["variant"].map({"baseline": 50_000_000}).fillna(50_000_001)
    assert pareto(trials, "test_loss")["optimal"].tolist() == [True, False]


def test_unmeasured_cost_is_ignored():
    table = pareto(table_of(test_loss=[1.0, 2.0], macs=[nan, nan]), "test_loss")
    assert table["optimal"].tolist() == [True, False]
    assert table["params"].isna().all()


def test_time_is_shown_and_does_not_rank():
    columns = {"params": [1.0, 2.0, 2.0], "macs": [5.0, 5.0, 5.0], "fit_seconds": [9.0, 8.9, 8.0]}
    table = pareto(table_of(test_loss=[1.0, 1.0, 0.5], **columns), "test_loss")
    assert table["optimal"].tolist() == [True, False, True]
    assert table["fit_seconds"].tolist() == [9.0, 8.9, 8.0]
    # unless it is asked for
    asked = pareto(table_of(test_loss=[1.0, 1.0, 0.5], **columns), "test_loss", ["fit_seconds"])
    assert asked["optimal"].tolist() == [False, False, True]


def test_cost_can_be_the_metric():
    table = pareto(table_of(seconds=[1.0, 2.0]), "seconds", ["seconds"])
    assert table["optimal"].tolist() == [True, False]


def test_equal_variants_are_both_optimal():
    assert pareto(table_of(test_loss=[1.0, 1.0]), "test_loss")["optimal"].tolist() == [True, True]


def test_empty_table_has_the_columns():
    trials = table_of(test_loss=[1.0])
    empty = pareto(trials.iloc[:0], "test_loss")
    assert len(empty) == 0
    assert list(empty.columns) == list(pareto(trials, "test_loss").columns)
    assert empty["optimal"].dtype == np.bool_
