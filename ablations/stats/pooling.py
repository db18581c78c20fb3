"""Partial pooling: deltas shrunk by what all variants show, and the probabilities of verdicts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from ablations.stats.metrics import Better, direction
from ablations.stats.paired_t import paired_t
from ablations.stats.pairs import Array, by_seed, sd_of, variants
from ablations.study import BASELINE

SD_NODES = 12
"""Quantiles over which each variant's unknown standard deviation is averaged."""

TAU_NODES = 48
SHIFT_NODES = 41
REACH = 8.0
"""The shift is averaged over this many standard deviations to both sides of its mean."""

NEGLIGIBLE = 1e-5
"""Parts of the posterior with less than this part of the largest weight are left out."""

MOST_SHARED = 0.9
"""Maximum part of the variance of the deltas that is the baseline's."""


@dataclass(frozen=True)
class Pooled:
    """Posterior of one variant's true delta: a mixture of normal distributions.

    Parameters
    ----------
    weights, means, sds
        Of the normal distributions; the weights add up to 1.
    """

    weights: Array
    means: Array
    sds: Array

    @property
    def mean(self) -> float:
        """The shrunken estimate."""
        return float(self.weights @ self.means)

    def below(self, value: float) -> float:
        """Return the probability that the true delta is below a value."""
        return float(self.weights @ special.ndtr((value - self.means) / self.sds))

    def quantile(self, share: float) -> float:
        """Return the value below which the true delta lies with this probability."""
        spread = math.sqrt(float(self.weights @ (self.sds**2 + (self.means - self.mean) ** 2)))
        low, high = self.mean - 20 * spread, self.mean + 20 * spread
        for _ in range(26):  # to a millionth of the spread
            middle = (low + high) / 2
            low, high = (middle, high) if self.below(middle) < share else (low, middle)
        return (low + high) / 2


def pool(deltas: ArrayLike, sds: ArrayLike, counts: ArrayLike, shared: float = 0.0) -> list[Pooled]:
    r"""Return the posterior of the true delta of each variant.

    The baseline and the k variants are alike beforehand: their true means scatter normally, with an
    unknown centre and an unknown standard deviation :math:`\tau`. So deltas scatter about 0, and
    share the baseline's place and its error:

    .. math:: d_i = u_i + e_i - (u_0 + e_0), \qquad u \sim N(0, \tau^2), \quad
        e_i \sim N(0, \sigma_i^2 / n_i)

    The posterior of :math:`\theta_i = u_i - u_0` is averaged over :math:`\tau` (half-Cauchy prior
    whose median is the typical standard deviation of the deltas), over the baseline's part
    :math:`u_0 + e_0`, and over each :math:`\sigma_i` (prior :math:`1/\sigma_i`), by quadrature.
    Only the baseline's own variance is taken as estimated.

    Parameters
    ----------
    deltas, sds
        Mean and standard deviation (n - 1) of the deltas of each variant.
    counts
        Number of pairs of each variant, at least 2.
    shared
        Variance of the baseline's trials within a seed block: the covariance of the deltas of two
        variants.

    References
    ----------
    Box and Tiao (1973), "Bayesian inference in statistical analysis", chapter 7.
    Gelman (2006), "Prior distributions for variance parameters in hierarchical models", Bayesian
    Analysis 1.

    Examples
    --------
    >>> largest, *_ = pool([0.8, 0.1, -0.2, 0.0, 0.3], [1.0] * 5, [10] * 5, shared=0.5)
    >>> round(largest.mean, 2), round(largest.below(0), 2)
    (0.4, 0.11)
    """
    means = np.asarray(deltas, dtype=float)
    variances = np.asarray(sds, dtype=float) ** 2
    n = np.asarray(counts, dtype=float)
    # in proportion, because the difference of two uncertain variances may be near 0
    own = variances * (1 - min(shared / float(variances.mean()), MOST_SHARED))
    base = shared / float(n.mean())
    grid = _Grid.of(means, own, n, variances, lambda tau: 1 / (tau**2 + base))
    kept = grid.weights > NEGLIGIBLE * grid.weights.max()
    base_part = grid.tau**2 / (grid.tau**2 + base)
    base_mean = (base_part[:, None] * grid.shift)[..., None]
    result = []
    for at in range(len(means)):
        with np.errstate(invalid="ignore", divide="ignore"):
            share = grid.density[at] / grid.density[at].sum(axis=-1, keepdims=True)
        own_part = (grid.tau**2)[:, None] / (grid.tau[:, None] ** 2 + grid.errors[at])
        mean = own_part[:, None, :] * (means[at] - grid.shift)[..., None] + base_mean
        variance = own_part * grid.errors[at] + (base_part * base)[:, None]
        sd = np.broadcast_to(np.sqrt(variance)[:, None, :], mean.shape)
        result.append(_mixture(grid.weights[kept][:, None] * share[kept], mean[kept], sd[kept]))
    return result


def pool_data_sets(deltas: ArrayLike, sds: ArrayLike, counts: ArrayLike) -> Pooled:
    r"""Return the posterior of a variant's true delta on a new data set like these.

    The true deltas of the data sets scatter normally around an unknown mean:
    :math:`\theta_j \sim N(\mu, \tau^2)`, with a flat prior of :math:`\mu` and the priors of `pool`
    for :math:`\tau` and the standard deviations. The new data set is one more draw. With two data
    sets little is known about :math:`\tau`, and the interval is wide.

    Parameters
    ----------
    deltas, sds
        Mean and standard deviation (n - 1) of the variant's deltas on each data set.
    counts
        Number of pairs on each data set, at least 2.

    Examples
    --------
    >>> new = pool_data_sets([0.2, 0.25, 0.22, 0.3], [0.1] * 4, [10] * 4)
    >>> round(new.mean, 2), round(new.below(0), 3)
    (0.24, 0.005)
    """
    means = np.asarray(deltas, dtype=float)
    variances = np.asarray(sds, dtype=float) ** 2
    n = np.asarray(counts, dtype=float)
    grid = _Grid.of(means, variances, n, variances, np.zeros_like)
    return _mixture(grid.weights, grid.shift, np.broadcast_to(grid.tau[:, None], grid.shift.shape))


@dataclass(frozen=True)
class _Grid:
    """Weights of tau and of a shift c, where delta i is normal around c given both.

    Parameters
    ----------
    tau
        Values of tau.
    shift
        Values of c: one row per tau.
    weights
        Posterior weights of both.
    errors
        Error variance of each delta: one row per delta, one column per node.
    density
        Density of each delta: by delta, tau, shift and node.
    """

    tau: Array
    shift: Array
    weights: Array
    errors: Array
    density: Array

    @classmethod
    def of(
        cls,
        means: Array,
        own: Array,
        n: Array,
        variances: Array,
        prior_precision: Callable[[Array], Array],
    ) -> "_Grid":
        """Return the grid; c is normal around 0 beforehand, with a precision that tau gives."""
        df = n - 1
        # the error variance at each node: own / n * df / chi2
        shares = (np.arange(SD_NODES) + 0.5) / SD_NODES
        errors = (own / n * df)[:, None] / special.chdtri(df[:, None], shares)
        tau, prior = _tau_grid(means, variances, n)
        # c given tau, from a normal approximation, wide enough to be safe
        precision = 1 / (tau[:, None] ** 2 + own / n)
        before = prior_precision(tau)
        after = before + precision.sum(axis=1)
        centre = (precision * means).sum(axis=1) / after
        z = np.linspace(-REACH, REACH, SHIFT_NODES)
        shift = centre[:, None] + z / np.sqrt(after)[:, None]
        height = np.where(before > 0, before, 1.0) / after
        log_prior = (np.log(prior) + 0.5 * np.log(height))[:, None] - shift**2 * before[:, None] / 2
        total = tau[:, None] ** 2 + errors[:, None, :]
        gaps = means[:, None, None] - shift
        density = np.exp(-(gaps[..., None] ** 2) / (2 * total[:, :, None, :]))
        density /= np.sqrt(total)[:, :, None, :]
        with np.errstate(divide="ignore"):
            log_weights = log_prior + np.log(density.mean(axis=-1)).sum(axis=0)
        weights = np.exp(log_weights - log_weights.max())
        return cls(tau, shift, weights / weights.sum(), errors, density)


def _mixture(weights: Array, means: Array, sds: Array) -> Pooled:
    """Return a mixture without its negligible parts."""
    some = weights > NEGLIGIBLE * weights.max()
    part = weights[some]
    return Pooled(part / part.sum(), means[some], sds[some])


def _tau_grid(means: Array, variances: Array, n: Array) -> tuple[Array, Array]:
    """Return values of tau with their weights: a half-Cauchy prior on a logarithmic grid."""
    scale = math.sqrt(float(np.median(variances)))
    low = 0.02 * math.sqrt(float((variances / n).min()))
    high = 300 * max(scale, float(np.abs(means).max()))
    grid = np.linspace(math.log(low), math.log(high), TAU_NODES)
    tau = np.exp(grid)
    prior = tau / (1 + (tau / scale) ** 2)
    # all of the prior below the first value counts for it, where the likelihood is flat
    prior[0] += math.atan(low / scale) * scale / (grid[1] - grid[0])
    return tau, prior / prior.sum()


def posterior(
    trials: pd.DataFrame,
    metrics: Sequence[str],
    *,
    margins: Mapping[str, float] | None = None,
    directions: Mapping[str, str] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the deltas after partial pooling, with the probability of each conclusion.

    A delta that is the largest of many is too large on average. Here each delta is shrunk towards
    0 by as much as all deltas of the metric, and their spread over seeds, tell; see `pool`. The
    probabilities need no correction for the number of variants.

    Parameters
    ----------
    trials
        One row per trial.
    metrics
        Columns of ``trials``.
    margins
        Smallest delta that matters, by metric.
    directions
        "lower" or "higher" for metrics that `direction` does not know.
    confidence
        Probability of the intervals.

    Returns
    -------
    DataFrame
        One row per metric and variant with at least two pairs whose deltas differ: ``variant``,
        ``metric``, ``delta`` and its shrunken estimate ``pooled`` with a credible interval
        ``pooled_low``, ``pooled_high``; ``p_better`` and ``p_worse``, the probabilities that the
        true delta is better or worse than the baseline by more than the margin, and
        ``p_equivalent``, that it lies within the margin; without a margin, that of a delta above
        or below 0, and NaN; ``n_pairs``.

    References
    ----------
    Corani, Benavoli, Demsar, Mangili and Zaffalon (2017), "Statistical comparison of classifiers
    through Bayesian hierarchical modelling", Machine Learning 106.
    Kruschke (2018), "Rejecting or accepting parameter values in Bayesian estimation", Advances in
    Methods and Practices in Psychological Science 1.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 4 + ["a"] * 4 + ["b"] * 4,
    ...         "seed": [0, 1, 2, 3] * 3,
    ...         "status": "done",
    ...         "test_loss": [0.2, 0.3, 0.1, 0.2, 0.5, 0.5, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2],
    ...     }
    ... )
    >>> table = posterior(trials, ["test_loss"], margins={"test_loss": 0.1})
    >>> table[["variant", "delta", "pooled", "p_better", "p_equivalent", "p_worse"]].round(2)
      variant  delta  pooled  p_better  p_equivalent  p_worse
    0       a   0.25    0.24      0.00          0.00     1.00
    1       b   0.00    0.00      0.01          0.97     0.02
    """
    rows = []
    for metric in metrics:
        lower = direction(metric, directions) == Better.LOWER
        margin = (margins or {}).get(metric)
        kept = _paired(trials, metric)
        if not kept:
            continue
        names, values = zip(*kept.items(), strict=True)
        results = [paired_t(each.to_numpy()) for each in values]
        pooled = pool(
            [float(each.delta) for each in results],
            [float(each.sd) for each in results],
            [len(each) for each in values],
            shared_variance(pd.DataFrame(kept)),
        )
        for name, each, result, own in zip(names, values, results, pooled, strict=True):
            reach = margin or 0.0
            below, above = own.below(-reach), 1 - own.below(reach)
            tail = (1 - confidence) / 2
            rows.append(
                {
                    "variant": name,
                    "metric": metric,
                    "delta": float(result.delta),
                    "pooled": own.mean,
                    "pooled_low": own.quantile(tail),
                    "pooled_high": own.quantile(1 - tail),
                    "p_better": below if lower else above,
                    "p_equivalent": math.nan if margin is None else max(0.0, 1 - below - above),
                    "p_worse": above if lower else below,
                    "n_pairs": len(each),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


COLUMNS = (
    "variant",
    "metric",
    "delta",
    "pooled",
    "pooled_low",
    "pooled_high",
    "p_better",
    "p_equivalent",
    "p_worse",
    "n_pairs",
)


def _paired(trials: pd.DataFrame, metric: str) -> dict[str, pd.Series]:
    """Return the deltas by seed of each variant that has at least two that differ."""
    table = by_seed(trials, metric)
    if BASELINE not in table:
        return {}
    deltas = {
        name: (table[name] - table[BASELINE]).dropna()
        for name in variants(trials)
        if name in table.columns
    }
    return {name: each for name, each in deltas.items() if len(each) > 1 and _differ(each)}


def _differ(deltas: pd.Series) -> bool:
    return bool(sd_of(deltas.to_numpy()) > 0)


def shared_variance(deltas: pd.DataFrame) -> float:
    """Return the mean covariance of two variants' deltas, between 0 and the median variance."""
    covariance = deltas.cov().to_numpy()
    count = len(covariance)
    if count < 2:
        return 0.0
    off = covariance[~np.eye(count, dtype=bool)]
    mean = float(np.nanmean(off)) if np.isfinite(off).any() else 0.0
    return min(max(mean, 0.0), float(np.median(np.diag(covariance))))
