"""Stability: the spread of a variant over seeds, compared with the baseline's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ablations.stats.pairs import (
    Array,
    all_alike,
    by_seed,
    check_trials,
    ended,
    noise_of,
    pair,
    sd_of,
)
from ablations.stats.shared_blocks import shared_blocks
from ablations.stats.verdicts import holm
from ablations.study import BASELINE

STABILITY = (
    "variant",
    "metric",
    "n",
    "mean",
    "sd",
    "iqr",
    "min",
    "max",
    "n_pairs",
    "sd_ratio",
    "p",
    "p_adjusted",
    "notes",
)


def stability(trials: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return the spread of all variants over seeds, compared in pairs with the baseline's.

    Parameters
    ----------
    trials
        One row per trial.
    metrics
        Columns of ``trials``.

    Returns
    -------
    DataFrame
        One row per variant (including the baseline) and metric with the columns `STABILITY`.
        ``mean``, ``sd``, ``iqr``, ``min`` and ``max`` are over the ``n`` seed blocks that all
        compared variants share (see `shared_blocks`). ``n_pairs``, ``sd_ratio`` (the variant's
        over the baseline's), ``p`` of equal variances by `pitman_morgan_p` and ``p_adjusted``
        (Holm's correction within the metric) are over the seeds shared with the baseline.
        ``notes`` gives the reason why a variant is left out or has no p. Values that float32
        cannot tell apart have no spread.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 4 + ["skip=True"] * 4,
    ...         "seed": [0, 1, 2, 3] * 2,
    ...         "status": "done",
    ...         "test_loss": [0.1, 0.2, 0.3, 0.4, 0.26, 0.24, 0.25, 0.27],
    ...     }
    ... )
    >>> table = stability(trials, ["test_loss"])
    >>> table[["variant", "n", "sd", "sd_ratio", "p"]].round(3)
         variant  n     sd  sd_ratio      p
    0   baseline  4  0.129       NaN    NaN
    1  skip=True  4  0.013       0.1  0.017
    """
    check_trials(trials, metrics)
    names = list(dict.fromkeys(trials["variant"]))
    planned = ended(trials)
    frames = []
    for metric in metrics:
        table = by_seed(trials, metric)
        shared = shared_blocks(trials, metric)
        spreads = _spread(shared.table.reindex(columns=names)).to_dict("index")
        rows = []
        for name in names:
            row: dict[str, Any] = {"variant": name, "metric": metric} | spreads[name]
            notes = [shared.left_out.get(str(name), "")]
            if name != BASELINE:
                pairs = pair(table, name, planned.get(name, 0))
                row |= _against(pairs.baseline, pairs.level)
                notes.append(_no_p(pairs.baseline, pairs.level))
            rows.append(row | {"notes": "; ".join(filter(None, notes))})
        frame = pd.DataFrame(rows, columns=list(STABILITY))
        frame["p_adjusted"] = holm(frame["p"].astype(float))
        frames.append(frame)
    if not frames:
        return pd.DataFrame(columns=list(STABILITY))
    combined = pd.concat(frames, ignore_index=True)
    texts = combined["notes"].astype("str").fillna("")
    numbers = dict.fromkeys(("sd_ratio", "p"), float) | {"n_pairs": "Int64"}
    return combined.assign(notes=texts).astype(numbers)


def pitman_morgan_p(first: ArrayLike, second: ArrayLike) -> float:
    r"""Return the two-sided p of equal variances of two paired samples.

    Sum and difference of a pair are uncorrelated if and only if the variances are equal, so

    .. math:: t = r \sqrt{(n - 2) / (1 - r^2)}, \quad r = \mathrm{corr}(x + y, x - y)

    has n - 2 degrees of freedom. The test assumes normal values: heavy tails make its p too small.
    NaN below 3 pairs, and if one of the two, their sum or their difference has no spread beyond
    rounding.

    References
    ----------
    Pitman (1939), "A note on normal correlation", and Morgan (1939), "A test for the significance
    of the difference between the two variances in a sample from a normal bivariate population",
    Biometrika 31.

    Examples
    --------
    >>> round(pitman_morgan_p([1.0, 2.0, 3.0, 4.0], [2.0, 2.1, 1.9, 2.2]), 4)
    0.0167
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if _no_p(x, y):
        return float("nan")
    from scipy.stats import pearsonr  # slow to import

    return float(pearsonr(x + y, x - y).pvalue)


def _no_p(first: Array, second: Array) -> str:
    """Return the reason why two paired samples have no p of equal variances; empty if they have."""
    if len(first) < 3:
        return "fewer than 3 pairs"
    if sd_of(first) == 0 or sd_of(second) == 0:
        return "one of the two has no spread"
    noise = noise_of(first, second)
    if all_alike(first - second, noise) or all_alike(first + second, noise):
        return "the two have exactly the same spread"
    return ""


def _spread(table: pd.DataFrame) -> pd.DataFrame:
    """Return the spread of each column, one row per column."""
    sds = sd_of(table.to_numpy().T)
    quarter, three = table.quantile([0.25, 0.75]).to_numpy()
    return pd.DataFrame(
        {
            "n": table.count(),
            "mean": table.mean(),
            "sd": sds,
            "iqr": np.where(sds > 0, three - quarter, sds),
            "min": table.min(),
            "max": table.max(),
        }
    )


def _against(base: Array, level: Array) -> dict[str, Any]:
    base_sd = sd_of(base)
    ratio = float(sd_of(level) / base_sd) if base_sd > 0 else np.nan
    return {"n_pairs": len(level), "sd_ratio": ratio, "p": pitman_morgan_p(level, base)}
