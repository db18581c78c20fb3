"""Cost beside effect: which variants no other beats in the metric, parameters and work."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ablations.stats.metrics import Direction, direction
from ablations.stats.pairs import Array, check_trials, noise_of, untied_sum
from ablations.stats.shared_blocks import shared_blocks

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
    one. Both are over the seed blocks that all compared variants share (see `shared_blocks`), so
    that no variant is ahead because it failed where it is hard. Two variants whose means differ
    only by rounding are equally good. Of costs it is the median, because the first seed of
    a variant also pays for tracing the model; whether a difference of means may be chance is for
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
        A row a variant, the baseline too: variant, n_trials (done), n_blocks (shared ones, that
        the numbers are over), metric (its name), value, a column for each cost and for fit_seconds,
        optimal, notes. A variant that is left out has no numbers, and notes say why.

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
    names = list(dict.fromkeys(trials["variant"]))
    shared = shared_blocks(trials, metric)
    values = shared.table.reindex(columns=names)
    done = trials[trials["status"] == "done"]
    counts = done["variant"].value_counts().reindex(names).fillna(0).astype(int)
    here = done[done["seed"].isin(values.index) & done["variant"].isin(shared.table.columns)]
    shown = tuple(dict.fromkeys([*costs, *SHOWN]))
    present = [name for name in shown if name in trials.columns and here[name].notna().any()]
    numbers = here[present].astype(float)
    medians = numbers.where(np.isfinite(numbers)).groupby(here["variant"]).median().reindex(names)
    table = pd.DataFrame({"variant": names, "n_trials": counts.to_numpy()})
    table["n_blocks"] = np.where(table["variant"].isin(shared.left_out), 0, len(values))
    table = table.assign(metric=metric, value=values.mean().to_numpy())
    for name in shown:
        table[name] = medians[name].to_numpy() if name in present else np.nan
    ranked = [table[name].to_numpy() for name in present if name in costs]
    table["optimal"] = undominated(
        np.column_stack([np.where(table["n_blocks"] > 0, 0.0, np.nan), *ranked]),
        _no_worse(values.to_numpy().T, lower),
    )
    table["notes"] = [shared.left_out.get(str(name), "") for name in names]
    return table


def _no_worse(values: Array, lower: bool) -> NDArray[np.bool_]:
    """Return whether the mean of each row of values is at least as good as that of each other row.

    Means that differ only by rounding are equally good; see `untied_sum`.
    """
    no_worse = np.zeros((len(values), len(values)), dtype=bool)
    for place, own in enumerate(values):
        apart = untied_sum(own - values, noise_of(own, values))
        no_worse[place] = apart <= 0 if lower else apart >= 0
    return no_worse


def undominated(points: ArrayLike, no_worse: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Return which rows no other row beats, where lower is better in every column.

    A row with a NaN is neither optimal nor beats another.

    Parameters
    ----------
    points
        A row a variant, a column a cost.
    no_worse
        Whether each row is at least as good as each other in what is not among the costs.

    Examples
    --------
    >>> undominated([[1, 2], [2, 1], [2, 2]]).tolist()
    [True, True, False]
    """
    values = np.asarray(points, dtype=float)
    whole = np.isfinite(values).all(axis=1)
    at_least = (values[:, None, :] <= values[None, :, :]).all(axis=2) & whole[:, None]
    if no_worse is not None:
        at_least &= no_worse
    beaten = (at_least & ~at_least.T).any(axis=0)
    return np.asarray(whole & ~beaten)
