"""Tables of results."""

import os
import signal
from dataclasses import replace

import pytest
from helpers import stub_trials
from helpers.drawn_networks import chain
from helpers.programs import said_by
from helpers.stub_outcomes import LOSSES, STUDY, by_loss, told

from ablations import Study, open_results
from ablations.store import Store, StoredResults

# Trials


def test_columns_of_trials_are_as_documented(outcome):
    trials = outcome(STUDY, told).trials
    assert list(trials.columns) == [
        *("variant", "factor", "level", "baseline", "seed", "status", "params", "macs", "seconds"),
        *("fit_seconds", "test_loss", "test_accuracy"),
        *("findings", "codes", "reason", "key"),
    ]
    assert len(trials) == 9
    row = trials.iloc[3]
    assert (row.variant, row.factor, row.level, row.baseline) == ("units=8", "units", 8, 128)
    assert (row.params, row.macs, row.seconds, row.fit_seconds) == (10, 20, 2.0, 1.5)
    assert row.test_loss == 0.5
    assert row.findings == "Too slow: 9 s. Wait. Too wide: 8 units. Trim."
    assert row.codes == "slow wide"
    failed = trials[trials["status"] == "failed"].iloc[0]
    assert (failed.variant, failed.seed, failed.reason) == ("units=16", 2, "ValueError: bad luck")
    assert trials["key"].nunique() == 9


def test_levels_keep_their_types_in_trials(outcome):
    study = Study(
        "helpers.stub_builders:unnamed",
        "digits",
        factors={"extra": [0, 1, True, 1.0, "1"]},
        seeds=1,
    )
    results = outcome(study, lambda trial: (1.0, 0.5))
    assert [*map(repr, results.trials["level"])] == ["None", "1", "True", "1.0", "'1'"]
    again = open_results(results.directory)
    assert [*map(repr, again.trials["level"])] == ["None", "1", "True", "1.0", "'1'"]


def test_stored_study_opens_unchanged(outcome):
    results = outcome(STUDY, told)
    again = open_results(results.directory)
    assert again.trials.equals(results.trials)
    assert again.history.equals(results.history)
    assert again.deltas().equals(results.deltas())
    assert again.study == replace(STUDY, baseline={"units": 128})
    assert repr(again) == f"<Results of mlp in {results.directory}: 8 done, 1 failed>"


def test_history_has_one_row_per_epoch(outcome):
    history = outcome(STUDY, told).history
    assert list(history.columns) == ["variant", "seed", "epoch", "loss", "val_loss"]
    assert len(history) == 16
    rows = history[(history["variant"] == "units=8") & (history["seed"] == 1)]
    assert list(rows["epoch"]) == [1, 2]
    assert list(rows["val_loss"]) == [1.5, 0.6]


def test_returned_tables_are_copies(outcome):
    results = outcome(STUDY, told)
    for make in (
        lambda: results.trials,
        lambda: results.history,
        lambda: results.deltas(full=True),
    ):
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


def test_unfinished_study_of_few_seeds_is_exploratory(outcome):
    def interrupt(trial, report_to=None):
        if trial.seed == 2:
            signal.raise_signal(signal.SIGINT)
        return told(trial)

    six = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=6)
    assert outcome(six, interrupt).exploratory


# Statistics


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
    assert list(effects["term"]) == ["units", "dropout", "units x dropout", "seed", "residual"]
    assert effects["df_error"].head(3).round(9).tolist() == [5, 5, 5]


def test_a_trend_over_ordered_levels_is_tested(outcome):
    trend = outcome(STUDY, lambda trial: told(trial) if trial.seed < 2 else (1.0, 0.5)).trend()
    assert len(trend) == 1


def test_convergence_and_costs_have_one_row_per_variant(outcome):
    results = outcome(STUDY, told)
    assert len(results.costs()) == 3
    assert set(results.convergence()["variant"]) == {"units=8", "units=16"}


def test_convergence_of_different_losses_uses_a_common_metric(outcome, monkeypatch):
    results = outcome(STUDY, told)
    assert set(results.convergence()["metric"]) == {"val_loss"}
    results = outcome(LOSSES, by_loss, "losses")
    assert results.convergence().empty  # the epochs have nothing but their losses
    stored = [*results._results.values()]
    for result in stored:
        result.history["val_accuracy"] = [0.1, 1 - result.history["val_loss"][1]]
    again = open_results(results.directory)
    monkeypatch.setattr(again, "_results", StoredResults.of(stored))
    table = again.convergence().set_index("variant")
    assert set(table["metric"]) == {"val_accuracy"}
    # the mean squared error is the smallest number, at an accuracy of 0.99 against 0
    assert table.loc["loss=mse", "level_epochs"] == 1
    assert table.loc["loss=mse", "baseline_epochs"] == 1


# Without Keras


@pytest.mark.parametrize("suffix", ["html", "md"])
def test_report_loads_no_slow_module(outcome, tmp_path, suffix):
    study = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=20)
    results = outcome(study, lambda trial: told(trial) if trial.seed != 2 else (1.0, 0.5))
    results.report(tmp_path / f"first.{suffix}")  # which makes the bundle of the page
    code = (
        f"import ablations; results = ablations.open_results({str(results.directory)!r}); "
        f"results.report({str(tmp_path / f'second.{suffix}')!r}); import sys; "
        "slow = ('altair', 'vl_convert', 'statsmodels', 'sklearn', 'pyDOE3', 'keras'); "
        "print([name for name in slow if name in sys.modules])"
    )
    assert said_by(code, **os.environ).splitlines() == ["[]"]


def test_stored_study_opens_without_keras(outcome):
    results = outcome(STUDY, told)
    with Store(results.directory, write=True) as store:
        store.draw(chain(1))
    code = (
        f"import ablations; results = ablations.open_results({str(results.directory)!r}); "
        "print(len(results.trials), len(results.deltas()), len(results.history)); results.best(); "
        "assert results.network; "
        "import sys; "
        "print([n for n in ('keras', 'tensorflow', 'keras_tuner', 'ray') if n in sys.modules])"
    )
    assert said_by(code).splitlines() == ["9 4 16", "[]"]
