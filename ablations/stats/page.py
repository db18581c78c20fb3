"""Page's test for ordered alternatives, as `scipy.stats` has it.

Importing that takes longer than a report may.
"""

from functools import lru_cache
from itertools import permutations

import numpy as np
from scipy import special

from ablations.stats.pairs import Array


def page_l(ranks: Array) -> float:
    r"""Return Page's L of ranks in rows: :math:`\sum_j j \sum_i r_{ij}`.

    Examples
    --------
    >>> page_l(np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]))
    27.0
    """
    return float(np.arange(1, ranks.shape[1] + 1) @ ranks.sum(axis=0))


def page_p(statistic: float, blocks: int, levels: int) -> float:
    r"""Return the chance of an L at least this large where no order is true.

    Counted out for as few blocks and levels as Page's tables have; beyond them from

    .. math:: \frac{L - n k (k + 1)^2 / 4}{\sqrt{n k^2 (k + 1)(k^2 - 1) / 144}}
              \sim \mathcal{N}(0, 1)

    The counted distribution is that of ranks without ties, and an L between two of its values
    counts as the lower one.

    Parameters
    ----------
    statistic
        L.
    blocks, levels
        Rows n and columns k of the ranks.

    References
    ----------
    Page (1963), "Ordered hypotheses for multiple treatments", JASA 58.

    Examples
    --------
    >>> page_p(28.0, 2, 3) == 1 / 36  # both blocks in order
    True
    """
    n, k = blocks, levels
    if k > 8 or (n > 12 and k > 3) or n > 20:
        mean, variance = n * k * (k + 1) ** 2 / 4, n * k**2 * (k + 1) * (k**2 - 1) / 144
        return float(special.ndtr((mean - statistic) / np.sqrt(variance)))
    least = k * (k + 1) * (k + 2) // 6
    whole = np.ones(1)
    for _ in range(n):
        whole = np.convolve(whole, _one_block(k))
    return float(min(whole[max(int(statistic) - n * least, 0) :].sum(), 1.0))


@lru_cache(maxsize=8)
def _one_block(levels: int) -> Array:
    """Return the chances of the values that L can take in one block, from the least one up."""
    places = np.arange(1, levels + 1)
    orders = np.array(list(permutations(places.tolist())))
    values = orders @ places
    return np.asarray(np.bincount(values - values.min()) / len(orders))
