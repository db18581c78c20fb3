"""The bootstrap interval beside the t interval, from as many pairs as it needs."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

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
