"""Verdicts: Holm's correction of p values and the words that follow from them."""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Verdict(StrEnum):
    """What a comparison shows; the empty string stands for a comparison without a verdict."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"

    __repr__ = str.__repr__


def holm(p: ArrayLike) -> Array:
    r"""Return Holm's adjusted p values along the last axis; NaN does not count as a comparison.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min\{1, (m - j + 1)\, p_{(j)}\}

    Rejecting if the adjusted p is below alpha keeps the chance of any false rejection among the m
    comparisons below alpha, for any dependence between them, such as that of a shared baseline.

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6.

    Examples
    --------
    >>> holm([0.01, 0.04, float("nan"), 0.03]).round(3).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, axis=-1)  # NaN last
    ranked = np.take_along_axis(values, order, axis=-1)
    count = np.isfinite(values).sum(axis=-1, keepdims=True)
    factor = np.maximum(count - np.arange(values.shape[-1]), 1)
    stepped = np.minimum(np.maximum.accumulate(ranked * factor, axis=-1), 1.0)
    adjusted = np.empty_like(values)
    np.put_along_axis(adjusted, order, stepped, axis=-1)
    return adjusted


def holm_level(p_adjusted: ArrayLike, alpha: float) -> Array:
    """Return the level at which Holm's correction tests each comparison.

    The level is alpha / (number of comparisons that are not rejected, plus the one in question).

    Examples
    --------
    >>> holm_level([0.01, 0.2, 0.3], 0.05).round(4).tolist()
    [0.0167, 0.025, 0.025]
    """
    values = np.asarray(p_adjusted, dtype=float)
    rejected = values < alpha
    open_count = (np.isfinite(values) & ~rejected).sum(axis=-1, keepdims=True)
    return np.asarray(alpha / np.maximum(open_count + rejected, 1))


def verdicts(
    delta: ArrayLike,
    p_adjusted: ArrayLike,
    p_equivalence_adjusted: ArrayLike,
    *,
    alpha: float,
    lower_is_better: bool,
    barred: ArrayLike = False,
) -> NDArray[np.str_]:
    """Return the verdicts as text; "" if there is no p or the comparison is barred.

    See `ablations.stats.barring` for barred comparisons.

    1. "equivalent" if the adjusted p of equivalence is below alpha: the delta is shown to be
       smaller than the margin. This rule comes first, because a difference within the margin is no
       reason to choose; both p values are in the table.
    2. "better" or "worse", by the sign of the delta, if the adjusted p is below alpha.
    3. "inconclusive" otherwise. It does not mean "no effect".

    Examples
    --------
    >>> nan = float("nan")
    >>> verdicts([0.1, -0.2], [0.01, 0.3], [nan, nan], alpha=0.05, lower_is_better=True).tolist()
    ['worse', 'inconclusive']
    """
    delta, p = np.asarray(delta, dtype=float), np.asarray(p_adjusted, dtype=float)
    equivalent = np.asarray(p_equivalence_adjusted, dtype=float) < alpha
    good = delta < 0 if lower_is_better else delta > 0
    word = np.where(p < alpha, np.where(good, Verdict.BETTER, Verdict.WORSE), Verdict.INCONCLUSIVE)
    without = np.isnan(p) | np.asarray(barred, dtype=bool)
    return np.where(without, "", np.where(equivalent, Verdict.EQUIVALENT, word))
