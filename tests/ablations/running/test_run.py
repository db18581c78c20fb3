"""Runs of studies: results, failures and resuming."""

import dataclasses
import os
import signal
import threading

import pytest
from helpers import stub_trials
from helpers.stub_trials import STUDY, statuses

from ablations import Study, StudyError, TrialResult, open_results, run
from ablations.running import run as runner
from cnnzoo import Recipe
from cnnzoo.engine.interface import do_nothing

# Stored results


def test_finished_study_runs_nothing_again(go):
    first, ran = go()
    assert ran == [(variant, seed) for seed in (0, 1) for variant in ("", "units=8", "units=16")]
    again, ran = go()
    assert ran == []
    assert again.trials.equals(first.trials)
    assert len(stub_trials.MEASURED) == 1  # the baseline, whose data may have changed


def test_more_seeds_only_add(go):
    go()
    results, ran = go(dataclasses.replace(STUDY, seeds=3))
    assert ran == [("", 2), ("units=8", 2), ("units=16", 2)]
    assert (results.trials["status"] == "done").all()


def test_more_levels_and_factors_only_add(go):
    go()
    factors = {"units": [8, 16, 32, 128], "dropout": [0.0, 0.5]}
    results, ran = go(dataclasses.replace(STUDY, factors=factors))
    assert ran == [("units=32", 0), ("dropout=0.5", 0), ("units=32", 1), ("dropout=0.5", 1)]
    assert len(results.trials) == 10


def test_stored_trials_outside_the_plan_are_reported(go, capsys):
    go()
    capsys.readouterr()
    said = "not part of this study"
    other = dataclasses.replace(STUDY, factors={"dropout": [0.0, 0.5]})
    go(other)
    assert capsys.readouterr().err.splitlines()[0] == (
        "4 stored trials are not part of this study; they stay stored. To separate two "
        "studies, give this one another name or directory (--to on the command line)."
    )
    more = dataclasses.replace(STUDY, factors={"units": [8, 16, 128], "dropout": [0.0, 0.5]})
    go(more)
    assert said not in capsys.readouterr().err  # what is added leaves none out
    go(dataclasses.replace(more, factors={**more.factors, "dropout": [0.0]}))
    assert f"2 stored trials are {said}" in capsys.readouterr().err
    go(dataclasses.replace(more, seeds=[0]))
    assert f"4 stored trials are {said}" in capsys.readouterr().err


def test_trials_of_auto_seeds_are_not_reported_as_left_out(go, capsys):
    """A study with "auto" seeds plans its stored trials again at each look."""
    auto = dataclasses.replace(STUDY, seeds="auto", max_seeds=7)
    go(auto)
    capsys.readouterr()
    go(auto)
    assert "not part of this study" not in capsys.readouterr().err
    go(dataclasses.replace(auto, factors={"units": [16, 128]}))
    assert "stored trials are not part of this study" in capsys.readouterr().err


def test_fewer_seeds_hide_trials_but_keep_them(go):
    go()
    results, ran = go(dataclasses.replace(STUDY, seeds=1))
    assert (len(results.trials), ran) == (3, [])
    assert go()[1] == []


def test_changed_recipe_makes_new_trials_and_is_reported(go, capsys):
    go()
    capsys.readouterr()
    changed = dataclasses.replace(STUDY, recipe=Recipe(epochs=5, augment="flip"))
    assert len(go(changed)[1]) == 6
    told = (
        "The recipe has changed since the last run: epochs from 10 to 5; augment from none to flip."
    )
    assert told in capsys.readouterr().err.replace("\n", " ")
    results, ran = go(STUDY)
    assert ran == []
    assert (results.trials["status"] == "done").all()


def test_interrupted_study_resumes(go, monkeypatch):
    def third_fails(trial, report_to=None):
        if len(stub_trials.CALLS) == 3:
            raise KeyboardInterrupt
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", third_fails)
    with pytest.raises(KeyboardInterrupt):
        go()
    monkeypatch.setattr(runner, "run_trial", stub_trials.run_trial)
    results, ran = go()
    assert ran == [("", 1), ("units=8", 1), ("units=16", 1)]
    assert (results.trials["status"] == "done").all()


# Failures


def test_failed_trial_keeps_its_reason(go):
    study = dataclasses.replace(STUDY, factors={"units": [66, 16, 128]})
    results, _ = go(study)
    assert statuses(results) == {
        **{("baseline", seed): "done" for seed in (0, 1)},
        **{("units=66", seed): "failed" for seed in (0, 1)},
        **{("units=16", seed): "done" for seed in (0, 1)},
    }
    failed = results.trials[results.trials["status"] == "failed"]
    assert list(failed["reason"]) == ["ValueError: 66"] * 2
    assert go(study)[1] == []
    assert go(study, retry_failed=True)[1] == [("units=66", 0), ("units=66", 1)]


def test_retried_trial_is_not_retried_twice_in_one_run(go):
    study = Study(
        "mlp",
        "digits",
        factors={"units": [128, 66], "dropout": [0.0, 0.5], "depth": [1, 2]},
        design="path",
        seeds=1,
    )
    go(study)
    _, ran = go(study, retry_failed=True)
    assert len(ran) == len(set(ran))
    assert ("units=66", 0) in ran


def test_infeasible_variant_keeps_its_reason(go, capsys):
    results, ran = go(dataclasses.replace(STUDY, factors={"units": [13, 16, 128]}))
    rows = results.trials[results.trials["variant"] == "units=13"]
    assert list(rows["status"]) == ["infeasible"] * 2
    assert list(rows["reason"]) == ["ValueError: 13 is bad luck"] * 2
    assert not any(settings == "units=13" for settings, _ in ran)
    message = "cannot be built: units=13: ValueError: 13 is bad luck"
    assert capsys.readouterr().err.count(message) == 1


def test_inactive_toggle_is_an_infeasible_row(go):
    study = Study(
        "batch_norm",
        "digits",
        factors={"normalization": ["batch", "none"], "norm_momentum": [0.99, 0.9]},
        design="full-factorial",
        seeds=1,
    )
    results, ran = go(study)
    assert len(ran) == 3
    (row,) = [row for row in results.trials.itertuples() if row.status == "infeasible"]
    assert row.variant == "normalization=none, norm_momentum=0.9"
    assert row.reason == (
        "`norm_momentum` of `batch_norm` has no effect unless normalization is batch; got "
        "norm_momentum=0.9 with normalization='none'."
    )


@pytest.mark.parametrize(
    ("study", "sentence"),
    [
        (
            Study("mlp", "mnist5kk", factors={"units": [8, 128]}),
            "The baseline of the study cannot be trained: DataError: `data`: expected 'mnist5k', "
            "'digits', 'rotation', 'mnist1d', 'tfds:NAME', 'folder:PATH', 'npz:PATH', an existing "
            "path or arrays (x, y); got 'mnist5kk'; did you mean 'mnist5k'?",
        ),
        (
            Study(
                "downsampling",
                "digits",
                factors={"pool_size": [1, 2]},
                baseline={"kernel_size": 31},
            ),
            "The baseline of the study cannot be trained: ToggleError: `stage1_conv` of "
            "`downsampling`: kernel_size=31 does not fit a map of 8x8 with padding='valid'; at "
            "most 8 fits.",
        ),
    ],
)
def test_infeasible_baseline_is_refused_before_training(
    stubbed, monkeypatch, tmp_path, study, sentence
):
    from ablations.running.trial import measure_trial

    monkeypatch.setattr(runner, "measure_trial", measure_trial)
    with pytest.raises(StudyError) as refused:
        run(study, tmp_path / "study", engine="serial")
    assert str(refused.value) == sentence
    assert not stub_trials.CALLS


def test_infeasible_variant_is_retried_only_with_retry_failed(go):
    study = dataclasses.replace(STUDY, factors={"units": [13, 16, 128]})
    first, _ = go(study)
    again, ran = go(study)
    assert ran == []
    assert again.trials.equals(first.trials)
    assert [str(trial.settings) for trial in stub_trials.MEASURED] == [""]
    again, ran = go(study, retry_failed=True)
    assert ran == []
    assert again.trials.equals(first.trials)
    assert [str(trial.settings) for trial in stub_trials.MEASURED] == ["", "units=13"]


def test_results_of_another_arithmetic_are_not_reused(go, monkeypatch, capsys):
    go()
    measure = stub_trials.measure_trial
    monkeypatch.setattr(
        runner, "measure_trial", lambda one: dataclasses.replace(measure(one), arithmetic="written")
    )
    again, ran = go()
    assert len(ran) == len(again.trials)
    said = "".join(capsys.readouterr().err.split())
    assert "whattheydependonhaschanged:arithmeticfrommentaltowritten." in said


def test_variant_is_trained_after_a_failed_measurement(go, monkeypatch):
    def died(trial):
        if trial.settings:
            return TrialResult(trial, "failed", reason="its worker died 2 times")
        return stub_trials.measure_trial(trial)

    monkeypatch.setattr(runner, "measure_trial", died)
    results, ran = go()
    assert len(ran) == 6
    assert (results.trials["status"] == "done").all()


# Interruptions


def test_first_interruption_stops_after_the_running_trial(go, monkeypatch, capsys):
    def interrupted(trial, report_to=None):
        if len(stub_trials.CALLS) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(runner, "run_trial", interrupted)
    results, ran = go()
    assert len(ran) == 3
    assert results.trials["status"].value_counts().to_dict() == {"done": 3, "pending": 3}
    assert results.interrupted
    assert not open_results(results.directory).interrupted
    told = "Stopping after the running trials; Ctrl-C again stops at once."
    assert told in " ".join(capsys.readouterr().err.split())
    assert signal.getsignal(signal.SIGINT) is handler


def test_interruption_of_the_last_trial_leaves_nothing_pending(go, monkeypatch):
    def interrupted(trial, report_to=None):
        if len(stub_trials.CALLS) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", interrupted)
    results, _ = go()
    assert (results.trials["status"] == "done").all()
    assert not results.interrupted


def test_two_interruptions_stop_at_once(go, monkeypatch):
    def interrupted(trial, report_to=None):
        if len(stub_trials.CALLS) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go()
    monkeypatch.setattr(runner, "run_trial", stub_trials.run_trial)
    assert len(go()[1]) == 4


def test_study_runs_in_another_thread(go):
    found = []
    thread = threading.Thread(target=lambda: found.append(go()[0]))
    thread.start()
    thread.join()
    assert (found[0].trials["status"] == "done").all()


# Workers


@pytest.mark.parametrize(("renew_after", "counts"), [(4, [1, 4, 4]), (0, [9]), (200, [9])])
def test_workers_are_replaced_after_renew_after_trials(
    stubbed, monkeypatch, tmp_path, renew_after, counts
):
    monkeypatch.setattr(runner, "SETUP", dataclasses.replace(runner.SETUP, prepare=do_nothing))
    monkeypatch.setattr(runner, "run_trial", stub_trials.pid_as_loss)
    study = dataclasses.replace(STUDY, seeds=3)
    results = run(study, tmp_path, workers=1, renew_after=renew_after, progress=False)
    # the first worker has measured the three variants before
    assert sorted(results.trials["test_loss"].value_counts()) == counts


def test_unrestored_state_ends_a_serial_study(stubbed, monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "run_trial", stub_trials.change_state)
    with pytest.raises(StudyError) as refused:
        run(STUDY, tmp_path, engine="serial", progress=False)
    assert str(refused.value) == (
        "A trial changed global state that cannot be restored: the working folder (it is gone). "
        "The next trials in this process would depend on it. Run the study with "
        "engine='processes', which replaces the process, or change the builder."
    )
    assert (open_results(tmp_path).trials["status"] == "done").sum() == 1


def test_invalid_number_of_workers_is_refused_at_once(tmp_path):
    with pytest.raises(StudyError) as refused:
        run(STUDY, tmp_path / "study", workers=0)
    assert str(refused.value) == "`workers`: expected a whole number from 1 up; got 0."
    assert not (tmp_path / "study").exists()
