"""Skewness of deltas, and the modified t that allows for it.

Functions work along the last axis of an array, as those of `ablations.stats.paired_t`.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ablations.study.checks import EXPLORATORY_BELOW

Array = NDArray[np.float64]

SKEWED_BEYOND = 1.15
"""Standard errors of a normal sample's skewness beyond which a sample counts as skewed."""

LONG_SIDE = 5.0
SHORT_SIDE = 0.25
"""Multiples of Johnson's correction on the side that skew lengthens, and on the other side.

A sample shows too little of a strong skew: ten lognormal deltas have a mean skewness of 1.5 where
the distribution has 6.2. On the short side the correction makes an interval shorter, which heavy
tails punish. Both numbers and `SKEWED_BEYOND` were chosen by simulation, see
docs/decisions/0022-skewed-deltas.md.
"""

WIDEST = 2.7
"""Student's t times this is the most that the long side of an interval has.

A sample that shows a strong skew has a large standard deviation, so that Student's interval is
wide already. Without a bound, six deltas had intervals of 5.6 times Student's.
"""


def skewness(deltas: ArrayLike) -> Array:
    r"""Return the adjusted Fisher-Pearson skewness; 0 for fewer than 3 deltas or equal ones.

    .. math:: G_1 = \frac{\sqrt{n(n-1)}}{n-2} \frac{m_3}{m_2^{3/2}}

    Examples
    --------
    >>> round(float(skewness([0.0, 0.0, 0.0, 1.0])), 3)
    2.0
    """
    values = np.asarray(deltas, dtype=float)
    n = values.shape[-1]
    if n < 3:
        return np.zeros(values.shape[:-1])
    centred = values - values.mean(axis=-1, keepdims=True)
    scale = np.abs(centred).max(axis=-1, keepdims=True)
    # Deltas of 1e-200 would underflow as cubes. Equal deltas have no spread but rounding.
    flat = np.ptp(values, axis=-1, keepdims=True) == 0
    centred = np.where(flat, 0.0, centred / np.where(flat, 1.0, scale))
    second, third = (centred**2).mean(axis=-1), (centred**3).mean(axis=-1)
    ratio = third / np.where(second > 0, second, 1.0) ** 1.5
    return np.asarray(math.sqrt(n * (n - 1)) / (n - 2) * ratio)


def skewness_error(n: int) -> float:
    r"""Return the standard error of the skewness of n normal deltas.

    .. math:: \mathrm{SE}(n) = \sqrt{6n(n-1) / ((n-2)(n+1)(n+3))}

    Examples
    --------
    >>> round(skewness_error(10), 3)
    0.687
    """
    return math.sqrt(6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3))) if n > 2 else math.inf


def correction(deltas: ArrayLike) -> Array:
    r"""Return :math:`\gamma = G_1 / \sqrt n` where deltas count as skewed, else 0.

    Deltas count as skewed from six on, the least number with a verdict, and if the absolute
    skewness is above 1.15 standard errors of a normal sample's. One normal sample in four is.

    Examples
    --------
    >>> float(correction([0.1, 0.2, 0.3, 0.1, 0.2, 0.3]))
    0.0
    >>> round(float(correction([0.1, 0.1, 0.2, 0.2, 0.3, 1.5])), 3)
    0.958
    """
    values = np.asarray(deltas, dtype=float)
    n = values.shape[-1]
    if n < EXPLORATORY_BELOW:
        return np.zeros(values.shape[:-1])
    size = skewness(values)
    skewed = np.abs(size) > SKEWED_BEYOND * skewness_error(n)
    return np.where(skewed, size / math.sqrt(n), 0.0)


def lower_tail(t: ArrayLike, gamma: ArrayLike, df: float) -> Array:
    r"""Return the chance of a t statistic as low as this, for deltas of a skewness.

    With Johnson's expansion :math:`t + \gamma (t^2 / 3 + 1 / 6)`, whose tails are those of
    Student's t. Where skew makes low t more frequent (:math:`\gamma > 0`), the expansion with 5
    gamma is inverted, so that the chance is never below Student's and falls at any t. Where it
    makes them rarer, the expansion itself is used with gamma / 4. The first divides t by at most
    2.7. At gamma = 0 this is Student's t.

    Parameters
    ----------
    t
        Mean delta minus its value under the hypothesis, in standard errors.
    gamma
        Result of `correction`.
    df
        Degrees of freedom.

    References
    ----------
    Johnson (1978), "Modified t tests and confidence intervals for asymmetrical populations", JASA
    73. Hall (1992), "On the removal of skewness by transformation", JRSS B 54.

    Examples
    --------
    >>> [round(float(lower_tail(-2.5, gamma, 9)), 3) for gamma in (-0.3, 0.0, 0.3)]
    [0.013, 0.017, 0.106]
    """
    size, skew = np.asarray(t, dtype=float), np.asarray(gamma, dtype=float)
    below = -np.minimum(size, 0.0)
    long = np.maximum(_inverse(below, LONG_SIDE * np.maximum(skew, 0.0)), below / WIDEST)
    short = _expansion(below, SHORT_SIDE * np.maximum(-skew, 0.0))
    chance = special.stdtr(df, -np.where(skew > 0, long, short))
    return np.asarray(np.where(size < 0, chance, special.stdtr(df, size)))


def upper_tail(t: ArrayLike, gamma: ArrayLike, df: float) -> Array:
    """Return the chance of a t statistic as high as this; see `lower_tail`."""
    return lower_tail(-np.asarray(t, dtype=float), -np.asarray(gamma, dtype=float), df)


def lowest_t(critical: float, gamma: ArrayLike) -> Array:
    """Return the t at which `lower_tail` is that of a Student's t of ``-critical``.

    Examples
    --------
    >>> [round(float(lowest_t(2.26, gamma)), 2) for gamma in (-0.3, 0.0, 0.3)]
    [-2.13, -2.26, -5.06]
    """
    skew = np.asarray(gamma, dtype=float)
    long = np.minimum(_expansion(critical, LONG_SIDE * np.maximum(skew, 0.0)), WIDEST * critical)
    short = _inverse(critical, SHORT_SIDE * np.maximum(-skew, 0.0))
    return -np.where(skew > 0, long, short)


def highest_t(critical: float, gamma: ArrayLike) -> Array:
    """Return the t at which `upper_tail` is that of a Student's t of ``critical``."""
    return -lowest_t(critical, -np.asarray(gamma, dtype=float))


def _expansion(t: ArrayLike, gamma: Array) -> Array:
    size = np.asarray(t, dtype=float)
    return np.asarray(size + gamma * (size**2 / 3 + 1 / 6))


def _inverse(t: ArrayLike, gamma: Array) -> Array:
    """Return the c >= 0 with c + gamma (c^2 / 3 + 1 / 6) = t, or a negative number."""
    size = np.asarray(t, dtype=float)
    left = size - gamma / 6
    root = np.sqrt(np.maximum(1 + 4 / 3 * gamma * left, 0.0))
    # 2 left / (1 + root) is the root of the quadratic that stays exact at gamma = 0.
    return np.asarray(2 * left / (1 + root))
