"""Export of trials to trackers, each read back by the tracker's own library."""

import json
from dataclasses import replace
from importlib.util import find_spec

import pytest
from helpers import stub_trials
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from ablations import StudyError, run
from ablations.export import export
from ablations.export.export import RECORD
from ablations.export.tracked_run import OF_FOLDERS, safe_name
from cnnzoo import Recipe


@pytest.fixture
def results(go):
    """A study of units 66, whose trials fail, and 16 against 128, with two seeds."""
    go(replace(stub_trials.STUDY, factors={"units": [66, 16, 128]}))
    return go(replace(stub_trials.STUDY, factors={"units": [66, 16, 128]}))[0]


def test_event_file_has_curves_results_and_levels(results, tmp_path):
    folders = results.export("tensorboard", tmp_path / "runs")
    assert [folder.relative_to(tmp_path / "runs").as_posix() for folder in folders] == [
        f"mlp/{variant}, seed {seed}"
        for variant in ("baseline", "units=66", "units=16")
        for seed in (0, 1)
    ]
    (file,) = folders[4].iterdir()
    scalars, levels = {}, {}
    for event in EventFileLoader(str(file)).Load():
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                levels = dict(data.session_start_info.hparams)
            else:
                scalars[value.tag, event.step] = value.tensor.float_val[0]
    trial = results.trials.iloc[4]
    assert scalars["curves/loss", 1] == 2.0
    assert scalars["curves/loss", 2] == pytest.approx(trial["test_loss"])
    assert scalars["results/test_accuracy", 2] == pytest.approx(trial["test_accuracy"])
    assert levels["units"].number_value == 16
    assert levels["status"].string_value == "done"
    assert levels["seed"].number_value == 0


def test_second_export_writes_nothing_and_changed_results_are_refused(results, tmp_path):
    place = tmp_path / "runs"
    assert len(results.export("tensorboard", place)) == 6
    assert results.export("tensorboard", place) == []
    key = results._plan[0].key
    results._results.add(replace(results._results[key], metrics={"test_loss": 9.0}))
    with pytest.raises(StudyError) as refused:
        results.export("tensorboard", place)
    assert str(refused.value) == (
        f"{place} has other results of baseline, seed 0; choose another folder or pass "
        "overwrite=True (--overwrite)."
    )
    (folder,) = results.export("tensorboard", place, overwrite=True)
    assert len(list(folder.iterdir())) == 1
    (folder / next(folder.iterdir())).unlink()
    folder.rmdir()
    assert results.export("tensorboard", place) == [folder]  # what was deleted is written again


def test_record_of_another_tracker_or_program_is_refused(results, tmp_path):
    results.export("tensorboard", tmp_path)
    record = tmp_path / RECORD
    record.write_text(record.read_text().replace('"tensorboard"', '"other"'))
    with pytest.raises(StudyError) as refused:
        results.export("tensorboard", tmp_path)
    assert str(refused.value) == (
        f"`path`: expected a folder for tensorboard; got {tmp_path}, which has an export to other. "
        "Choose another folder."
    )
    record.write_text("[]")
    with pytest.raises(StudyError) as refused:
        results.export("tensorboard", tmp_path)
    assert str(refused.value) == f"{record} is not the record of an export; choose another folder."


def test_record_that_points_elsewhere_removes_nothing(results, tmp_path):
    place, other = tmp_path / "runs", tmp_path / "precious"
    other.mkdir()
    results.export("tensorboard", place)
    record = json.loads((place / RECORD).read_text())
    for entry in record["runs"].values():
        entry |= {"place": "../precious", "content": "changed"}
    (place / RECORD).write_text(json.dumps(record))
    results.export("tensorboard", place, overwrite=True)
    assert other.is_dir()


@pytest.mark.parametrize(("to", "title"), [("mlflow", "MLflow"), ("wandb", "Weights & Biases")])
def test_missing_extra_is_one_sentence(results, tmp_path, monkeypatch, to, title):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(StudyError) as refused:
        results.export(to, tmp_path / "runs")
    assert str(refused.value) == (
        f'The export to {title} needs the package {to}; install it with: pip install "cnnzoo[{to}]"'
    )
    assert not (tmp_path / "runs").exists()


def test_trials_of_two_studies_of_one_name_are_both_kept(results, tmp_path):
    place = tmp_path / "runs"
    first = results.export("tensorboard", place)
    study = replace(stub_trials.STUDY, recipe=Recipe(epochs=7))
    other = run(study, tmp_path / "other", engine="serial", progress=False)
    second = other.export("tensorboard", place)
    assert not set(first) & set(second)
    assert all(folder.is_dir() for folder in [*first, *second])
    assert [folder.name for folder in second[:2]] == [
        "baseline, seed 0 (2)",
        "baseline, seed 1 (2)",
    ]
    assert results.export("tensorboard", place) == other.export("tensorboard", place) == []


def test_unknown_tracker_is_refused(results, tmp_path):
    with pytest.raises(StudyError, match="there is no tracker `tensorbord`; did you mean"):
        results.export("tensorbord", tmp_path)


@pytest.mark.parametrize("text", ["../x", "a/b", "a\\b", ".hidden", "x" * 300, "C:", "", " "])
def test_name_of_a_folder_stays_one_folder(text):
    safe = safe_name(text, OF_FOLDERS)
    assert set(safe).isdisjoint('/\\:*?"<>|')
    assert not safe.startswith(".")
    assert 0 < len(safe) < 120
    assert safe != safe_name(f"{text}_", OF_FOLDERS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of mlflow
@pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is not installed")
def test_mlflow_reads_what_was_exported(results, tmp_path):
    import mlflow

    place = tmp_path / "mlruns"
    assert len(results.export("mlflow", place)) == 6
    assert results.export("mlflow", place) == []
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{place}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'mlp'")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert len(runs) == 6
    run = runs["units=16, seed 0"]
    loss = client.get_metric_history(run.info.run_id, "curves/loss")
    trial = results.trials.iloc[4]
    assert [(one.step, one.value) for one in loss] == [(1, 2.0), (2, trial["test_loss"])]
    assert run.data.metrics["results/test_accuracy"] == trial["test_accuracy"]
    assert run.data.params["units"] == "16"
    assert run.info.status == "FINISHED"
    failed = runs["units=66, seed 0"]
    assert (failed.info.status, failed.data.tags["reason"]) == ("FAILED", "ValueError: 66")
    key = results._plan[4].key
    results._results.add(replace(results._results[key], metrics={"test_loss": 9.0}))
    assert len(results.export("mlflow", place, overwrite=True)) == 1
    assert len(client.search_runs([experiment.experiment_id])) == 6


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
def test_wandb_writes_offline_runs(results, tmp_path):
    place = tmp_path / "runs"
    folders = results.export("wandb", place)
    assert len(folders) == 6
    assert results.export("wandb", place) == []
    for folder in folders:
        assert folder.name.startswith("offline-run-")
    (file,) = folders[4].glob("run-*.wandb")
    content = file.read_bytes()
    assert all(word in content for word in (b"curves/loss", b"results/test_accuracy", b"units"))
