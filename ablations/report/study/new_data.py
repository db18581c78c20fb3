"""Sentences that say whether verdicts hold for other seeds or for new data."""

import pandas as pd

from ablations.report.wording import Row, metric_words
from ablations.stats.new_data import NO_METHOD
from ablations.stats.verdicts import Verdict
from cnnzoo.folds import HeldOut

NEW_SAMPLE = "another sample of this size"
NEW_TESTS = "other test examples of this number, with the same training data"


def about(held_out: HeldOut | None) -> str:
    """Say what the verdicts are about, and in a page what the interval for new data is about.

    Examples
    --------
    >>> about(HeldOut(size=500, pool=5000, train=4000))[-67:]
    'among the further statistics, is about another sample of this size.'
    """
    if held_out is None:
        return about_seeds(held_out)
    new = NEW_TESTS if held_out.is_fixed else NEW_SAMPLE
    return (
        f"{about_seeds(held_out)} The interval for new data, among the further statistics, is "
        f"about {new}."
    )


def about_seeds(held_out: HeldOut | None) -> str:
    """Say what the verdicts are about.

    Examples
    --------
    >>> about_seeds(HeldOut(size=500, pool=0, train=4000))
    'Verdicts are about other seeds with the same 500 test examples.'
    """
    if held_out is None:
        return "Verdicts are about other seeds on the same data, not about new data."
    if held_out.is_fixed:
        return f"Verdicts are about other seeds with the same {held_out.size:,} test examples."
    return (
        f"Verdicts are about other seeds on the same {held_out.pool:,} examples, "
        f"{held_out.size:,} of which each seed draws as its test split."
    )


def reaches_zero(row: Row) -> bool:
    """Tell whether the interval for new data includes 0.

    Examples
    --------
    >>> reaches_zero({"new_data_low": -0.1, "new_data_high": 0.3})
    True
    """
    low, high = row.get("new_data_low"), row.get("new_data_high")
    return low is not None and high is not None and bool(low <= 0 <= high)  # False for NaN


def what_verdicts_are_about(deltas: pd.DataFrame, held_out: HeldOut | None) -> list[str]:
    """Return the notes below the deltas in a terminal; none without verdicts.

    They say what the verdicts are about, and which claims new data may change.

    Examples
    --------
    >>> row = {"variant": "units=4", "metric": "test_loss", "verdict": "better"}
    >>> row |= {"new_data_low": -0.3, "new_data_high": 0.1}
    >>> what_verdicts_are_about(pd.DataFrame([row]), None)[1]
    'For new data the interval includes 0: units=4 (test loss).'
    """
    if not deltas["verdict"].astype(bool).any():
        return []
    claims = deltas[deltas["verdict"].isin([Verdict.BETTER, Verdict.WORSE])].to_dict("records")
    open_claims = [
        f"{row['variant']} ({metric_words(row['metric'])})" for row in claims if reaches_zero(row)
    ]
    but = f"For new data the interval includes 0: {', '.join(open_claims)}."
    return [about_seeds(held_out), *([but] if open_claims else [])]


def missing(rows: list[dict[str, object]]) -> str:
    """Return why deltas of a metric have no interval for new data; empty if each has one.

    Examples
    --------
    >>> missing([{"new_data_method": "none: the trials have no outcomes by example"}])
    'No interval for new data: the trials have no outcomes by example.'
    """
    methods = dict.fromkeys(str(row.get("new_data_method") or "") for row in rows)
    reasons = [each.removeprefix(NO_METHOD) for each in methods if each.startswith(NO_METHOD)]
    return f"No interval for new data: {'; '.join(reasons)}." if reasons else ""
