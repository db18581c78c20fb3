"""Pareto front: the variants that no other variant beats in both metric and cost."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ablations.stats.metrics import Better, direction
from ablations.stats.pairs import Array, check_trials, noise_of, untied_sum
from ablations.stats.shared_blocks import shared_blocks
from ablations.study import Status

COSTS = ("params", "macs")
"""Columns that rank variants."""

SHOWN = ("fit_seconds",)
"""Columns that are shown but do not rank: measured times are never equal, so most variants would
be optimal."""


def pareto(
    trials: pd.DataFrame,
    metric: str,
    costs: Sequence[str] = COSTS,
    *,
    directions: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the mean metric and median costs of all variants and which are Pareto-optimal.

    A variant is Pareto-optimal if no other variant is at least as good in the metric and in every
    cost, and better in one of them. Mean and medians are over the seed blocks that all compared
    variants share (see `shared_blocks`), so a variant gains nothing by failing on hard seeds. Two
    variants whose means differ only by rounding are equally good. Costs are medians, because the
    first seed of a variant includes tracing the model. Whether a difference of means may be chance
    is answered by `deltas`. Time does not rank variants: it differs between runs of equal work.

    Parameters
    ----------
    trials
        One row per trial.
    metric
        Column that measures the effect.
    costs
        Columns to rank by, lower is better. Missing or empty columns are ignored.
    directions
        "lower" or "higher" for a metric that `direction` does not know.

    Returns
    -------
    DataFrame
        One row per variant, including the baseline: variant, n_trials (done), n_blocks (shared
        seed blocks), metric (its name), value, a column for each cost and for fit_seconds,
        optimal, notes. A variant that is left out has no numbers; ``notes`` gives the reason.

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
    lower = direction(metric, directions) == Better.LOWER
    names = list(dict.fromkeys(trials["variant"]))
    shared = shared_blocks(trials, metric)
    values = shared.table.reindex(columns=names)
    done = trials[trials["status"] == Status.DONE]
    counts = done["variant"].value_counts().reindex(names).fillna(0).astype(int)
    in_blocks = done[done["seed"].isin(values.index) & done["variant"].isin(shared.table.columns)]
    shown = tuple(dict.fromkeys([*costs, *SHOWN]))
    present = [name for name in shown if name in trials.columns and in_blocks[name].notna().any()]
    numbers = in_blocks[present].astype(float)
    finite = numbers.where(np.isfinite(numbers))
    medians = finite.groupby(in_blocks["variant"]).median().reindex(names)
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
    """Return for each pair of rows whether the mean of the first is at least as good.

    Means that differ only by rounding are equally good; see `untied_sum`.
    """
    no_worse = np.zeros((len(values), len(values)), dtype=bool)
    for place, row in enumerate(values):
        difference = untied_sum(row - values, noise_of(row, values))
        no_worse[place] = difference <= 0 if lower else difference >= 0
    return no_worse


def undominated(points: ArrayLike, no_worse: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Return which rows no other row beats; lower is better in every column.

    A row with a NaN is not optimal and beats no other row.

    Parameters
    ----------
    points
        One row per variant, one column per cost.
    no_worse
        Square matrix: whether a row (first index) is at least as good as another one (second
        index) in a further criterion.

    Examples
    --------
    >>> undominated([[1, 2], [2, 1], [2, 2]]).tolist()
    [True, True, False]
    """
    values = np.asarray(points, dtype=float)
    complete = np.isfinite(values).all(axis=1)
    at_least = (values[:, None, :] <= values[None, :, :]).all(axis=2) & complete[:, None]
    if no_worse is not None:
        at_least &= no_worse
    beaten = (at_least & ~at_least.T).any(axis=0)
    return np.asarray(complete & ~beaten)
