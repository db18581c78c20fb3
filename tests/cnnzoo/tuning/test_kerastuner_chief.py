"""`cnnzoo.hypermodel` works under KerasTuner's own chief and workers, which `tune` refuses."""

import json
import os
import socket
import subprocess
import sys

import pytest

import cnnzoo

PROGRAM = """
import sys
import keras_tuner
import cnnzoo

tuner = keras_tuner.RandomSearch(
    cnnzoo.hypermodel(
        "mlp",
        search={"units": [4, 8, 16, 32]},
        recipe=cnnzoo.Recipe(epochs=1),
        input_shape=(8, 8, 1),
        classes=10,
    ),
    objective=keras_tuner.Objective("val_accuracy", "max"),
    max_trials=4,
    seed=1,
    directory=sys.argv[1],
    project_name="search",
)
tuner.search(cnnzoo.load_data("digits", train_size=40), verbose=0)
"""


def test_a_hypermodel_is_searched_by_kerastuners_chief_and_workers(tmp_path):
    with socket.socket() as held:  # so that nothing else is given the port
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gRPC does
        held.bind(("127.0.0.1", 0))
        address = {
            "KERASTUNER_ORACLE_IP": "127.0.0.1",
            "KERASTUNER_ORACLE_PORT": str(held.getsockname()[1]),
            "no_proxy": "127.0.0.1",
        }
        both = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(tmp_path)],
                env={**os.environ, **address, "KERASTUNER_TUNER_ID": name},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for name in ("chief", "worker")
        ]
        try:
            for process in reversed(both):
                _, errors = process.communicate(timeout=600)
                assert process.returncode == 0, errors
        finally:
            for process in both:
                process.kill()
    files = sorted((tmp_path / "search").glob("trial_*/trial.json"))
    trials = [json.loads(path.read_text()) for path in files]
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 4
    assert {trial["hyperparameters"]["values"]["units"] for trial in trials} == {4, 8, 16, 32}
    assert len(cnnzoo.open_search(tmp_path / "search").trials) == 4


def test_tune_refuses_to_be_a_chief_or_worker(searched, monkeypatch, tmp_path):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    with pytest.raises(cnnzoo.SearchError) as refused:
        searched("mlp", "digits", {"units": [4, 8]})
    assert str(refused.value) == (
        "`tune` runs on one machine, and KERASTUNER_TUNER_ID is set in the environment. Unset it, "
        "or search with cnnzoo.hypermodel and a tuner of KerasTuner."
    )
    assert list(tmp_path.iterdir()) == []
