"""Designs whose variants change one factor each."""

from ablations.designs.layout import (
    Factors,
    Layout,
    check_baseline,
    check_baseline_of_two,
    check_two_levels,
    lay_out,
)
from cnnzoo.levels import Settings


def one_at_a_time(factors: Factors, baseline: Settings) -> Layout:
    """Change one factor of the baseline to another level at a time.

    Parameters
    ----------
    factors
        Levels by factor, including the baseline's.
    baseline
        The baseline's levels.

    Raises
    ------
    StudyError
        If the baseline's level of a factor is not among its levels.

    Examples
    --------
    >>> layout = one_at_a_time({"pool_size": (1, 2, 3)}, Settings(pool_size=2))
    >>> [variant.name for variant in layout.variants]
    ['baseline', 'pool_size=1', 'pool_size=3']
    """
    check_baseline(factors, baseline)
    rows = ({**baseline, name: level} for name, levels in factors.items() for level in levels)
    return Layout(baseline, lay_out(baseline, rows))


def add_one_in(factors: Factors, baseline: Settings) -> Layout:
    """Turn one factor on at a time; all others stay off.

    Parameters
    ----------
    factors
        Two levels by factor, off and on, in any order.
    baseline
        Baseline with every factor off; see `ablations.designs.switching`.

    Raises
    ------
    StudyError
        If a factor does not have two levels, or the baseline's level is neither of them.

    Examples
    --------
    >>> factors = {"skip": (True, False), "normalization": ("none", "batch")}
    >>> layout = add_one_in(factors, Settings(skip=False, normalization="none"))
    >>> [variant.name for variant in layout.variants]
    ['baseline', 'skip=True', 'normalization=batch']
    """
    check_two_levels(factors, "add-one-in")
    check_baseline_of_two(factors, baseline)
    return one_at_a_time(factors, baseline)


def leave_one_out(factors: Factors, baseline: Settings) -> Layout:
    """Turn one factor off at a time; all others stay on.

    Parameters
    ----------
    factors
        Two levels by factor, off and on, in any order.
    baseline
        Baseline with every factor on; see `ablations.designs.switching`.

    Raises
    ------
    StudyError
        As `add_one_in`.

    Examples
    --------
    >>> factors = {"skip": (True, False), "normalization": ("none", "batch")}
    >>> layout = leave_one_out(factors, Settings(skip=True, normalization="batch"))
    >>> [variant.name for variant in layout.variants]
    ['baseline', 'skip=False', 'normalization=none']
    """
    check_two_levels(factors, "leave-one-out")
    check_baseline_of_two(factors, baseline)
    return one_at_a_time(factors, baseline)
