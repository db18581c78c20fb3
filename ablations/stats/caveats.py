"""Caveats: the notes that a reader of an interval must know."""

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
"""Simulated rates in percent by number of pairs: lognormal samples that are called strongly skewed,
and coverage of the 95% interval in the others. See tests/benchmarks/results/statistics.md."""
UNSEEN_OVER_LOOKS = 78
"""Coverage in percent of the intervals of all looks for lognormal deltas."""
ALIKE = "the deltas are all alike: no spread to form an interval from, p is the sign-flip p"
ALL_ZERO = "the deltas are all 0"
INFEASIBLE = "infeasible: not trained"


def skewness(deltas: ArrayLike) -> float:
    r"""Return the adjusted Fisher-Pearson skewness; 0 for fewer than 3 deltas or equal ones.

    .. math:: G_1 = \frac{\sqrt{n(n-1)}}{n-2} \frac{m_3}{m_2^{3/2}}

    Examples
    --------
    >>> round(skewness([0.0, 0.0, 0.0, 1.0]), 3)
    2.0
    """
    values = np.asarray(deltas, dtype=float)
    if len(values) < 3 or np.ptp(values) == 0:
        return 0.0
    from scipy.stats import skew  # slow to import

    return float(skew(values, bias=False))


def skewness_limit(n: int) -> float:
    r"""Return the skewness of n deltas above which their t interval is not reliable.

    .. math:: \max\{0.9 + 0.03 n,\; 2\,\mathrm{SE}(n)\}

    The first term is the skewness of a distribution for which a nominal 95% interval covers 93%,
    from 100,000 draws each of gamma, exponential and lognormal deltas: 1.2 at n = 10, 1.5 at 20,
    1.8 at 30. The second term is twice the standard error of a normal sample's skewness, so about
    one normal sample in twenty exceeds the limit, and fewer from n = 20 on. Detection rates of
    skewed samples are in tests/benchmarks/results/statistics.md: half of the lognormal ones at
    n = 10.

    .. math:: \mathrm{SE}(n) = \sqrt{6n(n-1) / ((n-2)(n+1)(n+3))}

    Below 6 pairs hardly any sample of any distribution reaches the limit.

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
    """Return the caveat below a table of deltas about skewness that its pairs cannot show.

    Parameters
    ----------
    pairs
        Number of pairs of each row. The text gives the rates that were simulated for the nearest
        numbers; fewer than 3 pairs have no skewness and are ignored.
    looks
        Whether the intervals are those of a study that adds seeds.

    Returns
    -------
    str
        Empty if no row has 3 pairs.

    Examples
    --------
    >>> print(unseen_skew([7, 0]))
    Strong skew may go undetected; the interval then covers the true delta too rarely. In
    simulations with lognormal deltas and 6 seeds, skew is detected in 30% of the samples; in the
    others the 95% interval covers the true delta in 78%.
    """
    counts = sorted({min(UNSEEN, key=lambda n: abs(n - each)) for each in pairs if each > 2})
    if not counts:
        return ""
    start = (
        "Strong skew may go undetected; the interval then covers the true delta too rarely. In "
        "simulations with lognormal deltas"
    )
    if looks:
        return (
            f"{start}, the intervals of all looks cover the true delta in {UNSEEN_OVER_LOOKS}% of "
            "the studies, not in 95%."
        )
    rates = [each for n, each in UNSEEN.items() if counts[0] <= n <= counts[-1]]
    shows, holds = zip(*rates, strict=True)
    if not any(shows):
        return (
            f"{start} and {_span(counts)} seeds, skew is never detected, and the 95% interval "
            f"covers the true delta in {_span(holds)}% of the samples."
        )
    return (
        f"{start} and {_span(counts)} seeds, skew is detected in {_span(shows)}% of the samples; "
        f"in the others the 95% interval covers the true delta in {_span(holds)}%."
    )


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def notes_of(pairs: Pairs, result: PairedT, alpha: float) -> list[str]:
    """Return the notes of one comparison."""
    n = len(pairs.deltas)
    notes = []
    if pairs.missing:
        notes.append(f"{pairs.missing} of {n + pairs.missing} pairs are missing")
    if n < 2:
        return [*notes, ONE_SEED if n else NO_PAIRS]
    if n < EXPLORATORY_BELOW:
        notes.append(FEW_PAIRS)
    if 2.0 ** (1 - n) >= alpha:
        least = 2.0 ** (1 - n)
        notes.append(
            f"{n} seeds cannot reach p {alpha:.4g} in the sign-flip test: its least p is "
            f"{least:.3g}"
        )
    if result.sd == 0:
        return [*notes, ALL_ZERO if pairs.tied.all() else ALIKE]
    if abs(skewness(pairs.deltas)) > skewness_limit(n):
        notes.append(SKEWED)
    elif n < EXPLORATORY_BELOW:
        notes.append(TOO_FEW_TO_SEE_SKEW)
    return notes
