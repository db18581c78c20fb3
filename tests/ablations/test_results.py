import os
import subprocess
import sys

import pytest
import stub_trials

import cnnzoo
from ablations import Study, StudyError, TrialResult, open_results, run, runner

METRICS = ("test_loss", "test_accuracy", "test_nll", "test_rmse")


@pytest.fixture
def outcome(stubbed, monkeypatch, tmp_path):
    """Return a function that runs a study whose trials come to what a function says."""

    def outcome(study, told, name="study"):
        def trial_result(trial, report_to=None):
            found = told(trial)
            if isinstance(found, str):
                return TrialResult(trial, "failed", reason=found)
            return TrialResult(
                trial,
                "done",
                metrics=dict(zip(METRICS, found, strict=False)),
                history={"loss": [1.0, found[0]], "val_loss": [1.5, found[0]]},
                seconds=2.0,
                params=10,
                macs=20,
                findings=("Too slow.", "Too wide.") if trial.settings.get("units") == 8 else (),
            )

        monkeypatch.setattr(runner, "run_trial", trial_result)
        return run(study, tmp_path / name, engine="serial", progress=False)

    return outcome


STUDY = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=3)


def told(trial):
    """Loss 0.5 at 8 units, 1 at 16, 2 at 128 by default, plus the seed's own; one failure."""
    units = trial.settings.get("units", 128)
    if (units, trial.seed) == (16, 2):
        return "ValueError: bad luck"
    loss = {8: 0.5, 16: 1.0, 128: 2.0}[units] + 0.1 * trial.seed
    return loss, 1 - loss / 4


# Trials


def test_the_columns_of_trials_are_as_documented(outcome):
    trials = outcome(STUDY, told).trials
    assert list(trials.columns) == [
        *("variant", "factor", "level", "baseline", "seed", "status", "params", "macs", "seconds"),
        *("test_loss", "test_accuracy"),
        *("findings", "reason", "key"),
    ]
    assert len(trials) == 9
    row = trials.iloc[3]
    assert (row.variant, row.factor, row.level, row.baseline) == ("units=8", "units", 8, 128)
    assert (row.params, row.macs, row.seconds, row.test_loss) == (10, 20, 2.0, 0.5)
    assert row.findings == "Too slow. Too wide."
    failed = trials[trials["status"] == "failed"].iloc[0]
    assert (failed.variant, failed.seed, failed.reason) == ("units=16", 2, "ValueError: bad luck")
    assert trials["key"].nunique() == 9


def test_levels_keep_their_types_in_trials(outcome):
    study = Study(
        "stub_builders:unnamed", "digits", factors={"extra": [0, 1, True, 1.0, "1"]}, seeds=1
    )
    results = outcome(study, lambda trial: (1.0, 0.5))
    assert [*map(repr, results.trials["level"])] == ["None", "1", "True", "1.0", "'1'"]
    again = open_results(results.directory)
    assert [*map(repr, again.trials["level"])] == ["None", "1", "True", "1.0", "'1'"]


def test_a_stored_study_opens_as_it_was(outcome):
    results = outcome(STUDY, told)
    again = open_results(results.directory)
    assert again.trials.equals(results.trials)
    assert again.history.equals(results.history)
    assert again.deltas().equals(results.deltas())
    assert again.study == {**STUDY.to_dict(), "baseline": {"units": 128}}
    assert repr(again) == f"<Results of mlp in {results.directory}: 8 done, 1 failed>"


def test_the_history_has_a_row_an_epoch(outcome):
    history = outcome(STUDY, told).history
    assert list(history.columns) == ["variant", "seed", "epoch", "loss", "val_loss"]
    assert len(history) == 16
    rows = history[(history["variant"] == "units=8") & (history["seed"] == 1)]
    assert list(rows["epoch"]) == [1, 2]
    assert list(rows["val_loss"]) == [1.5, 0.6]


def test_what_a_user_does_to_a_table_does_no_harm(outcome):
    results = outcome(STUDY, told)
    for make in (lambda: results.trials, lambda: results.history, results.deltas):
        first = make()
        kept = first.copy()
        first.iloc[0, first.columns.get_loc("variant")] = "another"
        first["seed"] = 0
        assert make().equals(kept)
        assert not first.equals(kept)


def test_studies_below_six_seeds_are_exploratory(outcome):
    assert outcome(STUDY, told).exploratory
    six = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=6)
    assert not outcome(six, told).exploratory


# Deltas


def test_the_columns_of_deltas_begin_with_the_contract(outcome):
    deltas = outcome(STUDY, told).deltas()
    assert list(deltas.columns[:14]) == [
        *("factor", "level", "baseline", "metric", "baseline_mean", "level_mean", "delta"),
        *("ci_low", "ci_high", "p", "p_adjusted", "n_pairs", "n_failed", "verdict"),
    ]
    assert list(deltas["metric"].unique()) == ["test_loss", "test_accuracy"]
    found = deltas[deltas["metric"] == "test_loss"].set_index("level")
    assert found.loc[8, "delta"] == pytest.approx(-1.5)
    assert found.loc[8, "baseline_mean"] == pytest.approx(2.1)
    assert found.loc[16, "delta"] == pytest.approx(-1.0)  # over the two pairs there are
    assert list(found["n_pairs"]) == [3, 2]
    assert list(found["n_failed"]) == [0, 1]


def test_deltas_may_be_asked_for_other_metrics(outcome):
    assert set(outcome(STUDY, told).deltas(["accuracy"])["metric"]) == {"test_accuracy"}


def test_margins_make_equivalence_a_verdict(outcome):
    def nearly(trial):
        return 1.0 + 0.001 * stub_trials.noise(trial), 0.5

    kwargs = {"factors": {"units": [8, 128]}, "seeds": 6, "metrics": ["loss"]}
    with_margin = outcome(Study("mlp", "digits", margins={"loss": 0.1}, **kwargs), nearly)
    assert list(with_margin.deltas()["verdict"]) == ["equivalent"]


LOSSES = Study(
    "mlp",
    "digits",
    factors={"loss": ["sparse_categorical_crossentropy", "focal", "mse"]},
    seeds=2,
)


def by_loss(trial):
    """The mean squared error is the smallest number, and the worst model."""
    loss = trial.settings.get("loss", "sparse_categorical_crossentropy")
    return {
        "sparse_categorical_crossentropy": (1.0, 0.8, 1.0),
        "focal": (0.5, 0.9, 0.9),
        "mse": (0.01, 0.2, 3.0),
    }[loss]


def test_losses_of_different_kinds_are_not_compared(outcome):
    results = outcome(LOSSES, by_loss)
    assert results.compared() == ["test_nll", "test_accuracy"]
    deltas = results.deltas()
    assert list(deltas["metric"].unique()) == ["test_nll", "test_accuracy"]
    found = deltas[deltas["metric"] == "test_nll"].set_index("level")["delta"]
    assert found["mse"] == pytest.approx(2.0)
    assert found["focal"] == pytest.approx(-0.1)
    assert results.best() == {"loss": "focal"}  # not mse, whose loss is the smallest number
    assert set(results.stability()["metric"]) == {"test_nll", "test_accuracy"}


def test_losses_of_regressions_are_compared_by_their_root_mean_squared_error(outcome):
    study = Study(
        "mlp",
        "rotation",
        factors={"loss": ["mse", "mae"]},
        baseline={"loss": "mse"},
        seeds=2,
        metrics=["loss"],
    )
    results = outcome(study, lambda trial: (0.1, 0.0, 0.0, len(trial.settings) / 10))
    assert results.compared() == ["test_rmse"]
    assert list(results.deltas()["metric"]) == ["test_rmse"]


def test_label_smoothing_makes_losses_of_another_kind(outcome):
    study = Study("mlp", "digits", factors={"label_smoothing": [0.0, 0.1]}, seeds=2)
    results = outcome(study, lambda trial: (1.0, 0.5, 2.0))
    assert results.compared() == ["test_nll", "test_accuracy"]


def test_losses_of_one_kind_are_compared(outcome):
    assert outcome(STUDY, told).compared() == ["test_loss", "test_accuracy"]


# The best configuration


def test_the_best_is_the_best_mean_and_builds(outcome):
    results = outcome(STUDY, told)
    assert results.best() == {"units": 8}
    model = cnnzoo.build("mlp", input_shape=(8, 8, 1), **results.best())
    assert model.get_layer("stage1_dense").units == 8


def test_the_best_of_accuracy_is_the_highest(outcome):
    study = Study("mlp", "digits", factors={"units": [8, 128]}, seeds=2, metrics=["accuracy"])
    results = outcome(study, lambda trial: (1.0, 0.9 if trial.settings else 0.3))
    assert results.best() == {"units": 8}


def test_the_best_holds_what_the_baseline_sets_and_no_toggle_of_recipe_or_data(outcome):
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


def test_there_is_no_best_where_nothing_is_done(outcome):
    results = outcome(STUDY, lambda trial: "ValueError: always")
    with pytest.raises(StudyError) as refused:
        results.best()
    assert str(refused.value) == f"No trial of the study in {results.directory} is done."


def test_where_nothing_is_done_there_are_rows_without_deltas(outcome):
    deltas = outcome(STUDY, lambda trial: "ValueError: always").deltas()
    assert list(deltas["variant"].unique()) == ["units=8", "units=16"]
    assert deltas["delta"].isna().all()
    assert (deltas["verdict"] == "").all()
    assert (deltas["n_failed"] == 3).all()


# The other tables


def test_a_factorial_has_effects(outcome):
    study = Study(
        "mlp",
        "digits",
        factors={"units": [128, 8], "dropout": [0.0, 0.5]},
        design="full-factorial",
        seeds=6,
    )

    def additive(trial):
        noise = 0.001 * stub_trials.noise(trial)
        gain = {"units": 0.3, "dropout": 0.1}
        return 1.0 - sum(gain[name] for name in trial.settings) + noise, 0.5 + noise

    results = outcome(study, additive)
    assert results.changes == {
        "baseline": {},
        "dropout=0.5": {"dropout": 0.5},
        "units=8": {"units": 8},
        "units=8, dropout=0.5": {"units": 8, "dropout": 0.5},
    }
    effects = results.effects(["loss"])
    assert len(effects) >= 3


def test_a_trend_over_ordered_levels_is_tested(outcome):
    trend = outcome(STUDY, lambda trial: told(trial) if trial.seed < 2 else (1.0, 0.5)).trend()
    assert len(trend) == 1


def test_convergence_and_costs_have_a_row_a_variant(outcome):
    results = outcome(STUDY, told)
    assert len(results.costs()) == 3
    assert set(results.convergence()["variant"]) == {"units=8", "units=16"}


# Without Keras


@pytest.mark.parametrize("suffix", ["html", "md"])
def test_a_report_loads_nothing_that_is_slow(outcome, tmp_path, suffix):
    study = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=20)
    results = outcome(study, lambda trial: told(trial) if trial.seed != 2 else (1.0, 0.5))
    results.report(tmp_path / f"first.{suffix}")  # which makes the bundle of the page
    code = (
        f"import ablations; results = ablations.open_results({str(results.directory)!r}); "
        f"results.report({str(tmp_path / f'second.{suffix}')!r}); import sys; "
        "slow = ('altair', 'vl_convert', 'scipy.stats', 'statsmodels', 'pyDOE3', 'keras'); "
        "print([name for name in slow if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines() == ["[]"]


def test_a_stored_study_is_read_without_keras(outcome):
    results = outcome(STUDY, told)
    code = (
        f"import ablations; results = ablations.open_results({str(results.directory)!r}); "
        "print(len(results.trials), len(results.deltas()), len(results.history)); results.best(); "
        "import sys; "
        "print([n for n in ('keras', 'tensorflow', 'keras_tuner', 'ray') if n in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines() == ["9 4 16", "[]"]
