"""Choice of the best variant."""

import os

import pytest
from helpers.programs import said_by
from helpers.stub_outcomes import STUDY, told

import cnnzoo
from ablations import Study, StudyError


def test_best_levels_build_the_best_mean(outcome):
    results = outcome(STUDY, told)
    assert results.best() == {"units": 8}
    model = cnnzoo.build("mlp", input_shape=(8, 8, 1), **results.best())
    assert model.get_layer("stage1_dense").units == 8


def test_the_best_of_accuracy_is_the_highest(outcome):
    study = Study("mlp", "digits", factors={"units": [8, 128]}, seeds=2, metrics=["accuracy"])
    results = outcome(study, lambda trial: (1.0, 0.9 if trial.settings else 0.3))
    assert results.best() == {"units": 8}


def test_best_holds_only_toggles_of_the_model(outcome):
    study = Study(
        "batch_norm",
        "digits",
        factors={"normalization": ["batch", "none"], "epochs": [1, 2]},
        baseline={"norm_momentum": 0.9, "filters": 4, "train_size": 100, "epochs": 1},
        seeds=1,
    )

    def without(trial):
        return float(trial.settings.get("normalization") == "none")

    results = outcome(study, lambda trial: (without(trial), 0.5))
    assert results.best() == {"norm_momentum": 0.9, "filters": 4, "normalization": "batch"}
    results = outcome(study, lambda trial: (1.0 - without(trial), 0.5), "other")
    # without normalization the baseline's momentum has no effect, and a builder refuses it
    assert results.best() == {"filters": 4, "normalization": "none"}
    cnnzoo.build("batch_norm", input_shape=(8, 8, 1), **results.best())


def test_reading_a_study_runs_no_custom_code(outcome, tmp_path):
    """The module that it names may be anybody's."""
    study = Study(
        "helpers.stub_builders:plain",
        "digits",
        factors={"units": [8, 16], "epochs": [1, 2], "train_size": [100, 200]},
        baseline={"rate": 0.5, "epochs": 1, "train_size": 100},
        seeds=2,
    )
    results = outcome(study, lambda trial: (float(trial.recipe.epochs), 0.5))
    said = said_by(
        f"import ablations; results = ablations.open_results({str(results.directory)!r}); "
        "print(results.best(), results.best('data'), results.best('recipe')['epochs']); "
        "results.best_delta(), results.deltas(), results.costs(), results.findings; str(results); "
        f"results.report({str(tmp_path / 'report.html')!r}); results.to_latex(); import sys; "
        "print([name for name in sys.modules if name.startswith('helpers')])",
        **os.environ,
    )
    assert said.splitlines() == ["{'rate': 0.5, 'units': 8} {'train_size': 100} 1", "[]"]


def test_best_levels_of_recipe_and_data(outcome):
    study = Study(
        "mlp",
        "digits",
        factors={"units": [8, 128], "epochs": [1, 2], "label_noise": [0.0, 0.5]},
        baseline={"units": 8, "epochs": 1, "train_size": 100},
        recipe=cnnzoo.Recipe(batch_size=16),
        design="full-factorial",
        seeds=1,
    )

    def better(trial):
        return 3.0 - trial.recipe.epochs - len(trial.settings) / 10, 0.5

    results = outcome(study, better)
    assert results.best_variant() == "epochs=2, label_noise=0.5"
    assert results.best() == {"units": 8}
    assert results.best("data") == {"label_noise": 0.5, "train_size": 100}
    recipe = cnnzoo.Recipe(**results.best("recipe"))
    assert recipe == cnnzoo.Recipe(batch_size=16, epochs=2)
    with pytest.raises(StudyError) as refused:
        results.best("mode")
    assert str(refused.value) == (
        "`group`: expected one of 'model', 'recipe', 'data'; got 'mode'; did you mean 'model'?"
    )


@pytest.mark.parametrize("lost", ["ValueError: too hard", (float("nan"), 0.1)])
def test_best_variant_is_chosen_over_shared_seeds(outcome, lost):
    """units=16 fails in hard seeds, and would win over the other seeds."""

    def told(trial):
        units = trial.settings.get("units", 128)
        hard = trial.seed >= 2
        if units == 16 and hard:
            return lost
        return {8: 1.0, 16: 1.5, 128: 2.0}[units] + 10 * hard, 0.5

    study = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=4)
    results = outcome(study, told)
    means = results.trials.groupby("variant")["test_loss"].mean()
    assert means.idxmin() == "units=16"
    assert results.best_variant() == "units=8"


def test_variant_that_mostly_fails_is_not_compared(outcome):
    def told(trial):
        if trial.settings.get("units") == 8 and trial.seed:
            return "ValueError: bad luck"
        return {8: 0.0, 16: 1.0 + trial.seed, 128: 2.0}[trial.settings.get("units", 128)], 0.5

    results = outcome(STUDY, told)
    # over all three seeds 16 units and 128 tie at 2; units=8 has one lucky seed
    assert results.best_variant() == "baseline"


def test_rounding_makes_no_variant_the_best(outcome):
    def told(trial):
        return {8: 0.9 - 1e-8, 16: 0.9 + 1e-8, 128: 0.9}[trial.settings.get("units", 128)], 0.5

    assert outcome(STUDY, told).best_variant() == "baseline"


def test_different_seeds_are_not_compared(outcome):
    def told(trial):
        units = trial.settings.get("units", 128)
        return "ValueError: no" if (units == 8) == (trial.seed == 0) else (1.0, 0.5)

    study = Study("mlp", "digits", factors={"units": [8, 128]}, seeds=2)
    with pytest.raises(StudyError) as refused:
        outcome(study, told).best()
    assert str(refused.value) == (
        "There is no best variant: no seed block has all compared variants done. Complete the "
        "study, or retry its failed trials."
    )


def test_no_best_variant_before_any_trial_is_done(outcome):
    results = outcome(STUDY, lambda trial: "ValueError: always")
    with pytest.raises(StudyError) as refused:
        results.best()
    assert str(refused.value) == f"No trial of the study in {results.directory} is done."


def test_deltas_have_rows_before_any_trial_is_done(outcome):
    deltas = outcome(STUDY, lambda trial: "ValueError: always").deltas(full=True)
    assert list(deltas["variant"].unique()) == ["units=8", "units=16"]
    assert deltas["delta"].isna().all()
    assert (deltas["verdict"] == "").all()
    assert (deltas["n_failed"] == 3).all()
