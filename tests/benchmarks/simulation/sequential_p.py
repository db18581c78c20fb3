"""The p of a comparison at its last look, computed apart from the product's table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ablations.stats.pairs import Array
from ablations.stats.sequential import LOOKS, checked_looks, shares_of


def sequential_p(p_at_looks: ArrayLike, at: Sequence[int] = LOOKS) -> Array:
    r"""Return the p of a comparison at its last look, along the last axis.

    .. math:: P_k = \min\{1, p_k / \mathrm{share}_k\}

    Without effect, the chance that P_k is below alpha is at most alpha share_k. The sum over the
    looks is alpha, so P_k is valid at whichever look the study stops. It can be used like any other
    p: in Holm's correction, and for a metric that does not decide when to stop. The smallest P_k
    over the looks would also keep the error, but it may come from a look whose delta had the
    opposite sign.

    Parameters
    ----------
    p_at_looks
        One p per look along the last axis; NaN for a look that was not reached.
    at
        All planned looks.

    Examples
    --------
    >>> float(sequential_p([0.2, 0.01], (6, 12)))
    0.02
    >>> float(sequential_p([0.01, 0.2], (6, 12)))
    0.4
    """
    p = np.asarray(p_at_looks, dtype=float)
    shares = shares_of(checked_looks(at))[: p.shape[-1]]
    reached = np.isfinite(p)
    last = p.shape[-1] - 1 - reached[..., ::-1].argmax(axis=-1)
    spent = np.take_along_axis(p / shares, last[..., None], axis=-1)[..., 0]
    return np.asarray(np.where(reached.any(axis=-1), np.minimum(spent, 1.0), np.nan))
