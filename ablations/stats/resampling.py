"""Tests that ask of the deltas only that their signs could as well have been the other way."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ablations.stats.pairs import Array, doubled_ranks, untied

EXACT_TO = 32
"""Pairs up to which every one of the 2**n sign flips is counted."""

DRAWS = 2**17

_AT_ONCE = 8
"""Deltas whose signs are drawn together, as one of the 256 sums that they can have."""

_FLOAT64 = 2.0**-40
"""Relative error of a sum of deltas in float64, with room to spare."""


def sign_flip_p(deltas: ArrayLike, noise: ArrayLike = 0.0) -> float:
    r"""Return the two-sided p of the sign-flip (Fisher randomization) test of the mean delta.

    .. math:: p = 2^{-n}\, \#\{ s \in \{-1, 1\}^n : |\textstyle\sum s_i d_i| \ge |\sum d_i| \}

    With the deltas turned so that their sum is positive, flips S count whose deltas sum to 0 or
    less, and those that leave such a set unflipped. Exact to 32 pairs: the sums of each half of
    the deltas are counted against each other, 2**16 against 2**16 rather than 2**32. Beyond that
    131,072 random flips from a fixed seed, with the observed one counted in, so that p is never
    too small (Phipson and Smyth 2010).

    Parameters
    ----------
    deltas
        Variant minus baseline.
    noise
        Rounding noise of each delta, or one number for all: a sum that the noise of the flipped
        deltas alone can bring to 0 is a tie. See `ablations.stats.pairs.noise_of`.

    References
    ----------
    Fisher (1935), The Design of Experiments, section 21.

    Examples
    --------
    >>> sign_flip_p([0.1, 0.2, 0.3, 0.4, 0.5])
    0.0625
    """
    values = untied(deltas, noise)
    n = len(values)
    if n == 0:
        return float("nan")
    values = values if values.sum() >= 0 else -values
    # By how much each surely exceeds 0; of each delta's own size, so that none hides another.
    doubt = np.asarray(noise, dtype=float) + _FLOAT64 * np.abs(values)
    values = values - np.where(values == 0, 0.0, doubt)
    whole = values.sum()
    if whole <= 0:
        return 1.0
    if n > EXACT_TO:
        sums = np.zeros(DRAWS)
        for start, drawn in zip(range(0, n, _AT_ONCE), _draws(-(-n // _AT_ONCE)), strict=True):
            known = _sums(values[start : start + _AT_ONCE])
            sums += np.take(known, drawn & np.uint8(len(known) - 1), mode="clip")
        return float((1 + ((sums <= 0) | (sums >= whole)).sum()) / (1 + DRAWS))
    half = np.sort(_sums(values[: n // 2]))
    flipped = np.searchsorted(half, -_sums(values[n // 2 :]), side="right")
    return float(2 * flipped.sum() / 2.0**n)


def wilcoxon_p(deltas: ArrayLike, noise: ArrayLike = 0.0) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test, exact also with ties.

    The sign-flip test of the ranks of the deltas. Deltas of 0 are left out, as Wilcoxon did, and
    tied ones share their mean rank; the null distribution is that of these ranks, counted out, so
    it needs no correction for ties. 1 where every delta is 0.

    References
    ----------
    Wilcoxon (1945), "Individual comparisons by ranking methods", Biometrics Bulletin 1.

    Examples
    --------
    >>> wilcoxon_p([0.1, 0.2, 0.3, 0.4, -0.05])
    0.125
    """
    values = np.asarray(deltas, dtype=float)
    if len(values) == 0:
        return float("nan")
    noises = np.broadcast_to(np.asarray(noise, dtype=float), values.shape)
    differ = np.abs(values) > noises
    if not differ.any():
        return 1.0
    values = values[differ]
    doubled = doubled_ranks(np.abs(values), noises[differ])
    total = int(doubled.sum())
    # Beyond 62 pairs Python's integers, in which 2**n is exact at any n.
    ways = np.zeros(total + 1, dtype=np.int64 if len(doubled) <= 62 else object)
    ways[0] = 1
    for rank in doubled:
        ways[rank:] = ways[rank:] + ways[: total + 1 - rank]
    positive = int(doubled[values > 0].sum())
    tail = int(ways[: min(positive, total - positive) + 1].sum())
    return float(min(Fraction(1), Fraction(2 * tail, 2 ** len(doubled))))


def p_better(deltas: ArrayLike, lower_is_better: bool, noise: ArrayLike = 0.0) -> float:
    """Return the share of pairs in which the variant is better, ties counted half.

    Examples
    --------
    >>> p_better([-0.1, -0.2, 0.0, 0.1], lower_is_better=True)
    0.625
    """
    values = np.asarray(deltas, dtype=float)
    if len(values) == 0:
        return float("nan")
    tied = np.abs(values) <= noise
    better = (values < 0 if lower_is_better else values > 0) & ~tied
    return float(better.mean() + tied.mean() / 2)


@lru_cache(maxsize=1)
def _draws(groups: int) -> NDArray[np.uint8]:
    """Return random flips of so many groups of deltas, each as a place among their signed sums."""
    return np.random.default_rng(0).integers(0, 2**_AT_ONCE, (groups, DRAWS), dtype=np.uint8)


def _sums(values: Array) -> Array:
    """Return the sums of all subsets."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


BCA_FROM = 20
"""Pairs from which a BCa interval is given: with fewer it covers less than the t interval."""

NO_INTERVAL = (float("nan"), float("nan"))

RESAMPLES = 4999


def bca_interval(deltas: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    r"""Return the bias-corrected and accelerated bootstrap interval of the mean delta.

    Pairs are resampled whole, 4,999 times from a fixed seed: the same deltas give the same
    interval, which is that of `scipy.stats.bootstrap`; importing that takes longer than a report
    may. Its ends are the quantiles of the resampled means at

    .. math:: \Phi\left(z_0 + \frac{z_0 + z}{1 - a (z_0 + z)}\right), \qquad
              z_0 = \Phi^{-1}(P(\bar d^* < \bar d)), \qquad
              a = \frac{\sum_i u_i^3}{6 (\sum_i u_i^2)^{3/2}}

    for :math:`z = \Phi^{-1}(\alpha / 2)` and :math:`\Phi^{-1}(1 - \alpha / 2)`, with
    :math:`u_i = d_i - \bar d`, the influence of a delta on the mean.

    Parameters
    ----------
    deltas
        Variant minus baseline, not all alike.
    confidence
        Of the interval.

    References
    ----------
    Efron (1987), "Better bootstrap confidence intervals", JASA 82.

    Examples
    --------
    >>> low, high = bca_interval([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 2.0] * 2)
    >>> low < 0.65 < high
    True
    """
    values = np.asarray(deltas, dtype=float)
    mean = values.mean()
    means = values[_resamples(len(values))].mean(axis=1)
    below = np.count_nonzero(means < mean) + np.count_nonzero(means <= mean)
    bias = special.ndtri(below / (2 * RESAMPLES))
    influence = values - mean
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    z = bias + special.ndtri([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.quantile(means, special.ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


@lru_cache(maxsize=4)
def _resamples(n: int) -> NDArray[np.int64]:
    """Return which deltas each resample holds, the same for all comparisons of n pairs."""
    return np.random.default_rng(0).integers(0, n, (RESAMPLES, n))
