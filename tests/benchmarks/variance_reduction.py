"""Variance reduction by pairing: the number of trials that independent seeds would need."""

import math

import numpy as np
import pandas as pd
from scipy import special

from ablations.stats.paired_t import paired_t
from ablations.stats.pairs import by_seed, check_trials, ended, pair, sd_of, variants

VARIANCE_REDUCTION = (
    "variant",
    "metric",
    "n_pairs",
    "correlation",
    "variance_ratio",
    "paired_half_width",
    "independent_half_width",
    "trials_paired",
    "trials_independent",
    "trials_ratio",
)


def variance_reduction(
    trials: pd.DataFrame, metric: str, *, confidence: float = 0.95
) -> pd.DataFrame:
    r"""Return how many trials with independent seeds would give intervals as narrow as paired ones.

    The paired interval of a delta has the half width :math:`t_{n-1} s_d / \sqrt n`. Welch's
    interval with N independent seeds for each variant has the half width

    .. math:: t_\nu \sqrt{(s_1^2 + s_2^2) / N}, \qquad
              \nu = (N - 1) (s_1^2 + s_2^2)^2 / (s_1^4 + s_2^4)

    The result is the smallest N for which Welch's interval is not wider.

    Parameters
    ----------
    trials
        One row per trial.
    metric
        Column of ``trials``.
    confidence
        Confidence of both intervals.

    Returns
    -------
    DataFrame
        One row per variant with the columns `VARIANCE_REDUCTION`: ``correlation`` of the pairs,
        ``variance_ratio`` (independent over paired), both half widths at n pairs,
        ``trials_paired`` = 2 n, ``trials_independent`` = 2 N, and their ratio. NaN below 2 pairs,
        infinite if the deltas have no spread. Values that float32 cannot tell apart have no
        spread and no correlation.

    References
    ----------
    Welch (1947), "The generalization of 'Student's' problem", Biometrika 34.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 5 + ["skip=True"] * 5,
    ...         "seed": [0, 1, 2, 3, 4] * 2,
    ...         "status": "done",
    ...         "test_loss": [0.1, 0.2, 0.3, 0.4, 0.5, 0.2, 0.3, 0.5, 0.5, 0.6],
    ...     }
    ... )
    >>> table = variance_reduction(trials, "test_loss")
    >>> table[["n_pairs", "correlation", "trials_paired", "trials_independent"]].round(2)
       n_pairs  correlation  trials_paired  trials_independent
    0        5         0.96             10               134.0
    """
    check_trials(trials, [metric])
    table, planned = by_seed(trials, metric), ended(trials)
    rows = []
    for name in variants(trials):
        pairs = pair(table, name, planned.get(name, 0))
        n = len(pairs.seeds)
        row: dict[str, object] = dict.fromkeys(VARIANCE_REDUCTION, np.nan)
        row |= {"variant": name, "metric": metric, "n_pairs": n, "trials_paired": 2 * n}
        if n > 1:
            first, second = float(sd_of(pairs.baseline)) ** 2, float(sd_of(pairs.level)) ** 2
            result = paired_t(pairs.deltas, confidence, pairs.noise)
            half = 0.0 if result.sd == 0 else float(result.high - result.delta)
            needed = blocks(half, first, second, confidence)
            both = first * second
            covariance = float(np.cov(pairs.baseline, pairs.level)[0, 1])
            row |= {
                "correlation": covariance / math.sqrt(both) if both > 0 else np.nan,
                "variance_ratio": _ratio(first + second, float(result.sd) ** 2),
                "paired_half_width": half,
                "independent_half_width": welch(n, first, second, confidence),
                "trials_independent": 2 * needed,
                "trials_ratio": needed / n,
            }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(VARIANCE_REDUCTION))


def welch(n: int, first: float, second: float, confidence: float) -> float:
    total = first + second
    if total == 0:
        return 0.0
    freedom = (n - 1) / ((first / total) ** 2 + (second / total) ** 2)
    return float(special.stdtrit(freedom, (1 + confidence) / 2) * math.sqrt(total / n))


def blocks(half: float, first: float, second: float, confidence: float) -> float:
    if first + second == 0:
        return math.nan
    if half == 0:
        return math.inf
    low, high = 1, 2
    while welch(high, first, second, confidence) > half:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        wide = welch(middle, first, second, confidence) > half
        low, high = (middle, high) if wide else (low, middle)
    return float(high)


def _ratio(above: float, below: float) -> float:
    if below == 0:
        return math.nan if above == 0 else math.inf
    return above / below
