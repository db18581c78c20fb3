"""Convergence: the number of epochs until a variant reaches the baseline's final value."""

from typing import Any

import numpy as np
import pandas as pd

from ablations.stats.paired_t import paired_t
from ablations.stats.pairs import StatisticsError, noise_of
from ablations.study import BASELINE

CONVERGENCE = (
    "variant",
    "metric",
    "n_pairs",
    "n_censored",
    "baseline_epochs",
    "level_epochs",
    "delta",
    "ci_low",
    "ci_high",
    "p",
    "median_delta",
    "n_sooner",
    "n_later",
    "p_sign",
    "notes",
)


def convergence(
    histories: pd.DataFrame,
    metric: str = "value",
    *,
    lower_is_better: bool = True,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Return the paired deltas in epochs until the baseline's final value is reached.

    The target of a seed block is the baseline's value at its last epoch. A block without a finite
    target is no pair. A trial's time is the first epoch at which its value is at least as good, up
    to the resolution of float32; the baseline may reach its final value before its last epoch.

    A trial that never reaches the target is censored: its time is longer than its epochs. Leaving
    out censored trials would favour variants that fail, so there is no mean and no interval if a
    pair is censored. ``median_delta`` counts a censored trial as infinitely late. ``p_sign`` is the
    exact two-sided sign test of the pairs that differ; a censored trial counts as later:

    .. math:: p = \min\{1,\; 2^{1-n} \textstyle\sum_{i \le \min(a, b)} \binom{n}{i}\}

    Parameters
    ----------
    histories
        One row per trial and epoch: variant, seed, epoch and the metric. Epochs count from 1. A
        value that is not finite never reaches the target.
    metric
        Column to compare; it must mean the same for every variant.
    lower_is_better
        Whether lower values of the metric are better.
    confidence
        Confidence of the t interval of the mean delta.

    Returns
    -------
    DataFrame
        One row per variant with the columns `CONVERGENCE`.

    Examples
    --------
    >>> values = [0.9, 0.5, 0.3, 0.4, 0.3, 0.2, 0.8, 0.4, 0.2, 0.3, 0.2, 0.1]
    >>> histories = pd.DataFrame(
    ...     {
    ...         "variant": (["baseline"] * 3 + ["skip=True"] * 3) * 2,
    ...         "seed": [0] * 6 + [1] * 6,
    ...         "epoch": [1, 2, 3] * 4,
    ...         "value": values,
    ...     }
    ... )
    >>> convergence(histories)[["variant", "baseline_epochs", "level_epochs", "delta"]]
         variant  baseline_epochs  level_epochs  delta
    0  skip=True              3.0           2.0   -1.0
    """
    _check(histories, metric)
    tidy = histories.astype({metric: float}).sort_values("epoch", kind="stable")
    names = [name for name in dict.fromkeys(histories["variant"]) if name != BASELINE]
    # Not groupby.last(), which would step back over a value that is NaN.
    ends = tidy[tidy["variant"] == BASELINE].drop_duplicates("seed", keep="last")
    targets = ends.set_index("seed")[metric]
    target = tidy["seed"].map(targets[np.isfinite(targets)])
    gap = tidy[metric] - target if lower_is_better else target - tidy[metric]
    reached = np.isfinite(tidy[metric]) & (gap <= noise_of(tidy[metric], target))
    ran = _first_epochs(tidy[target.notna()])
    # Infinite for a trial that never reaches the target, NaN if there is no trial.
    times = _first_epochs(tidy[reached]).reindex_like(ran).fillna(np.inf).where(ran.notna())
    table = {name: times[name].to_numpy() for name in times.columns}
    no_times = np.full(len(times), np.nan)
    rows = []
    for name in names:
        level, base = table.get(name, no_times), table.get(BASELINE, no_times)
        both = ~np.isnan(level)
        row = _row(base[both], level[both], confidence)
        rows.append({"variant": name, "metric": metric} | row)
    return pd.DataFrame(rows, columns=list(CONVERGENCE))


def _first_epochs(histories: pd.DataFrame) -> pd.DataFrame:
    """Return the first epoch of each trial: one row per seed, one column per variant."""
    first = histories.drop_duplicates(["variant", "seed"])
    table = first.pivot(index="seed", columns="variant", values="epoch")  # noqa: PD010
    return table.set_axis(table.columns.astype(object), axis=1).astype(float)


def _row(base: Any, level: Any, confidence: float) -> dict[str, Any]:
    from scipy.stats import binomtest  # slow to import

    deltas = level - base
    censored = int(np.isinf(deltas).sum())
    sooner, later = int((deltas < 0).sum()), int((deltas > 0).sum())
    differ = sooner + later
    has_mean = not censored and len(deltas) > 0
    result = paired_t(deltas if has_mean else [], confidence)
    notes = f"{censored} of {len(deltas)} never got there: no mean" if censored else ""
    return {
        "n_pairs": len(deltas),
        "n_censored": censored,
        "baseline_epochs": base.mean() if len(base) else np.nan,
        "level_epochs": level.mean() if has_mean else np.nan,
        "delta": float(result.delta),
        "ci_low": float(result.low),
        "ci_high": float(result.high),
        "p": float(result.p),
        "median_delta": float(np.median(deltas)) if len(deltas) else np.nan,
        "n_sooner": sooner,
        "n_later": later,
        "p_sign": (binomtest(later, differ).pvalue if differ else 1.0) if len(deltas) else np.nan,
        "notes": notes,
    }


def _check(histories: pd.DataFrame, metric: str) -> None:
    missing = [n for n in ("variant", "seed", "epoch", metric) if n not in histories.columns]
    if missing:
        raise StatisticsError(
            f"the histories have no column {', '.join(f'`{name}`' for name in missing)}; "
            f"they have {', '.join(map(str, histories.columns))}."
        )
    double = histories[histories.duplicated(["variant", "seed", "epoch"])]
    if len(double):
        variant, seed, epoch = double.iloc[0][["variant", "seed", "epoch"]]
        raise StatisticsError(
            f"the histories hold variant `{variant}`, seed {seed}, epoch {epoch} more than once."
        )
