import os
import subprocess
import sys
from dataclasses import replace

import pytest
import stub_trials

import cnnzoo
from ablations import Settings, Study, StudyError, TrialResult, open_results, run, runner
from ablations.choosing import losses_of, path_table
from ablations.designs import design
from ablations.stored import loss_kinds

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
                fit_seconds=1.5,
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


def test_levels_of_the_recipe_and_the_data_are_there_by_group(outcome):
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
        "`group` of the best variant: there is none called `mode`; did you mean `model`? Known: "
        "model, recipe, data."
    )


def test_the_best_is_compared_over_the_seeds_that_all_finished(outcome):
    """units=16 fails where it is hard, and would be ahead on the seeds that are left."""

    def told(trial):
        units = trial.settings.get("units", 128)
        hard = trial.seed >= 2
        if units == 16 and hard:
            return "ValueError: too hard"
        return {8: 1.0, 16: 1.5, 128: 2.0}[units] + 10 * hard, 0.5

    study = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=4)
    results = outcome(study, told)
    means = results.trials.groupby("variant")["test_loss"].mean()
    assert means.idxmin() == "units=16"
    assert results.best_variant() == "units=8"


def test_a_variant_that_mostly_fails_is_not_compared(outcome):
    def told(trial):
        if trial.settings.get("units") == 8 and trial.seed:
            return "ValueError: bad luck"
        return {8: 0.0, 16: 1.0 + trial.seed, 128: 2.0}[trial.settings.get("units", 128)], 0.5

    results = outcome(STUDY, told)
    # over all three seeds 16 units and 128 tie at 2; units=8 has one lucky seed
    assert results.best_variant() == "baseline"


def test_one_seed_is_not_held_against_another(outcome):
    def told(trial):
        units = trial.settings.get("units", 128)
        return "ValueError: no" if (units == 8) == (trial.seed == 0) else (1.0, 0.5)

    study = Study("mlp", "digits", factors={"units": [8, 128]}, seeds=2)
    with pytest.raises(StudyError) as refused:
        outcome(study, told).best()
    assert str(refused.value) == (
        "There is no best variant: in no seed block are all variants done that could be compared, "
        "and one seed is not held against another."
    )


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


def test_a_path_has_a_row_a_step(outcome):
    study = Study(
        "mlp",
        "digits",
        factors={"units": [128, 8], "dropout": [0.0, 0.5], "depth": [1, 2]},
        design="path",
        seeds=6,
        metrics=["accuracy", "loss"],
    )
    gain = {"units": 0.1, "dropout": 0.3, "depth": -0.2}

    def told(trial):
        accuracy = 0.5 + sum(gain[name] for name in trial.settings)
        return 1 - accuracy + 0.01 * stub_trials.noise(trial), accuracy

    results = outcome(study, told)
    path = results.path()
    assert path[["step", "factor", "from_level", "to_level", "runner_up"]].to_numpy().tolist() == [
        [0, "", "", "", ""],
        [1, "dropout", 0.0, 0.5, "units"],
        [2, "units", 128, 8, "depth"],
        [3, "depth", 1, 2, ""],
    ]
    assert path["mean"].tolist() == pytest.approx([0.5, 0.8, 0.9, 0.7])
    assert path["delta"].tolist()[1:] == pytest.approx([0.3, 0.1, -0.2])
    assert path["share"].tolist()[1:] == pytest.approx([1.5, 0.5, -1.0])
    assert path["runner_up_mean"].tolist()[1:3] == pytest.approx([0.6, 0.6])
    assert list(path["metric"].unique()) == ["test_accuracy"]
    by_loss = results.path("loss")
    assert by_loss["factor"].tolist() == path["factor"].tolist()  # the accuracy chose them
    deltas = -path["delta"].iloc[1:]
    assert (by_loss["ci_low"].iloc[1:] < deltas + 0.01).all()
    assert (by_loss["ci_high"].iloc[1:] > deltas - 0.01).all()
    page = results.report(results.directory / "report.md").read_text()
    assert "### The path, step by step" in page
    assert "| 1 | dropout | 0.0 | 0.5 |" in page


def test_a_path_goes_as_far_as_results_do(outcome):
    study = Study("mlp", "digits", factors={"units": [128, 8], "depth": [1, 2]}, design="path")
    results = outcome(
        study, lambda trial: "ValueError: no" if "depth" in trial.settings else (1, 1)
    )
    path = results.path()
    assert path["factor"].tolist() == ["", "units", "depth"]
    assert path["mean"].isna().tolist() == [False, False, True]
    assert path["runner_up_mean"].isna().all()  # it was never done


FORK = Study("mlp", "digits", factors={"units": [128, 8], "depth": [1, 2]}, design="path", seeds=5)


def test_a_step_that_mostly_failed_is_made_last(outcome):
    """units=8 has one lucky seed of five."""

    def told(trial):
        if dict(trial.settings) == {"units": 8} and trial.seed:
            return "ValueError: bad luck"
        return 0.0 if "units" in trial.settings else 1.0 - ("depth" in trial.settings) / 2, 0.5

    results = outcome(FORK, told)
    assert results.losses()["units=8"] == float("inf")
    path = results.path()
    assert path["factor"].tolist() == ["", "depth", "units"]
    assert path["runner_up"].tolist() == ["", "units", ""]
    assert path["runner_up_mean"].isna().all()
    assert list(dict.fromkeys(results.trials["variant"]))[-1] == "units=8, depth=2"


def test_the_changes_of_a_step_are_compared_over_the_seeds_that_they_share(outcome):
    """units=8 fails where it is hard, and would be ahead on the seeds that are left."""

    def told(trial):
        hard = 10.0 * (trial.seed >= 3)
        if dict(trial.settings) == {"units": 8} and hard:
            return "ValueError: too hard"
        return {(): 3.0, ("units",): 2.0, ("depth",): 1.0}.get(tuple(trial.settings), 0) + hard, 0.5

    results = outcome(FORK, told)
    means = results.trials.groupby("variant")["test_loss"].mean()
    assert means["units=8"] == 2.0 < means["depth=2"] == 5.0
    # over seeds 0, 1 and 2; the baseline's and the end's over all five
    assert results.losses() == {
        "baseline": 7.0,
        "units=8": 2.0,
        "depth=2": 1.0,
        "units=8, depth=2": 4.0,
    }
    path = results.path()
    assert path["factor"].tolist() == ["", "depth", "units"]
    assert path["runner_up_mean"].tolist()[1] == 2.0


def test_changes_that_share_no_seed_leave_the_one_that_failed_most_for_last(outcome):
    failing = {"units": {3}, "depth": {0, 1}, "dropout": {2}}

    def told(trial):
        if len(trial.settings) == 1 and trial.seed in failing[next(iter(trial.settings))]:
            return "ValueError: bad luck"
        return 10.0 * trial.seed - 5 * ("depth" in trial.settings), 0.5

    factors = {**FORK.factors, "dropout": [0.0, 0.5]}
    losses = outcome(replace(FORK, factors=factors, seeds=4), told).losses()
    # units and dropout share seeds 0 and 1, with depth no seed would be left
    assert {name: losses[name] for name in ("units=8", "depth=2", "dropout=0.5")} == {
        "units=8": 5.0,
        "depth=2": float("inf"),
        "dropout=0.5": 5.0,
    }


def test_a_path_waits_for_the_pending_trials_of_a_step(outcome):
    results = outcome(FORK, lambda trial: (1.0 - len(trial.settings) / 4, 0.5))
    assert results.path()["factor"].tolist() == ["", "units", "depth"]
    trials = results.trials
    last = (trials["variant"] == "depth=2") & (trials["seed"] == 4)
    trials.loc[last, "status"] = "pending"
    trials.loc[last, "test_loss"] = float("nan")
    assert "depth=2" not in losses_of(trials, "test_loss")
    table = path_table(results.study, trials, "test_loss", "test_loss")
    assert table["factor"].tolist() == [""]
    layout = design("path", {"units": (128, 8), "depth": (1, 2)}, Settings())
    assert [v.name for v in layout.grow(losses_of(trials, "test_loss"))] == ["depth=2"]
    # the end of the path is there, and the steps before it are known once this one is
    trials.loc[last, "status"] = "failed"
    assert len(path_table(results.study, trials, "test_loss", "test_loss")) == 3


def test_other_designs_have_no_path(outcome):
    with pytest.raises(StudyError) as refused:
        outcome(STUDY, told).path()
    assert str(refused.value) == "The design of the study is one-at-a-time: it has no path."


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


# Rules that were changed


def test_margins_given_after_the_results_are_said_in_the_report(outcome, tmp_path):
    assert outcome(STUDY, told).changed_rules == []
    later = replace(STUDY, margins={"accuracy": 0.005, "loss": 1.0})
    results = outcome(later, told)
    said = (
        "The margins were changed after there were results, from none to accuracy 0.005, loss 1: "
        'how often "equivalent" errs is known only where such rules are fixed beforehand.'
    )
    assert results.changed_rules == [said]
    assert said in results.report(tmp_path / "report.md").read_text()
    back = outcome(STUDY, told)
    assert "from none to accuracy 0.005, loss 1 to none: how" in back.changed_rules[0]


def test_margins_that_were_changed_before_any_result_are_nothing_to_say(outcome, monkeypatch):
    outcome(replace(STUDY, margins={"loss": 0.5}), told, "other")
    monkeypatch.setattr(runner, "_pending", lambda *given: [])
    outcome(STUDY, told)
    monkeypatch.undo()
    results = outcome(replace(STUDY, margins={"loss": 0.5}), told)
    assert results.changed_rules == []


def test_another_cap_of_seed_blocks_is_said(outcome):
    auto = replace(STUDY, seeds="auto", max_seeds=6)
    assert outcome(auto, told).changed_rules == []
    assert outcome(replace(auto, max_seeds=7), told).changed_rules == [
        "The cap of the seed blocks was changed after there were results, from 6 to 7: how often "
        "verdicts err is known only where such rules are fixed beforehand."
    ]


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
