"""Studies on Ray: the same bits as in processes, and faults that lose no trial."""

import dataclasses
import os
import shutil
import signal
import sqlite3

import numpy as np
from helpers.engine_parameters import NEEDS_RAY
from helpers.ray_nodes import Nodes, with_tokens
from helpers.stub_runs import check, count, end, planned, rows, start
from helpers.waiting import wait_until

import ablations
from ablations.store import FILE
from cnnzoo import Recipe
from cnnzoo.runtime.files import CACHE

pytestmark = NEEDS_RAY


BUILDER = """
import keras


def build(input_shape, classes, seed, units: int = 4):
    return keras.Sequential([
        keras.Input(input_shape),
        keras.layers.Flatten(),
        keras.layers.Dense(units, activation="relu"),
        keras.layers.Dense(classes, activation="softmax"),
    ])
"""


def computed(directory):
    """What the trials of a study computed, by trial."""
    with sqlite3.connect(directory / FILE) as connection:
        results = connection.execute(
            "SELECT key, context, status, metrics, history, params, macs, findings FROM results"
        ).fetchall()
        outcomes = connection.execute("SELECT * FROM outcomes").fetchall()
    return {row[0]: row[1:] for row in results}, {row[-1] for row in outcomes}


def test_a_study_continues_on_another_machine_with_the_same_bits(tmp_path, monkeypatch):
    """The arrays and the modules of the program are sent to a machine that has neither."""
    monkeypatch.setenv(CACHE, str(tmp_path / "here"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/own_nets.py").write_text(BUILDER)
    rng = np.random.default_rng(0)
    images, labels = rng.random((200, 8, 8, 1), np.float32), np.arange(200) % 4
    study = ablations.Study(
        "own_nets:build",
        (images, labels),
        factors={"units": [4, 8]},
        seeds=3,
        recipe=Recipe(epochs=2),
        name="same bits",
    )
    options = {"progress": False}
    ablations.run(study, tmp_path / "processes", workers=1, **options)
    begun = dataclasses.replace(study, seeds=1)
    ablations.run(begun, tmp_path / "both", workers=1, **options)
    with with_tokens():
        nodes = Nodes(tmp_path)
        cache = nodes.add()
        results = ablations.run(
            study, tmp_path / "both", engine="ray", address=nodes.address, **options
        )
        nodes.cluster.shutdown()
    assert results.trials["status"].eq("done").all()
    assert computed(tmp_path / "both") == computed(tmp_path / "processes")
    assert len(computed(tmp_path / "both")[0]) == 6
    kept, sent = (
        {file.name: file.read_bytes() for file in folder.glob("arrays/*/*")}
        for folder in (tmp_path / "here", tmp_path / cache)
    )
    assert kept == sent != {}


def test_nothing_is_lost_or_done_twice(tmp_path):
    """A machine and the head are lost; then the program is killed, and stopped with Ctrl-C."""
    directory, keys = tmp_path / "study", planned("MANY")

    def run_until(more, *where):
        before = count(directory)
        process = start(directory, "MANY", "ray", *where)
        wait_until(lambda: count(directory) >= before + more)
        return process, rows(directory)

    with with_tokens():
        nodes = Nodes(tmp_path)
        lost, _ = nodes.add(), nodes.add()
        process, before = run_until(20, nodes.address)
        nodes.lose(lost)
        wait_until(lambda: count(directory) >= len(before) + 40)
        before = check(directory, before, keys)
        head = nodes.cluster.head_node.all_processes["gcs_server"][0].process
        os.kill(head.pid, signal.SIGKILL)
        code, _, err = end(process)
        assert (code, err.strip().splitlines()[-1]) == (
            1,
            f"ablations.study.errors.StudyError: The Ray cluster at {nodes.address} does not "
            "answer any more. Finished trials are saved; run again to resume.",
        )
        nodes.cluster.shutdown()
    before = check(directory, before, keys)

    process, stored = run_until(10)
    process.kill()
    end(process)
    check(directory, before, keys)
    before = check(directory, stored, keys)

    process, stored = run_until(10)
    process.send_signal(signal.SIGINT)
    code, out, err = end(process)
    assert code == 0
    assert "pending" in out
    assert "Stopping after the running trials" in err
    check(directory, before, keys)
    before = check(directory, stored, keys)

    code, out, _ = end(start(directory, "QUICK"))
    assert (code, out) == (0, f"{{'done': {len(keys)}}}\n")
    after = check(directory, before, keys)
    assert len(after) == len(keys)
    shutil.rmtree(directory)
