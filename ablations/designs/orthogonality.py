"""Whether the factors of a crossed design can be told apart by the variants that are trained."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import numpy as np

from cnnzoo.levels import Settings
from cnnzoo.toggle import Level

MOST_PAIRS = 5

_ZERO = 1e-9


def correlations(
    factors: Sequence[str], variants: Sequence[Mapping[str, Level]]
) -> list[tuple[str, str, float]]:
    r"""Return the pairs of factors whose levels go together over the variants of a design.

    Of two factors with two levels each it is the size of the correlation of their columns; in
    general it is Cramer's V, which is the same there: with the table of how often each pair of
    levels occurs

    .. math:: V = \sqrt{\frac{\chi^2}{n \, (\min(r, c) - 1)}}

    It is 0 where the main effects are orthogonal, and 1 where one factor tells the other.

    Parameters
    ----------
    factors
        Names.
    variants
        The levels that each variant changes; what it leaves out is the baseline's.

    References
    ----------
    Cramer (1946), Mathematical Methods of Statistics, section 21.9.

    Examples
    --------
    >>> correlations(["a", "b"], [{}, {"a": 1}, {"b": 1}, {"a": 1, "b": 1}])
    []
    >>> correlations(["a", "b"], [{}, {"a": 1}, {"b": 1}])
    [('a', 'b', 0.5)]
    """
    codes = {name: _codes([variant.get(name) for variant in variants]) for name in factors}
    found = []
    for first, second in combinations(factors, 2):
        value = _cramer(codes[first], codes[second])
        if value > _ZERO:
            found.append((first, second, value))
    return found


def lost_orthogonality(
    factors: Sequence[str],
    variants: Mapping[str, Mapping[str, Level]],
    infeasible: Collection[str],
) -> str:
    """Say which factors of a crossed design go together since some variants cannot be built.

    Parameters
    ----------
    factors
        Names.
    variants
        By name, the levels that each variant changes.
    infeasible
        Names of those that cannot be built.

    Returns
    -------
    str
        A sentence; empty where the main effects are orthogonal.
    """
    trained = [changes for name, changes in variants.items() if name not in infeasible]
    found = sorted(correlations(factors, trained), key=lambda row: -row[2])
    if not found:
        return ""
    pairs = ", ".join(f"{a} and {b} by {value:.2f}" for a, b, value in found[:MOST_PAIRS])
    more = f", and {len(found) - MOST_PAIRS} more pairs by less" if found[MOST_PAIRS:] else ""
    return (
        f"Main effects are not orthogonal, for {len(variants) - len(trained)} of {len(variants)} "
        f"combinations cannot be built: there correlate {pairs}{more}; each effect is adjusted for "
        "the others, and less certain for it."
    )


def _codes(levels: Sequence[Level | None]) -> list[int]:
    """Number the levels; 1 and True are two."""
    known: dict[Settings, int] = {}
    rows = [Settings() if level is None else Settings(level=level) for level in levels]
    return [known.setdefault(row, len(known)) for row in rows]


def _cramer(first: Sequence[int], second: Sequence[int]) -> float:
    counts = np.zeros((max(first, default=0) + 1, max(second, default=0) + 1))
    np.add.at(counts, (list(first), list(second)), 1)
    if min(counts.shape) < 2:
        return 0.0
    total = counts.sum()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    chi = ((counts - expected) ** 2 / expected).sum()
    return float(np.sqrt(chi / (total * (min(counts.shape) - 1))))
