"""Sign-flip test and Wilcoxon's test: without effect, each delta may have either sign."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ablations.stats.pairs import Array, doubled_ranks, untied

EXACT_TO = 32
"""Largest number of pairs for which all 2**n sign flips are counted."""

DRAWS = 2**17
"""Number of random sign flips for more pairs."""

_AT_ONCE = 8
"""Number of deltas whose signs are drawn together, as one of their 256 signed sums."""

_FLOAT64 = 2.0**-40
"""Upper bound of the relative error of a sum of deltas in float64."""


def sign_flip_p(deltas: ArrayLike, noise: ArrayLike = 0.0) -> float:
    r"""Return the two-sided p of the sign-flip (Fisher randomization) test of the mean delta.

    .. math:: p = 2^{-n}\, \#\{ s \in \{-1, 1\}^n : |\textstyle\sum s_i d_i| \ge |\sum d_i| \}

    Exact up to 32 pairs: the subset sums of the two halves of the deltas are compared with each
    other, 2**16 with 2**16 instead of 2**32. For more pairs, 131,072 random flips are drawn from a
    fixed seed and the observed one is counted in, so p is never too small (Phipson and Smyth 2010).

    Parameters
    ----------
    deltas
        Variant minus baseline.
    noise
        Rounding noise of each delta, or one number for all: a sum is a tie if it is not larger
        than the noise of the flipped deltas. See `ablations.stats.pairs.noise_of`.

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
    # The error of each delta is relative to its own size, so a huge delta hides no other.
    doubt = np.asarray(noise, dtype=float) + _FLOAT64 * np.abs(values)
    values = values - np.where(values == 0, 0.0, doubt)
    # A set of flipped deltas is as extreme if it, or the rest, has a sum of 0 or less.
    total = values.sum()
    if total <= 0:
        return 1.0
    if n > EXACT_TO:
        sums = np.zeros(DRAWS)
        for start, drawn in zip(range(0, n, _AT_ONCE), _draws(-(-n // _AT_ONCE)), strict=True):
            subsets = _sums(values[start : start + _AT_ONCE])
            sums += np.take(subsets, drawn & np.uint8(len(subsets) - 1), mode="clip")
        return float((1 + ((sums <= 0) | (sums >= total)).sum()) / (1 + DRAWS))
    half = np.sort(_sums(values[: n // 2]))
    flipped = np.searchsorted(half, -_sums(values[n // 2 :]), side="right")
    return float(2 * flipped.sum() / 2.0**n)


def wilcoxon_p(deltas: ArrayLike, noise: ArrayLike = 0.0) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test, exact also with ties.

    The sign-flip test of the ranks of the deltas. Deltas of 0 are left out, as by Wilcoxon, and
    tied deltas share their mean rank. The null distribution is that of these ranks, so it needs no
    correction for ties. p is 1 if all deltas are 0.

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
    chances = np.ones(1)  # probability of each sum of the positive ranks
    for rank in doubled:
        flipped = np.zeros(rank)
        chances = (np.append(chances, flipped) + np.append(flipped, chances)) / 2
    positive = int(doubled[values > 0].sum())
    smaller = min(positive, int(doubled.sum()) - positive)
    return float(min(1.0, 2 * chances[: smaller + 1].sum()))


def p_better(deltas: ArrayLike, lower_is_better: bool, noise: ArrayLike = 0.0) -> float:
    """Return the share of pairs in which the variant is better; a tie counts half.

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
    """Return random flips: for each group of deltas and draw an index of its subset sums."""
    return np.random.default_rng(0).integers(0, 2**_AT_ONCE, (groups, DRAWS), dtype=np.uint8)


def _sums(values: Array) -> Array:
    """Return the sums of all subsets of the values."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


BCA_FROM = 20
"""Number of pairs from which a BCa interval is given: with fewer it covers less than the t one."""

NO_INTERVAL = (float("nan"), float("nan"))

RESAMPLES = 4999


def bca_interval(deltas: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return the bias-corrected and accelerated bootstrap interval of the mean delta.

    The interval of `scipy.stats.bootstrap`, bit for bit, in half of its time. Pairs are resampled
    whole, 4,999 times from a fixed seed, so the same deltas give the same interval.

    Parameters
    ----------
    deltas
        Variant minus baseline; at least two different values.
    confidence
        Confidence of the interval.

    References
    ----------
    Efron (1987), "Better bootstrap confidence intervals", JASA 82.

    Examples
    --------
    >>> low, high = bca_interval([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 2.0] * 2)
    >>> low < 0.65 < high
    True
    """
    from scipy.special import ndtr, ndtri  # slow to import
    from scipy.stats import quantile

    values = np.asarray(deltas, dtype=float)
    n, mean = len(values), values.mean()
    means = values[_resamples(n)].mean(axis=-1)
    bias = ndtri(((means < mean).sum() + (means <= mean).sum()) / (2 * RESAMPLES))
    left_out = values[_others(n)].mean(axis=-1)  # the jackknife
    influence = (n - 1) * (left_out.mean() - left_out)
    third, second = (influence**3).sum() / n**3, (influence**2).sum() / n**2
    acceleration = 1 / 6 * third / second**1.5
    z = float(ndtri((1 - confidence) / 2))
    ends = [bias + side for side in (z, -z)]
    shares = [ndtr(bias + end / (1 - acceleration * end)) for end in ends]
    low, high = quantile(means, shares)
    return float(low), float(high)


@lru_cache(maxsize=2)
def _resamples(n: int) -> NDArray[np.int64]:
    """Return the places of the pairs in each resample of n pairs."""
    return np.random.default_rng(0).integers(0, n, (RESAMPLES, n))


@lru_cache(maxsize=2)
def _others(n: int) -> NDArray[np.int64]:
    """Return for each of n places all others."""
    return np.arange(n)[None, :].repeat(n, axis=0)[~np.eye(n, dtype=bool)].reshape(n, n - 1)
