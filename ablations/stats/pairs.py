"""Pairs of trials: the values of a metric for the baseline and a variant, by seed block."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ablations.study import BASELINE, ENDED, Status

Array = NDArray[np.float64]

RESOLUTION = 2.0**-22
"""Relative difference up to which two values are tied. Keras computes metrics in float32, in which
0.934 - 0.925 has an error in the eighth digit."""


def noise_of(*values: ArrayLike) -> Array:
    """Return the rounding noise of values, or of the differences of two arrays, element by element.

    This is the only rule for ties. A delta is tied with 0 if it is not larger than its noise. Two
    values or deltas are tied if they differ by at most the mean of their noises. The noise of a
    value is relative to its own size, so a huge value does not tie others.

    Parameters
    ----------
    values
        One array, or two arrays whose differences are compared.

    Examples
    --------
    >>> first, second = [0.934, 1e6], [0.934 + 1e-8, 1e6 + 1]
    >>> (np.abs(np.subtract(first, second)) <= noise_of(first, second)).tolist()
    [True, False]
    """
    sizes = [np.abs(np.asarray(each, dtype=float)) for each in values]
    return np.asarray(RESOLUTION * reduce(np.maximum, sizes))


def untied(deltas: ArrayLike, noise: ArrayLike = 0.0) -> Array:
    """Return the deltas, with 0 for those that are tied with 0.

    Examples
    --------
    >>> untied([0.2, 1e-9], noise_of([0.9, 0.9])).tolist()
    [0.2, 0.0]
    """
    values = np.asarray(deltas, dtype=float)
    return np.where(np.abs(values) <= noise, 0.0, values)


def untied_sum(deltas: ArrayLike, noise: ArrayLike = 0.0) -> Array:
    """Return the sum of the deltas that are not tied with 0, along the last axis.

    The result is 0 if the sum is not larger than the noise of these deltas: the means are tied.

    Examples
    --------
    >>> float(untied_sum([0.002, -0.002 + 1e-9], noise_of([0.934, 0.902])))
    0.0
    """
    values = untied(deltas, noise)
    total, reach = values.sum(axis=-1), np.where(values == 0, 0.0, noise).sum(axis=-1)
    return np.asarray(np.where(np.abs(total) <= reach, 0.0, total))


def all_alike(values: ArrayLike, noise: ArrayLike = 0.0) -> NDArray[np.bool_]:
    """Return whether all values along the last axis are tied with each other or with 0.

    Examples
    --------
    >>> bool(all_alike([0.1, 0.1 + 1e-9], noise_of([0.1, 0.1])))
    True
    """
    middle, reach = np.asarray(values, dtype=float), np.asarray(noise, dtype=float) / 2
    together = (middle - reach).max(axis=-1) <= (middle + reach).min(axis=-1)
    return np.asarray(together | (np.abs(middle) <= 2 * reach).all(axis=-1))


def sd_of(values: ArrayLike) -> Array:
    """Return the standard deviation (n - 1) along the last axis; 0 if all values are tied.

    NaN for fewer than two values.

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
    """Return twice the mean rank of each value along the last axis, an integer also with ties.

    Examples
    --------
    >>> doubled_ranks([0.3, 0.1, 0.3, 0.7]).tolist()
    [5, 2, 5, 8]
    """
    sizes = np.asarray(values, dtype=float)
    noises = np.broadcast_to(np.asarray(noise, dtype=float), sizes.shape)
    if sizes.ndim > 1 and sizes.size:  # one after the other, because each compares all its values
        each = zip(sizes, noises, strict=True)
        return np.stack([doubled_ranks(size, reach) for size, reach in each])
    gaps = sizes[..., :, None] - sizes[..., None, :]
    reach = (noises[..., :, None] + noises[..., None, :]) / 2
    return np.asarray(1 + (gaps > reach).sum(axis=-1) + (gaps >= -reach).sum(axis=-1))


@dataclass(frozen=True)
class Pairs:
    """Values of one metric for the seeds whose baseline and variant have a finite value.

    Parameters
    ----------
    seeds
        Seeds of the pairs.
    baseline, level
        Values of the baseline and of the variant.
    missing
        Number of trials of the variant without a pair.
    """

    seeds: NDArray[np.object_]
    baseline: Array
    level: Array
    missing: int

    def at(self, chosen: NDArray[np.bool_]) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(self.seeds[chosen], self.baseline[chosen], self.level[chosen], self.missing)

    @property
    def deltas(self) -> Array:
        """Variant minus baseline."""
        return self.level - self.baseline

    @property
    def noise(self) -> Array:
        """Rounding noise of each delta, relative to its two values; see `noise_of`."""
        return noise_of(self.level, self.baseline)

    @property
    def tied(self) -> NDArray[np.bool_]:
        """Whether the two values of each pair are tied."""
        return np.asarray(np.abs(self.deltas) <= self.noise)


def check_trials(trials: pd.DataFrame, metrics: Sequence[str] = (), *more: str) -> None:
    """Check that a table has its columns and one row per variant and seed.

    Raises
    ------
    StatisticsError
        If a column is missing or a trial occurs twice.
    """
    needed = ["variant", "seed", "status", *more, *metrics]
    missing = [name for name in needed if name not in trials.columns]
    if missing:
        raise StatisticsError(
            f"the trials have no column {', '.join(f'`{name}`' for name in missing)}; "
            f"they have {', '.join(map(str, trials.columns))}."
        )
    ran = trials.loc[trials["status"].isin(ENDED), ["variant", "seed"]]
    double = ran[ran.duplicated()]
    if len(double):
        variant, seed = double.iloc[0]
        raise StatisticsError(
            f"the trials hold variant `{variant}` with seed {seed} more than once: counting a "
            "trial twice would make its interval too narrow. Keep one row per trial."
        )


def variants(trials: pd.DataFrame) -> list[str]:
    """Return the variants without the baseline, in order of appearance."""
    return [name for name in dict.fromkeys(trials["variant"]) if name != BASELINE]


def by_seed(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one metric with one row per seed and one column per variant.

    NaN if the trial is not done or its value is not finite.
    """
    ran = trials[trials["status"].isin(ENDED)]
    values = ran[metric].to_numpy(dtype=float, na_value=np.nan)
    values = np.where(
        (ran["status"] == Status.DONE).to_numpy() & np.isfinite(values), values, np.nan
    )
    tidy = pd.DataFrame({"variant": ran["variant"], "seed": ran["seed"], "value": values})
    table = tidy.pivot(index="seed", columns="variant", values="value")  # noqa: PD010 no aggregation
    # Lookups of names are ten times as fast with the dtype object.
    return table.set_axis(table.columns.astype(object), axis=1)


def pair(table: pd.DataFrame, variant: str, planned: int, baseline: str = BASELINE) -> Pairs:
    """Pair a variant with the baseline.

    Parameters
    ----------
    table
        Result of `by_seed`.
    variant
        Name of the variant; without a column there are no pairs.
    planned
        Number of trials of the variant that are done or failed.
    baseline
        Name of the variant that serves as the baseline.
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
    """Return the number of trials that are done or failed, by variant."""
    ran = trials.loc[trials["status"].isin(ENDED), "variant"]
    return {str(name): int(count) for name, count in ran.value_counts().items()}


def level_key(level: object) -> tuple[str, object]:
    """Return a key that distinguishes 1, True and 1.0, which are equal in Python and pandas.

    Examples
    --------
    >>> level_key(1) == level_key(True)
    False
    """
    if isinstance(level, np.generic):
        level = level.item()
    return type(level).__name__, level


class StatisticsError(ValueError):
    """Raised for a table or an argument that the statistics cannot use."""
