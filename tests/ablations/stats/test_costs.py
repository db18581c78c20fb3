import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from ablations.stats import pareto
from ablations.stats.costs import undominated

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


def test_a_metric_of_which_more_is_better_is_turned_round():
    table = pareto(table_of(test_accuracy=[0.9, 0.8], params=[10.0, 20.0]), "test_accuracy")
    assert table["optimal"].tolist() == [True, False]


def test_means_and_median_costs_are_over_done_trials():
    trials = pd.DataFrame(
        {
            "variant": ["a", "a", "a", "a", "b"],
            "seed": [0, 1, 2, 3, 0],
            "status": ["done", "done", "failed", "done", "done"],
            "test_loss": [1.0, 2.0, 99.0, 1.5, 3.0],
            "fit_seconds": [60.0, 20.0, 1.0, 10.0, nan],  # the first one was traced
        }
    )
    table = pareto(trials, "test_loss")
    assert table["value"].tolist() == [1.5, 3.0]
    assert table["fit_seconds"].tolist()[0] == 20.0
    assert table["n_trials"].tolist() == [3, 1]
    assert table["optimal"].tolist() == [True, False]


def test_a_cost_that_nobody_measured_is_passed_over():
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


def test_a_cost_may_be_the_metric():
    table = pareto(table_of(seconds=[1.0, 2.0]), "seconds", ["seconds"])
    assert table["optimal"].tolist() == [True, False]


def test_equal_variants_are_both_optimal():
    assert pareto(table_of(test_loss=[1.0, 1.0]), "test_loss")["optimal"].tolist() == [True, True]


def test_an_empty_table_has_the_columns():
    trials = table_of(test_loss=[1.0])
    empty = pareto(trials.iloc[:0], "test_loss")
    assert len(empty) == 0
    assert list(empty.columns) == list(pareto(trials, "test_loss").columns)
    assert empty["optimal"].dtype == np.bool_
