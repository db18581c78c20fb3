"""What is drawn at the edge."""

import pandas as pd

from ablations.report.figure import far_out, without_far


def test_beside_deltas_of_nothing_none_is_far_out():
    deltas = pd.DataFrame({"variant": ["a", "b", "c"], "baseline_mean": 0.25})
    deltas["delta"] = deltas["ci_low"] = deltas["ci_high"] = [0.0, 0.0, 900.0]
    assert far_out(deltas) == []


def test_a_scale_of_one_value_reaches_to_no_difference():
    assert without_far([0.01, 0.01]) == {"domain": [0, 0.01], "clamp": True}
