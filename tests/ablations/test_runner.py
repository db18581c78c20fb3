import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import stub_trials

from ablations import Study, StudyError, TrialResult, context, open_results, run, runner, stats
from ablations.designs.path import steps
from ablations.engines import processes
from cnnzoo import Recipe
from cnnzoo.data import DataError

STUDY = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=2)


@pytest.fixture
def go(stubbed, tmp_path):
    """Return a function that runs a study of stub trials here, and says which were run."""

    def go(study=STUDY, **options):
        stub_trials.CALLS.clear()
        stub_trials.MEASURED.clear()
        results = run(study, tmp_path / "study", **{"engine": "serial", **options})
        return results, [(str(trial.settings), trial.seed) for trial in stub_trials.CALLS]

    return go


def statuses(results):
    trials = results.trials
    return {(row.variant, row.seed): row.status for row in trials.itertuples()}


# What is there is not run again


def test_the_same_study_again_runs_nothing_and_gives_the_same(go):
    first, ran = go()
    assert ran == [
        *(("", 0), ("", 1)),
        *(("units=8", 0), ("units=8", 1)),
        *(("units=16", 0), ("units=16", 1)),
    ]
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
    assert ran == [("units=32", 0), ("units=32", 1), ("dropout=0.5", 0), ("dropout=0.5", 1)]
    assert len(results.trials) == 10


def test_fewer_seeds_show_fewer_trials_and_lose_none(go):
    go()
    results, ran = go(dataclasses.replace(STUDY, seeds=1))
    assert (len(results.trials), ran) == (3, [])
    assert go()[1] == []


def test_another_recipe_makes_new_trials_and_is_told(go, capsys):
    go()
    capsys.readouterr()
    changed = dataclasses.replace(STUDY, recipe=Recipe(epochs=5, augment="flip"))
    assert len(go(changed)[1]) == 6
    told = "The recipe changed since the last run: epochs from 10 to 5; augment from none to flip."
    assert told in capsys.readouterr().err.replace("\n", " ")
    results, ran = go(STUDY)
    assert ran == []
    assert (results.trials["status"] == "done").all()


def test_an_interrupted_study_goes_on_where_it_was(go, monkeypatch):
    def third_fails(trial, report_to=None):
        if len(stub_trials.CALLS) == 3:
            raise KeyboardInterrupt
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", third_fails)
    with pytest.raises(KeyboardInterrupt):
        go()
    monkeypatch.setattr(runner, "run_trial", stub_trials.run_trial)
    results, ran = go()
    assert ran == [("units=8", 1), ("units=16", 0), ("units=16", 1)]
    assert (results.trials["status"] == "done").all()


# What fails


def test_a_trial_that_fails_is_a_row_with_its_reason_and_stays_one(go):
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


def test_a_trial_that_fails_again_is_not_tried_again_in_the_same_run(go):
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


def test_a_variant_that_cannot_be_built_is_a_row_with_its_reason(go, capsys):
    results, ran = go(dataclasses.replace(STUDY, factors={"units": [13, 16, 128]}))
    rows = results.trials[results.trials["variant"] == "units=13"]
    assert list(rows["status"]) == ["infeasible"] * 2
    assert list(rows["reason"]) == ["ValueError: 13 is bad luck"] * 2
    assert not any(settings == "units=13" for settings, _ in ran)
    message = "cannot be built: units=13: ValueError: 13 is bad luck"
    assert capsys.readouterr().err.count(message) == 1


def test_a_toggle_that_another_one_switches_off_is_an_infeasible_row(go):
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
            "The baseline of the study cannot be trained: DataError: There is no data 'mnist5kk'; "
            "did you mean 'mnist5k'? Known are 'mnist5k', 'digits', 'rotation', 'mnist1d', "
            "'tfds:NAME', 'folder:PATH', 'npz:PATH', and arrays (x, y).",
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
def test_a_baseline_that_cannot_be_trained_raises_before_any_training(
    stubbed, monkeypatch, tmp_path, study, sentence
):
    from ablations.trial import measure_trial

    monkeypatch.setattr(runner, "measure_trial", measure_trial)
    with pytest.raises(StudyError) as refused:
        run(study, tmp_path / "study", engine="serial")
    assert str(refused.value) == sentence
    assert not stub_trials.CALLS


def test_what_could_not_be_built_is_tried_again_only_when_asked_for(go):
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


def test_what_was_computed_in_another_way_is_run_again_and_said(go, monkeypatch, capsys):
    go()
    measure = stub_trials.measure_trial
    monkeypatch.setattr(
        runner, "measure_trial", lambda one: dataclasses.replace(measure(one), arithmetic="written")
    )
    again, ran = go()
    assert len(ran) == len(again.trials)
    said = "".join(capsys.readouterr().err.split())
    assert "whattheydependonchanged:arithmeticfrommentaltowritten." in said


def test_a_variant_whose_measurement_failed_is_tried_all_the_same(go, monkeypatch):
    def died(trial):
        if trial.settings:
            return TrialResult(trial, "failed", reason="its worker died 2 times")
        return stub_trials.measure_trial(trial)

    monkeypatch.setattr(runner, "measure_trial", died)
    results, ran = go()
    assert len(ran) == 6
    assert (results.trials["status"] == "done").all()


# Nothing to do


@pytest.fixture
def same_data(monkeypatch):
    """Data of the fingerprint that stubs give; what it holds is not looked at."""
    info = SimpleNamespace(fingerprint="stub", classes=10)
    monkeypatch.setattr(runner, "load_data", lambda spec: SimpleNamespace(info=info))
    return info


def test_where_nothing_changed_and_all_is_stored_nothing_is_measured(go, same_data):
    study = dataclasses.replace(STUDY, factors={"units": [13, 66, 16, 128]})
    first, _ = go(study)
    again, ran = go(study)
    assert (ran, stub_trials.MEASURED) == ([], [])
    assert again.trials.equals(first.trials)
    assert statuses(again)["units=13", 0] == "infeasible"
    assert statuses(again)["units=66", 0] == "failed"


@pytest.mark.parametrize(
    "change", [{"seeds": 3}, {"factors": {"units": [8, 128], "dropout": [0.0, 0.5]}}]
)
def test_where_something_is_to_be_done_the_baseline_is_measured_first(go, same_data, change):
    go()
    go(dataclasses.replace(STUDY, **change))
    assert str(stub_trials.MEASURED[0].settings) == ""


def test_where_the_data_changed_the_baseline_is_measured(go, same_data):
    go()
    same_data.fingerprint = "another"
    go()
    assert [str(trial.settings) for trial in stub_trials.MEASURED] == [""]


def test_where_the_data_cannot_be_loaded_a_worker_tells(go, monkeypatch):
    def refuse(spec):
        raise DataError("it is gone")

    go()
    monkeypatch.setattr(runner, "load_data", refuse)
    assert go()[1] == []
    assert len(stub_trials.MEASURED) == 1


def test_metrics_of_another_task_are_refused_where_nothing_is_to_be_done_too(go, same_data):
    go()
    with pytest.raises(StudyError) as refused:
        go(dataclasses.replace(STUDY, metrics=["mae"]))
    assert str(refused.value) == (
        "`metrics` of the study: digits is a classification, which is measured by loss, accuracy, "
        "macro_f1, nll; got mae."
    )


# What does not belong together


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"model": "batch_norm", "factors": {"filters": [8, 32]}},
            "model 'mlp'; this one has 'batch_norm'",
        ),
        ({"data": "rotation"}, "data 'digits'; this one has 'rotation'"),
        ({"design": "full-factorial"}, "design 'one-at-a-time'; this one has 'full-factorial'"),
    ],
    ids=["model", "data", "design"],
)
def test_another_study_is_refused_in_the_same_directory(go, tmp_path, change, said):
    go()
    with pytest.raises(StudyError) as refused:
        go(dataclasses.replace(STUDY, **change))
    directory = tmp_path / "study"
    assert str(refused.value) == (f"{directory} holds a study with {said}. Give another directory.")
    assert not stub_trials.CALLS
    assert len(open_results(directory).trials) == 6


def test_data_that_changed_makes_new_trials_and_the_difference_is_told(
    go, monkeypatch, tmp_path, capsys
):
    from ablations.trial import measure_trial

    monkeypatch.setattr(runner, "measure_trial", measure_trial)
    path = tmp_path / "data.npz"
    study = Study("mlp", f"npz:{path}", factors={"units": [8, 128]}, seeds=1)
    fingerprints = []
    for draw in (0, 0, 1):
        x = np.random.default_rng(draw).random((60, 8, 8, 1))
        np.savez(path, x=x, y=np.arange(60) % 3)
        capsys.readouterr()
        results, ran = go(study)
        fingerprints.append((results.versions["data"], len(ran)))
    (first, two), (second, none), (third, again) = fingerprints
    assert (two, none, again) == (2, 0, 2)
    assert first == second != third
    assert (
        "Not reusing earlier results, since what they depend on changed: data from "
        f"{first} to {third}."
    ) in " ".join(capsys.readouterr().err.split())
    assert (results.trials["status"] == "done").all()


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_data_that_changes_during_a_run_is_kept_apart(go, monkeypatch, tmp_path, capsys, kind):
    """The second trial finds other files than the study was checked with."""
    from PIL import Image

    from ablations import trial as module

    path = tmp_path / ("data.npz" if kind == "npz" else "data")

    def write(draw):
        images = np.random.default_rng(draw).integers(0, 256, (60, 8, 8, 1), dtype="uint8")
        if kind == "npz":
            np.savez(path, x=images, y=np.arange(60) % 3)
            return
        for index, image in enumerate(images):
            file = path / "abc"[index % 3] / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0]).save(file)

    def changing(trial, report_to=None):
        stub_trials.CALLS.append(trial)
        if len(stub_trials.CALLS) == 2 and changes:
            write(changes.pop())
            module.forget()
        return module.run_trial(trial)

    write(0)
    changes = [1]
    monkeypatch.setattr(runner, "measure_trial", module.measure_trial)
    monkeypatch.setattr(runner, "run_trial", changing)
    study = Study(
        "mlp",
        f"{kind}:{path}",
        factors={"units": [4, 8]},
        baseline={"units": 8},
        seeds=2,
        recipe=Recipe(epochs=1),
    )
    results, ran = go(study)
    assert ran == [("units=8", 0), ("units=8", 1)]
    assert list(results.trials["status"]) == ["done", *["pending"] * 3]
    first = results.versions["data"]
    capsys.readouterr()
    again, ran = go(study)
    # the trial on the changed data is there, the one on the data as they were is not mixed in
    assert ran == [("units=8", 0), ("units=4", 0), ("units=4", 1)]
    assert (again.trials["status"] == "done").all()
    second = again.versions["data"]
    assert first != second
    assert (
        "Going on with other results than the last run's, since what they depend on changed: data "
        f"from {first} to {second}."
    ) in " ".join(capsys.readouterr().err.split())
    write(0)
    back, ran = go(study)
    assert (back.versions["data"], len(ran)) == (first, 3)


def test_data_that_changes_during_a_run_is_told(go, monkeypatch, capsys):
    def changing(trial, report_to=None):
        result = stub_trials.run_trial(trial)
        late = len(stub_trials.CALLS) > 3
        return dataclasses.replace(result, fingerprint="late" if late else "stub")

    monkeypatch.setattr(runner, "run_trial", changing)
    results, ran = go(dataclasses.replace(STUDY, seeds="auto"))
    assert len(ran) == 4
    assert (results.trials["status"] == "done").sum() == 3
    assert (
        "The data changed during the run, from stub to late: no more trials were started. 1 on the "
        "changed data are kept apart; the same command goes on with the data as they are then."
    ) in " ".join(capsys.readouterr().err.split())


def test_going_on_on_another_machine_is_told_and_seen_in_the_results(go, monkeypatch, capsys):
    go()
    capsys.readouterr()
    here = runner.describe_machine()
    monkeypatch.setattr(runner, "describe_machine", lambda: {**here, "cpu": "Other CPU"})
    results, _ = go(dataclasses.replace(STUDY, seeds=3))
    assert (
        f"Some results here come from another machine: cpu {here['cpu']}, here Other CPU. Trials "
        "repeat bit for bit on one machine only; between two, training may amplify a difference "
        "in the last bits."
    ) in " ".join(capsys.readouterr().err.split())
    assert results.machine == {**here, "cpu": f"{here['cpu']}; Other CPU"}


def test_code_of_ones_own_that_changed_makes_new_trials(go, monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "changing_builder.py"
    study = Study("changing_builder:build", "digits", factors={"units": [8, 4]}, seeds=1)
    counts = []
    for text in ("", "", "# changed\n"):
        path.write_text(f"def build(input_shape, classes, units=8): ...\n{text}")
        counts.append(len(go(study)[1]))
    assert counts == [2, 0, 2]
    assert "changed: model from " in " ".join(capsys.readouterr().err.split())


def test_code_of_the_zoo_that_changed_makes_new_trials(go, monkeypatch, capsys):
    counts = []
    for version in ("aaaaaaaaaaaa", "aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        monkeypatch.setattr(context, "_own_code", lambda version=version: version)
        counts.append(len(go()[1]))
    assert counts == [6, 0, 6]
    said = " ".join(capsys.readouterr().err.split())
    own = context.version("cnnzoo")
    assert f"changed: cnnzoo from {own} (aaaaaaaaaaaa) to {own} (bbbbbbbbbbbb)." in said


def test_a_builder_of_the_program_itself_that_changed_makes_new_trials(go, monkeypatch, capsys):
    """As of a notebook, whose cells no file holds."""
    study = Study("__main__:build_here", "digits", factors={"units": [8, 4]}, seeds=1)
    counts = []
    for body in ("...", "...", "return 1"):
        namespace = {"__name__": "__main__"}
        exec(f"def build_here(input_shape, classes, units=8): {body}", namespace)  # noqa: S102
        monkeypatch.setattr("__main__.build_here", namespace["build_here"], raising=False)
        results, ran = go(study)
        counts.append(len(ran))
    assert counts == [2, 0, 2]
    assert len(results.versions["model"]) == 12
    assert "changed: model from " in " ".join(capsys.readouterr().err.split())


def test_a_time_out_that_does_not_apply_is_said(go, capsys):
    said = (
        "The engine serial has no process to end: the timeout of 2.5 s and the retries do not "
        "apply."
    )
    go(dataclasses.replace(STUDY, timeout=2.5))
    assert said in " ".join(capsys.readouterr().err.split())
    go(STUDY)
    assert "do not apply" not in capsys.readouterr().err


def test_a_time_out_of_a_builder_of_the_program_itself_is_said_not_to_apply(
    go, monkeypatch, capsys
):
    namespace = {"__name__": "__main__"}
    exec("def build_here(input_shape, classes, units=8): ...", namespace)  # noqa: S102
    monkeypatch.setattr("__main__.build_here", namespace["build_here"], raising=False)
    study = Study("__main__:build_here", "digits", factors={"units": [8, 4]}, seeds=1, timeout=60)
    go(study, engine="processes")
    assert (
        "__main__:build_here is defined in the program itself: one trial after the other. The "
        "engine serial has no process to end: the timeout of 60 s and the retries do not apply."
    ) in " ".join(capsys.readouterr().err.split())


def test_a_study_that_is_running_is_not_run_twice(go, tmp_path):
    from ablations.store import Store

    with Store(tmp_path / "study", write=True), pytest.raises(StudyError) as refused:
        go()
    assert str(refused.value) == (
        f"Process {os.getpid()} is running the study in {tmp_path / 'study'}; wait for it, stop "
        "it, or give another directory."
    )


def test_a_study_goes_to_a_folder_of_its_name(stubbed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = run(dataclasses.replace(STUDY, name="my study", seeds=1), engine="serial")
    assert results.directory.resolve() == tmp_path / "studies" / "my study"
    assert open_results("studies/my study").trials.equals(results.trials)


# Interruptions


def test_one_interruption_ends_after_the_running_trial(go, monkeypatch, capsys):
    def interrupted(trial, report_to=None):
        if len(stub_trials.CALLS) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(runner, "run_trial", interrupted)
    results, ran = go()
    assert len(ran) == 3
    assert results.trials["status"].value_counts().to_dict() == {"done": 3, "pending": 3}
    told = "Stopping after the running trials; Ctrl-C again stops at once."
    assert told in " ".join(capsys.readouterr().err.split())
    assert signal.getsignal(signal.SIGINT) is handler


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


def test_a_study_runs_in_another_thread_too(go):
    found = []
    thread = threading.Thread(target=lambda: found.append(go()[0]))
    thread.start()
    thread.join()
    assert (found[0].trials["status"] == "done").all()


# Workers


@pytest.mark.parametrize(("renew_after", "counts"), [(4, [1, 4, 4]), (0, [9]), (200, [9])])
def test_workers_are_replaced_after_as_many_trials_as_asked_for(
    stubbed, monkeypatch, tmp_path, renew_after, counts
):
    monkeypatch.setattr(processes, "prepare_worker", stub_trials.no_preparation)
    monkeypatch.setattr(runner, "run_trial", stub_trials.pid_as_loss)
    study = dataclasses.replace(STUDY, seeds=3)
    results = run(study, tmp_path, workers=1, renew_after=renew_after, progress=False)
    # the first worker has measured the three variants before
    assert sorted(results.trials["test_loss"].value_counts()) == counts


def test_a_number_of_workers_that_is_none_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(StudyError) as refused:
        run(STUDY, tmp_path / "study", workers=0)
    assert str(refused.value) == "`workers` must be a whole number from 1 up; got 0."
    assert not (tmp_path / "study").exists()


# Seeds that are added, and a path


@pytest.mark.parametrize(("cap", "looks"), [(30, [6, 10, 15, 20, 30]), (8, [6, 8])])
def test_seeds_are_added_only_where_a_verdict_is_open(go, monkeypatch, cap, looks):
    """units=8 is worse beyond doubt; units=16 is a coin toss, and goes on to the cap."""

    def told(trial, report_to=None):
        stub_trials.CALLS.append(trial)
        units = trial.settings.get("units", 128)
        shift = {8: 1.0 + 0.01 * stub_trials.noise(trial), 16: 0.1 * (-1) ** trial.seed}
        metrics = {"test_loss": 1.0 + shift.get(units, 0.0), "test_accuracy": 0.5}
        return TrialResult(trial, "done", metrics=metrics)

    monkeypatch.setattr(runner, "run_trial", told)
    study = dataclasses.replace(STUDY, seeds="auto", max_seeds=cap)
    results, ran = go(study)
    counts = results.trials["variant"].value_counts().to_dict()
    assert counts == {"baseline": cap, "units=8": 6, "units=16": cap}
    # 6 of each first, then blocks up to the next looks of what is open
    expected = [(name, seed) for name in ("", "units=8", "units=16") for seed in range(6)]
    for least, most in itertools.pairwise(looks):
        expected += [(name, seed) for name in ("", "units=16") for seed in range(least, most)]
    assert ran == expected
    deltas = results.deltas(["loss"]).set_index("variant")
    assert deltas.loc["units=16", "look"] == len(looks)
    at_first = stats.deltas(results.trials[results.trials["seed"] < 6], ["test_loss"])
    p = at_first.set_index("variant").loc["units=8", "p"]
    assert deltas.loc["units=8", "p"] == pytest.approx(p * cap / 6, rel=1e-10)
    assert deltas.loc["units=8", "verdict"] == "worse"
    assert deltas.loc["units=16", "verdict"] == "inconclusive"
    again, ran = go(study)
    assert ran == []
    assert again.trials.equals(results.trials)


PATH = Study(
    "mlp",
    "digits",
    factors={"units": [128, 8], "dropout": [0.0, 0.5], "depth": [1, 2]},
    design="path",
    seeds=2,
    metrics=["accuracy", "loss"],
)

GAIN = {"units": 0.1, "dropout": 0.3, "depth": -0.2}


def test_a_path_is_followed_to_its_end_by_the_first_metric(go, monkeypatch):
    def told(trial, report_to=None):
        stub_trials.CALLS.append(trial)
        accuracy = 0.5 + sum(GAIN[name] for name in trial.settings)
        return TrialResult(
            trial, "done", metrics={"test_accuracy": accuracy, "test_loss": accuracy}
        )

    monkeypatch.setattr(runner, "run_trial", told)
    results, ran = go(PATH)
    assert list(dict.fromkeys(results.trials["variant"])) == [
        "baseline",
        *("units=8", "dropout=0.5", "depth=2"),  # dropout gains most
        *("units=8, dropout=0.5", "dropout=0.5, depth=2"),  # then units
        "units=8, dropout=0.5, depth=2",
    ]
    assert len(ran) == len(set(ran)) == 14
    means = results.trials.groupby("variant")["test_accuracy"].mean()
    losses = {str(name): -mean for name, mean in means.items()}
    made = steps({"units": 8, "dropout": 0.5, "depth": 2}, losses)
    assert [step.factor for step in made] == ["dropout", "units", "depth"]
    assert go(PATH)[1] == []


def test_a_path_makes_changes_that_cannot_be_trained_last(go):
    factors = {"units": [128, 13], "depth": [1, 2], "dropout": [0.0, 0.5]}
    results, ran = go(dataclasses.replace(PATH, factors=factors, seeds=1))
    found = statuses(results)
    assert {name for name, _ in found if found[name, 0] == "infeasible"} == {
        *("units=13", "units=13, depth=2, dropout=0.5"),
        *(name for name, _ in found if name in ("units=13, depth=2", "units=13, dropout=0.5")),
    }
    assert found["depth=2, dropout=0.5", 0] == "done"
    assert len(ran) == 4


# With real training, as small as it gets

TINY = Study(
    "mlp",
    "digits",
    factors={"units": [4, 8]},
    baseline={"units": 8, "train_size": 100},
    seeds=2,
    recipe=Recipe(epochs=1),
)


def test_results_do_not_depend_on_the_number_of_workers_bit_for_bit(tmp_path):
    found = [
        run(TINY, tmp_path / str(index), workers=workers, progress=False)
        for index, workers in enumerate((1, 2, 1))
    ]
    for results in found:
        trials = results.trials
        assert (trials["status"] == "done").all()
        measured = trials[[name for name in trials if "seconds" not in name]]
        assert measured.equals(found[0].trials[measured.columns])
        assert results.history.equals(found[0].history)
    assert len(set(found[0].trials["test_loss"])) == 4


RERUN = """
import sys
from multiprocessing import forkserver
from ablations import Study, run
study = Study.from_dict(%r)
print(run(study, sys.argv[1], progress=False).trials["status"].tolist())
print([name for name in ("keras", "tensorflow", "sklearn") if name in sys.modules])
print(forkserver._forkserver._forkserver_pid)
"""


def test_a_study_with_nothing_to_do_loads_no_tensorflow_and_starts_no_process(tmp_path):
    run(TINY, tmp_path, engine="serial", progress=False)
    answer = subprocess.run(
        [sys.executable, "-c", RERUN % TINY.to_dict(), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert answer.stderr == ""
    assert answer.stdout.splitlines() == [str(["done"] * 4), "[]", "None"]


def test_the_trap_of_the_moving_averages_is_found_where_it_is_and_nowhere_else(tmp_path):
    """Few steps at momentum 0.99 leave BatchNormalization's averages at what they started as."""
    study = Study(
        "batch_norm",
        "digits",
        factors={"normalization": ["batch", "none"], "norm_momentum": [0.99, 0.5]},
        baseline={"filters": 4, "learning_rate": 0.01, "train_size": 100},
        seeds=1,
        recipe=Recipe(epochs=8),
    )
    results = run(study, tmp_path, engine="serial", progress=False)
    trials = results.trials.set_index("variant")
    assert (trials["status"] == "done").all()
    found = trials["findings"]
    steps = 8 * 4  # 100 examples are 4 batches of 32
    assert found["baseline"].startswith(
        "BatchNormalization's moving averages have not converged: on the training data the loss is "
    )
    assert found["baseline"].endswith(
        f"after {steps} steps at momentum 0.99 the averages still hold {0.99**steps:.0%} of what "
        "they started as. Train longer, or lower norm_momentum."
    )
    assert found["normalization=none"] == ""
    assert found["norm_momentum=0.5"] == ""
    # in training all went well: it is not normalization that is to blame
    history = results.history.groupby("variant")["loss"].last()
    assert trials.loc["baseline", "train_loss"] > 2 * history["baseline"]
    assert history["baseline"] < history["normalization=none"]


def test_a_builder_of_ones_own_is_studied_end_to_end(tmp_path):
    study = Study(
        "stub_builders:plain",
        "digits",
        factors={"wide": [False, True]},
        baseline={"train_size": 100},
        seeds=1,
        recipe=Recipe(epochs=1),
    )
    results = run(study, tmp_path, workers=1, progress=False)
    assert (results.trials["status"] == "done").all()
    assert list(results.trials["params"]) == [64 * 8 + 8 + 90, 64 * 32 + 32 + 330]
    assert len(results.versions["model"]) == 12


def test_losses_that_a_builder_of_ones_own_switches_are_not_compared(tmp_path):
    study = Study(
        "stub_builders:objective",
        "digits",
        factors={"objective": ["crossentropy", "squares"]},
        baseline={"train_size": 100},
        seeds=2,
        recipe=Recipe(epochs=1),
    )
    results = run(study, tmp_path, engine="serial", progress=False)
    trials = results.trials.set_index(["variant", "seed"])
    assert (trials["status"] == "done").all()
    squares = trials["test_loss"]["objective=squares"]
    assert (squares < trials["test_loss"]["baseline"] / 2).all()  # of another unit
    deltas = results.deltas().set_index("metric")
    assert list(deltas.index) == ["test_nll", "test_accuracy"]
    nll = trials["test_nll"]
    expected = (nll["objective=squares"] - nll["baseline"]).mean()
    assert deltas.loc["test_nll", "delta"] == pytest.approx(expected)


def test_metrics_of_another_task_are_refused_before_anything_trains(tmp_path):
    study = Study(
        "mlp",
        "rotation",
        factors={"units": [4, 8]},
        baseline={"loss": "mse", "units": 4},
        seeds=1,
    )
    with pytest.raises(StudyError) as refusal:
        run(study, tmp_path, engine="serial", progress=False)
    assert str(refusal.value) == (
        "`metrics` of the study: rotation is a regression, which is measured by loss, mae, rmse; "
        "got accuracy."
    )
