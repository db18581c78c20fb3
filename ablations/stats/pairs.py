"""Trials to pairs: the baseline's and a variant's value of one metric, seed block by seed block."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ablations.study import BASELINE

Array = NDArray[np.float64]

RESOLUTION = 2.0**-22
"""Relative difference up to which two values are tied: Keras computes metrics in float32, so two
accuracies of 0.934 minus 0.925 differ in the eighth digit."""


def noise_of(*values: ArrayLike) -> Array:
    """Return the rounding noise of values, or of the differences of two arrays, element by element.

    Values and deltas are tied by this rule alone: a delta is tied with 0 if it is no larger than
    its noise, and two values or deltas are tied if they differ by no more than the mean of their
    noises. A value's noise is relative to its own size, so that one huge value ties no others.

    Parameters
    ----------
    values
        One array, or the two whose difference is meant.

    Examples
    --------
    >>> first, second = [0.934, 1e6], [0.934 + 1e-8, 1e6 + 1]
    >>> (np.abs(np.subtract(first, second)) <= noise_of(first, second)).tolist()
    [True, False]
    """
    sizes = [np.abs(np.asarray(each, dtype=float)) for each in values]
    return np.asarray(RESOLUTION * reduce(np.maximum, sizes))


def untied(deltas: ArrayLike, noise: ArrayLike = 0.0) -> Array:
    """Return deltas, with those that are tied with 0 replaced by it.

    Examples
    --------
    >>> untied([0.2, 1e-9], noise_of([0.9, 0.9])).tolist()
    [0.2, 0.0]
    """
    values = np.asarray(deltas, dtype=float)
    return np.where(np.abs(values) <= noise, 0.0, values)


def untied_sum(deltas: ArrayLike, noise: ArrayLike = 0.0) -> Array:
    """Return the sum of the deltas that are not tied, along the last axis.

    0 where the noise of these deltas alone can make the sum: then the two means are tied.

    Examples
    --------
    >>> float(untied_sum([0.002, -0.002 + 1e-9], noise_of([0.934, 0.902])))
    0.0
    """
    values = untied(deltas, noise)
    total, reach = values.sum(axis=-1), np.where(values == 0, 0.0, noise).sum(axis=-1)
    return np.asarray(np.where(np.abs(total) <= reach, 0.0, total))


def all_alike(values: ArrayLike, noise: ArrayLike = 0.0) -> NDArray[np.bool_]:
    """Return whether all values along the last axis are tied with each other, or all with 0.

    Examples
    --------
    >>> bool(all_alike([0.1, 0.1 + 1e-9], noise_of([0.1, 0.1])))
    True
    """
    middle, reach = np.asarray(values, dtype=float), np.asarray(noise, dtype=float) / 2
    together = (middle - reach).max(axis=-1) <= (middle + reach).min(axis=-1)
    return np.asarray(together | (np.abs(middle) <= 2 * reach).all(axis=-1))


def sd_of(values: ArrayLike) -> Array:
    """Return the standard deviation (n - 1) along the last axis; 0 where values are all tied.

    NaN where there are fewer than two values.

    Examples
    --------
    >>> float(sd_of([0.1, 0.1 + 1e-9])), float(sd_of([0.1, 0.3, 0.2]).round(3))
    (0.0, 0.1)
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.shape[-1] < 2:
        return np.full(numbers.shape[:-1], np.nan)
    return np.where(all_alike(numbers, noise_of(numbers)), 0.0, numbers.std(axis=-1, ddof=1))


def doubled_ranks(values: ArrayLike, noise: ArrayLike = 0.0) -> NDArray[np.int64]:
    """Return twice the mean rank of each value along the last axis, so that ties are integers.

    Examples
    --------
    >>> doubled_ranks([0.3, 0.1, 0.3, 0.7]).tolist()
    [5, 2, 5, 8]
    """
    sizes = np.asarray(values, dtype=float)
    noises = np.broadcast_to(np.asarray(noise, dtype=float), sizes.shape)
    gaps = sizes[..., :, None] - sizes[..., None, :]
    reach = (noises[..., :, None] + noises[..., None, :]) / 2
    return np.asarray(1 + (gaps > reach).sum(axis=-1) + (gaps >= -reach).sum(axis=-1))


@dataclass(frozen=True)
class Pairs:
    """One metric of the baseline and one variant where both are done and both values are finite.

    Parameters
    ----------
    seeds
        The seed blocks that are pairs.
    baseline, level
        The two values in each.
    missing
        How many of the variant's trials are in no pair.
    """

    seeds: NDArray[np.object_]
    baseline: Array
    level: Array
    missing: int

    @property
    def deltas(self) -> Array:
        """Variant minus baseline."""
        return self.level - self.baseline

    @property
    def noise(self) -> Array:
        """Rounding noise of each delta, relative to its own two values; see `noise_of`."""
        return noise_of(self.level, self.baseline)

    @property
    def tied(self) -> NDArray[np.bool_]:
        """Boolean array, True for each pair whose two values float32 cannot tell apart."""
        return np.asarray(np.abs(self.deltas) <= self.noise)


def check_trials(trials: pd.DataFrame, metrics: Sequence[str] = (), *more: str) -> None:
    """Refuse a table that lacks a column or has two rows for one variant and seed.

    Raises
    ------
    StatisticsError
        With the columns that are there, or the rows that are double.
    """
    needed = ["variant", "seed", "status", *more, *metrics]
    lacking = [name for name in needed if name not in trials.columns]
    if lacking:
        raise StatisticsError(
            f"the trials have no column {', '.join(f'`{name}`' for name in lacking)}; "
            f"they have {', '.join(map(str, trials.columns))}."
        )
    ran = trials.loc[trials["status"].isin(["done", "failed"]), ["variant", "seed"]]
    double = ran[ran.duplicated()]
    if len(double):
        variant, seed = double.iloc[0]
        raise StatisticsError(
            f"the trials hold variant `{variant}` with seed {seed} more than once: counting a "
            "trial twice would make its interval too narrow. Keep one row a trial."
        )


def variants(trials: pd.DataFrame) -> list[str]:
    """Return the variants but the baseline, in the order in which they first appear."""
    return [name for name in dict.fromkeys(trials["variant"]) if name != BASELINE]


def by_seed(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one metric as a row a seed and a column a variant.

    NaN where the trial is not done or its value is not finite.
    """
    ran = trials[trials["status"].isin(["done", "failed"])]
    values = ran[metric].to_numpy(dtype=float, na_value=np.nan)
    values = np.where((ran["status"] == "done").to_numpy() & np.isfinite(values), values, np.nan)
    tidy = pd.DataFrame({"variant": ran["variant"], "seed": ran["seed"], "value": values})
    table = tidy.pivot(index="seed", columns="variant", values="value")  # noqa: PD010 no aggregation
    # Names as plain objects, which are looked up ten times as fast.
    return table.set_axis(table.columns.astype(object), axis=1)


def pair(table: pd.DataFrame, variant: str, planned: int, baseline: str = BASELINE) -> Pairs:
    """Pair a variant with the baseline, or with what stands for it.

    Parameters
    ----------
    table
        What `by_seed` returns.
    variant
        A name in its columns, or one that never ran.
    planned
        How many trials of the variant ended, done or failed.
    baseline
        A name in its columns too.
    """
    if baseline not in table.columns or variant not in table.columns:
        nothing = np.empty(0)
        return Pairs(np.empty(0, dtype=object), nothing, nothing, planned)
    before = table[baseline].to_numpy()
    level = table[variant].to_numpy()
    both = np.isfinite(before) & np.isfinite(level)
    return Pairs(
        table.index.to_numpy(dtype=object)[both],
        before[both],
        level[both],
        planned - int(both.sum()),
    )


def ended(trials: pd.DataFrame) -> dict[str, int]:
    """Return how many trials of each variant ended, done or failed."""
    ran = trials.loc[trials["status"].isin(["done", "failed"]), "variant"]
    return {str(name): int(count) for name, count in ran.value_counts().items()}


def level_key(level: object) -> tuple[str, object]:
    """Return what tells 1, True and 1.0 apart, which Python and pandas hold equal.

    Examples
    --------
    >>> level_key(1) == level_key(True)
    False
    """
    if isinstance(level, np.generic):
        level = level.item()
    return type(level).__name__, level


class StatisticsError(ValueError):
    """A table that the statistics cannot read, with what is wrong in it and what would do."""
