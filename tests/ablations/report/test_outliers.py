"""Outliers among the deltas, which are drawn at the edge."""

import pandas as pd

from ablations.report.figure import clamped_scale, outliers


def test_no_outliers_if_most_deltas_are_0():
    deltas = pd.DataFrame({"variant": ["a", "b", "c"], "baseline_mean": 0.25})
    deltas["delta"] = deltas["ci_low"] = deltas["ci_high"] = [0.0, 0.0, 900.0]
    assert outliers(deltas) == []


def test_clamped_scale_of_one_value_includes_0():
    assert clamped_scale([0.01, 0.01]) == {"domain": [0, 0.01], "clamp": True}
