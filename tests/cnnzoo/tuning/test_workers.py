"""Workers side by side, and whoever dies: nothing is lost, nothing is scored twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import grpc
import keras_tuner
import pytest
import search_builders
from processes import alive, children, finish, kill, start, wait_for, workers_of
from search_files import trials_of

import cnnzoo
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning import workers
from cnnzoo.tuning.oracle import make_safe
from cnnzoo.tuning.writing import alone_in

TINY = {"recipe": Recipe(epochs=1), "train_size": 40}


def summary(trials):
    return [
        (trial["values"], trial["status"], [(row["seed"], row["score"]) for row in trial["rows"]])
        for trial in trials
    ]


def is_over(folder):
    """Whether both seeds of a trial of the stub have ended."""
    rows = folder / "executions.json"
    return rows.exists() and len(json.loads(rows.read_text())) == 2


def test_a_score_does_not_hang_on_the_number_of_workers(searched, tmp_path):
    search = {"number": (0, 99)}
    options = {"trials": 6, **TINY}
    two = searched(search_builders.tiny, "digits", search, workers=2, **options)
    alone = searched(search_builders.tiny, "digits", search, directory=tmp_path / "1", **options)
    one = {trial["values"]["number"]: trial["rows"][0] for trial in alone}
    assert len(two) == 6
    for trial in two:
        number, (row,) = trial["values"]["number"], trial["rows"]
        if number in one:  # what is proposed when nothing was tried twice is the same
            assert (row["score"], row["metrics"]) == (one[number]["score"], one[number]["metrics"])
            assert trial["score"] == row["score"]
    assert {trial["values"]["number"] for trial in two} == set(one)


def test_workers_that_are_killed_at_any_moment_are_replaced_and_nothing_is_lost(tmp_path):
    directory, moment = tmp_path / "search", random.Random(4)  # noqa: S311
    gate = tmp_path / "gate"
    gate.write_text("5")
    search = start(directory, 2, 20, "stub", GATE=str(gate))
    killed, begun = [], []
    for ended in (1, 6, 11):
        wait_for(lambda: len([*directory.glob("trial_*/executions.json")]) > ended)  # noqa: B023
        wait_for(lambda: all(map(is_over, begun)))  # noqa: B023, one that is killed twice has failed
        time.sleep(moment.uniform(0, 0.3))
        killed.append(wait_for(lambda: workers_of(search.pid))[0])
        os.kill(killed[-1], signal.SIGKILL)
        begun = [*directory.glob("trial_*")]
        gate.write_text(str(ended + 9))
    told = finish(search)
    assert len(set(killed)) == 3
    trials = trials_of(directory)
    assert len({trial["values"]["number"] for trial in trials}) == len(trials) == 20
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 20
    for trial in trials:
        number = trial["values"]["number"]
        assert [row["seed"] for row in trial["rows"]] == [0, 1]
        assert [row["score"] for row in trial["rows"]] == [number / 100, number / 100 + 0.001]
        assert trial["score"] == pytest.approx(number / 100 + 0.0005)
    ends = [line.split()[1] for line in told.splitlines() if line.startswith("trial ")]
    assert sorted(ends) == [trial["trial_id"] for trial in trials]


def test_a_proxy_for_the_world_is_not_asked_for_the_chief(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    server, _, port = workers.serve(keras_tuner.oracles.RandomSearchOracle(), "127.0.0.1:0")

    def reaches(seconds):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            try:
                grpc.channel_ready_future(channel).result(seconds)
            except grpc.FutureTimeoutError:
                return False
            return True

    try:
        assert not reaches(1)
        monkeypatch.setenv("no_grpc_proxy", "")  # so that it is put back
        workers._reach_directly("127.0.0.1")
        assert os.environ["no_grpc_proxy"] == "example.org,127.0.0.1"  # noqa: SIM112
        assert reaches(20)
    finally:
        server.stop(None)


@pytest.fixture
def ended(monkeypatch):
    """Workers that end at once, with the exit codes given, and who was started with which GPU."""
    codes, started = [], []

    class Ended:
        def __init__(self, target, args, daemon):
            assert target is workers.work
            started.append(args[-2:])
            self.exitcode = codes.pop(0) if codes else 0
            self.sentinel, other = os.pipe()
            os.close(other)  # which says that it has ended

        def start(self):
            pass

        def is_alive(self):
            os.close(self.sentinel)
            return False

    monkeypatch.setattr(workers.WorkerContext, "Process", Ended)
    return codes, started


@pytest.mark.parametrize(
    ("gpus", "given"), [([], [None] * 3), (["2", "GPU-3"], ["2", "GPU-3", "2"])]
)
def test_workers_share_the_gpus_in_turn(monkeypatch, ended, gpus, given):
    monkeypatch.setattr(workers, "find_gpus", lambda count: gpus)
    oracle = make_safe(keras_tuner.oracles.RandomSearchOracle(), ())
    workers.lead_workers(oracle, plan=None, workers=3, raise_lost=lambda: None)
    assert [gpu for _, gpu in ended[1]] == given


def test_a_worker_that_a_trial_spoilt_is_replaced_however_often(ended):
    codes, started = ended
    codes += [workers.SPOILT] * 5
    oracle = make_safe(keras_tuner.oracles.RandomSearchOracle(), ())
    workers.lead_workers(oracle, plan=None, workers=1, raise_lost=lambda: None)
    assert [name for name, _ in started] == ["worker0"] * 6


def test_a_worker_that_a_trial_spoilt_ends_with_its_own_code(tmp_path):
    code = (
        "import sys; from pathlib import Path; from types import SimpleNamespace\n"
        "from cnnzoo.tuning import workers\n"
        "def follow(plan):\n"
        "    raise workers.UnrestoredError('spoilt')\n"
        "workers.follow = follow\n"
        "workers.work(SimpleNamespace(directory=Path(sys.argv[1])), 1, 'one')\n"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(tmp_path)])
    assert answer.returncode == workers.SPOILT


def test_a_worker_sees_its_own_gpu_alone(tmp_path):
    """And without one of its own, which is asked first, all of them."""
    code = (
        "import os, sys; from pathlib import Path; from types import SimpleNamespace\n"
        "from cnnzoo.tuning import workers\n"
        "told = Path(sys.argv[1]) / 'told'\n"
        "seen = []\n"
        "workers.follow = lambda plan: seen.append(os.environ['CUDA_VISIBLE_DEVICES'])\n"
        "for gpu in (None, 'GPU-3'):\n"
        "    workers.work(SimpleNamespace(directory=told.parent), 1, 'one', gpu)\n"
        "told.write_text(' '.join(seen))\n"
    )
    seen = {**os.environ, "CUDA_VISIBLE_DEVICES": "2,GPU-3"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=seen, check=True)
    assert (tmp_path / "told").read_text() == "2,GPU-3 GPU-3"


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
    gate = tmp_path / "gate"
    gate.write_text("10")
    chief = start(directory, 2, 20, "stub", GATE=str(gate))
    wait_for(lambda: len([*directory.glob("trial_*/executions.json")]) >= 5)
    below = children(chief.pid)
    kill(chief)
    wait_for(lambda: not any(map(alive, below)))
    over = [folder for folder in directory.glob("trial_*") if is_over(folder)]
    done = {path: path.read_bytes() for path in (folder / "executions.json" for folder in over)}
    assert 3 <= len(done) < 20
    finish(start(directory, 2, 20, "stub"))
    trials = trials_of(directory)
    assert len({trial["values"]["number"] for trial in trials}) == len(trials) == 20
    assert all(trial["status"] == "COMPLETED" for trial in trials)
    assert all([row["seed"] for row in trial["rows"]] == [0, 1] for trial in trials)
    assert {path: path.read_bytes() for path in done} == done


def test_a_search_that_is_killed_again_and_again_ends_as_if_nothing_had_been(
    searched, stub_training, tmp_path
):
    directory, gate = tmp_path / "search", tmp_path / "gate"
    stub_training(lambda levels, seed: levels["number"] / 100 + seed / 1000)
    options = {**TINY, "trials": 20, "seeds": 2, "directory": tmp_path / "whole"}
    whole = searched(search_builders.tiny, "digits", {"number": (0, 99)}, **options)
    for number in range(3):
        before = len([*directory.glob("trial_*")])
        gate.write_text(str(before + 2))
        search = start(directory, 1, 20, "stub", GATE=str(gate))
        wait_for(lambda: len([*directory.glob("trial_*")]) > before)  # noqa: B023
        time.sleep(0.013 * number)
        kill(search)
    assert len([*directory.glob("trial_*")]) < 20
    finish(start(directory, 1, 20, "stub"))
    assert summary(trials_of(directory)) == summary(whole)
    assert len(summary(trials_of(directory))) == 20


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
        "`model`: expected, with workers=2, a model that worker processes can import; got "
        f"`{local.__qualname__}` of `{__name__}`. Define it in a module, or use workers=1."
    )
