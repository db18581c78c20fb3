"""kill -9 and Ctrl-C, at random moments: nothing is lost, nothing is done twice."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from stub_study import PROGRAMS

from ablations import open_results
from ablations.planning import Planner
from ablations.store import FILE

PROGRAM = Path(__file__).parent / "stub_study.py"


def planned(which):
    planner = Planner.of(PROGRAMS[which][0])
    return {row.key for row, _ in planner.rows(planner.layout.variants, {}, {})}


def start(directory, which):
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(directory), which],
        env={
            "PYTHONPATH": ":".join(sys.path),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
            "HOME": os.environ["HOME"],
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(pid):
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []


def workers(pid):
    """The processes that the coordinator's forkserver has forked."""
    return [worker for child in children(pid) for worker in children(child)]


def met(process):
    """Wait for a coordinator's workers or for its end, and return those that are there."""
    wait_until(lambda: workers(process.pid) or process.poll() is not None)
    return workers(process.pid)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def rows(directory):
    """Read the results' own rows, as anybody could."""
    if not (directory / FILE).exists():
        return []
    connection = sqlite3.connect(directory / FILE)
    try:
        return connection.execute("SELECT * FROM results ORDER BY id").fetchall()
    except sqlite3.OperationalError:  # killed before there was a table
        return []
    finally:
        connection.close()


def check(directory, before, keys):
    """Planned = done + failed + pending, no trial done twice, finished rows unchanged."""
    now = rows(directory)
    assert now[: len(before)] == before
    done = Counter(row[1] for row in now if row[4] == "done")
    assert max(done.values(), default=1) == 1
    assert set(done) <= keys
    if now:
        statuses = open_results(directory).trials["status"].value_counts()
        assert set(statuses.index) <= {"done", "failed", "pending"}
        assert statuses.sum() == len(keys)
        assert statuses.get("done", 0) == len(done)
    return now


def end(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_again_and_again(directory, which, rounds, seed, moment):
    """Kill a worker or the coordinator at random moments; return how many of each."""
    draw = random.Random(seed)  # noqa: S311
    keys = planned(which)
    before, victims, process = [], Counter(), None
    try:
        for _ in range(rounds):
            if process is not None and process.poll() is not None:
                end(process)
                process = None
            if process is None:
                process = start(directory, which)
            time.sleep(draw.uniform(0, moment))
            if draw.random() < 0.25:
                victims["coordinator"] += kill(process.pid)
                end(process)
                process = None
            else:
                found = met(process)
                victims["worker"] += bool(found) and kill(draw.choice(found))
            before = check(directory, before, keys)
    finally:
        if process is not None:
            process.kill()
            process.communicate()
    assert len(before) < len(keys)  # the kills met a study that was running
    code, _, err = end(start(directory, which))
    assert code == 0, err
    after = check(directory, before, keys)
    final = {row[1]: row[4] for row in after}
    assert set(final) == keys
    return victims, final


def test_fifty_kills_lose_nothing_and_repeat_nothing(tmp_path):
    victims, final = kill_again_and_again(tmp_path / "study", "MANY", 50, 1, moment=0.35)
    assert sum(victims.values()) >= 45
    assert min(victims.values()) >= 8
    # a trial whose worker was killed again and again may have failed; no other one has
    assert Counter(final.values())["failed"] <= victims["worker"] // 4


def test_kills_of_real_training_lose_nothing_and_repeat_nothing(tmp_path):
    _, final = kill_again_and_again(tmp_path / "study", "REAL", 2, 2, moment=4.0)
    assert set(final.values()) == {"done"}


def test_the_first_interruption_drains_and_a_later_run_goes_on(tmp_path):
    directory = tmp_path / "study"
    process = start(directory, "FEW")
    wait_until(lambda: len(rows(directory)) >= 3)
    process.send_signal(signal.SIGINT)
    code, out, err = end(process)
    assert code == 0, err
    assert err.count("Stopping after the running trials; Ctrl-C again stops at once.") == 1
    drained = check(directory, [], planned("FEW"))
    assert len(drained) < len(planned("FEW"))
    assert {row[4] for row in drained} == {"done"}
    assert eval(out.splitlines()[-1])["pending"] == 50 - len(drained)  # noqa: S307
    code, _, err = end(start(directory, "FEW"))
    assert code == 0
    everything = check(directory, drained, planned("FEW"))
    assert {row[1] for row in everything} == planned("FEW")
    left = len(everything) - len(drained)
    assert f"\n{left}/{left} " in err  # only what was missing was run


def test_an_interruption_while_the_study_is_checked_stops_at_once(tmp_path):
    directory = tmp_path / "study"
    process = start(directory, "FEW")
    wait_until(lambda: len(rows(directory)) >= 3)
    kill(process.pid)
    end(process)
    before = check(directory, [], planned("FEW"))
    process = start(directory, "STUCK")
    running = met(process)
    process.send_signal(signal.SIGINT)
    check_stopped(process, running)
    assert check(directory, before, planned("FEW")) == before
    code, _, err = end(start(directory, "FEW"))
    assert code == 0, err
    after = check(directory, before, planned("FEW"))
    assert {row[4] for row in after} == {"done"}


def test_the_second_interruption_stops_at_once_and_a_later_run_goes_on(tmp_path):
    directory = tmp_path / "study"
    process = start(directory, "HELD")
    wait_until(lambda: len(rows(directory)) == 2)  # of each worker the first trial
    running = workers(process.pid)
    process.send_signal(signal.SIGINT)
    told = iter(process.stderr.readline, "")
    assert any("Stopping after the running trials" in line for line in told)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    check_stopped(process, running)
    before = check(directory, [], planned("FEW"))
    assert len(before) == 2
    code, _, err = end(start(directory, "FEW"))
    assert code == 0, err
    after = check(directory, before, planned("FEW"))
    assert {row[4] for row in after} == {"done"}


def check_stopped(process, running):
    """It tells so, ends by the interruption, and leaves no worker."""
    code, _, err = end(process)
    assert code == -signal.SIGINT
    told = "Stopped. What has ended is stored, and running the study again goes on from there."
    assert told in " ".join(err.split())
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in running))


def test_no_worker_outlives_a_killed_coordinator(tmp_path):
    process = start(tmp_path / "study", "MANY")
    wait_until(lambda: len(workers(process.pid)) == 2)
    orphans = [*children(process.pid), *workers(process.pid)]
    kill(process.pid)
    end(process)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans), seconds=20)
