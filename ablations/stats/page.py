"""Page's test for ordered alternatives, conditional on the ties.

`scipy.stats.page_trend_test` knows only the distribution of ranks without ties, and importing it
takes longer than a report may.
"""

from functools import lru_cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ablations.stats.pairs import Array

COUNTED = 8
"""Largest number of levels for which the orders of a block are enumerated: 8 have 40,320."""

BLOCKS = 50
"""Largest number of blocks whose distributions are convolved; the sum of more is near normal."""


def page_l(doubled: NDArray[np.int64]) -> float:
    r"""Return Page's L, :math:`\sum_j j \sum_i r_{ij}`, from twice the ranks in rows.

    Examples
    --------
    >>> page_l(np.array([[2, 4, 6], [2, 6, 4]]))
    27.0
    """
    return float(np.arange(1, doubled.shape[1] + 1) @ doubled.sum(axis=0)) / 2


def page_p(doubled: NDArray[np.int64]) -> float:
    r"""Return the probability of an L at least this large if levels do nothing, given the ties.

    If levels do nothing, every order of a block's ranks is equally likely, also where ranks are
    tied. So the exact distribution of L is the convolution of the blocks' permutation
    distributions. It is computed for up to 8 levels and 50 blocks; beyond them p is from

    .. math:: \frac{L - n k (k + 1)^2 / 4}{\sqrt{\sum_i v_i}} \sim \mathcal{N}(0, 1), \qquad
              v_i = \frac{k (k + 1)}{12} \sum_j \left(r_{ij} - \frac{k + 1}{2}\right)^2

    Without ties this is the exact test of Page's tables. With ties, these tables give a p that is
    up to several times too large.

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
    """Return the least value of 2 L for blocks of these doubled ranks, and probabilities from it.

    Examples
    --------
    >>> null_distribution(((2, 4),))  # L is 4 or 5
    (8, array([0.5, 0. , 0.5]))
    """
    least, chances = 0, np.ones(1)
    for ranks in blocks:
        lowest, own = _one_block(ranks)
        least, chances = least + lowest, np.convolve(chances, own)
    return least, chances


@lru_cache(maxsize=256)
def _one_block(ranks: tuple[int, ...]) -> tuple[int, Array]:
    values = _orders(len(ranks)) @ np.array(ranks)
    lowest = int(values.min())
    return lowest, np.asarray(np.bincount(values - lowest) / len(values))


@lru_cache(maxsize=8)
def _orders(levels: int) -> NDArray[np.int64]:
    return np.array(list(permutations(range(1, levels + 1))))
