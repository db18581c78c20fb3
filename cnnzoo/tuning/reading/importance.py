"""How much each hyperparameter of a search matters, and how sure that is."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

FOLDS = 5
REPEATS = 2
SHUFFLES = 10
TREES = 50
FEWEST = 20
"""Configurations below which there are no folds worth the name, and so no numbers."""

A_TOGGLE = 10
"""Configurations for each hyperparameter below which a table is called early."""

COLUMNS = ("toggle", "importance", "ci_low", "ci_high", "levels_tried", "note")


def importance(settings: pd.DataFrame, scores: Sequence[float]) -> pd.DataFrame:
    """Estimate how much of the scores each hyperparameter decides.

    A random forest learns the scores from the hyperparameters on four fifths of the
    configurations; on the last fifth one hyperparameter is shuffled, and its importance is half
    the growth of the squared error (permutation importance, Breiman 2001), as a share of the
    scores' variance. Half of it, since that estimates the total Sobol index: the share of the
    variance in which the hyperparameter has a part, alone or with others (Gregorutti, Michel and
    Saint-Pierre 2017). This is repeated over 5 folds, twice; since their training sets overlap,
    intervals are Nadeau and Bengio's (2003) corrected resampled t, at 95%. Scores enter as ranks,
    so that one diverged training does not decide everything, and the direction does not matter.
    The intervals are of what the forest finds. Where it predicts less than there is, its shares are
    too small, and the true ones lie outside more often than in 5%: the table is for the order of
    the hyperparameters and for which may not matter at all, not for the shares' own sake.

    Where a hyperparameter is switched off by another one, it is given a level drawn from those
    tried elsewhere: a forest then has no way to tell from it that it is off, and what switching
    it off does is counted for the one that does so.

    Parameters
    ----------
    settings
        A row a configuration, a column a hyperparameter; empty where it is switched off.
    scores
        Of the configurations.

    Returns
    -------
    pandas.DataFrame
        A row a hyperparameter, the most important first: ``toggle``, ``importance`` (1 is all of
        the variance; what several decide together is counted for each, so that the sum may be
        more), ``ci_low``, ``ci_high``, ``levels_tried`` and ``note``: what stands against
        believing it, such as too few trials. Without numbers where there are fewer than 20
        configurations. ``attrs["predicted"]`` holds the share of the held-out variance that the
        forest predicts, with its interval.

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
    """Return by fold the held-out error and by how much shuffling each column raises it."""
    from sklearn.ensemble import RandomForestRegressor

    errors, drops = [], []
    for repeat in range(REPEATS):
        random = np.random.default_rng(repeat)
        encoded = _encoded(settings, random)
        for test in np.array_split(random.permutation(len(encoded)), FOLDS):
            train = np.setdiff1d(np.arange(len(encoded)), test)
            forest = RandomForestRegressor(TREES, random_state=repeat, n_jobs=1)
            forest.fit(encoded[train], scores[train])
            # all that is to be predicted at once: asking a forest takes longer than its answer
            asked = np.concatenate([encoded[test][None], _shuffled(encoded[test], random)])
            predicted = forest.predict(asked.reshape(-1, asked.shape[-1])).reshape(len(asked), -1)
            squares = np.mean((predicted - scores[test]) ** 2, axis=1)
            errors.append(squares[0])
            drops.append((squares[1:].reshape(-1, SHUFFLES).mean(axis=1) - squares[0]) / 2)
    return np.array(errors), np.array(drops)


def _shuffled(rows: Any, random: np.random.Generator) -> Any:
    """Return the rows with each column shuffled, one after the other, several times."""
    count, columns = rows.shape
    copies = np.repeat(rows[None], columns * SHUFFLES, axis=0)
    for at, copy in enumerate(copies):
        copy[:, at // SHUFFLES] = rows[random.permutation(count), at // SHUFFLES]
    return copies


def _encoded(settings: pd.DataFrame, random: np.random.Generator) -> Any:
    """Return numbers as they are and other levels numbered; what is off gets a level of others."""
    columns = []
    for name in settings:
        column = settings[name]
        known = column.dropna()
        if pd.api.types.is_numeric_dtype(known.dtype) and not pd.api.types.is_bool_dtype(known):
            values = column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        else:
            levels = {level: at for at, level in enumerate(sorted(set(known), key=str))}
            values = np.array([levels.get(level, np.nan) for level in column], dtype=float)
        off = np.isnan(values)
        values[off] = random.choice(values[~off], off.sum())
        columns.append(values)
    return np.column_stack(columns) if columns else np.zeros((len(settings), 0))


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
