"""The bootstrap interval beside the t interval, from as many pairs as it needs."""

import numpy as np
from numpy.typing import ArrayLike

BCA_FROM = 20
"""Pairs from which a BCa interval is given: with fewer it covers less than the t interval."""

NO_INTERVAL = (float("nan"), float("nan"))

RESAMPLES = 4999


def bca_interval(deltas: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return the bias-corrected and accelerated bootstrap interval of the mean delta.

    Pairs are resampled whole, 4,999 times from a fixed seed: the same deltas give the same
    interval.

    References
    ----------
    Efron (1987), "Better bootstrap confidence intervals", JASA 82; `scipy.stats.bootstrap`.

    Examples
    --------
    >>> low, high = bca_interval([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 2.0] * 2)
    >>> low < 0.65 < high
    True
    """
    from scipy import stats  # 0.7 s that a report of fewer seeds does not wait for

    interval = stats.bootstrap(
        (np.asarray(deltas, dtype=float),),
        np.mean,
        confidence_level=confidence,
        method="BCa",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)
