"""Surface: the scores that a forest predicts over two hyperparameters of a search."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cnnzoo.tuning.reading.importance import TREES, encoded

CELLS = 24
"""Number of cells along a range."""

FAR = 3
"""Interquartile ranges beyond the quartiles to which scores are cut, so that no diverged training
decides the surface."""


def surface(
    settings: pd.DataFrame,
    scores: Sequence[float],
    names: tuple[str, str],
    log: tuple[bool, bool] = (False, False),
) -> pd.DataFrame:
    """Predict the score over two hyperparameters, averaged over the others as they were tried.

    The predictions are the partial dependence (Friedman 2001) of a random forest that learned the
    scores of all configurations.

    Parameters
    ----------
    settings
        One row per configuration, one column per hyperparameter; empty if it is switched off.
    scores
        Scores of the configurations.
    names
        Columns of the two hyperparameters.
    log
        Whether the cells of each are even on a logarithmic scale.

    Returns
    -------
    pandas.DataFrame
        One row per cell: ``x`` and ``y``, the levels; ``x_low``, ``x_high``, ``y_low`` and
        ``y_high``, the ends of the cell (missing for levels that are no numbers); and ``score``.
        Empty if one of both has a single level.

    Examples
    --------
    >>> settings = pd.DataFrame({"a": [1, 2, 3, 4] * 8, "b": [True, False] * 16})
    >>> table = surface(settings, settings["a"] + settings["b"], ("a", "b"))
    >>> len(table), table["y"].unique().tolist()
    (48, [False, True])
    """
    from sklearn.ensemble import RandomForestRegressor

    active = settings[list(names)].notna().all(axis=1).to_numpy()
    tried, values = settings[active], _cut(np.asarray(scores, dtype=float)[active])
    counts = tried.nunique()
    if (counts[list(names)] < 2).any():
        return pd.DataFrame()
    varied = counts[counts > 1].index.tolist()
    table, codes = encoded(tried[varied], np.random.default_rng(0))
    forest = RandomForestRegressor(TREES, random_state=0, n_jobs=1).fit(table, values)
    first, second = (
        _cells(tried[name], codes.get(name), of_log)
        for name, of_log in zip(names, log, strict=True)
    )
    at = [varied.index(name) for name in names]
    rows = []
    for x in first:
        for y in second:
            moved = table.copy()
            moved[:, at] = x[0], y[0]
            score = float(forest.predict(moved).mean())
            rows.append((x[1], x[2], x[3], y[1], y[2], y[3], score))
    columns = ["x", "x_low", "x_high", "y", "y_low", "y_high", "score"]
    return pd.DataFrame(rows, columns=columns)


def _cut(scores: np.ndarray) -> np.ndarray:
    low, high = np.quantile(scores, [0.25, 0.75])
    reach = FAR * (high - low)
    cut: np.ndarray = np.clip(scores, low - reach, high + reach)
    return cut


def _cells(
    column: pd.Series, codes: dict[object, int] | None, log: bool
) -> list[tuple[float, object, float, float]]:
    """Return the code, the level and the ends of each cell."""
    if codes is not None:
        return [(code, level, np.nan, np.nan) for level, code in codes.items()]
    numbers = column.astype(float)
    space = np.geomspace if log and numbers.min() > 0 else np.linspace
    ends = space(numbers.min(), numbers.max(), CELLS + 1)
    middles = np.sqrt(ends[:-1] * ends[1:]) if space is np.geomspace else (ends[:-1] + ends[1:]) / 2
    cells = zip(middles.tolist(), ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    return [(middle, middle, low, high) for middle, low, high in cells]
