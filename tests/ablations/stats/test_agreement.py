"""Agreement of importance and retraining, against counts of pairs by hand."""

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ablations.stats import StatisticsError, agreement


def trained(deltas, metric="loss", **columns):
    names = [f"block{number}" for number in range(len(deltas))]
    return pd.DataFrame({"part": names, "metric": metric, "delta": deltas, **columns})


def retrained(deltas, metric="test_loss", level="remove"):
    factors = [f"part:block{number}" for number in range(len(deltas))]
    return pd.DataFrame({"factor": factors, "level": level, "metric": metric, "delta": deltas})


def pairs_in_order(one, other):
    """Return the pairs in the same order minus the others, over all pairs."""
    signs = [
        np.sign(one[i] - one[j]) * np.sign(other[i] - other[j])
        for i, j in combinations(range(len(one)), 2)
    ]
    return sum(signs) / len(signs)


def test_tau_and_p_are_counted_by_hand():
    one, other = [4.0, 3.0, 1.0, 2.0, 0.0], [0.5, 0.3, 0.2, 0.1, 0.4]
    (row,) = agreement(trained(one), retrained(other)).to_dict("records")
    tau = pairs_in_order(one, other)
    orders = [pairs_in_order(one, order) for order in permutations(other)]
    assert row["kendall"] == pytest.approx(tau)
    assert row["p"] == pytest.approx(np.mean([abs(each) >= abs(tau) - 1e-9 for each in orders]))
    ranks = [[sorted(values).index(value) for value in values] for values in (one, other)]
    assert row["spearman"] == pytest.approx(np.corrcoef(ranks)[0, 1])
    z, spread = np.arctanh(tau), 1.959964 * np.sqrt(0.437 / 1)
    assert row["ci_low"] == pytest.approx(np.tanh(z - spread), abs=1e-5)
    assert row["ci_high"] == pytest.approx(np.tanh(z + spread), abs=1e-5)
    assert (row["metric"], row["operation"], row["n_parts"]) == ("loss", "remove", 5)


def test_each_operation_and_metric_has_a_row():
    importance = pd.concat([trained([1, 2, 3]), trained([-1, -2, -3], "accuracy")])
    deltas = pd.concat(
        [
            retrained([1, 2, 3]),
            retrained([3, 2, 1], level="linear"),
            retrained([-1, -2, -3], "test_accuracy"),
            retrained([1, 2, 3], "gap"),
        ]
    )
    table = agreement(importance, deltas)
    rows = table[["metric", "operation", "kendall"]].to_numpy().tolist()
    assert rows == [["loss", "remove", 1], ["loss", "linear", -1], ["accuracy", "remove", 1]]
    assert table["note"].unique().tolist() == ["no interval with fewer than 5 parts"]


def test_importances_that_differ_by_rounding_are_tied():
    near = [0.5, 0.5 + 1e-8, 0.5 + 2e-8]
    table = trained(near).assign(baseline=2.3)
    row = agreement(table, retrained([1.0, 2.0, 3.0])).iloc[0]
    assert row["note"] == "all parts have the same delta"
    table = trained([*near, 0.9]).assign(baseline=2.3)
    row = agreement(table, retrained([1.0, 2.0, 3.0, 4.0])).iloc[0]
    theirs = stats.kendalltau([0, 0, 0, 1], [1, 2, 3, 4])
    assert row["kendall"] == pytest.approx(theirs.statistic)


def test_parts_of_one_table_only_are_left_out():
    importance = trained([1.0, 2.0, np.nan, 4.0])
    pair = pd.DataFrame(
        {
            "factor": ["part:block0 + part:block1", "filters", "part:block3"],
            "level": ["remove + remove", 8, "keep"],
            "metric": "test_loss",
            "delta": 9.0,
        }
    )
    deltas = pd.concat([retrained([1.0, 2.0, 3.0]), pair])
    assert agreement(importance, deltas)["n_parts"].tolist() == [2]


def test_error_names_no_pair_as_a_part():
    both = {"factor": "part:block1 + part:block2", "level": "remove + remove"}
    pair = pd.DataFrame([{**both, "metric": "test_loss", "delta": 1.0}])
    with pytest.raises(StatisticsError) as caught:
        agreement(trained([1.0, 2.0]), pd.concat([pair, retrained([1.0, 2.0], "test_mae")]))
    assert str(caught.value) == (
        "`importance`: expected parts and metrics of the study; got `block0`, `block1` with "
        "`loss`, and the study has `block0`, `block1` with `mae`."
    )


@pytest.mark.parametrize(
    ("deltas", "note"),
    [
        ([1.0], "a single part"),
        ([1.0, 1.0, 1.0], "all parts have the same delta"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], "no interval where all pairs have the same order"),
    ],
)
def test_missing_numbers_have_a_note(deltas, note):
    (row,) = agreement(trained(deltas), retrained(deltas)).to_dict("records")
    assert row["note"] == note
    assert np.isnan(float(row["ci_low"]))


@pytest.mark.parametrize(
    ("importance", "message"),
    [
        (
            trained([1.0], channel=3),
            "`importance`: expected a table of blocks, branches or layers; got channels.",
        ),
        (
            trained([1.0], part="stem"),
            "`importance`: expected parts and metrics of the study; got `stem` with `loss`, and "
            "the study has `block0`, `block1` with `loss`.",
        ),
    ],
)
def test_refusals(importance, message):
    with pytest.raises(StatisticsError) as error:
        agreement(importance, retrained([1.0, 2.0]))
    assert str(error.value) == message
