"""Cost beside effect: which variants no other beats in the metric, parameters and work."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ablations.stats.metrics import Direction, direction
from ablations.stats.pairs import check_trials

COSTS = ("params", "macs")
"""By which variants are ranked."""

SHOWN = ("fit_seconds",)
"""Shown beside them: a measured time is never quite equal, and would make most optimal."""


def pareto(
    trials: pd.DataFrame,
    metric: str,
    costs: Sequence[str] = COSTS,
    *,
    directions: Mapping[str, Direction] | None = None,
) -> pd.DataFrame:
    """Return every variant's mean metric and median costs, and whether it is Pareto-optimal.

    It is where no other variant is at least as good in the metric and in every cost, and better in
    one. Both are over a variant's done trials. Of costs it is the median, for the first seed of a
    variant also pays for tracing the model; that a difference of means may be noise is for
    `deltas` to say. Time does not rank: that of equal work differs from run to run.

    Parameters
    ----------
    trials
        A row a trial.
    metric
        The effect.
    costs
        Columns to rank by, lower is better. One that is lacking or empty is passed over.
    directions
        For a metric that `direction` does not know.

    Returns
    -------
    DataFrame
        A row a variant, the baseline too: variant, n_trials, metric (its name), value, a column
        for each cost and for fit_seconds, optimal.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline", "filters=64", "filters=16"],
    ...         "seed": 0,
    ...         "status": "done",
    ...         "test_accuracy": [0.95, 0.97, 0.94],
    ...         "params": [1000, 4000, 2000],
    ...     }
    ... )
    >>> pareto(trials, "test_accuracy")[["variant", "value", "params", "optimal"]]
          variant  value  params  optimal
    0    baseline   0.95  1000.0     True
    1  filters=64   0.97  4000.0     True
    2  filters=16   0.94  2000.0    False
    """
    check_trials(trials, [metric])
    lower = direction(metric, directions) == "lower"
    done = trials[trials["status"] == "done"]
    names = list(dict.fromkeys(trials["variant"]))
    shown = tuple(dict.fromkeys([*costs, *SHOWN]))
    present = [name for name in shown if name in trials.columns and done[name].notna().any()]
    columns = dict.fromkeys([metric, *present])
    numbers = done[list(columns)].astype(float)
    numbers = numbers.where(np.isfinite(numbers))
    groups = numbers.groupby(done["variant"])
    means, medians = groups.mean().reindex(names), groups.median().reindex(names)
    counts = done["variant"].value_counts().reindex(names).fillna(0).astype(int)
    table = pd.DataFrame({"variant": names, "n_trials": counts.to_numpy(), "metric": metric})
    table["value"] = means[metric].to_numpy()
    for name in shown:
        table[name] = medians[name].to_numpy() if name in present else np.nan
    signed = table["value"] if lower else -table["value"]
    ranked = [table[name] for name in present if name in costs]
    table["optimal"] = undominated(np.column_stack([signed, *ranked]))
    return table


def undominated(points: ArrayLike) -> NDArray[np.bool_]:
    """Return which rows no other row beats, where lower is better in every column.

    A row with a NaN is neither optimal nor beats another.

    Examples
    --------
    >>> undominated([[1, 2], [2, 1], [2, 2]]).tolist()
    [True, True, False]
    """
    values = np.asarray(points, dtype=float)
    whole = np.isfinite(values).all(axis=1)
    no_worse = (values[:, None, :] <= values[None, :, :]).all(axis=2)
    better = (values[:, None, :] < values[None, :, :]).any(axis=2)
    beaten = (no_worse & better & whole[:, None]).any(axis=0)
    return np.asarray(whole & ~beaten)
