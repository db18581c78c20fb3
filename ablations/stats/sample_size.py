"""Sample size: what a number of seeds shows, from the standard deviation of a pilot's deltas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from ablations.stats.barring import marks_of
from ablations.stats.paired_t import POWER, detectable_effect, equivalence_power, power
from ablations.stats.pairs import Array, sd_of
from ablations.stats.shared_blocks import shared_blocks
from ablations.study import BASELINE
from ablations.study.checks import EXPLORATORY_BELOW, MAX_SEEDS
from cnnzoo.doctor.finding import DIVERGED

SURE = 0.8
"""Confidence of the upper limit of a pilot's standard deviation."""

MOST_SEEDS = 200
"""Maximum number of seeds that is tried if the numbers are not given."""


@dataclass(frozen=True)
class Spread:
    """Standard deviation of deltas, as a pilot estimates it.

    Parameters
    ----------
    sd
        The estimate.
    df
        Its degrees of freedom; infinite if the standard deviation is known.
    """

    sd: float
    df: float

    @property
    def high(self) -> float:
        r"""Upper 80% confidence limit, :math:`s\sqrt{\nu / \chi^2_{\nu,\,0.2}}`.

        A study that is planned with it has at least the planned power in 80% of the pilots; one
        that is planned with the estimate, in about half.

        References
        ----------
        Browne (1995), "On the use of a pilot sample for sample size determination", Statistics in
        Medicine 14.

        Examples
        --------
        >>> round(Spread(1.0, 9).high, 3)
        1.293
        """
        if math.isinf(self.df):
            return self.sd
        return self.sd * math.sqrt(self.df / special.chdtri(self.df, SURE))


def spread_of(trials: pd.DataFrame, metric: str) -> Spread | None:
    r"""Return the standard deviation of the deltas, as the root mean square over the variants.

    The variants share the baseline, so their variances are not independent. With S the covariance
    matrix of the deltas over the n seed blocks that the variants share, Satterthwaite's
    approximation gives

    .. math:: s^2 = \operatorname{tr} S / k, \qquad
        \nu = (n - 1)\, (\operatorname{tr} S)^2 / \operatorname{tr} S^2

    These degrees of freedom are too few on average, so that the upper limit is not too low.
    Variants with a diverged trial, or whose deltas are all alike, are left out.

    Parameters
    ----------
    trials
        One row per trial.
    metric
        Column of ``trials``.

    Returns
    -------
    Spread or None
        None if no variant has two deltas that differ.

    References
    ----------
    Satterthwaite (1946), "An approximate distribution of estimates of variance components",
    Biometrics Bulletin 2.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 3 + ["a"] * 3,
    ...         "seed": [0, 1, 2] * 2,
    ...         "status": "done",
    ...         "test_loss": [0.1, 0.1, 0.1, 0.2, 0.3, 0.4],
    ...     }
    ... )
    >>> spread = spread_of(trials, "test_loss")
    >>> round(spread.sd, 3), round(spread.df, 3)
    (0.1, 2.0)
    """
    diverged = marks_of(trials)[DIVERGED]
    table = shared_blocks(trials[~trials["variant"].isin(diverged)], metric).table
    if BASELINE not in table or len(table) < 2:
        return None
    deltas = table.drop(columns=BASELINE).sub(table[BASELINE], axis=0).to_numpy(float).T
    deltas = deltas[sd_of(deltas) > 0]
    return pooled_spread(deltas) if len(deltas) else None


def pooled_spread(deltas: Array) -> Spread:
    """Return the standard deviation of deltas, one row per variant; see `spread_of`.

    Examples
    --------
    >>> pooled_spread(np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]])).df
    3.2
    """
    covariance = np.atleast_2d(np.cov(deltas))
    trace = float(np.trace(covariance))
    df = (deltas.shape[1] - 1) * trace**2 / float((covariance**2).sum())
    return Spread(math.sqrt(trace / len(deltas)), df)


def sample_size(
    spread: Spread,
    *,
    effect: float | None = None,
    margin: float | None = None,
    comparisons: int = 1,
    seeds: Sequence[int] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return what each number of seeds shows; see `ablations.power`.

    Examples
    --------
    >>> table = sample_size(Spread(0.01, 9), effect=0.01, seeds=[10, 20])
    >>> table[["seeds", "power", "power_low", "detectable"]].round(4)
       seeds   power  power_low  detectable
    0     10  0.8031     0.5873      0.0100
    1     20  0.9886     0.9063      0.0066
    """
    level = (1 - confidence) / comparisons
    ends = {"": spread.sd, "_high": spread.high}

    def row(n: int) -> dict[str, float]:
        # c4: a sample's standard deviation is on average this part of the true one
        c4 = math.sqrt(2 / (n - 1)) * math.exp(
            special.gammaln(n / 2) - special.gammaln(n / 2 - 0.5)
        )
        width = 2 * c4 * special.stdtrit(n - 1, (1 + confidence) / 2) / math.sqrt(n)
        verdict = n >= EXPLORATORY_BELOW
        values = {"seeds": n, "level": level, "sd": spread.sd, "sd_high": spread.high}
        low = {"": "", "_high": "_low"}  # power is low where the spread is high
        if effect is not None:
            values |= {
                f"power{low[end]}": power(effect / sd, n, level) if verdict else 0.0
                for end, sd in ends.items()
            }
        if margin is not None:
            values |= {
                f"power_equivalence{low[end]}": equivalence_power(0.0, margin / sd, n, level)
                if verdict
                else 0.0
                for end, sd in ends.items()
            }
        for end, sd in ends.items():
            values[f"detectable{end}"] = sd * detectable_effect(n, level) if verdict else math.nan
        return values | {f"ci_width{end}": sd * float(width) for end, sd in ends.items()}

    if seeds is not None:
        return pd.DataFrame([row(n) for n in seeds])
    rows = [row(n) for n in range(EXPLORATORY_BELOW, MAX_SEEDS + 1)]
    asked = [name for name in rows[-1] if name in ("power_low", "power_equivalence_low")]
    while len(rows) + EXPLORATORY_BELOW <= MOST_SEEDS and any(rows[-1][n] < POWER for n in asked):
        rows.append(row(len(rows) + EXPLORATORY_BELOW))
    return pd.DataFrame(rows)
