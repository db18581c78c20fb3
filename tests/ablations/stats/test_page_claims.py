"""The claims of a page are corrected together."""

import numpy as np
import pandas as pd
import pytest
from helpers.holm import holm_of_statsmodels
from hypothesis import given
from hypothesis import strategies as st

from ablations.stats.page_claims import Claims, page_wide
from ablations.stats.verdicts import holm

P = st.lists(st.floats(1e-6, 1), min_size=1, max_size=6)


def deltas_of(p, metric="test_loss"):
    adjusted = holm(p)
    return pd.DataFrame(
        {
            "metric": metric,
            "delta": 1.0,
            "p": p,
            "p_adjusted": adjusted,
            "verdict": np.where(adjusted < 0.05, "worse", "inconclusive"),
        }
    )


def trends_of(p, metric="test_loss"):
    adjusted = holm(p)
    trend = np.where(adjusted < 0.05, "rises", "")
    return pd.DataFrame({"metric": metric, "p": p, "p_adjusted": adjusted, "trend": trend})


@given(P, P)
def test_deltas_and_trends_are_one_family_of_holm(delta_p, trend_p):
    both = page_wide(Claims(deltas_of(delta_p), "test_loss", trends_of(trend_p)))
    theirs = holm_of_statsmodels([*delta_p, *trend_p])
    ours = [*both.deltas["p_adjusted"], *both.trends["p_adjusted"]]
    assert ours == pytest.approx(theirs.tolist())
    assert (both.deltas["verdict"] == "worse").tolist() == [p < 0.05 for p in ours[: len(delta_p)]]
    assert (both.trends["trend"] == "rises").tolist() == [p < 0.05 for p in ours[len(delta_p) :]]
    assert both.counts == {"delta": len(delta_p), "trend": len(trend_p)}


def test_other_metrics_keep_their_own_correction():
    first, second = deltas_of([0.02, 0.04]), deltas_of([0.001, 0.6], "test_accuracy")
    table = pd.concat([first, second], ignore_index=True)
    after = page_wide(Claims(table, "test_loss", trends_of([0.5]))).deltas
    assert after["p_adjusted"].tolist()[:2] == pytest.approx([0.06, 0.08])
    assert after["verdict"].tolist() == ["inconclusive", "inconclusive", "worse", "inconclusive"]
    pd.testing.assert_frame_equal(after[2:], table[2:])


def test_equivalence_and_missing_verdicts_stay():
    table = deltas_of([0.01, 0.02]).assign(verdict=["equivalent", ""])
    after = page_wide(Claims(table, "test_loss", trends_of([0.9] * 9))).deltas
    assert after["verdict"].tolist() == ["equivalent", ""]


def test_steps_of_a_path_share_the_error_with_the_rest():
    steps = pd.DataFrame({"metric": "test_loss", "p_adjusted": [np.nan, 0.01, 0.03, 0.7]})
    after = page_wide(Claims(deltas_of([0.01]), "test_loss", steps=steps))
    assert after.steps["p_adjusted"].tolist()[1:] == pytest.approx([0.02, 0.06, 1.0])
    assert after.deltas["p_adjusted"].tolist() == pytest.approx([0.02])


def test_variants_without_a_look_count():
    table = deltas_of([0.02, np.nan]).assign(look=[1, 0], open=[1.0, 1.0])
    after = page_wide(Claims(table, "test_loss")).deltas
    assert after["p_adjusted"].tolist()[0] == pytest.approx(0.04)
