import os
import signal
import subprocess
import sys

import pytest
import stub_trials
from stub_outcomes import LOSSES, STUDY, by_loss, told

from ablations import Study, StudyError, open_results
from ablations.results.stored import loss_kinds

# Trials


def test_the_columns_of_trials_are_as_documented(outcome):
    trials = outcome(STUDY, told).trials
    assert list(trials.columns) == [
        *("variant", "factor", "level", "baseline", "seed", "status", "params", "macs", "seconds"),
        *("fit_seconds", "test_loss", "test_accuracy"),
        *("findings", "reason", "key"),
    ]
    assert len(trials) == 9
    row = trials.iloc[3]
    assert (row.variant, row.factor, row.level, row.baseline) == ("units=8", "units", 8, 128)
    assert (row.params, row.macs, row.seconds, row.fit_seconds) == (10, 20, 2.0, 1.5)
    assert row.test_loss == 0.5
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


def test_a_study_that_has_run_few_of_its_seeds_is_exploratory_so_far(outcome):
    def interrupt(trial, report_to=None):
        if trial.seed == 2:
            signal.raise_signal(signal.SIGINT)
        return told(trial)

    six = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=6)
    assert outcome(six, interrupt).exploratory


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


def test_one_metric_may_be_asked_for_as_a_text(outcome):
    results = outcome(STUDY, told)
    assert results.deltas("accuracy").equals(results.deltas(["accuracy"]))
    assert results.stability("loss").equals(results.stability(["loss"]))


@pytest.mark.parametrize("name", ["deltas", "trend", "effects", "stability", "path", "plot"])
def test_a_metric_that_no_trial_has_is_answered_with_the_nearest(outcome, name):
    results = outcome(STUDY, told)
    with pytest.raises(StudyError) as refused:
        getattr(results, name)("acuracy")
    assert str(refused.value) == (
        "The trials hold no metric `acuracy`; did you mean `accuracy`? Known: loss, accuracy."
    )


def test_margins_make_equivalence_a_verdict(outcome):
    def nearly(trial):
        return 1.0 + 0.001 * stub_trials.noise(trial), 0.5

    kwargs = {"factors": {"units": [8, 128]}, "seeds": 6, "metrics": ["loss"]}
    with_margin = outcome(Study("mlp", "digits", margins={"loss": 0.1}, **kwargs), nearly)
    assert list(with_margin.deltas()["verdict"]) == ["equivalent"]


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


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (["focal", "mse", "focal"], ["focal", "mse", "focal"]),
        # what has no result yet: as the toggles tell it from the baseline
        (["focal", None, None], ["focal", "huber", "focal"]),
        ([None, "mse", "focal"], ["", "huber", ""]),
        ([None, None, ""], ["", "huber", ""]),
    ],
)
def test_a_kind_of_loss_is_what_was_found_else_what_the_toggles_say(found, kinds):
    changes = {"baseline": {}, "loss=huber": {"loss": "huber"}, "units=8": {"units": 8}}
    rows = [
        (name, levels, loss) for (name, levels), loss in zip(changes.items(), found, strict=True)
    ]
    assert loss_kinds({}, rows) == dict(zip(changes, kinds, strict=True))
    again = [(name, levels, None) for name, levels, _ in rows]  # seeds that are to come
    assert loss_kinds({}, rows + again) == dict(zip(changes, kinds, strict=True))


def test_losses_of_one_kind_are_compared(outcome):
    assert outcome(STUDY, told).compared() == ["test_loss", "test_accuracy"]


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


def test_epochs_are_counted_by_what_all_losses_have_in_common(outcome, monkeypatch):
    results = outcome(STUDY, told)
    assert set(results.convergence()["metric"]) == {"val_loss"}
    results = outcome(LOSSES, by_loss, "losses")
    assert results.convergence().empty  # the epochs have nothing but their losses
    for history in (row["history"] for row in results._results.values()):
        history["val_accuracy"] = [0.1, 1 - history["val_loss"][1]]
    again = open_results(results.directory)
    monkeypatch.setattr(again, "_results", results._results)
    table = again.convergence().set_index("variant")
    assert set(table["metric"]) == {"val_accuracy"}
    # the mean squared error is the smallest number, at an accuracy of 0.99 against 0
    assert table.loc["loss=mse", "level_epochs"] == 1
    assert table.loc["loss=mse", "baseline_epochs"] == 1


def test_partial_aliases_are_listed_and_counted_in_the_report(outcome, tmp_path):
    factors = {
        "units": [128, 8],
        "dropout": [0.0, 0.5],
        "depth": [1, 2],
        "epochs": [1, 2],
        "batch_size": [32, 16],
        "activation": ["relu", "tanh"],
        "optimizer": ["adam", "sgd"],
        "learning_rate": [0.001, 0.01],
    }
    study = Study("mlp", "digits", factors=factors, design="plackett-burman", seeds=1)
    results = outcome(study, lambda trial: (1.0 + stub_trials.noise(trial), 0.5))
    aliases = results.aliases()
    assert list(aliases.columns) == ["effect", "aliased_with", "correlation"]
    assert set(aliases["correlation"].abs().round(12)) == {round(1 / 3, 12)}
    page = results.report(tmp_path / "report.md").read_text()
    assert page.count(
        f"The design tells {len(aliases):,} pairs of main effects and two-way interactions apart "
        "only in part: their columns correlate by up to 0.33, and each carries that share of the "
        "other;"
    )
    assert "The design cannot tell apart" not in page


def test_a_long_table_of_aliases_is_cut_short_in_the_report(outcome, tmp_path):
    factors = {
        "units": [128, 8],
        "dropout": [0.0, 0.5],
        "depth": [1, 2],
        "epochs": [1, 2],
        "batch_size": [32, 16],
        "activation": ["relu", "tanh"],
        "optimizer": ["adam", "sgd"],
    }
    study = Study("mlp", "digits", factors=factors, design="plackett-burman", seeds=1)
    results = outcome(study, lambda trial: (1.0 + stub_trials.noise(trial), 0.5))
    # of 7 main effects in 8 runs, each with 3 interactions of two others, which are alike too
    assert len(results.aliases()) == 7 * 3 + 7 * 3
    page = results.report(tmp_path / "report.md").read_text()
    (said,) = [line for line in page.splitlines() if "cannot tell apart" in line]
    assert said.count(" and ") == 12 + 1
    assert said.endswith("; and 30 more pairs that \\`results.aliases()\\` lists.")


def test_combinations_that_cannot_be_built_are_said_in_the_report(outcome, tmp_path, capsys):
    study = Study(
        "batch_norm",
        "digits",
        factors={"normalization": ["batch", "none"], "norm_momentum": [0.99, 0.9]},
        design="full-factorial",
        seeds=2,
    )
    results = outcome(study, lambda trial: (1.0 + stub_trials.noise(trial), 0.5))
    said = (
        "Main effects are not orthogonal, for 1 of 4 combinations cannot be built: there correlate "
        "normalization and norm_momentum by 0.50; each effect is adjusted for the others, and less "
        "certain for it."
    )
    assert results.orthogonality == said
    page = results.report(tmp_path / "report.md").read_text()
    assert page.count(said.replace("norm_momentum", "norm\\_momentum")) == 1
    assert outcome(STUDY, told, "another").orthogonality == ""


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
