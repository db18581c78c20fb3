"""Parallel searches and killed processes: no result is lost, none is scored twice."""

import json
import os
import random
import signal
import threading
import time

import pytest
from helpers import search_builders
from helpers.processes import children, kill, start, workers_of
from helpers.search_files import trials_of
from helpers.waiting import is_alive, wait_until

import cnnzoo
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.manifest import locked
from cnnzoo.tuning.trainer import Trainer

TINY = {"recipe": Recipe(epochs=1), "train_size": 40}


def summary(trials):
    return [
        (trial["values"], trial["status"], [(row["seed"], row["score"]) for row in trial["rows"]])
        for trial in trials
    ]


@pytest.fixture
def resume(monkeypatch):
    """Return a function that resumes a search of `start` in this process, to its end."""
    # the stub's import replaces these for the rest of its process
    monkeypatch.setattr(Trainer, "_train", Trainer._train)
    monkeypatch.setattr(Trainer, "run", Trainer.run)
    from helpers import search_stub

    monkeypatch.setattr(search_stub, "SECONDS", 0)
    monkeypatch.setattr(Trainer, "_train", search_stub.look_up)

    def resume_in_process(directory, workers, trials):
        cnnzoo.tune(
            search_stub.stubbed,
            "digits",
            {"number": (0, 99)},
            trials=trials,
            seeds=2,
            workers=workers,
            directory=directory,
            progress=False,
            **TINY,
        )
        return trials_of(directory)

    return resume_in_process


def has_ended(folder):
    """Whether both seeds of a trial have ended."""
    rows = folder / "executions.json"
    return rows.exists() and len(json.loads(rows.read_text())) == 2


def test_scores_do_not_depend_on_the_number_of_workers(searched, tmp_path):
    search = {"number": (0, 99)}
    options = {"trials": 4, **TINY}
    two = searched(search_builders.tiny, "digits", search, workers=2, **options)
    alone = searched(search_builders.tiny, "digits", search, directory=tmp_path / "1", **options)
    one = {trial["values"]["number"]: trial["rows"][0] for trial in alone}
    assert len(two) == 4
    for trial in two:
        number, (row,) = trial["values"]["number"], trial["rows"]
        if number in one:  # the same proposals, if none is a duplicate
            assert (row["score"], row["metrics"]) == (one[number]["score"], one[number]["metrics"])
            assert trial["score"] == row["score"]
    assert {trial["values"]["number"] for trial in two} == set(one)


def ended(directory):
    return [folder for folder in directory.glob("trial_*") if has_ended(folder)]


def check_resumed(trials):
    assert len({trial["values"]["number"] for trial in trials}) == len(trials) == 20
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 20
    for trial in trials:
        number = trial["values"]["number"]
        assert [row["seed"] for row in trial["rows"]] == [0, 1]
        assert [row["score"] for row in trial["rows"]] == [number / 100, number / 100 + 0.001]
        assert trial["score"] == pytest.approx(number / 100 + 0.0005)


def test_killed_workers_are_replaced_and_no_score_is_lost(tmp_path, resume):
    """And so after Ctrl-C."""
    directory, moment = tmp_path / "search", random.Random(4)  # noqa: S311
    gate = tmp_path / "gate"
    gate.write_text("5")
    search = start(directory, 2, 20, "stub", GATE=str(gate))
    killed, begun = [], []
    for count in (1, 6, 11):
        wait_until(lambda: len([*directory.glob("trial_*/executions.json")]) > count)  # noqa: B023
        wait_until(lambda: all(map(has_ended, begun)))  # noqa: B023, if its worker dies twice it fails
        time.sleep(moment.uniform(0, 0.3))
        killed.append(wait_until(lambda: workers_of(search.pid))[0])
        os.kill(killed[-1], signal.SIGKILL)
        begun = [*directory.glob("trial_*")]
        gate.write_text(str(min(count + 9, 18)))
    assert len(set(killed)) == 3
    wait_until(lambda: len(ended(directory)) == 18)
    told, done = interrupt(search, signal.SIGINT, directory)
    ends = [line.split()[1] for line in told.splitlines() if line.startswith("trial ")]
    assert len({*ends}) == len(ends) >= 18 - 2  # those of the workers may be untold
    assert {f"trial_{name}" for name in ends} <= {path.parent.name for path in done}
    check_resumed(resume(directory, 2, 20))
    assert {path: path.read_bytes() for path in done} == done


def interrupt(search, end, directory):
    """End a search; return its standard error and the rows of the trials that had ended."""
    below = children(search.pid)
    search.send_signal(end)
    _, told = search.communicate()
    assert search.returncode == -end
    wait_until(lambda: not any(map(is_alive, below)))
    rows = (folder / "executions.json" for folder in ended(directory))
    return told, {path: path.read_bytes() for path in rows}


def test_trials_that_kill_or_change_their_workers_affect_no_others(searched):
    numbers = [*range(1, 7)]
    trials = searched(
        search_builders.deadly, "digits", {"number": numbers}, tuner="grid", workers=2, **TINY
    )
    statuses = {trial["values"]["number"]: trial["status"] for trial in trials}
    assert statuses.pop(2) == "FAILED"
    assert statuses.pop(4) in ("COMPLETED", "FAILED")  # as TensorFlow can, without eager execution
    assert set(statuses.values()) == {"COMPLETED"}
    (message,) = (trial["message"] for trial in trials if trial["values"]["number"] == 2)
    assert message == "its worker died 2 times, at last with signal 9"


def test_a_killed_search_can_be_resumed_and_its_workers_end(tmp_path, resume):
    directory = tmp_path / "search"
    gate = tmp_path / "gate"
    gate.write_text("10")
    search = start(directory, 2, 20, "stub", GATE=str(gate))
    wait_until(lambda: len([*directory.glob("trial_*/executions.json")]) >= 5)
    _, done = interrupt(search, signal.SIGKILL, directory)
    assert 3 <= len(done) < 20
    check_resumed(resume(directory, 2, 20))
    assert {path: path.read_bytes() for path in done} == done


def test_killed_search_ends_like_an_uninterrupted_one(searched, resume, tmp_path):
    directory, gate = tmp_path / "search", tmp_path / "gate"
    options = {**TINY, "trials": 12, "seeds": 2, "directory": tmp_path / "whole"}
    whole = searched(search_builders.tiny, "digits", {"number": (0, 99)}, **options)
    gate.write_text("2")
    search = start(directory, 1, 12, "stub", GATE=str(gate))
    wait_until(lambda: len([*directory.glob("trial_*")]) > 1)
    kill(search)
    assert len([*directory.glob("trial_*")]) < 12
    resumed = resume(directory, 1, 12)
    assert summary(resumed) == summary(whole)
    assert len(resumed) == 12


def test_a_second_search_in_a_directory_is_refused(searched, tmp_path):
    with locked(tmp_path / "search"), pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", {"units": [8, 16]}, trials=1)
    assert str(refusal.value) == (
        f"Another search is running in {tmp_path / 'search'}, in process {os.getpid()}."
    )


def test_builder_that_cannot_be_sent_is_refused(searched):
    lock = threading.Lock()

    def local(*, number: search_builders.Number = 0):
        with lock:
            return number

    with pytest.raises(cnnzoo.SearchError) as refusal:
        searched(local, "digits", {"number": [1, 2]}, workers=2)
    assert str(refusal.value) == (
        "`model` with several `workers`: The builder, its arguments or the data refer to an "
        "object that cannot be sent to worker processes (TypeError: cannot pickle '_thread.lock' "
        "object). Create it inside the function that uses it, or run one trial after the other in "
        "this process."
    )
