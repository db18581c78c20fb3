"""What the verdicts of a study are about: seeds or new data."""

from ablations.report.wording import Row
from ablations.stats.new_data import NO_METHOD
from cnnzoo.folds import HeldOut

NEW_SAMPLE = "another sample of this size"
NEW_TESTS = "other test examples of this number, with the same training data"


def about(held_out: HeldOut | None) -> str:
    """Say what the verdicts and intervals are about, and what the interval for new data is about.

    Examples
    --------
    >>> about(HeldOut(size=500, pool=5000, train=4000))[:70]
    'Verdicts are about other seeds on the same 5,000 examples, 500 of whic'
    """
    if held_out is None:
        return "Verdicts are about other seeds on the same data, not about new data."
    if held_out.is_fixed:
        same, new = f"with the same {held_out.size:,} test examples", NEW_TESTS
    else:
        drawn = f"{held_out.size:,} of which each seed draws as its test split"
        same, new = f"on the same {held_out.pool:,} examples, {drawn}", NEW_SAMPLE
    return f"Verdicts are about other seeds {same}. The interval for new data is about {new}."


def reaches_zero(row: Row) -> bool:
    """Tell whether the interval for new data includes 0.

    Examples
    --------
    >>> reaches_zero({"new_data_low": -0.1, "new_data_high": 0.3})
    True
    """
    low, high = row.get("new_data_low"), row.get("new_data_high")
    return low is not None and high is not None and bool(low <= 0 <= high)  # False for NaN


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
