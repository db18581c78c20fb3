"""How much a variant's result depends on the seed; never which seed was best."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from ablations.stats.pairs import by_seed, check_trials, ended, pair
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
    """Return the spread over seeds of every variant, compared with the baseline's in pairs.

    Parameters
    ----------
    trials
        A row a trial.
    metrics
        Columns of it.

    Returns
    -------
    DataFrame
        A row a variant (the baseline too) and metric with the columns `STABILITY`: over the
        variant's done trials ``n``, ``mean``, ``sd``, ``iqr``, ``min`` and ``max``; over the seeds
        it shares with the baseline ``n_pairs``, ``sd_ratio`` (the variant's over the baseline's),
        ``p`` of equal variances by `pitman_morgan_p` and Holm's ``p_adjusted`` within the metric.

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
        own = _spread(table.reindex(columns=names)).to_dict("index")
        rows = []
        for name in names:
            row: dict[str, Any] = {"variant": name, "metric": metric} | own[name]
            if name != BASELINE:
                pairs = pair(table, name, planned.get(name, 0))
                row |= _against(pairs.baseline, pairs.level)
            rows.append(row)
        frame = pd.DataFrame(rows, columns=list(STABILITY))
        frame["p_adjusted"] = holm(frame["p"].astype(float))
        frames.append(frame)
    if not frames:
        return pd.DataFrame(columns=list(STABILITY))
    whole = pd.concat(frames, ignore_index=True)
    texts = whole["notes"].astype("str").fillna("")
    numbers = dict.fromkeys(("sd_ratio", "p"), float) | {"n_pairs": "Int64"}
    return whole.assign(notes=texts).astype(numbers)


def pitman_morgan_p(first: ArrayLike, second: ArrayLike) -> float:
    r"""Return the two-sided p of equal variances of two paired samples.

    Sum and difference of a pair are uncorrelated exactly where the variances are equal, so

    .. math:: t = r \sqrt{(n - 2) / (1 - r^2)}, \quad r = \mathrm{corr}(x + y, x - y)

    has n - 2 degrees of freedom. It needs normal values: heavy tails make its p too small. NaN
    below 3 pairs and where one of the two has no spread.

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
    n = len(x)
    if n < 3 or np.ptp(x) == 0 or np.ptp(y) == 0 or np.ptp(x - y) == 0 or np.ptp(x + y) == 0:
        return float("nan")
    total, gap = (x + y) - (x + y).mean(), (x - y) - (x - y).mean()
    r = float(total @ gap / np.sqrt((total @ total) * (gap @ gap)))
    left = max(1 - r * r, 1e-300)
    return float(2 * special.stdtr(n - 2, -abs(r) * np.sqrt((n - 2) / left)))


def _spread(table: pd.DataFrame) -> pd.DataFrame:
    """Return the spread of each column, a row a column."""
    counts = table.count()
    quarter, three = table.quantile([0.25, 0.75]).to_numpy()
    return pd.DataFrame(
        {
            "n": counts,
            "mean": table.mean(),
            "sd": table.std(),
            "iqr": (three - quarter) * np.where(counts > 1, 1.0, np.nan),
            "min": table.min(),
            "max": table.max(),
        }
    )


def _against(base: Any, own: Any) -> dict[str, Any]:
    n = len(own)
    p = pitman_morgan_p(own, base)
    ratio = own.std(ddof=1) / base.std(ddof=1) if n > 1 and np.ptp(base) > 0 else np.nan
    why = "fewer than 3 pairs" if n < 3 else "one of the two has no spread" if np.isnan(p) else ""
    return {"n_pairs": n, "sd_ratio": ratio, "p": p, "notes": why}
