"""Checks for copies of examples: in more than one split, and within the training data."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnzoo.data.scaling import Pixels, in_parts
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.plan import TrainingPlan

Array = NDArray[Any]

LEAK_SHARE = 0.01
"""Share of a split's rows in another split that matters (Deepchecks has 5% to 10%)."""

LEAK_ROWS = 2
"""Number of such rows that matters; one may be a chance repetition (own choice)."""

CHANCE_RATIO = 2.0
"""Ratio to the share of training rows with a copy in the training data above which rows of few
values are copies. By chance both shares are equal, whatever the sizes (own choice)."""

VALUES_PER_ROW = 8
"""Number of distinct values in the median row from which on equal rows are copies: images and
sequences have more, and rows of categories, counts or bits fewer (own choice)."""

VALUES_PER_FEATURE = 0.5
"""Number of distinct values of a feature, as a share of the distinct rows, above which equal rows
are copies: such a feature is measured on a fine scale (own choice)."""

DUPLICATE_SHARE = 0.1
"""Share of repeated training rows that is worth a note (Deepchecks)."""

SAMPLE = 1000
"""Number of rows whose values are counted."""


def check_copies(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield the findings about equal examples."""
    hashes, telling = row_hashes(plan.x), _telling(plan.x)
    yield from _check_leaks(plan, hashes, telling)
    yield from _check_duplicates(plan, hashes, telling)


def row_hashes(x: Pixels) -> Array:
    """Return a 64-bit hash of each row.

    Examples
    --------
    >>> hashes = row_hashes(np.array([[1.0, -0.0], [2.0, 1.0], [1.0, 0.0]]))
    >>> bool(hashes[0] == hashes[2]), bool(hashes[0] == hashes[1])
    (True, False)
    """
    # in parts, because float64 takes up to 8 times the memory; adding 0 makes -0.0 equal to 0.0
    return np.array(
        [hash((row.astype("float64") + 0.0).tobytes()) for part in in_parts(x) for row in part],
        "int64",
    )


def _telling(x: Pixels) -> Array:
    """Return which rows have at least two distinct values: blank images prove nothing."""
    if x[:1].size < 2:
        return np.zeros(len(x), bool)
    axes = tuple(range(1, x.ndim))
    return np.concatenate([part.min(axes) < part.max(axes) for part in in_parts(x)])


def repeats_by_chance(x: Pixels, distinct: Array) -> bool:
    """Return whether different examples may well have equal rows.

    Parameters
    ----------
    x
        Examples.
    distinct
        Places of distinct rows.

    Examples
    --------
    >>> bits = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0]])
    >>> numbers = np.random.default_rng(0).normal(size=(5, 3))
    >>> repeats_by_chance(bits, np.arange(5)), repeats_by_chance(numbers, np.arange(5))
    (True, False)
    """
    some = x[distinct[:: max(1, len(distinct) // SAMPLE)][:SAMPLE]]
    rows = some.reshape(len(some), -1)
    ordered = np.sort(rows, axis=1)
    per_row = 1 + (np.diff(ordered, axis=1) != 0).sum(axis=1)
    if np.median(per_row) >= VALUES_PER_ROW:
        return False
    per_feature = 1 + (np.diff(np.sort(rows, axis=0), axis=0) != 0).sum(axis=0)
    return bool(per_feature.max() <= VALUES_PER_FEATURE * len(rows))


def _check_leaks(plan: TrainingPlan, hashes: Array, telling: Array) -> Iterator[Finding]:
    """Yield a finding if rows of a split occur in another one."""
    given = {"validation": plan.splits.x_val, "test": plan.splits.x_test}
    held = {
        name: x
        for name, x in given.items()
        if x is not None and len(x) and x.shape[1:] == plan.x.shape[1:]
    }
    known = {"training": hashes} | {name: row_hashes(x) for name, x in held.items()}
    pairs = [("training", "validation"), ("training", "test"), ("validation", "test")]
    shared = {
        (first, second): np.isin(known[second], known[first]) & _telling(held[second])
        for first, second in pairs
        if first in known and second in held
    }
    shared = {pair: same for pair, same in shared.items() if same.any()}
    if not shared:
        return
    _, places, inverse, counts = np.unique(
        hashes[telling], return_index=True, return_inverse=True, return_counts=True
    )
    repeated = float((counts[inverse] > 1).mean()) if len(counts) else 0.0
    by_chance = len(places) < 2 or repeats_by_chance(plan.x, np.flatnonzero(telling)[places])
    chance = CHANCE_RATIO * repeated if by_chance else 0.0
    is_leak = any(
        same.sum() >= LEAK_ROWS and same.mean() >= LEAK_SHARE and same.mean() > chance
        for same in shared.values()
    )
    words = [
        f"{int(same.sum()):,} of the {len(same):,} {second} examples ({same.mean():.1%}) are in "
        f"the {first} data too ({second} rows {_listed(same)})"
        for (first, second), same in shared.items()
    ]
    yield CODES["leak"].finding(
        f"{'; '.join(words)}; {repeated:.1%} of the training examples have a copy in the training "
        "data",
        "Remove the duplicates before splitting, or split by source",
        severity=Severity.WARNING if is_leak else Severity.NOTE,
    )


def _listed(same: Array) -> str:
    """Return the first places of a mask in words."""
    return ", ".join(map(str, np.flatnonzero(same)[:3])) + (", ..." if same.sum() > 3 else "")


def _check_duplicates(plan: TrainingPlan, hashes: Array, telling: Array) -> Iterator[Finding]:
    """Yield a finding if many training rows are repeated, or repeated with other labels."""
    if telling.sum() < 2:
        return
    hashes = hashes[telling]
    _, place, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    share = 1 - len(counts) / len(hashes)
    code = CODES["duplicates"]
    ids = plan.ids
    if ids is not None:
        labels = ids[telling]
        low = np.full(len(counts), np.iinfo("int64").max)
        high = np.full(len(counts), np.iinfo("int64").min)
        np.minimum.at(low, place, labels)
        np.maximum.at(high, place, labels)
        conflicting = float((low < high)[place].mean())
        if conflicting > LEAK_SHARE:
            yield code.finding(
                f"{conflicting:.1%} of the training examples have a copy with another label",
                "Check the labels, or how inputs and labels are paired",
                severity=Severity.WARNING if conflicting > DUPLICATE_SHARE else Severity.NOTE,
            )
            return
    if share > DUPLICATE_SHARE:
        yield code.finding(
            f"{share:.1%} of the training examples are copies of others",
            "Remove the copies, or split before oversampling",
        )
