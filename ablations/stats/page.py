"""Page's test for ordered alternatives, given the ties that there are.

`scipy.stats.page_trend_test` has the distribution of ranks without ties alone, and importing it
takes longer than a report may.
"""

from functools import lru_cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ablations.stats.pairs import Array

COUNTED = 8
"""Levels up to which the orders of a block are counted out; 40,320 of them."""

BLOCKS = 50
"""Blocks up to which their distributions are added up; beyond, the sum is close to normal."""


def page_l(doubled: NDArray[np.int64]) -> float:
    r"""Return Page's L, :math:`\sum_j j \sum_i r_{ij}`, from twice the ranks in rows.

    Examples
    --------
    >>> page_l(np.array([[2, 4, 6], [2, 6, 4]]))
    27.0
    """
    return float(np.arange(1, doubled.shape[1] + 1) @ doubled.sum(axis=0)) / 2


def page_p(doubled: NDArray[np.int64]) -> float:
    r"""Return the chance of an L at least this large where no order is true, given the ties.

    Where levels do nothing, every order of a block's ranks is as likely as any other, those of tied
    ranks too. So the chances of L are counted out for each block with the ranks that it has and
    added up over the blocks, for up to 8 levels and 50 blocks; beyond them from

    .. math:: \frac{L - n k (k + 1)^2 / 4}{\sqrt{\sum_i v_i}} \sim \mathcal{N}(0, 1), \qquad
              v_i = \frac{k (k + 1)}{12} \sum_j \left(r_{ij} - \frac{k + 1}{2}\right)^2

    Without ties that is the exact test of Page's tables. With ties these give a p up to several
    times too large.

    Parameters
    ----------
    doubled
        Twice the mean ranks, blocks in rows and levels in columns.

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
    """Return the least value of 2 L for blocks of such doubled ranks, and the chances from there.

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
