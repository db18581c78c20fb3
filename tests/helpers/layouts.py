"""Designs of on and off, and all that a layout comes to."""

import numpy as np
import pytest
from hypothesis import strategies as st

from ablations import Settings, StudyError
from ablations.designs import design

TWO = {"skip": (False, True), "pool": ("max", "none"), "depth": (1, 2)}

OFF = {"skip": False, "pool": "max", "depth": 1}

ON = {"skip": True, "pool": "none", "depth": 2}


def switches(count):
    return {f"f{index}": (False, True) for index in range(count)}


def all_off(count):
    return Settings(dict.fromkeys(switches(count), False))


def names(layout):
    return [variant.name for variant in layout.variants]


def configurations(layout):
    """What each variant sets in full, by brute force."""
    return [{**layout.baseline, **variant.changes} for variant in layout.variants]


def signs(layout, count):
    """Return the design as -1 and 1, a row a run."""
    rows = [[1 if run[f"f{i}"] else -1 for i in range(count)] for run in configurations(layout)]
    return np.array(rows)


def refusal(name, factors, baseline=None, variants=()):
    with pytest.raises(StudyError) as refused:
        design(name, factors, Settings(baseline or {}), variants)
    return str(refused.value)


factor_levels = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True).map(tuple),
    min_size=1,
    max_size=4,
)
