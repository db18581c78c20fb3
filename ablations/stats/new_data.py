r"""The interval of a delta for new data, beside the one for new seeds.

The paired t interval is about other seeds on the same data. Its deltas are not independent of each
other if they are measured on the same examples, so on new data the delta may differ by more.

Redrawn test splits: the corrected resampled t of Nadeau and Bengio (2003). If two deltas correlate
by :math:`\rho_{ij}`, with the mean :math:`\bar\rho` over all pairs of seeds, then

.. math::

    \operatorname{Var}(\bar d) = \sigma^2 \Bigl(\frac{1 - \bar\rho}{n} + \bar\rho\Bigr), \qquad
    \operatorname{E}(s^2) = \sigma^2 (1 - \bar\rho), \qquad
    \widehat{\operatorname{Var}}(\bar d) = s^2 \Bigl(\frac1n + \frac{\bar\rho}{1 - \bar\rho}\Bigr)

For seeds of different repetitions, :math:`\rho` is that of Nadeau and Bengio,
:math:`n_{test} / (n_{test} + n_{train})`. The folds of one repetition share no test example, only
training examples. How much they correlate cannot be estimated without bias (Bengio and Grandvalet
2004); half of that :math:`\rho` is more than the simulations have
(tests/benchmarks/results/statistics.md).

Fixed test split: the variance of a mean over two crossed samples, n seeds and m examples, from the
mean squares of the outcomes' two-way layout,

.. math::

    \widehat{\operatorname{Var}}(\bar d) =
    \frac{MS_{seeds} + MS_{examples} - MS_{seeds \times examples}}{n m}

with Satterthwaite's degrees of freedom. It is the variance that a bootstrap of seeds and examples
estimates, without its bias for few seeds; see docs/decisions.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ablations.stats.deltas import MODIFIED_T
from ablations.stats.paired_t import paired_t
from ablations.stats.pairs import Pairs, by_seed, pair
from ablations.stats.sequential import shares_of
from ablations.study import BASELINE, ENDED
from cnnzoo.folds import HeldOut, fold_of
from cnnzoo.training.metric_names import TEST, metric_of
from cnnzoo.training.metric_texts import output_and_metric
from cnnzoo.training.outcomes import CORRECT, ERROR, LOSS, NLL, unpack

Array = NDArray[np.float64]
Interval = tuple[float, float, float]
"""The ends of an interval and the p of the delta 0."""

NEW_DATA = ("new_data_low", "new_data_high", "new_data_p", "new_data_method")
"""Columns of `new_data`."""

CORRECTED_T = "corrected t"
CROSSED = "seeds x examples"
NO_METHOD = "none: "
"""Beginning of a method that says why there is no interval."""

UNKNOWN = f"{NO_METHOD}the trials have no outcomes by example"
NO_SPREAD = f"{NO_METHOD}too few or equal deltas"

WITHIN = 0.5
"""Correlation of folds of one repetition, as a share of that of redrawn test splits."""

NOTHING: Interval = (math.nan, math.nan, math.nan)


def mean_correlation(seeds: Sequence[int], held_out: HeldOut) -> float:
    """Return the mean correlation of two deltas of redrawn test splits.

    Examples
    --------
    >>> mnist5k = HeldOut(size=500, pool=5000, train=4000)
    >>> round(mean_correlation(range(0, 100, 10), mnist5k), 4)  # one seed of each repetition
    0.1111
    >>> round(mean_correlation(range(10), mnist5k), 4)
    0.0556
    """
    repetitions = [fold_of(int(seed), held_out.folds)[0] for seed in seeds]
    sizes = np.unique(repetitions, return_counts=True)[1]
    pairs = len(repetitions) * (len(repetitions) - 1)
    within = (sizes * (sizes - 1)).sum() / pairs
    redrawn = held_out.size / (held_out.size + held_out.train)
    return float(redrawn * (1 - within + WITHIN * within))


def corrected_t(
    deltas: ArrayLike,
    seeds: Sequence[int],
    held_out: HeldOut,
    confidence: float = 0.95,
    noise: ArrayLike = 0.0,
) -> Interval:
    """Return the corrected resampled t interval and p of deltas on redrawn test splits.

    NaN for fewer than two deltas, and if all are alike.

    Parameters
    ----------
    deltas, confidence, noise
        As for `paired_t`.
    seeds
        Seed of each delta.
    held_out
        The test split.

    References
    ----------
    Nadeau and Bengio (2003), "Inference for the generalization error", Machine Learning 52.

    Examples
    --------
    >>> digits = HeldOut(size=180, pool=1797, train=1437)
    >>> low, high, p = corrected_t([0.1, 0.3, 0.2, 0.2], range(4), digits)
    >>> round(low, 3), round(high, 3)
    (0.056, 0.344)
    """
    result = paired_t(deltas, noise=noise)
    n = np.shape(deltas)[-1]
    if n < 2 or not result.sd > 0:
        return NOTHING
    shared = mean_correlation(seeds, held_out)
    error = float(result.sd) * math.sqrt(1 / n + shared / (1 - shared))
    return _interval(float(result.delta), error, n - 1, confidence)


def crossed_t(delta: float, outcomes: Array, confidence: float = 0.95) -> Interval:
    """Return the interval and p of a delta on a fixed test split, for new seeds and new examples.

    NaN for fewer than two seeds or examples, and if all outcomes are equal.

    Parameters
    ----------
    delta
        The mean delta.
    outcomes
        Outcome of the variant minus that of the baseline, of shape (seeds, examples).
    confidence
        Confidence of the interval.

    References
    ----------
    Roe and Metz (1997), "Variance-component modeling in the analysis of receiver operating
    characteristic index estimates", Academic Radiology 4; Satterthwaite (1946), "An approximate
    distribution of estimates of variance components", Biometrics Bulletin 2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> outcomes = rng.normal(size=(8, 1)) + rng.normal(size=(1, 500))
    >>> low, high, p = crossed_t(outcomes.mean(), outcomes)
    >>> bool(low < 0 < high)
    True
    """
    n, m = outcomes.shape
    if n < 2 or m < 2:
        return NOTHING
    by_seeds, by_examples = outcomes.mean(axis=1), outcomes.mean(axis=0)
    of_seeds = m * by_seeds.var(ddof=1)
    of_examples = n * by_examples.var(ddof=1)
    squares = np.square(outcomes - outcomes.mean()).sum()
    rest = squares - (n - 1) * of_seeds - (m - 1) * of_examples
    of_both = max(0.0, float(rest)) / ((n - 1) * (m - 1))
    # No seed effect and no example effect leave the interaction.
    total = max(of_seeds + of_examples - of_both, of_seeds, of_examples)
    if not total > 0:
        return NOTHING
    squared = ((of_seeds, n - 1), (of_examples, m - 1), (of_both, (n - 1) * (m - 1)))
    freedom = total**2 / sum(each**2 / count for each, count in squared)
    return _interval(delta, math.sqrt(total / (n * m)), freedom, confidence)


def _interval(delta: float, error: float, freedom: float, confidence: float) -> Interval:
    half = error * float(special.stdtrit(freedom, (1 + confidence) / 2))
    return delta - half, delta + half, float(2 * special.stdtr(freedom, -abs(delta) / error))


def outcomes_of(metric: str, outcomes: Mapping[str, Array]) -> Array | None:
    """Return numbers by example whose mean is a metric, or None.

    A root mean squared error is not a mean over examples. Its numbers are those of its
    linearization, by which the mean of squares gets a root: rmse + (e**2 - rmse**2) / (2 rmse).

    Examples
    --------
    >>> float(outcomes_of("test_rmse", {"error": np.array([7.0, -1.0])}).mean())
    5.0
    """
    output, name = output_and_metric(metric_of(metric))
    begin = f"{output}_" if output else ""
    if name in (LOSS, NLL):
        return outcomes.get(f"{begin}{name}")
    if name == "accuracy":
        return outcomes.get(f"{begin}{CORRECT}")
    if name in ("mae", "rmse") and f"{begin}{ERROR}" in outcomes:
        errors = outcomes[f"{begin}{ERROR}"]
        if name == "mae":
            return np.abs(errors)
        rmse = math.sqrt(np.square(errors).mean())
        return rmse + (np.square(errors) - rmse**2) / (2 * rmse) if rmse else errors
    return None


def new_data(
    table: pd.DataFrame,
    trials: pd.DataFrame,
    held_out: HeldOut | None,
    packed: Mapping[str, bytes],
    *,
    confidence: float = 0.95,
    at: Sequence[int] = (),
) -> pd.DataFrame:
    """Return the intervals of deltas for new data.

    Parameters
    ----------
    table
        Deltas: variant, metric and delta; with looks, look and blocks too. Where ``ci_method`` is
        "modified t", the interval for new data includes the one for seeds.
    trials
        One row per trial: variant, seed, status, key and the metrics.
    held_out
        The test split; None if it is unknown.
    packed
        Outcomes of the test examples by key of the trial, as ``cnnzoo.training.outcomes`` packs
        them.
    confidence
        Confidence of each interval.
    at
        Numbers of seed blocks of the looks, if seeds are added where a verdict is open. Interval
        and p then account for the looks, as in `ablations.stats.sequential`.

    Returns
    -------
    DataFrame
        One row per row of ``table``: ``new_data_low`` and ``new_data_high``, the ends of the
        interval; ``new_data_p``, the p of the delta 0; and ``new_data_method``: "corrected t" where
        the test split is redrawn, "seeds x examples" where it is fixed, or "none: " and the reason.

    References
    ----------
    Nadeau and Bengio (2003), "Inference for the generalization error", Machine Learning 52; Roe and
    Metz (1997), "Variance-component modeling in the analysis of receiver operating characteristic
    index estimates", Academic Radiology 4.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 6 + ["pool_size=4"] * 6,
    ...         "seed": [0, 1, 2, 3, 4, 5] * 2,
    ...         "status": "done",
    ...         "key": [f"trial {number}" for number in range(12)],
    ...         "test_loss": [0.2, 0.3, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.3, 0.3, 0.4, 0.4],
    ...     }
    ... )
    >>> table = pd.DataFrame(
    ...     {"variant": ["pool_size=4"], "metric": ["test_loss"], "delta": [0.133]}
    ... )
    >>> new_data(table, trials, HeldOut(size=500, pool=5000, train=4000), {}).round(3)
       new_data_low  new_data_high  new_data_p new_data_method
    0          0.07          0.196       0.003     corrected t
    """
    values = cache(lambda metric: by_seed(trials, metric))
    ran = sorted(set(trials.loc[trials["status"].isin(ENDED), "seed"]))
    examples = _Examples(trials, packed)
    shares = shares_of(np.asarray(at)) if at else [1.0]
    rows: list[tuple[float, float, float, str]] = []
    for row in table.itertuples():
        pairs, share = pair(values(row.metric), row.variant, 0), float(shares[0])
        if at:  # those of the last look
            pairs = pairs.at(np.isin(pairs.seeds, ran[: int(row.blocks)]))
            share = float(shares[int(row.look) - 1])
        level = 1 - (1 - confidence) * share
        if len(pairs.seeds) < 2 or not math.isfinite(row.delta):
            low, high, p, method = *NOTHING, ""
        elif not row.metric.startswith(TEST):
            low, high, p, method = *NOTHING, f"{NO_METHOD}{row.metric} is not of the test split"
        elif held_out is None:
            low, high, p, method = *NOTHING, UNKNOWN
        elif held_out.is_fixed:
            low, high, p, method = examples.interval(row.metric, row.variant, pairs, level)
        else:
            seeds = pairs.seeds.tolist()
            low, high, p = corrected_t(pairs.deltas, seeds, held_out, level, pairs.noise)
            method = NO_SPREAD if math.isnan(low) else CORRECTED_T
        p = min(1.0, p / share) if math.isfinite(p) else p
        if getattr(row, "ci_method", "") == MODIFIED_T and math.isfinite(low):
            # it may reach further than the interval for new data, which is symmetric
            low, high, p = min(low, row.ci_low), max(high, row.ci_high), max(p, row.p)
        rows.append((low, high, p, method))
    frame = pd.DataFrame(rows, columns=[*NEW_DATA], index=table.index)
    return frame.astype(dict.fromkeys(NEW_DATA[:3], float) | {NEW_DATA[3]: "str"})


class _Examples:
    """Outcomes of the test examples of trials, unpacked once."""

    def __init__(self, trials: pd.DataFrame, packed: Mapping[str, bytes]) -> None:
        names = zip(trials["variant"], trials["seed"], strict=True)
        self._packed = {
            name: packed.get(key, b"") for name, key in zip(names, trials["key"], strict=True)
        }
        self._baseline: dict[tuple[str, object], Array | None] = {}

    def interval(
        self, metric: str, variant: str, pairs: Pairs, confidence: float
    ) -> tuple[float, float, float, str]:
        """Return the interval, the p and the method of one delta."""
        rows = []
        for seed in pairs.seeds:
            if (metric, seed) not in self._baseline:
                self._baseline[metric, seed] = self._of(metric, BASELINE, seed)
            level, base = self._of(metric, variant, seed), self._baseline[metric, seed]
            if level is None or base is None:
                return *NOTHING, self._reason(metric, variant, seed)
            rows.append(level - base)
        found = crossed_t(float(pairs.deltas.mean()), np.array(rows), confidence)
        return *found, NO_SPREAD if math.isnan(found[0]) else CROSSED

    def _of(self, metric: str, variant: str, seed: object) -> Array | None:
        packed = self._packed[variant, seed]
        return outcomes_of(metric, unpack(packed)) if packed else None

    def _reason(self, metric: str, variant: str, seed: object) -> str:
        if not (self._packed[variant, seed] and self._packed[BASELINE, seed]):
            return UNKNOWN
        return f"{NO_METHOD}{metric} is not a mean over examples"
