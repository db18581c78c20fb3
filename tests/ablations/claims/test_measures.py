"""Measures of claims, and the variants that cells describe."""

import numpy as np
import pytest

from ablations import Study, StudyError
from ablations.claims.measures import known_measures, measured, variant_of, variants_of
from cnnzoo.levels import Settings

STUDY = Study(
    "mlp",
    "digits",
    factors={"units": [128, 16], "dropout": [0.0, 0.5]},
    baseline={"units": 128},
    design="full-factorial",
    seeds=3,
    name="crossed",
)


def told(trial):
    """Seed 2 of 16 units without dropout fails; one value of another curve is missing."""
    units, dropout = trial.settings.get("units", 128), trial.settings.get("dropout", 0.0)
    if (units, dropout, trial.seed) == (16, 0.0, 2):
        return {"status": "failed", "reason": "killed", "metrics": {"test_loss": 1.0}}
    missing = (units, dropout, trial.seed) == (16, 0.5, 0)
    start = 100 * trial.seed + units
    return {
        "metrics": {"test_loss": float(start), "test_accuracy": 0.5},
        "history": {"val_accuracy": [start, float("nan") if missing else start + 1, start + 5]},
        "params": units,
    }


CROSSED = ["baseline", "dropout=0.5", "units=16", "units=16, dropout=0.5"]


def test_trial_columns_by_seed_and_variant(stored):
    results = stored(STUDY, told)
    table = measured(results, "test_loss")
    assert list(table.columns) == CROSSED
    assert list(table.index) == [0, 1, 2]
    expected = [[128, 128, 16, 16], [228, 228, 116, 116], [328, 328, np.nan, 216]]
    np.testing.assert_array_equal(table, expected)
    np.testing.assert_array_equal(measured(results, "params")["units=16"], [16, 16, np.nan])


def test_mean_of_a_curve_over_the_epochs(stored):
    table = measured(stored(STUDY, told), "mean_val_accuracy")
    np.testing.assert_array_equal(table["baseline"], [130, 230, 330])
    # a curve with a missing value has no mean, and a failed trial no value
    np.testing.assert_array_equal(table["units=16, dropout=0.5"], [np.nan, 118, 218])
    np.testing.assert_array_equal(table["units=16"], [18, 118, np.nan])


def test_study_that_has_not_run_has_no_values(stored):
    table = measured(stored(STUDY, lambda trial: None), "mean_val_accuracy")
    assert list(table.columns) == CROSSED
    assert table.empty


def test_unknown_measure_is_refused_with_the_nearest(stored):
    with pytest.raises(StudyError) as refused:
        measured(stored(STUDY, told), "mean_val_acuracy")
    assert str(refused.value).startswith(
        "The trials of crossed hold no measure `mean_val_acuracy`; did you mean "
        "`mean_val_accuracy`? Known: params, "
    )


def test_measures_follow_the_task_of_the_metrics():
    regression = Study("mlp", "rotation", factors={"units": [8, 16]}, metrics=["mae", "loss"])
    names = known_measures(regression)
    assert {"test_mae", "validation_rmse", "mean_val_mae", "gap"} < set(names)
    assert not {"test_accuracy", "mean_accuracy", "dead_units"} & set(names)


def test_cells_name_variants_in_any_order(stored):
    cells = [
        Settings(),
        Settings(units=128, dropout=0.0),
        Settings(dropout=0.5, units=16),
        Settings(units=16, dropout=0),
        Settings(dropout=0.5),
    ]
    names = ["baseline", "baseline", "units=16, dropout=0.5", "units=16", "dropout=0.5"]
    assert variants_of(stored(STUDY, told), cells) == names


def test_true_is_not_the_level_one():
    variants = [("baseline", {}), ("skip=True", {"skip": True})]
    assert variant_of(Settings(skip=True), variants, {"skip": False}) == "skip=True"
    assert variant_of(Settings(skip=1), variants, {"skip": False}) is None


def test_cell_without_variant_is_refused(stored):
    with pytest.raises(StudyError) as refused:
        variants_of(stored(STUDY, told), [Settings(units=32)])
    assert str(refused.value) == (
        "The study crossed has no variant units=32. It has baseline; dropout=0.5; units=16; "
        "units=16, dropout=0.5."
    )
