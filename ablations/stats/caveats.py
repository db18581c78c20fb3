"""What must be said beside an interval, in one place."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ablations.stats.barring import FEW_PAIRS
from ablations.stats.paired_t import PairedT
from ablations.stats.pairs import Pairs
from ablations.study.checks import EXPLORATORY_BELOW

ONE_SEED = "one seed gives neither interval nor verdict"
NO_PAIRS = "no pairs: nothing to compare"
SKEWED = "the deltas are strongly skewed: the interval holds the true delta less often than it says"
TOO_FEW_TO_SEE_SKEW = (
    "so few seeds seldom show whether the deltas are skewed: if they are, the interval holds the "
    "true delta less often than it says"
)
UNSEEN = {
    3: (0, 84),
    4: (0, 82),
    5: (23, 79),
    6: (30, 78),
    8: (41, 77),
    10: (53, 76),
    15: (65, 75),
    20: (66, 76),
    30: (64, 80),
    50: (53, 84),
}
"""By pairs, in percent: how many samples of lognormal deltas are called strongly skewed, and how
often the 95% interval of the others holds. See tests/benchmarks/results/statistics.md."""
UNSEEN_OVER_LOOKS = 78
"""In percent: how often the intervals of all looks hold for such deltas."""
ALIKE = "the deltas are all alike: no spread to form an interval from, p is the sign-flip p"
ALL_ZERO = "the deltas are all 0"
INFEASIBLE = "infeasible: not trained"


def skewness(deltas: ArrayLike) -> float:
    r"""Return the adjusted Fisher-Pearson skewness; 0 for fewer than 3 or equal deltas.

    .. math:: G_1 = \frac{\sqrt{n(n-1)}}{n-2} \frac{m_3}{m_2^{3/2}}

    Examples
    --------
    >>> round(skewness([0.0, 0.0, 0.0, 1.0]), 3)
    2.0
    """
    values = np.asarray(deltas, dtype=float)
    n = len(values)
    if n < 3 or np.ptp(values) == 0:
        return 0.0
    centred = values - values.mean()
    scaled = centred / np.abs(centred).max()
    moment = (scaled**3).mean() / (scaled**2).mean() ** 1.5
    return float(moment * math.sqrt(n * (n - 1)) / (n - 2))


def skewness_limit(n: int) -> float:
    r"""Return the skewness of n deltas above which their t interval is not to be trusted.

    .. math:: \max\{0.9 + 0.03 n,\; 2\,\mathrm{SE}(n)\}

    The first is the skewness of the deltas' distribution at which a nominal 95% interval covers
    93%, read off 100,000 draws each of gamma, exponential and lognormal deltas: 1.2 at n = 10, 1.5
    at 20, 1.8 at 30. The second is twice the standard error of a normal sample's skewness, so that
    about one normal sample in twenty is accused, and fewer from n = 20 on. How often skewed samples
    are caught is in tests/benchmarks/results/statistics.md: half of the lognormal ones at n = 10.

    .. math:: \mathrm{SE}(n) = \sqrt{6n(n-1) / ((n-2)(n+1)(n+3))}

    Below 6 pairs hardly any sample can reach it, whatever it comes from.

    Examples
    --------
    >>> round(skewness_limit(10), 2), round(skewness_limit(20), 2)
    (1.37, 1.5)
    """
    if n < 3:
        return math.inf
    error = math.sqrt(6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3)))
    return max(0.9 + 0.03 * n, 2 * error)


def unseen_skew(pairs: Iterable[int], *, looks: bool = False) -> str:
    """Say below a table of deltas what of its intervals no row can say, for want of pairs.

    Parameters
    ----------
    pairs
        How many each row has. Said is what was simulated for the nearest numbers; of fewer than 3
        pairs, which have no skewness, nothing was.
    looks
        Whether the intervals allow for the looks of a study that adds seeds.

    Returns
    -------
    str
        Empty where no row has 3 pairs.

    Examples
    --------
    >>> print(unseen_skew([7, 0]))
    Deltas may be strongly skewed without showing it, and then an interval holds the true delta too
    seldom. In simulations of 6 seeds strong skew (of lognormal deltas) shows in 30% of the samples;
    in the others the 95% interval holds the true delta in 78%.
    """
    counts = sorted({min(UNSEEN, key=lambda n: abs(n - each)) for each in pairs if each > 2})
    if not counts:
        return ""
    start = (
        "Deltas may be strongly skewed without showing it, and then an interval holds the true "
        "delta too seldom. In simulations"
    )
    if looks:
        return (
            f"{start} of strongly skewed (lognormal) ones the intervals of all looks hold the true "
            f"delta in {UNSEEN_OVER_LOOKS}% of the studies, not in 95%."
        )
    among = [rates for n, rates in UNSEEN.items() if counts[0] <= n <= counts[-1]]
    shows, holds = zip(*among, strict=True)
    if not any(shows):
        return (
            f"{start} of {_span(counts)} seeds strong skew (of lognormal deltas) never shows, and "
            f"the 95% interval holds the true delta in {_span(holds)}% of the samples."
        )
    return (
        f"{start} of {_span(counts)} seeds strong skew (of lognormal deltas) shows in "
        f"{_span(shows)}% of the samples; in the others the 95% interval holds the true delta in "
        f"{_span(holds)}%."
    )


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def notes_of(pairs: Pairs, result: PairedT, alpha: float) -> list[str]:
    """Return the sentences that belong beside one comparison."""
    n = len(pairs.deltas)
    said = []
    if pairs.missing:
        said.append(f"{pairs.missing} of {n + pairs.missing} pairs are missing")
    if n < 2:
        return [*said, ONE_SEED if n else NO_PAIRS]
    if n < EXPLORATORY_BELOW:
        said.append(FEW_PAIRS)
    if 2.0 ** (1 - n) >= alpha:
        least = 2.0 ** (1 - n)
        said.append(
            f"{n} seeds cannot reach p {alpha:.4g} in the sign-flip test: its least p is "
            f"{least:.3g}"
        )
    if result.sd == 0:
        return [*said, ALL_ZERO if pairs.tied.all() else ALIKE]
    if abs(skewness(pairs.deltas)) > skewness_limit(n):
        said.append(SKEWED)
    elif n < EXPLORATORY_BELOW:
        said.append(TOO_FEW_TO_SEE_SKEW)
    return said
