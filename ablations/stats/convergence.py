"""How many epochs a variant needs to get where the baseline ends."""

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

    Within a seed block the target is the baseline's value at its last epoch; a block in which that
    is not finite is no pair. A trial's time is its first epoch at which it is at least as good, as
    far as float32 tells; the baseline's own may be before its last.

    A variant that never gets there is censored: its time is only known to be longer. Leaving such
    trials out would favour the variants that fail, so as soon as one is censored there is no mean
    and no interval. ``median_delta`` counts them as infinitely late, and ``p_sign`` is the exact
    two-sided sign test of the pairs that differ, in which they are later:

    .. math:: p = \min\{1,\; 2^{1-n} \textstyle\sum_{i \le \min(a, b)} \binom{n}{i}\}

    Parameters
    ----------
    histories
        A row a trial and epoch: variant, seed, epoch and the metric. Epochs count from 1; a value
        that is not finite reaches nothing.
    metric
        The column to look at; one that means the same in every variant.
    lower_is_better
        Of the metric.
    confidence
        Of the t interval of the mean delta.

    Returns
    -------
    DataFrame
        A row a variant with the columns `CONVERGENCE`.

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
    short = tidy[metric] - target if lower_is_better else target - tidy[metric]
    there = np.isfinite(tidy[metric]) & (short <= noise_of(tidy[metric], target))
    ran = _first_epochs(tidy[target.notna()])
    # An infinite time where a trial never got there, none where there is no trial.
    times = _first_epochs(tidy[there]).reindex_like(ran).fillna(np.inf).where(ran.notna())
    table = {name: times[name].to_numpy() for name in times.columns}
    nobody = np.full(len(times), np.nan)
    rows = []
    for name in names:
        own, base = table.get(name, nobody), table.get(BASELINE, nobody)
        both = ~np.isnan(own)
        row = _row(base[both], own[both], confidence)
        rows.append({"variant": name, "metric": metric} | row)
    return pd.DataFrame(rows, columns=list(CONVERGENCE))


def _first_epochs(histories: pd.DataFrame) -> pd.DataFrame:
    """Return the first epoch of each trial, a row a seed and a column a variant."""
    first = histories.drop_duplicates(["variant", "seed"])
    table = first.pivot(index="seed", columns="variant", values="epoch")  # noqa: PD010
    return table.set_axis(table.columns.astype(object), axis=1).astype(float)


def _row(base: Any, own: Any, confidence: float) -> dict[str, Any]:
    from scipy.special import bdtr

    deltas = own - base
    censored = int(np.isinf(deltas).sum())
    sooner, later = int((deltas < 0).sum()), int((deltas > 0).sum())
    differ = sooner + later
    known = not censored and len(deltas) > 0
    result = paired_t(deltas if known else [], confidence)
    notes = f"{censored} of {len(deltas)} never got there: no mean" if censored else ""
    return {
        "n_pairs": len(deltas),
        "n_censored": censored,
        "baseline_epochs": base.mean() if len(base) else np.nan,
        "level_epochs": own.mean() if known else np.nan,
        "delta": float(result.delta),
        "ci_low": float(result.low),
        "ci_high": float(result.high),
        "p": float(result.p),
        "median_delta": _median(deltas),
        "n_sooner": sooner,
        "n_later": later,
        "p_sign": min(1.0, 2 * float(bdtr(min(sooner, later), differ, 0.5)))
        if len(deltas)
        else np.nan,
        "notes": notes,
    }


def _median(deltas: Any) -> float:
    """Return the median, infinite as soon as one of the middle two is."""
    if not len(deltas):
        return float("nan")
    middle = np.sort(deltas)[[(len(deltas) - 1) // 2, len(deltas) // 2]]
    return float(middle.mean())


def _check(histories: pd.DataFrame, metric: str) -> None:
    lacking = [n for n in ("variant", "seed", "epoch", metric) if n not in histories.columns]
    if lacking:
        raise StatisticsError(
            f"the histories have no column {', '.join(f'`{name}`' for name in lacking)}; "
            f"they have {', '.join(map(str, histories.columns))}."
        )
    double = histories[histories.duplicated(["variant", "seed", "epoch"])]
    if len(double):
        variant, seed, epoch = double.iloc[0][["variant", "seed", "epoch"]]
        raise StatisticsError(
            f"the histories hold variant `{variant}`, seed {seed}, epoch {epoch} more than once."
        )
