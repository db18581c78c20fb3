"""Agreement of the importance of parts with a study that trains without them."""

from math import atanh, sqrt, tanh
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ablations.stats.pairs import StatisticsError, doubled_ranks, noise_of
from cnnzoo.parts.names import OPERATIONS, factor_of, is_part

AGREEMENT = (
    "metric",
    "operation",
    "n_parts",
    "kendall",
    "ci_low",
    "ci_high",
    "p",
    "spearman",
    "note",
)

FEWEST_FOR_INTERVAL = 5
"""Number of parts from which the variance of Kendall's tau is known approximately."""

Z = float(special.ndtri(0.975))


def agreement(importance: pd.DataFrame, deltas: pd.DataFrame) -> pd.DataFrame:
    r"""Return how far the order of parts by importance is that of a study without each of them.

    Both measure the change of a metric per part: `ablations.importance` in a trained network, and
    a study in networks that were trained without the part. Kendall's tau-b is the number of pairs
    of parts that both put in the same order minus the number of pairs in the opposite order, over
    the number of pairs, adjusted for ties.

    Parameters
    ----------
    importance
        Table of `ablations.importance` for blocks, branches or layers.
    deltas
        Rows of `Results.deltas` with the columns ``factor``, ``level``, ``metric`` and ``delta``;
        those that change several parts are left out.

    Returns
    -------
    pandas.DataFrame
        One row per metric and operation:

        - ``n_parts``: number of parts with both values;
        - ``kendall``, ``p``: tau-b, and its exact two-sided p if there are no ties, else that of
          the normal approximation, under the hypothesis that the two orders are unrelated;
        - ``ci_low``, ``ci_high``: approximate 95% interval, of :math:`\tanh(\mathrm{artanh}\,\tau
          \pm 1.96 \sqrt{0.437 / (n - 4)})`, from five parts on. It takes the parts for a sample of
          parts, and is rough below ten of them;
        - ``spearman``: Spearman's rank correlation;
        - ``note``: why there is no tau or no interval.

    Raises
    ------
    StatisticsError
        If both have no part and metric in common, or the importance is that of channels.

    Notes
    -----
    Noise in either table makes tau smaller: parts whose deltas cannot be told apart have a random
    order. Only importances that differ by no more than the rounding of float32 are tied.

    References
    ----------
    Kendall (1938), "A new measure of rank correlation", Biometrika 30.
    Fieller, Hartley and Pearson (1957), "Tests for rank correlation coefficients. I",
    Biometrika 44, for the interval.

    Examples
    --------
    >>> parts = ["stem", "block1", "block2"]
    >>> trained = pd.DataFrame({"part": parts, "metric": "loss", "delta": [2.0, 0.1, 0.4]})
    >>> retrained = pd.DataFrame(
    ...     {
    ...         "factor": [f"part:{name}" for name in parts],
    ...         "level": "remove",
    ...         "metric": "test_loss",
    ...         "delta": [0.3, 0.0, 0.2],
    ...     }
    ... )
    >>> agreement(trained, retrained)[["metric", "operation", "n_parts", "kendall"]]
       metric operation  n_parts  kendall
    0    loss    remove        3      1.0
    """
    if importance.get("channel", pd.Series(dtype=object)).notna().any():
        raise StatisticsError(
            "`importance`: expected a table of blocks, branches or layers; got channels."
        )
    shown = importance.dropna(subset=["metric", "delta"])
    baseline = shown.get("baseline", pd.Series(0.0, shown.index))
    noise = noise_of(baseline, baseline + shown["delta"])
    worth = {
        (factor_of(part), metric): (float(delta), float(reach))
        for part, metric, delta, reach in zip(
            shown["part"], shown["metric"], shown["delta"], noise, strict=True
        )
    }
    of_parts = deltas["factor"].map(lambda factor: is_part(str(factor)))
    alone = deltas["level"].isin(OPERATIONS)  # of several parts it is such as "remove + remove"
    trained = deltas[of_parts & alone].dropna(subset=["delta"])
    names = trained["metric"].str.removeprefix("test_")
    rows = []
    for (metric, operation), group in trained.groupby([names, "level"], sort=False):
        both = [
            (*worth[factor, metric], float(delta))
            for factor, delta in zip(group["factor"], group["delta"], strict=True)
            if (factor, metric) in worth
        ]
        if both:
            rows.append({"metric": metric, "operation": operation, **_ranked(np.array(both))})
    if not rows:
        raise StatisticsError(
            "`importance`: expected parts and metrics of the study; got "
            f"{_named(shown['part'])} with {_named(shown['metric'])}, and the study has "
            f"{_named(trained['factor'].str.removeprefix(factor_of('')))} with {_named(names)}."
        )
    return pd.DataFrame(rows, columns=list(AGREEMENT))


def _ranked(both: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    """Return the agreement of rows of an importance, its rounding noise, and a delta."""
    from scipy import stats  # slow to import

    count = len(both)
    row: dict[str, Any] = {"n_parts": count, "note": ""}
    worth, noise, deltas = both.T
    ranks = doubled_ranks(worth, noise), doubled_ranks(deltas)
    if any(len(set(each.tolist())) < 2 for each in ranks):
        return {**row, "note": "a single part" if count == 1 else "all parts have the same delta"}
    tau = stats.kendalltau(*ranks)
    row |= {"kendall": float(tau.statistic), "p": float(tau.pvalue)}
    row["spearman"] = float(stats.spearmanr(*ranks).statistic)
    if count < FEWEST_FOR_INTERVAL:
        return {**row, "note": f"no interval with fewer than {FEWEST_FOR_INTERVAL} parts"}
    if abs(row["kendall"]) > 1 - 1e-9:
        return {**row, "note": "no interval where all pairs have the same order"}
    spread = Z * sqrt(0.437 / (count - 4))
    low, high = (tanh(atanh(row["kendall"]) + sign * spread) for sign in (-1, 1))
    return {**row, "ci_low": low, "ci_high": high}


def _named(values: pd.Series) -> str:
    """Return the first of some names in words."""
    names = [f"`{name}`" for name in dict.fromkeys(values)]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") if names else "none"
