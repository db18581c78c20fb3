"""Trends: whether a metric rises or falls along the ordered levels of a factor."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from ablations.stats.paired_t import paired_t
from ablations.stats.pairs import Array, by_seed, check_trials, doubled_ranks, level_key, noise_of
from ablations.stats.verdicts import holm
from ablations.study import BASELINE, Status

TREND = (
    "factor",
    "metric",
    "levels",
    "n_levels",
    "n_blocks",
    "page_l",
    "p_rises",
    "p_falls",
    "p",
    "p_adjusted",
    "rho",
    "slope",
    "slope_low",
    "slope_high",
    "trend",
    "notes",
)


SLOPE_OPEN = "the trend is significant, but the slope's interval includes 0"
SLOPE_SHOWN = "the trend is not significant, although the slope's interval excludes 0"
SLOPE_OPPOSED = "the trend is significant, but the slope's interval is on the other side of 0"
"""Notes for a trend whose test and slope do not agree."""

UNCERTAIN = (SLOPE_OPEN, SLOPE_OPPOSED)
"""Notes for a significant trend that has no word, because its slope does not confirm it."""


def trend(
    trials: pd.DataFrame,
    factors: str | Sequence[str],
    metric: str,
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Return Page's test for a monotone trend over each factor's levels, blocked by seed.

    With r the rank of a level's value within its seed block and levels j = 1..k in rising order,

    .. math:: L = \sum_j j \sum_i r_{ij}, \qquad
              \rho = \frac{12 L}{n k (k^2 - 1)} - \frac{3 (k + 1)}{k - 1}

    where rho is the mean over blocks of Spearman's correlation between level and value (slightly
    less with ties). Values that float32 cannot tell apart are tied, as in `deltas`. ``p_rises`` is
    Page's p given the ties, ``p_falls`` that of the levels in descending order, ``p`` twice the
    smaller one. ``p_adjusted`` is Holm's correction over the factors: the trends of one metric are
    a family, like the deltas of one metric and the terms of `effects`. ``slope`` is the mean over
    blocks of the least-squares slope, in metric per unit of level, with its t interval over blocks,
    by the modified t if the slopes count as skewed.

    ``trend`` is "rises" or "falls" only if both agree: the corrected test is significant, and the
    interval of the slope excludes 0 on the same side. The test uses nothing but the order within
    each block, so it errs in at most 5% for any distribution of the values, if no level changes the
    distribution. But a level that changes only the spread can look like a trend, especially with
    skewed values: then the order changes, not the mean. The slope is about the mean. Test and slope
    differ if a metric moves a little in the same order in most blocks and much in a few. ``notes``
    says so.

    Parameters
    ----------
    trials
        One row per trial. Only the baseline and variants that change one factor are used.
    factors
        Name of a factor, or names of all factors to test.
    metric
        Column of ``trials``.
    confidence
        Confidence of the interval; the test is significant if p_adjusted is below 1 - confidence.

    Returns
    -------
    DataFrame
        One row per factor with the columns `TREND`. If the test does not apply, the numbers are NaN
        and ``notes`` gives the reason: levels that are not numbers, fewer than 3 levels or fewer
        than 2 complete blocks. Such a factor does not count in Holm's correction.

    References
    ----------
    Page (1963), "Ordered hypotheses for multiple treatments", JASA 58; `scipy.stats`.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline", "pool_size=3", "pool_size=4"] * 5,
    ...         "factor": [None, "pool_size", "pool_size"] * 5,
    ...         "level": pd.Series([None, 3, 4] * 5, dtype=object),
    ...         "baseline": pd.Series([None, 2, 2] * 5, dtype=object),
    ...         "seed": np.repeat([0, 1, 2, 3, 4], 3),
    ...         "status": "done",
    ...         "test_loss": [0.10, 0.11, 0.14] * 4 + [0.12, 0.11, 0.13],
    ...     }
    ... )
    >>> table = trend(trials, "pool_size", "test_loss")
    >>> table[["levels", "n_blocks", "rho", "slope", "trend"]].round(3)
        levels  n_blocks  rho  slope  trend
    0  2, 3, 4         5  0.9  0.017  rises
    """
    check_trials(trials, [metric], "factor", "level", "baseline")
    names = [factors] if isinstance(factors, str) else factors
    rows = [_of_factor(trials, name, metric, confidence) for name in names]
    alpha = 1 - confidence
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_adjusted"] = adjusted
        row["notes"] = row["notes"] or _beside(row, alpha)
        if adjusted < alpha and row["notes"] not in UNCERTAIN:
            row["trend"] = "rises" if row["p_rises"] < row["p_falls"] else "falls"
    return pd.DataFrame(rows, columns=list(TREND))


def _beside(row: dict[str, Any], alpha: float) -> str:
    """Return a note if the slope's interval and the test do not agree."""
    significant, rises = row["p_adjusted"] < alpha, row["p_rises"] < row["p_falls"]
    ends = row["slope_low"], row["slope_high"]
    if not np.isfinite(ends[0]):  # the same slope in all blocks
        ends = row["slope"], row["slope"]
    if not np.isfinite(ends[0]):
        return ""
    if ends[0] <= 0 <= ends[1]:
        return SLOPE_OPEN if significant else ""
    if significant:
        return SLOPE_OPPOSED if (row["slope"] > 0) != rises else ""
    return SLOPE_SHOWN if row["p"] >= alpha and np.isfinite(row["slope_low"]) else ""


def _of_factor(trials: pd.DataFrame, factor: str, metric: str, confidence: float) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(TREND, np.nan)
    row |= {"factor": factor, "metric": metric, "levels": "", "trend": "", "notes": ""}
    row |= {"n_levels": 0, "n_blocks": 0}
    factor_trials = trials[(trials["factor"] == factor) & (trials["status"] != Status.INFEASIBLE)]
    order = factor_trials.drop_duplicates("variant")
    names = [BASELINE, *order["variant"]]
    levels = [*order["baseline"].head(1), *order["level"]]
    row["levels"] = ", ".join(map(str, levels))
    row["n_levels"] = len({level_key(level) for level in levels})
    reason = _unordered(levels)
    if not reason:
        place = np.argsort(np.asarray(levels, dtype=float))
        row["levels"] = ", ".join(str(levels[i]) for i in place)
        table = by_seed(trials, metric).reindex(columns=[names[i] for i in place]).dropna()
        row["n_blocks"] = len(table)
        if len(table) < 2:
            reason = f"{len(table)} complete seed blocks: a trend needs at least 2"
        else:
            values = np.asarray(levels, dtype=float)[place]
            row |= _page(table.to_numpy(), values, confidence)
    return row | {"notes": reason}


def _unordered(levels: Sequence[object]) -> str:
    if not levels:
        return "no trials change this factor alone"
    kinds = {level_key(level)[0] for level in levels}
    if not kinds <= {"int", "float"}:
        return "its levels are not numbers: they have no order"
    if len(levels) < 3:
        return f"{len(levels)} levels: a trend needs at least 3"
    if len({float(level) for level in levels}) < len(levels):  # type: ignore[arg-type]
        return "two of its levels are the same number: they have no order"
    return ""


def _page(values: Any, levels: Any, confidence: float) -> dict[str, Any]:
    blocks, k = values.shape
    noise = noise_of(values)
    ranks = doubled_ranks(values, noise)
    statistic = page_l(ranks)
    p_rises, p_falls = page_p(ranks), page_p(ranks[:, ::-1])
    p = min(1.0, 2 * min(p_rises, p_falls))
    centred = levels - levels.mean()
    slopes = values @ centred / (centred @ centred)
    slope_noise = noise @ np.abs(centred) / (centred @ centred) / 2
    slope = paired_t(slopes, confidence, slope_noise, modified=True)
    return {
        "page_l": statistic,
        "p_rises": p_rises,
        "p_falls": p_falls,
        "p": p,
        "rho": 12 * statistic / (blocks * k * (k**2 - 1)) - 3 * (k + 1) / (k - 1),
        "slope": float(slope.delta),
        "slope_low": float(slope.low),
        "slope_high": float(slope.high),
    }


COUNTED = 8
"""Largest number of levels for which all orders of a block are listed: 8 levels have 40,320."""

BLOCKS = 50
"""Largest number of blocks whose distributions are convolved; for more a normal is used."""


def page_l(doubled: NDArray[np.int64]) -> float:
    r"""Return Page's L, :math:`\sum_j j \sum_i r_{ij}`, from rows of doubled ranks.

    Examples
    --------
    >>> page_l(np.array([[2, 4, 6], [2, 6, 4]]))
    27.0
    """
    return float(np.arange(1, doubled.shape[1] + 1) @ doubled.sum(axis=0)) / 2


def page_p(doubled: NDArray[np.int64]) -> float:
    r"""Return the p of Page's test for rising values, given the ties.

    If levels have no effect, every order of a block's ranks is equally likely, also with ties. So
    the exact distribution of L is the convolution of the blocks' permutation distributions. It is
    computed for up to 8 levels and 50 blocks. For more, p is from

    .. math:: \frac{L - n k (k + 1)^2 / 4}{\sqrt{\sum_i v_i}} \sim \mathcal{N}(0, 1), \qquad
              v_i = \frac{k (k + 1)}{12} \sum_j \left(r_{ij} - \frac{k + 1}{2}\right)^2

    Without ties this is the exact test of Page's tables. With ties, the p of these tables is too
    large, up to several times.

    Parameters
    ----------
    doubled
        Twice the mean ranks, one row per block and one column per level.

    References
    ----------
    Page (1963), "Ordered hypotheses for multiple treatments", JASA 58. Given the ties: Hollander,
    Wolfe and Chicken (2014), Nonparametric Statistical Methods, section 7.2.

    Examples
    --------
    >>> page_p(np.array([[2, 4, 6], [2, 4, 6]])) == 1 / 36  # both blocks in order
    True
    >>> page_p(np.array([[3, 3, 6], [3, 3, 6]])) == 1 / 9
    True
    """
    n, k = doubled.shape
    if k > COUNTED or n > BLOCKS:
        spread = k * (k + 1) / 12 * ((doubled - (k + 1)) ** 2).sum() / 4
        above = n * k * (k + 1) ** 2 / 4 - page_l(doubled)
        return float(special.ndtr(above / np.sqrt(spread))) if spread else 1.0
    blocks = sorted(tuple(sorted(row)) for row in doubled.tolist())
    least, chances = null_distribution(tuple(blocks))
    return float(min(chances[round(2 * page_l(doubled)) - least :].sum(), 1.0))


@lru_cache(maxsize=256)
def null_distribution(blocks: tuple[tuple[int, ...], ...]) -> tuple[int, Array]:
    """Return the smallest value of 2 L and the probabilities of it and all larger values.

    Examples
    --------
    >>> null_distribution(((2, 4),))  # L is 4 or 5
    (8, array([0.5, 0. , 0.5]))
    """
    least, chances = 0, np.ones(1)
    for ranks in blocks:
        lowest, block_chances = _one_block(ranks)
        least, chances = least + lowest, np.convolve(chances, block_chances)
    return least, chances


@lru_cache(maxsize=256)
def _one_block(ranks: tuple[int, ...]) -> tuple[int, Array]:
    values = _orders(len(ranks)) @ np.array(ranks)
    lowest = int(values.min())
    return lowest, np.asarray(np.bincount(values - lowest) / len(values))


@lru_cache(maxsize=8)
def _orders(levels: int) -> NDArray[np.int64]:
    return np.array(list(permutations(range(1, levels + 1))))
