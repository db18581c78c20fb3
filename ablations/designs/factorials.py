"""Full factorial design."""

from itertools import chain, combinations, islice, product
from typing import Any

import numpy as np

from ablations.designs.layout import (
    Factors,
    Layout,
    check_baseline,
    check_baseline_of_two,
    check_two_levels,
    lay_out,
)
from ablations.study.errors import StudyError
from cnnzoo.levels import Settings, same


def full_factorial(factors: Factors, baseline: Settings) -> Layout:
    """Combine all levels of all factors.

    Raises
    ------
    StudyError
        If the baseline's level of a factor is not among its levels.

    Examples
    --------
    >>> factors = {"depth": (1, 2), "pool": ("max", "average")}
    >>> layout = full_factorial(factors, Settings(depth=1, pool="max"))
    >>> [variant.name for variant in layout.variants]
    ['baseline', 'pool=average', 'depth=2', 'depth=2, pool=average']
    """
    check_baseline(factors, baseline)
    rows = (
        {**baseline, **dict(zip(factors, levels, strict=True))}
        for levels in product(*factors.values())
    )
    return Layout(baseline, lay_out(baseline, rows), crossed=True)


def fractional_factorial(factors: Factors, baseline: Settings) -> Layout:
    """Run the smallest fraction that separates main effects from two-way interactions.

    This is resolution IV (Box, Hunter and Hunter 2005, "Statistics for experimenters", chapter
    6): n factors in the smallest 2**k runs with 2**(k - 1) >= n, each a product of an odd number of
    k base factors. The product of two such columns is a product of an even number, so no two-way
    interaction is a main effect. For three factors it is a half fraction of resolution III, in
    which each main effect is aliased with the interaction of the other two.

    Parameters
    ----------
    factors
        At least three factors with two levels each.
    baseline
        The baseline's levels, one of the two of each factor.

    Returns
    -------
    Layout
        Layout with its alias table.

    Raises
    ------
    StudyError
        If there are fewer than three factors, if a factor does not have two levels, or if the
        baseline's level is neither of them.

    Examples
    --------
    >>> factors = {name: (False, True) for name in "abc"}
    >>> layout = fractional_factorial(factors, Settings(dict.fromkeys("abc", False)))
    >>> [variant.name for variant in layout.variants]
    ['baseline', 'a=True, b=True', 'a=True, c=True', 'b=True, c=True']
    >>> layout.aliases
    (('a', 'b:c', -1.0), ('b', 'a:c', -1.0), ('c', 'a:b', -1.0))
    """
    from pyDOE3 import fracfact

    check_two_levels(factors, "fractional-factorial")
    _check_enough(factors, "fractional-factorial")
    words = "a b ab" if len(factors) == 3 else " ".join(_odd_words(len(factors)))
    return _two_level(factors, baseline, fracfact(words))


def plackett_burman(factors: Factors, baseline: Settings) -> Layout:
    """Screen the main effects of many factors in few runs.

    Plackett and Burman (1946): n factors in the next multiple of four above n runs, or the one
    after it if pyDOE3 has no design of that size, such as 28, 36 or 44 runs. Two-way interactions
    are spread over the main effects: with 12 runs each main effect carries about a third of every
    interaction of two other factors. Confirm large effects in a further study.

    Parameters
    ----------
    factors, baseline
        As for `fractional_factorial`.

    Raises
    ------
    StudyError
        As for `fractional_factorial`.

    Examples
    --------
    >>> factors = {name: (False, True) for name in "abcdefghijk"}
    >>> len(plackett_burman(factors, Settings(dict.fromkeys(factors, False))).variants)
    12
    """
    from pyDOE3 import pbdesign

    check_two_levels(factors, "plackett-burman")
    _check_enough(factors, "plackett-burman")
    runs = 4 * (len(factors) // 4 + 1)
    while runs // (runs & -runs) not in (1, 3, 5):  # pyDOE3 doubles designs of 1, 12 and 20 runs
        runs += 4
    # All columns are orthogonal and balanced, so any of them will do.
    return _two_level(factors, baseline, pbdesign(runs - 1)[:, : len(factors)])


def _odd_words(count: int) -> list[str]:
    """Return the generators of a fraction of resolution IV, beginning with the base factors.

    Examples
    --------
    >>> _odd_words(6)
    ['a', 'b', 'c', 'd', 'abc', 'abd']
    """
    size = 1 + (count - 1).bit_length()
    base = [chr(ord("a") + place) for place in range(size)]
    odd = chain.from_iterable(combinations(base, length) for length in range(1, size + 1, 2))
    return ["".join(word) for word in islice(odd, count)]


def _check_enough(factors: Factors, design: str) -> None:
    if len(factors) < 3:
        raise StudyError(
            f"`factors`: expected at least 3 for the design {design}; got {len(factors)}. "
            "Use full-factorial."
        )


def _two_level(factors: Factors, baseline: Settings, signs: Any) -> Layout:
    check_baseline_of_two(factors, baseline)
    # The published tables have the run with all factors at the high level. Their mirror image is an
    # equivalent design and has the run with all factors at the low level, the baseline's.
    signs = -np.asarray(signs)
    changed = {
        name: next(level for level in levels if not same(level, baseline[name]))
        for name, levels in factors.items()
    }
    rows = [
        {
            **baseline,
            **{
                name: level
                for (name, level), sign in zip(changed.items(), row, strict=True)
                if sign > 0
            },
        }
        for row in signs
    ]
    return Layout(baseline, lay_out(baseline, rows), _aliases(list(factors), signs), crossed=True)


def _aliases(names: list[str], signs: Any) -> tuple[tuple[str, str, float], ...]:
    """Return the main effects and two-way interactions whose columns are correlated."""
    columns = {name: signs[:, index].astype(int) for index, name in enumerate(names)}
    columns |= {f"{a}:{b}": columns[a] * columns[b] for a, b in combinations(names, 2)}
    effects = list(columns)
    table = np.column_stack(list(columns.values()))
    # All columns are balanced; those of interactions because main effects are orthogonal.
    products = np.triu(table.T @ table, k=1)
    return tuple(
        (effects[a], effects[b], float(products[a, b] / len(table)))
        for a, b in np.argwhere(products)
    )
