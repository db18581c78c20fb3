"""What must be said beside an interval, in one place."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ablations.stats.pairs import Pairs
from ablations.stats.student import PairedT
from ablations.study.declared import EXPLORATORY_BELOW

ONE_SEED = "one seed gives neither interval nor verdict"
NO_PAIRS = "no pairs: nothing to compare"
SKEWED = "the deltas are strongly skewed: at this n the interval covers less than it says"
TOO_FEW_TO_SEE_SKEW = "so few seeds cannot show skew, under which the interval covers too little"
UNSEEN_SKEW = (
    "Intervals assume deltas that are not strongly skewed. Of strongly skewed ones, as lognormal "
    "ones are, 10 seeds show about half as such; where nothing is said such intervals cover 76 to "
    "80%, not 95%."
)
"""Said below every table of deltas, for what a sample does not show nothing beside it can say: see
tests/benchmarks/results/statistics.md."""
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


def notes_of(pairs: Pairs, result: PairedT, alpha: float) -> list[str]:
    """Return the sentences that belong beside one comparison."""
    n = len(pairs.deltas)
    said = []
    if pairs.missing:
        said.append(f"{pairs.missing} of {n + pairs.missing} pairs are missing")
    if n < 2:
        return [*said, ONE_SEED if n else NO_PAIRS]
    if n < EXPLORATORY_BELOW:
        said.append(f"exploratory: fewer than {EXPLORATORY_BELOW} seeds")
    if 2.0 ** (1 - n) >= alpha:
        said.append(f"{n} seeds cannot reach {alpha:.4g} by sign flips: 2/2^{n}")
    if result.sd == 0:
        return [*said, ALL_ZERO if abs(result.delta) <= pairs.noise else ALIKE]
    if abs(skewness(pairs.deltas)) > skewness_limit(n):
        said.append(SKEWED)
    elif n < EXPLORATORY_BELOW:
        said.append(TOO_FEW_TO_SEE_SKEW)
    return said
