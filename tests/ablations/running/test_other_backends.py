"""Studies on another Keras backend than before, and on one that cannot train."""

import os
import subprocess
import sys

import pytest
from helpers.stub_trials import CALLS, MEASURED, STUDY

from ablations import StudyError, open_results, plan, run

CANNOT_TRAIN = (
    "The Keras backend: expected one of tensorflow, jax, torch; got '{}'. Set the environment "
    "variable KERAS_BACKEND=tensorflow before Python starts."
)


def test_finished_study_is_refused_on_a_backend_without_training(stubbed, tmp_path, monkeypatch):
    before = run(STUDY, tmp_path / "old", engine="serial", progress=False).trials
    CALLS.clear()
    MEASURED.clear()
    monkeypatch.setattr("keras.config.backend", lambda: "numpy")
    for directory in (tmp_path / "old", tmp_path / "new"):
        with pytest.raises(StudyError) as refusal:
            run(STUDY, directory, engine="serial", progress=False)
        assert str(refusal.value) == CANNOT_TRAIN.format("numpy")
    with pytest.raises(StudyError) as refusal:
        plan(STUDY, engine="serial")
    assert str(refusal.value) == CANNOT_TRAIN.format("numpy")
    assert CALLS == MEASURED == []
    assert not (tmp_path / "new").exists()
    assert open_results(tmp_path / "old").trials.equals(before)


def test_results_of_another_backend_are_not_reused(stubbed, tmp_path, monkeypatch, capsys):
    """Simulates results of an earlier run on JAX."""
    run(STUDY, tmp_path, engine="serial", progress=False)
    now = "tensorflow 9.9"
    monkeypatch.setattr("cnnzoo.runtime.code_version.backend_version", lambda: now)
    first = len(CALLS)
    results = run(STUDY, tmp_path, engine="serial")
    assert len(CALLS) == 2 * first
    assert results.versions["backend"] == now
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "Earlier results" in line]
    assert said.startswith(
        "Earlier results are not used, because what they depend on has changed: backend from "
        "tensorflow 2."
    )
    assert said.endswith(f" to {now}.")


def test_the_environment_is_read_without_loading_keras(tmp_path):
    code = (
        "import sys; from ablations import Study, StudyError, run\n"
        "try:\n"
        "    run(Study('mlp', 'digits', factors={'units': [8, 16]}), sys.argv[1])\n"
        "except StudyError as error:\n"
        "    print(error)\n"
        "print('keras' in sys.modules)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "new")],
        env={**os.environ, "KERAS_BACKEND": "openvino"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines() == [CANNOT_TRAIN.format("openvino"), "False"]
    assert not (tmp_path / "new").exists()
