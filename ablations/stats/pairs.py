"""Trials to pairs: the baseline's and a variant's value of one metric, seed block by seed block."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablations.stats.errors import StatisticsError
from ablations.study import BASELINE

Array = NDArray[np.float64]

RESOLUTION = 2.0**-22
"""Relative difference below which two values are the same: Keras computes metrics in float32, so
two accuracies of 0.934 minus 0.925 differ in the eighth digit."""


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
    def noise(self) -> float:
        """The difference that float32 cannot tell from none at these values."""
        if not len(self.level):
            return 0.0
        return RESOLUTION * float(max(np.abs(self.level).max(), np.abs(self.baseline).max()))


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
