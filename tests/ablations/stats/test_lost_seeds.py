"""Lost seeds that are not like the others bar a verdict."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.stats import deltas
from ablations.stats.lost_seeds import rank_sum_p

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(1, 6), st.integers(1, 14))
def test_rank_sum_agrees_with_scipy_without_ties(seed, lost, kept):
    values = np.random.default_rng(seed).normal(size=lost + kept)
    theirs = stats.mannwhitneyu(values[:lost], values[lost:], method="exact").pvalue
    assert rank_sum_p(values[:lost], values[lost:]) == pytest.approx(theirs, abs=1e-12)


def test_rank_sum_counts_choices_with_ties():
    # Ranks 1, 2.5, 2.5, 4: of 6 pairs of them, one has a sum of 6.5 and none has more.
    assert rank_sum_p([3.0, 2.0], [1.0, 2.0]) == pytest.approx(2 * 2 / 6)
    assert rank_sum_p([1.0, 1.0], [1.0, 1.0, 1.0]) == 1


def test_many_values_have_the_normal_approximation():
    values = np.random.default_rng(3).normal(size=80)
    values[:15] += 0.5
    theirs = stats.mannwhitneyu(values[:15], values[15:], method="exact").pvalue
    assert rank_sum_p(values[:15], values[15:]) == pytest.approx(theirs, rel=0.05)


def study(lost, hard):
    """Ten seeds: the baseline is at 1 in the hard ones and near 0 in the others."""
    base = np.where(np.isin(range(10), hard), 1.0, 0.01 * np.arange(10))
    level = base - 0.5 + 0.01 * np.arange(10)[::-1]
    trials = pd.DataFrame(
        {
            "variant": ["baseline"] * 10 + ["a"] * 10,
            "factor": ["f"] * 20,
            "level": [1] * 20,
            "baseline": [0] * 20,
            "seed": [*range(10)] * 2,
            "status": ["done"] * 20,
            "test_loss": [*base, *level],
        }
    )
    failed = (trials["variant"] == "a") & trials["seed"].isin(lost)
    return trials.assign(
        status=trials["status"].mask(failed, "failed"),
        test_loss=trials["test_loss"].mask(failed),
    )


def test_failures_in_hard_seeds_bar_the_verdict():
    (row,) = deltas(study([8, 9], [8, 9]), ["test_loss"]).to_dict("records")
    assert row["verdict"] == ""
    assert row["delta"] == pytest.approx(-0.445)
    assert row["notes"] == (
        "2 of 10 pairs are missing; no verdict: the variant failed in seeds that are not like the "
        "others: there the baseline has a mean of 1, in the 8 seeds of the pairs 0.035 "
        "(rank-sum p = 0.044)"
    )


def test_failures_in_usual_seeds_keep_the_verdict():
    (row,) = deltas(study([4, 9], []), ["test_loss"]).to_dict("records")
    assert (row["verdict"], row["notes"]) == ("better", "2 of 10 pairs are missing")


def test_pending_trials_are_not_lost():
    trials = study([8, 9], [8, 9])
    trials["status"] = trials["status"].replace("failed", "pending")
    (row,) = deltas(trials, ["test_loss"]).to_dict("records")
    assert (row["verdict"], row["notes"]) == ("better", "")


def test_failures_of_the_baseline_are_compared_too():
    trials = study([8, 9], [8, 9])
    other = {"baseline": "a", "a": "baseline"}
    swapped = trials.assign(variant=trials["variant"].map(other)).sort_values(
        "variant", key=lambda names: names != "baseline", kind="stable"
    )
    (row,) = deltas(swapped, ["test_loss"]).to_dict("records")
    assert row["verdict"] == ""
    assert "no verdict: the baseline failed in seeds that are not like the others" in row["notes"]
