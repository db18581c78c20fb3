"""Importance of the hyperparameters of a search, with the uncertainty of the forest."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

FOLDS = 5
REPEATS = 2
SHUFFLES = 5
TREES = 50
FEWEST = 20
"""Smallest number of configurations for which importances are given."""

A_TOGGLE = 10
"""Number of configurations per hyperparameter below which a table is called early."""

COLUMNS = ("toggle", "importance", "low", "high", "levels_tried", "note")


def importance(settings: pd.DataFrame, scores: Sequence[float]) -> pd.DataFrame:
    """Estimate the share of the scores' variance that each hyperparameter explains.

    A random forest learns the scores from the hyperparameters on four fifths of the
    configurations. On the last fifth one hyperparameter is shuffled, and its importance is half
    the increase of the squared error (permutation importance, Breiman 2001), as a share of the
    scores' variance. Half the increase estimates the total Sobol index: the share of the variance
    to which the hyperparameter contributes, alone or with others (Gregorutti, Michel and
    Saint-Pierre 2017). This is repeated over 5 folds, twice. Scores enter as ranks, so one diverged
    training does not dominate and the direction does not matter.

    ``low`` and ``high`` are the ends of the corrected resampled t interval (Nadeau and Bengio
    2003), which accounts for training sets that overlap. It says how far the forest's share depends
    on the folds. It is no confidence interval of the true share: from few configurations the forest
    predicts too little of the scores, and its shares are too small. In simulations with 60
    configurations it holds a share of 65% in most searches, but one of 5% in few. If ``low`` is
    above 0, the hyperparameter matters: without any effect this happens in less than 5% of the
    searches. Use the table for this and for the order of the hyperparameters.

    A hyperparameter that is switched off by another one gets a random level of those tried
    elsewhere. So the forest cannot learn from it that it is off, and the effect of switching it
    off counts for the other one.

    Parameters
    ----------
    settings
        One row per configuration, one column per hyperparameter; empty if it is switched off.
    scores
        Scores of the configurations.

    Returns
    -------
    pandas.DataFrame
        One row per hyperparameter, the most important first: ``toggle``, ``importance`` (1 is the
        whole variance; joint effects count for each hyperparameter, so the sum may exceed 1),
        ``low``, ``high``, ``levels_tried`` and ``note``: a reason for caution, such as too
        few trials. Without numbers for fewer than 20 configurations. ``attrs["predicted"]`` is the
        share of the held-out variance that the forest predicts, with both ends.

    Examples
    --------
    >>> table = importance(pd.DataFrame({"skip": [True, False]}), [0.9, 0.8])
    >>> table["note"][0]
    'too few trials: 2 configurations can be compared; at least 20 are needed'
    """
    names = [str(name) for name in settings.columns]
    tried = [int(settings[name].nunique()) for name in names]
    count = len(settings)
    if count < FEWEST:
        few = (
            f"too few trials: {count} configuration{'s' * (count != 1)} can be compared; at least "
            f"{FEWEST} are needed"
        )
        return _table(names, [(math.nan,) * 3] * len(names), tried, [few] * len(names))
    ranks = pd.Series(list(scores)).rank().to_numpy()
    varied = [name for name, levels in zip(names, tried, strict=True) if levels > 1]
    errors, drops = _measure(settings[varied], (ranks - ranks.mean()) / (ranks.std() or 1.0))
    predicted = _interval(1 - errors)
    rows, notes = [], []
    for name, levels in zip(names, tried, strict=True):
        at = varied.index(name) if levels > 1 else None
        rows.append((math.nan,) * 3 if at is None else _interval(drops[:, at]))
        notes.append(_note(count, len(varied), levels, predicted))
    table = _table(names, rows, tried, notes)
    table.attrs["predicted"] = predicted
    return table


def _measure(settings: pd.DataFrame, scores: Any) -> tuple[Any, Any]:
    """Return for each fold the held-out error and its increase by shuffling each column."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import KFold

    errors, drops = [], []
    for repeat in range(REPEATS):
        table, _ = encoded(settings, np.random.default_rng(repeat))
        for train, test in KFold(FOLDS, shuffle=True, random_state=repeat).split(table):
            forest = RandomForestRegressor(TREES, random_state=repeat, n_jobs=1)
            forest.fit(table[train], scores[train])
            errors.append(np.mean((forest.predict(table[test]) - scores[test]) ** 2))
            shuffled = permutation_importance(
                forest,
                table[test],
                scores[test],
                scoring="neg_mean_squared_error",
                n_repeats=SHUFFLES,
                random_state=repeat,
            )
            drops.append(shuffled.importances_mean / 2)
    return np.array(errors), np.array(drops)


def encoded(
    settings: pd.DataFrame, random: np.random.Generator
) -> tuple[Any, dict[str, dict[object, int]]]:
    """Return settings as numbers, and the codes of levels that are no numbers, by column.

    A missing setting gets a random level of its column.
    """
    columns = []
    all_codes: dict[str, dict[object, int]] = {}
    for name in settings:
        column = settings[name]
        levels = column.dropna()
        if pd.api.types.is_numeric_dtype(levels.dtype) and not pd.api.types.is_bool_dtype(levels):
            values = column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        else:
            codes = {level: code for code, level in enumerate(sorted(set(levels), key=str))}
            all_codes[str(name)] = codes
            values = np.array([codes.get(level, np.nan) for level in column], dtype=float)
        off = np.isnan(values)
        values[off] = random.choice(values[~off], off.sum())
        columns.append(values)
    table = np.column_stack(columns) if columns else np.zeros((len(settings), 0))
    return table, all_codes


def _interval(values: Any) -> tuple[float, float, float]:
    """Return the mean over folds with the corrected resampled t interval.

    Nadeau and Bengio (2003), "Inference for the generalization error": the variance of the mean
    over J splits is (1 / J + test / training size) times that over the splits.
    """
    from scipy import stats

    splits = len(values)
    half = float(stats.t.ppf(0.975, splits - 1)) * math.sqrt(
        (1 / splits + 1 / (FOLDS - 1)) * float(np.var(values, ddof=1))
    )
    mean = float(np.mean(values))
    return mean, mean - half, mean + half


def _note(count: int, varied: int, levels: int, predicted: tuple[float, float, float]) -> str:
    if levels < 2:
        return "only one level was tried"
    if predicted[1] <= 0:
        return (
            "too few trials: from the others' scores, those of held-out configurations cannot be "
            "predicted yet"
        )
    if count < A_TOGGLE * varied:
        return f"early: {count} configurations for {varied} hyperparameters"
    return ""


def _table(
    names: Sequence[str],
    rows: Sequence[tuple[float, float, float]],
    tried: Sequence[int],
    notes: Sequence[str],
) -> pd.DataFrame:
    listed = [
        (name, *row, levels, note)
        for name, row, levels, note in zip(names, rows, tried, notes, strict=True)
    ]
    table = pd.DataFrame(listed, columns=COLUMNS)
    return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)
