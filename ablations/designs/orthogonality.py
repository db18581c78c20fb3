"""Orthogonality of the factors of a crossed design over the variants that are trained."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import numpy as np

from cnnzoo.levels import Settings
from cnnzoo.toggle import Level

MOST_PAIRS = 5
"""Largest number of pairs of factors that a note names."""

_ZERO = 1e-9


def correlations(
    factors: Sequence[str], variants: Sequence[Mapping[str, Level]]
) -> list[tuple[str, str, float]]:
    r"""Return the pairs of factors that are correlated over the variants of a design.

    The measure is Cramer's V. For two factors with two levels each it is the absolute correlation
    of their columns. From the contingency table of the two factors

    .. math:: V = \sqrt{\frac{\chi^2}{n \, (\min(r, c) - 1)}}

    It is 0 if the main effects are orthogonal, and 1 if one factor determines the other.

    Parameters
    ----------
    factors
        Names of the factors.
    variants
        Levels that each variant changes; the others are the baseline's.

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
    pairs = []
    for first, second in combinations(factors, 2):
        value = _cramer(codes[first], codes[second])
        if value > _ZERO:
            pairs.append((first, second, value))
    return pairs


def lost_orthogonality(
    factors: Sequence[str],
    variants: Mapping[str, Mapping[str, Level]],
    infeasible: Collection[str],
) -> str:
    """Return a note on factors that are correlated because some variants cannot be built.

    Parameters
    ----------
    factors
        Names of the factors.
    variants
        Levels that each variant changes, by name of the variant.
    infeasible
        Names of the variants that cannot be built.

    Returns
    -------
    str
        A sentence; empty if the main effects are orthogonal.
    """
    if not infeasible:  # crossed designs are orthogonal
        return ""
    trained = [changes for name, changes in variants.items() if name not in infeasible]
    correlated = sorted(correlations(factors, trained), key=lambda row: -row[2])
    if not correlated:
        return ""
    pairs = ", ".join(f"{a} and {b} by {value:.2f}" for a, b, value in correlated[:MOST_PAIRS])
    rest = correlated[MOST_PAIRS:]
    more = f", and {len(rest)} more pairs by less" if rest else ""
    return (
        f"Main effects are not orthogonal, for {len(variants) - len(trained)} of {len(variants)} "
        f"combinations cannot be built: there correlate {pairs}{more}; each effect is adjusted for "
        "the others, and less certain for it."
    )


def _codes(levels: Sequence[Level | None]) -> list[int]:
    """Return an integer code for each level; 1 and True are different levels."""
    codes: dict[Settings, int] = {}
    rows = [Settings() if level is None else Settings(level=level) for level in levels]
    return [codes.setdefault(row, len(codes)) for row in rows]


def _cramer(first: Sequence[int], second: Sequence[int]) -> float:
    counts = np.zeros((max(first, default=0) + 1, max(second, default=0) + 1), dtype=int)
    np.add.at(counts, (list(first), list(second)), 1)
    if min(counts.shape) < 2:
        return 0.0
    from scipy.stats.contingency import association  # slow to import

    return float(association(counts, method="cramer"))
