"""Contexts of results, which are kept apart."""

import dataclasses
import os
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import stub_trials
from helpers.stub_trials import STUDY, statuses

from ablations import Study, StudyError, open_results, run
from ablations.running import rounds
from ablations.running import run as runner
from cnnzoo import Recipe
from cnnzoo.data import DataError
from cnnzoo.runtime import code_version

pytestmark = pytest.mark.usefixtures("unexplained")

# Finished studies


@pytest.fixture
def same_data(monkeypatch):
    """Replace the data by data with the fingerprint of the stub trials."""
    info = SimpleNamespace(fingerprint="stub", classes=10, task="classification", outputs=())
    monkeypatch.setattr(rounds, "load_data", lambda spec: SimpleNamespace(info=info))
    return info


def test_finished_unchanged_study_measures_nothing(go, same_data):
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
def test_baseline_is_measured_if_trials_remain(go, same_data, change):
    go()
    go(dataclasses.replace(STUDY, **change))
    assert str(stub_trials.MEASURED[0].settings) == ""


def test_baseline_is_measured_if_the_data_changed(go, same_data):
    go()
    same_data.fingerprint = "another"
    go()
    assert [str(trial.settings) for trial in stub_trials.MEASURED] == [""]


def test_worker_reports_data_that_cannot_be_loaded(go, monkeypatch):
    def refuse(spec):
        raise DataError("it is gone")

    go()
    monkeypatch.setattr(rounds, "load_data", refuse)
    assert go()[1] == []
    assert len(stub_trials.MEASURED) == 1


def test_finished_study_refuses_metrics_of_another_task(go, same_data):
    go()
    with pytest.raises(StudyError) as refused:
        go(dataclasses.replace(STUDY, metrics=["mae"]))
    assert str(refused.value) == (
        "`metrics`: expected any of loss, accuracy, macro_f1, minority_f1, nll, gap, loss_gap, "
        "gradient_ratio, dead_units, because digits is a classification task; got mae."
    )


# Different studies and contexts


@pytest.mark.parametrize(
    ("field", "old", "change"),
    [
        ("model", "mlp", {"model": "batch_norm", "factors": {"filters": [8, 32]}}),
        ("data", "digits", {"data": "rotation"}),
        ("design", "one-at-a-time", {"design": "full-factorial"}),
    ],
    ids=["model", "data", "design"],
)
def test_another_study_is_refused_in_the_same_directory(go, tmp_path, field, old, change):
    go()
    with pytest.raises(StudyError) as refused:
        go(dataclasses.replace(STUDY, **change))
    directory = tmp_path / "study"
    assert str(refused.value) == (
        f"`directory`: expected a study with {field} {change[field]!r}; got {directory} with "
        f"{field} {old!r}. Choose another directory."
    )
    assert not stub_trials.CALLS
    assert len(open_results(directory).trials) == 6


ONE, TWO = {"part:hidden": "remove"}, {"part:output": "remove"}
PAIRS = {"design": "pairs", "variants": [ONE, TWO, {**ONE, **TWO}]}
PROGRESSIVE = {"design": "progressive", "variants": [TWO, {**ONE, **TWO}]}
LISTED = {"design": "list", "variants": PAIRS["variants"]}


@pytest.mark.parametrize(
    ("first", "second", "is_allowed"),
    [
        (PAIRS, PROGRESSIVE, False),
        (PROGRESSIVE, PAIRS, False),
        (PAIRS, {"design": "one-at-a-time", "factors": STUDY.factors}, False),
        (PAIRS, LISTED, False),
        (PAIRS, PAIRS, True),
        (PROGRESSIVE, {**PROGRESSIVE, "variants": [TWO]}, True),  # as for factors and lists
        (LISTED, PAIRS, True),  # a directory of an older version
        (LISTED, PROGRESSIVE, False),
    ],
)
def test_designs_of_parts_are_kept_apart(first, second, is_allowed, tmp_path):
    stored, study = (
        dataclasses.replace(STUDY, **{"factors": {}, **fields}) for fields in (first, second)
    )
    if is_allowed:
        runner._check_same_study(stored, study, tmp_path)
        return
    with pytest.raises(StudyError) as refused:
        runner._check_same_study(stored, study, tmp_path)
    assert str(refused.value) == (
        f"`directory`: expected a study with design {study.design!r}; got {tmp_path} with design "
        f"{stored.design!r}. Choose another directory."
    )


def test_changed_data_makes_new_trials_and_is_reported(go, monkeypatch, tmp_path, capsys):
    from ablations.running.trial import measure_trial

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
        "Earlier results are not used, because what they depend on has changed: data from "
        f"{first} to {third}."
    ) in " ".join(capsys.readouterr().err.split())
    assert (results.trials["status"] == "done").all()


def test_changed_files_of_weights_make_new_trials(go, monkeypatch, tmp_path, capsys):
    from helpers import stub_builders

    from ablations.running.trial import measure_trial

    monkeypatch.setattr(runner, "measure_trial", measure_trial)
    path = tmp_path / "b.weights.h5"
    monkeypatch.setenv("BACKBONE", str(path))
    backbone = stub_builders.backbone_of((8, 8, 1))
    study = Study("helpers.stub_builders:frozen", "digits", factors={"rate": [0.0, 0.5]}, seeds=1)
    more = dataclasses.replace(study, factors={"rate": [0.0, 0.25, 0.5]})
    versions, counts = [], []
    for value, asked in ((1.0, study), (1.0, study), (1.0, more), (2.0, more)):
        for weight in backbone.weights:
            weight.assign(np.full(weight.shape, value))
        backbone.save_weights(path)
        capsys.readouterr()
        results, ran = go(asked)
        versions.append(results.versions["weights"])
        counts.append(len(ran))
    assert counts == [2, 0, 1, 3]
    assert versions[0] == versions[1] == versions[2] != versions[3]
    assert (
        "Earlier results are not used, because what they depend on has changed: weights from "
        f"{versions[0]} to {versions[3]}."
    ) in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_results_on_data_changed_during_a_run_are_separate(go, monkeypatch, tmp_path, capsys, kind):
    """The files change between the checks and the second trial."""
    from PIL import Image

    from ablations.running import trial as module

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
        if len(stub_trials.CALLS) == 1 and changes:
            write(changes.pop())
            module.forget()
        if kind == "npz":
            stub_trials.CALLS.append(trial)
            return module.run_trial(trial)
        # the same load of the data, without the training
        loaded = module.measure_trial(trial).fingerprint
        return dataclasses.replace(stub_trials.run_trial(trial), fingerprint=loaded)

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
    assert ran == [("units=8", 0), ("units=4", 0)]
    assert list(results.trials["status"]) == ["done", *["pending"] * 3]
    first = results.versions["data"]
    capsys.readouterr()
    again, ran = go(study)
    # the trial on the changed data is there, the one on the data as they were is not mixed in
    assert ran == [("units=8", 0), ("units=8", 1), ("units=4", 1)]
    assert (again.trials["status"] == "done").all()
    second = again.versions["data"]
    assert first != second
    assert (
        "Results of an earlier run than the last are used, because what they depend on has "
        f"changed: data from {first} to {second}."
    ) in " ".join(capsys.readouterr().err.split())
    write(0)
    back, ran = go(study)
    assert (back.versions["data"], len(ran)) == (first, 3)


def test_data_changed_during_a_run_is_reported(go, monkeypatch, capsys):
    def changing(trial, report_to=None):
        result = stub_trials.run_trial(trial)
        late = len(stub_trials.CALLS) > 3
        return dataclasses.replace(result, fingerprint="late" if late else "stub")

    monkeypatch.setattr(runner, "run_trial", changing)
    results, ran = go(dataclasses.replace(STUDY, seeds="auto"))
    assert len(ran) == 4
    assert (results.trials["status"] == "done").sum() == 3
    assert (
        "The data changed during the run, from stub to late: no more trials were started. The "
        "results of 1 on the changed data are kept apart; run the study again to use the changed "
        "data."
    ) in " ".join(capsys.readouterr().err.split())


def test_resuming_on_another_machine_is_reported(go, monkeypatch, capsys):
    go()
    capsys.readouterr()
    here = rounds.describe_machine()
    monkeypatch.setattr(rounds, "describe_machine", lambda: {**here, "cpu": "Other CPU"})
    results, _ = go(dataclasses.replace(STUDY, seeds=3))
    assert (
        f"Some results here come from another machine: cpu {here['cpu']}, here Other CPU. Trials "
        "repeat bit for bit on one machine only; between two, training may amplify a difference "
        "in the last bits."
    ) in " ".join(capsys.readouterr().err.split())
    assert results.machine == {**here, "cpu": f"{here['cpu']}; Other CPU"}


def test_changed_custom_code_makes_new_trials(go, monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "changing_builder.py"
    study = Study("changing_builder:build", "digits", factors={"units": [8, 4]}, seeds=1)
    counts = []
    for text in ("", "", "# changed\n"):
        path.write_text(f"def build(input_shape, classes, units=8): ...\n{text}")
        counts.append(len(go(study)[1]))
    assert counts == [2, 0, 2]
    assert "changed: model from " in " ".join(capsys.readouterr().err.split())


def test_changed_code_of_the_zoo_makes_new_trials(go, monkeypatch, capsys):
    counts = []
    for version in ("aaaaaaaaaaaa", "aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        monkeypatch.setattr(code_version, "_project_version", lambda _, version=version: version)
        counts.append(len(go()[1]))
    assert counts == [6, 0, 6]
    said = " ".join(capsys.readouterr().err.split())
    installed = code_version.version("cnnzoo")
    assert f"changed: cnnzoo from {installed} (aaaaaaaaaaaa) to {installed} (bbbbbbbbbbbb)." in said


def test_changed_builder_of_the_program_makes_new_trials(go, monkeypatch, capsys):
    """As in a notebook, whose cells are in no file."""
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


def test_notes_on_the_data_are_printed_once(go, monkeypatch, capsys):
    notes = ("files that are not images left out: 1 ('README.txt')",)

    def measure(trial):
        return dataclasses.replace(stub_trials.measure_trial(trial), data_notes=notes)

    monkeypatch.setattr(runner, "measure_trial", measure)
    go(STUDY)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count(f"{STUDY.data}: {notes[0]}.") == 1


def test_timeout_that_does_not_apply_is_reported(go, capsys):
    said = (
        "The timeout of 2.5 s and the retries do not apply, because the engine serial runs trials "
        "in this process."
    )
    go(dataclasses.replace(STUDY, timeout=2.5))
    assert said in " ".join(capsys.readouterr().err.split())
    go(STUDY)
    assert "do not apply" not in capsys.readouterr().err


def test_running_study_is_refused(go, tmp_path):
    from ablations.store import Store

    with Store(tmp_path / "study", write=True), pytest.raises(StudyError) as refused:
        go()
    assert str(refused.value) == (
        f"Process {os.getpid()} is running the study in {tmp_path / 'study'}; wait for it, stop "
        "it, or choose another directory."
    )


def test_default_directory_has_the_name_of_the_study(stubbed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = run(dataclasses.replace(STUDY, name="my study", seeds=1), engine="serial")
    assert results.directory.resolve() == tmp_path / "studies" / "my study"
    assert open_results("studies/my study").trials.equals(results.trials)
