"""Workers side by side, and whoever dies: nothing is lost, nothing is scored twice."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import search_builders
from search_files import trials_of

import cnnzoo
from cnnzoo.recipe import Recipe
from cnnzoo.tuning.writing import alone_in

SCRIPT = Path(__file__).with_name("search_script.py")
TINY = {"recipe": Recipe(epochs=1), "train_size": 40}


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)], env={**os.environ, **environment}
    )


def finish(*arguments):
    assert start(*arguments).wait(timeout=300) == 0


def wait_for(condition, seconds=240):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it never came to that"
        time.sleep(0.02)


def children(pid):
    """All processes below one."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in found] + [pid for child in found for pid in children(child)]


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def summary(trials):
    return [
        (trial["values"], trial["status"], [(row["seed"], row["score"]) for row in trial["rows"]])
        for trial in trials
    ]


def test_a_score_does_not_hang_on_the_number_of_workers(searched, tmp_path):
    search = {"number": (0, 99)}
    two = searched(search_builders.tiny, "digits", search, trials=6, workers=2, **TINY)
    finish(tmp_path / "alone", 1, 6)
    one = {trial["values"]["number"]: trial["rows"][0] for trial in trials_of(tmp_path / "alone")}
    assert len(two) == 6
    for trial in two:
        number, (row,) = trial["values"]["number"], trial["rows"]
        if number in one:  # what is proposed when nothing was tried twice is the same
            assert (row["score"], row["metrics"]) == (one[number]["score"], one[number]["metrics"])
            assert trial["score"] == row["score"]
    assert {trial["values"]["number"] for trial in two} == set(one)


def test_a_worker_that_is_killed_is_replaced_and_its_trial_is_trained_again(searched, tmp_path):
    mark = str(tmp_path / "mark")
    trials = searched(
        search_builders.dying_once,
        "digits",
        {"number": [*range(6)]},
        tuner="grid",
        workers=2,
        mark=mark,
        **TINY,
    )
    assert sorted(path.name for path in tmp_path.glob("mark.*")) == ["mark.0", "mark.3"]
    assert sorted(trial["values"]["number"] for trial in trials) == [*range(6)]
    assert all(trial["status"] == "COMPLETED" for trial in trials)
    assert all(len(trial["rows"]) == 1 for trial in trials)


def test_a_trial_that_kills_every_worker_has_failed(searched):
    trials = searched(
        search_builders.deadly, "digits", {"number": [1, 2, 3]}, tuner="grid", workers=2, **TINY
    )
    found = {trial["values"]["number"]: (trial["status"], trial["message"]) for trial in trials}
    assert found == {
        1: ("COMPLETED", None),
        2: ("FAILED", "its worker died 2 times, at last with signal 9"),
        3: ("COMPLETED", None),
    }


def test_a_chief_that_is_killed_leaves_a_search_that_goes_on(tmp_path):
    directory = tmp_path / "search"
    chief = start(directory, 2, 20)
    wait_for(lambda: len([*directory.glob("trial_*/executions.json")]) >= 5)
    below = children(chief.pid)
    chief.send_signal(signal.SIGKILL)
    chief.wait()
    wait_for(lambda: not any(map(alive, below)), 60)
    done = {path: path.read_bytes() for path in directory.glob("trial_*/executions.json")}
    assert 5 <= len(done) < 20
    finish(directory, 2, 20)
    trials = trials_of(directory)
    assert len({trial["values"]["number"] for trial in trials}) == len(trials) == 20
    assert all(trial["status"] == "COMPLETED" for trial in trials)
    assert all(len(trial["rows"]) == 1 for trial in trials)
    assert {path: path.read_bytes() for path in done} == done


def test_a_search_that_is_killed_again_and_again_ends_as_if_nothing_had_been(tmp_path):
    directory, whole = tmp_path / "search", tmp_path / "whole"
    finish(whole, 1, 20, "stub")
    for kill in range(3):
        search = start(directory, 1, 20, "stub")
        before = len([*directory.glob("trial_*")])
        wait_for(lambda: len([*directory.glob("trial_*")]) > before)  # noqa: B023
        time.sleep(0.013 * kill)
        search.kill()
        search.wait()
    assert len([*directory.glob("trial_*")]) < 20
    finish(directory, 1, 20, "stub")
    assert summary(trials_of(directory)) == summary(trials_of(whole))
    assert len(summary(trials_of(directory))) == 20


def test_hosts_find_each_other_by_the_environment_variables(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}
    directory = tmp_path / "search"
    processes = [
        start(directory, 1, 6, "stub", KERASTUNER_TUNER_ID=name, **address)
        for name in ("chief", "one", "two")
    ]
    assert [process.wait(timeout=300) for process in processes] == [0, 0, 0]
    trials = trials_of(directory)
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 6
    assert all([row["seed"] for row in trial["rows"]] == [0, 1] for trial in trials)


def test_a_second_search_in_the_same_directory_is_refused(searched, tmp_path):
    with alone_in(tmp_path / "search"), pytest.raises(cnnzoo.SearchError) as refusal:
        searched("mlp", "digits", {"units": [8, 16]}, trials=1)
    assert str(refusal.value) == (
        f"A search runs in {tmp_path / 'search'} already, in process {os.getpid()}."
    )


def test_workers_take_only_builders_that_they_can_import(searched):
    def local(*, number: search_builders.Number = 0): ...

    with pytest.raises(cnnzoo.ToggleError) as refusal:
        searched(local, "digits", {"number": [1, 2]}, workers=2)
    assert str(refusal.value) == (
        "With workers=2, `model` of `tune` must be a name of the zoo or what workers can import; "
        f"got `{local.__qualname__}` of `{__name__}`."
    )
