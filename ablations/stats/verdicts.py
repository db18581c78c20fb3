"""From p values to words: Holm's correction and the verdict, along the last axis of arrays."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def holm(p: ArrayLike) -> Array:
    r"""Return Holm's step-down adjusted p values along the last axis; NaN are no comparisons.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min\{1, (m - j + 1)\, p_{(j)}\}

    Rejecting where the adjusted p is below alpha keeps the chance of any false rejection among the
    m comparisons below alpha, however they depend on each other; sharing a baseline they do.

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
    """Return the level at which each comparison stands, given what the others showed.

    Holm tests at alpha / (number of comparisons still open), the one in question counted as open.

    Examples
    --------
    >>> holm_level([0.01, 0.2, 0.3], 0.05).round(4).tolist()
    [0.0167, 0.025, 0.025]
    """
    values = np.asarray(p_adjusted, dtype=float)
    rejected = values < alpha
    still_open = (np.isfinite(values) & ~rejected).sum(axis=-1, keepdims=True)
    return np.asarray(alpha / np.maximum(still_open + rejected, 1))


def verdicts(
    delta: ArrayLike,
    p_adjusted: ArrayLike,
    p_equivalence_adjusted: ArrayLike,
    *,
    alpha: float,
    lower_is_better: bool,
    barred: ArrayLike = False,
) -> NDArray[np.str_]:
    """Return "better", "worse", "equivalent" or "inconclusive"; "" where there is no p.

    And "" where a comparison is barred from having a verdict: see `ablations.stats.barring`.

    1. "equivalent" if the adjusted p of equivalence is below alpha: the delta is shown to be
       smaller than what the user said matters. This wins over a significant difference, for a
       difference that does not matter is no reason to choose; both p are in the table.
    2. "better" or "worse", by the sign of the delta, if the adjusted p is below alpha.
    3. "inconclusive" otherwise. It is not "no effect".

    Examples
    --------
    >>> nan = float("nan")
    >>> verdicts([0.1, -0.2], [0.01, 0.3], [nan, nan], alpha=0.05, lower_is_better=True).tolist()
    ['worse', 'inconclusive']
    """
    delta, p = np.asarray(delta, dtype=float), np.asarray(p_adjusted, dtype=float)
    equivalent = np.asarray(p_equivalence_adjusted, dtype=float) < alpha
    good = delta < 0 if lower_is_better else delta > 0
    word = np.where(p < alpha, np.where(good, "better", "worse"), "inconclusive")
    without = np.isnan(p) | np.asarray(barred, dtype=bool)
    return np.where(without, "", np.where(equivalent, "equivalent", word))
