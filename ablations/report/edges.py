"""What lies so far out that it would flatten all else: it is drawn at the edge, and said."""

from collections.abc import Collection, Iterable

import pandas as pd

from ablations.report.drawing import Spec
from ablations.report.rounding import is_number, size_words
from ablations.report.words import listed, rows_of

OF_OTHERS = 20
"""Times the reach of the middle delta..."""

OF_BASELINE = 10
"""...and times the baseline's mean, beyond which a delta is far out: training has failed."""


def far_out(deltas: pd.DataFrame) -> list[str]:
    """Return the variants whose delta of a metric is beyond the others' and beyond the metric.

    Not those that are only larger than the others: a delta beside nothing but small ones is what
    a study looks for.

    Examples
    --------
    >>> frame = pd.DataFrame({"variant": ["a", "b", "c"], "baseline_mean": 0.25})
    >>> frame["delta"] = frame["ci_low"] = frame["ci_high"] = [0.01, -0.02, 900.0]
    >>> far_out(frame)
    ['c']
    >>> far_out(frame.assign(delta=[0.0001, -0.0002, 0.5]))
    []
    """
    ends = deltas[["delta", "ci_low", "ci_high"]].abs()
    reach = ends.max(axis=1)
    middle = reach.median()
    if not middle:  # most have no delta at all, and there is nothing to flatten
        return []
    far = (ends["delta"] > OF_BASELINE * deltas["baseline_mean"].abs()) & (
        reach > OF_OTHERS * middle
    )
    return [str(name) for name in deltas.loc[far, "variant"]]


def without_far(values: Iterable[float]) -> Spec:
    """Return the part of a scale that ends where these values do, and holds others at its edge."""
    known = [value for value in values if is_number(value)]
    if min(known) == max(known):
        known.append(0)
    return {"domain": [min(known), max(known)], "clamp": True}


def far_words(deltas: pd.DataFrame, far: Collection[str]) -> str:
    """Say what is drawn at the edge, if anything is."""
    rows = rows_of(deltas[deltas["variant"].isin(far)])
    sizes = [
        f"{row['variant']} ({size_words(row['delta'], row['ci_low'], row['ci_high'])})"
        for row in rows
    ]
    return f" Far beyond, and drawn at the edge: {listed(sizes)}." if sizes else ""
