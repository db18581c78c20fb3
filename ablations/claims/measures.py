"""Measures of claims, a value per trial by name, and the variants of a claim's cells."""

from collections.abc import Iterable, Mapping

import pandas as pd

from ablations.claims.claim import Cell
from ablations.results import Results
from ablations.results.trials import COSTS
from ablations.stats.pairs import by_seed
from ablations.study import Study
from ablations.study.errors import StudyError, check_known
from cnnzoo.levels import Settings, same
from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import ON_REQUEST, WITHOUT_SPLIT, name_of, parts_of
from cnnzoo.training.metric_texts import STANDARD, STANDARD_NAMES, requested

MEAN = "mean_"
"""Beginning of the name of a measure that is the mean of a training curve over the epochs."""

SPLITS = ("train", "validation", "test")

CURVES = {"classification": ("loss", "accuracy"), "regression": ("loss", "mae", "rmse")}
"""Metrics that have a training curve, by task."""

NO_QUALITY = (*ON_REQUEST, *COSTS)
"""Measures that mean the same where training diverges or does not go beyond chance level."""

SIGNED = ("gap", "loss_gap")
"""Measures that may be negative, so that "above 0" says something about a single variant."""


def measured(results: Results, measure: str) -> pd.DataFrame:
    """Return a measure with one row per seed block and one column per variant.

    A value is missing (NaN) if the trial is not done or the value is not finite. In a study of
    several data sets the values are means over the data sets.

    Parameters
    ----------
    results
        Results of a study.
    measure
        A column of numbers of `Results.trials`, such as "test_loss"; or "mean_NAME", the mean of a
        column of `Results.history` over the epochs that the trial ran. The mean of
        "val_accuracy" is high if the accuracy is high early.

    Raises
    ------
    StudyError
        If there is no such measure; the message gives the nearest one.
    """
    trials = results.overall_trials
    columns = [str(name) for name in trials.select_dtypes("number") if name != "seed"]
    history = results.overall_history
    curves = [
        f"{MEAN}{name}" for name in history.select_dtypes("number") if name not in ("seed", "epoch")
    ]
    known = dict.fromkeys([*columns, *curves, *known_measures(results.study)])
    check_known(measure, list(known), f"The trials of {results.study.name} hold no measure")
    if measure in curves and measure not in columns:
        curve = history[["variant", "seed", measure.removeprefix(MEAN)]]
        # A curve with a missing value has no mean: the rest of it is no better than luck.
        means = curve.groupby(["variant", "seed"])[curve.columns[-1]].agg(_mean)
        places = pd.MultiIndex.from_frame(trials[["variant", "seed"]])
        trials[measure] = means.reindex(places).to_numpy()
    elif measure not in columns:  # no trial has a result yet
        trials[measure] = float("nan")
    return by_seed(trials, measure).reindex(columns=list(results.changes))


def _mean(values: "pd.Series[float]") -> float:
    return float(values.mean(skipna=False))


def known_measures(study: Study) -> list[str]:
    """Return the measures that the trials of a study will have, before any of them has run.

    Examples
    --------
    >>> study = Study("downsampling", factors={"pool_size": [1, 2]})
    >>> [name for name in known_measures(study) if name.endswith("accuracy")][:3]
    ['train_accuracy', 'validation_accuracy', 'test_accuracy']
    """
    names: list[str] = []
    standard = {parts_of(text).path for text in study.metrics} & {*STANDARD_NAMES}
    for task, metrics in STANDARD.items():
        if standard <= {*metrics}:
            of_splits = [name for name in metrics if name not in WITHOUT_SPLIT]
            names += [f"{split}_{name}" for name in of_splits for split in SPLITS]
            names += [f"{MEAN}{part}{name}" for name in CURVES[task] for part in ("val_", "")]
    on_request = [name for name in ON_REQUEST if name in study.metrics]
    further = [f"{split}_{name_of(text)}" for text in requested(study.metrics) for split in SPLITS]
    return [*dict.fromkeys(names), *further, *SIGNED, *on_request, *COSTS]


def variant_of(
    cell: Cell, variants: Iterable[tuple[str, Mapping[str, Level]]], baseline: Mapping[str, Level]
) -> str | None:
    """Return the name of the variant that a cell describes; None if there is none.

    Neither the order of the toggles matters, nor whether the cell names the baseline's levels too.
    As in a study, 1 may stand for 1.0.

    Parameters
    ----------
    cell
        Levels of the variant; those of the baseline may be left out.
    variants
        Names of the study's variants and the levels that they change.
    baseline
        The baseline's levels.

    Examples
    --------
    >>> variants = [("baseline", {}), ("filters=32, pool=max", {"filters": 32, "pool": "max"})]
    >>> cell = Settings(pool="max", filters=32, depth=2)
    >>> variant_of(cell, variants, {"depth": 2, "filters": 16, "pool": "average"})
    'filters=32, pool=max'
    """
    changes = {
        name: level
        for name, level in cell.items()
        if name not in baseline or not _equal(level, baseline[name])
    }
    for variant, levels in variants:
        if changes.keys() == levels.keys() and all(
            _equal(level, levels[name]) for name, level in changes.items()
        ):
            return variant
    return None


def _equal(level: Level, other: Level) -> bool:
    numbers = all(type(one) in (int, float) for one in (level, other))
    return same(level, other) or (numbers and level == other)


def variants_of(results: Results, cells: Iterable[Cell]) -> list[str]:
    """Return the names of the variants of a stored study that cells describe.

    Raises
    ------
    StudyError
        If a cell has no variant.
    """
    changes = results.changes
    return [
        require_variant(cell, changes.items(), results.study.baseline, results.study.name)
        for cell in cells
    ]


def require_variant(
    cell: Cell,
    variants: Iterable[tuple[str, Mapping[str, Level]]],
    baseline: Mapping[str, Level],
    study: str,
) -> str:
    """Return the name of the variant that a cell describes; see `variant_of`.

    Raises
    ------
    StudyError
        If there is none.
    """
    listed = list(variants)
    name = variant_of(cell, listed, baseline)
    if name is None:
        raise StudyError(
            f"The study {study} has no variant {cell or Settings(baseline)}. It has "
            f"{'; '.join(variant for variant, _ in listed)}."
        )
    return name
