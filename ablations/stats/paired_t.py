"""Student's and the modified t for paired deltas: interval, test, equivalence and power.

Intervals and tests work along the last axis of an array, so the simulations that validate the
statistics run the same code as a report.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from ablations.stats.pairs import Array, all_alike
from ablations.stats.skew import correction, highest_t, lower_tail, lowest_t, upper_tail

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)
"""Gauss-Legendre quadrature; the power of equivalence is exact to nine digits."""

POWER = 0.8
"""Chance to show a difference that is called "detectable"."""


@dataclass(frozen=True)
class PairedT:
    """Mean of paired deltas with interval and p; each is an array or a number.

    Parameters
    ----------
    delta, sd
        Mean and standard deviation (n - 1) of the deltas.
    low, high
        Ends of the interval; NaN if the deltas have no spread.
    p
        Two-sided p for a mean of 0.
    gamma
        Skewness by which t is modified, in units of sqrt(n); 0 for Student's t.
    """

    delta: Array
    sd: Array
    low: Array
    high: Array
    p: Array
    gamma: Array


def paired_t(
    deltas: ArrayLike,
    confidence: float = 0.95,
    noise: ArrayLike = 0.0,
    *,
    modified: bool = False,
) -> PairedT:
    r"""Return the paired t interval and test along the last axis.

    .. math:: \bar d \pm t_{n-1,\,1-\alpha/2}\, s / \sqrt n, \qquad t = \bar d \sqrt n / s

    For n < 2 everything but ``delta`` is NaN. If all deltas are equal, s = 0 and t would be
    infinite, but p = 0 from a few trials is not credible. Then the interval is NaN and p is the
    sign-flip p of deltas with the same sign, 2 / 2**n, or 1 if all deltas are 0. Deltas that differ
    from each other or from 0 only by rounding count as equal.

    Parameters
    ----------
    deltas
        Variant minus baseline, with seeds along the last axis.
    confidence
        Confidence of the interval.
    noise
        Rounding noise of each delta, or one number for all; see `ablations.stats.pairs.noise_of`.
    modified
        Whether deltas that count as skewed get the modified t of `ablations.stats.skew`. Interval
        and p agree: p is below 1 - confidence if and only if the interval excludes 0.

    References
    ----------
    Student (1908), "The probable error of a mean", Biometrika 6.
    Johnson (1978), "Modified t tests and confidence intervals for asymmetrical populations", JASA
    73.

    Examples
    --------
    >>> result = paired_t([0.1, 0.3, 0.2, 0.2])
    >>> round(float(result.delta), 3), round(float(result.low), 3), round(float(result.high), 3)
    (0.2, 0.07, 0.33)
    >>> float(paired_t([0.5, 0.5, 0.5, 0.5]).p)
    0.125
    """
    values = np.asarray(deltas, dtype=float)
    n = values.shape[-1]
    if n < 2:
        delta = values.sum(axis=-1) if n else np.full(values.shape[:-1], np.nan)
        nan = np.full(values.shape[:-1], np.nan)
        return PairedT(delta, nan, nan, nan, nan, np.zeros(values.shape[:-1]))
    delta = values.mean(axis=-1)
    nonzero = (np.abs(values) > noise).sum(axis=-1)
    alike = all_alike(values, noise)
    sd = np.where(alike, 0.0, values.std(axis=-1, ddof=1))
    error = np.where(alike, np.nan, sd / math.sqrt(n))
    critical = special.stdtrit(n - 1, (1 + confidence) / 2)
    gamma = np.where(alike, 0.0, correction(values)) if modified else np.zeros(delta.shape)
    if gamma.any():
        low, high = (delta - t(critical, gamma) * error for t in (highest_t, lowest_t))
        t = delta / error
        tails = np.minimum(lower_tail(t, gamma, n - 1), upper_tail(t, gamma, n - 1))
        p = np.minimum(2 * tails, 1.0)
    else:
        low, high = delta - critical * error, delta + critical * error
        p = 2 * special.stdtr(n - 1, -np.abs(delta) / error)
    p = np.where(alike, np.minimum(1.0, 2.0 ** (1 - nonzero)), p)
    return PairedT(delta, sd, low, high, p, gamma)


def equivalence_p(
    deltas: ArrayLike, margin: float, noise: ArrayLike = 0.0, *, modified: bool = False
) -> Array:
    r"""Return the p of two one-sided paired t tests (TOST) along the last axis.

    .. math:: p = \max\{P(T > (\bar d + m)\sqrt n / s),\; P(T < (\bar d - m)\sqrt n / s)\}

    with n - 1 degrees of freedom: small if the mean delta is shown to be within the margin m. For
    equal deltas p is that of one-sided sign flips about the margin: 2**-n if the deltas are within
    the margin by more than rounding, else 1. With ``modified``, both tests are by the modified t,
    as in `paired_t`.

    References
    ----------
    Schuirmann (1987), "A comparison of the two one-sided tests procedure", J. Pharmacokin.
    Biopharm. 15.

    Examples
    --------
    >>> round(float(equivalence_p([0.1, -0.2, 0.0, 0.1], margin=0.5)), 4)
    0.0029
    """
    values = np.asarray(deltas, dtype=float)
    n = values.shape[-1]
    if n < 2:
        return np.full(values.shape[:-1], np.nan)
    result = paired_t(values, noise=noise, modified=modified)
    alike = result.sd == 0
    error = np.where(alike, np.nan, result.sd / math.sqrt(n))
    below = lower_tail((result.delta - margin) / error, result.gamma, n - 1)
    above = upper_tail((result.delta + margin) / error, result.gamma, n - 1)
    p = np.maximum(below, above)
    reach = np.broadcast_to(noise, values.shape).mean(axis=-1)
    exact = np.where(np.abs(result.delta) + reach < margin, 2.0**-n, 1.0)
    return np.asarray(np.where(alike, exact, p))


def power(effect: float, n: int, level: float) -> float:
    """Return the power of a two-sided paired t test with n pairs at a level.

    ``effect`` is the mean delta in standard deviations of the deltas. The t statistic is noncentral
    with effect * sqrt(n).

    Examples
    --------
    >>> round(power(1.0, 10, 0.05), 3)
    0.803
    """
    # The square of a noncentral t is a noncentral F, which covers both tails. SciPy returns NaN
    # without a warning if the distribution function is below 1e-180.
    critical = special.stdtrit(n - 1, 1 - level / 2) ** 2
    missed = special.ncfdtr(1, n - 1, n * effect**2, critical)
    return 1.0 if math.isnan(missed) else 1 - float(missed)


@lru_cache(maxsize=4096)
def detectable_effect(n: int, level: float) -> float:
    """Return the smallest effect in standard deviations that n pairs show with 80% power.

    Examples
    --------
    >>> round(detectable_effect(10, 0.05), 3)
    0.996
    """
    if n < 2:
        return math.nan
    low, high = 0.0, 1.0
    while power(high, n, level) < POWER:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle, n, level) >= POWER else (middle, high)
    return high


def pairs_for_difference(effect: float, level: float) -> float:
    """Return the number of pairs that show an effect with 80% power; infinite for an effect of 0.

    Examples
    --------
    >>> pairs_for_difference(1.0, 0.05)
    10.0
    """
    if effect == 0:
        return math.inf
    wanted = special.ndtri(1 - level / 2) + special.ndtri(POWER)
    return _smallest(lambda n: power(effect, n, level), (wanted / effect) ** 2)


def pairs_for_equivalence(effect: float, margin: float, level: float) -> float:
    """Return the number of pairs that show with 80% power that an effect is within a margin.

    Effect and margin are in standard deviations. Infinite if the effect is not within the margin.

    Examples
    --------
    >>> pairs_for_equivalence(0.0, 1.0, 0.05)
    11.0
    """
    near = margin - abs(effect)
    if near <= 0:
        return math.inf
    wanted = special.ndtri(1 - level) + special.ndtri(POWER)
    return _smallest(lambda n: equivalence_power(effect, margin, n, level), (wanted / near) ** 2)


def equivalence_power(effect: float, margin: float, n: int, level: float) -> float:
    r"""Return the power of two one-sided paired t tests (TOST) with n pairs, each at a level.

    Effect and margin are in standard deviations. With s the standard deviation of the sample, in
    the same unit, and c the critical value of t

    .. math:: \int f_{n-1}(s)\, \big[\Phi(m\sqrt n - cs - \delta\sqrt n)
        - \Phi(-m\sqrt n + cs - \delta\sqrt n)\big]_+\, ds

    References
    ----------
    Phillips (1990), "Power of the two one-sided tests procedure in bioequivalence", J. Pharmacokin.
    Biopharm. 18.

    Examples
    --------
    >>> round(equivalence_power(0.0, 1.0, 11, 0.05), 3)
    0.849
    """
    if n < 2:
        return 0.0
    df = n - 1
    critical = special.stdtrit(df, 1 - level)
    reach = 8 / math.sqrt(2 * df)  # eight standard deviations of s
    low, high = max(0.0, 1 - reach), min(1 + reach, margin * math.sqrt(n) / critical)
    if high <= low:
        return 0.0
    s = low + (high - low) * (_NODES + 1) / 2
    log_density = df / 2 * math.log(df / 2) - special.gammaln(df / 2) + (df - 1) * np.log(s)
    density = 2 * np.exp(log_density - df * s**2 / 2)
    half, centre = margin * math.sqrt(n) - critical * s, effect * math.sqrt(n)
    within = special.ndtr(half - centre) - special.ndtr(-half - centre)
    return float((_WEIGHTS * density * within).sum() * (high - low) / 2)


def pairs_to_settle(
    n: int,
    delta: float,
    sd: float,
    *,
    level: float,
    margin: float | None = None,
    level_within: float = 0.05,
) -> float:
    """Return the number of pairs that settles a verdict with 80% power if delta and sd stay.

    The smaller of the numbers that show the difference and that show equivalence.

    Examples
    --------
    >>> pairs_to_settle(10, delta=0.01, sd=0.02, level=0.05)
    34.0
    """
    if not sd > 0:
        return math.nan
    needed = pairs_for_difference(delta / sd, level)
    if margin is not None:
        needed = min(needed, pairs_for_equivalence(delta / sd, margin / sd, level_within))
    # The present pairs did not settle the verdict, even if they are enough by this formula.
    return max(needed, float(n + 1))


def _smallest(chance: Callable[[int], float], guess: float) -> float:
    # For thousands of pairs the normal approximation is right to a part in a thousand.
    if guess > 5000:
        return float(math.ceil(guess))
    low, high = 1, 2
    while chance(high) < POWER:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= POWER else (middle, high)
    return float(high)
