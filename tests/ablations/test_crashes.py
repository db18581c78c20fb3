"""kill -9 and Ctrl-C at random moments: no trial is lost or done twice."""

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from helpers.stub_runs import check, count, end, planned, rows, start
from helpers.stub_study import PROGRAMS
from helpers.waiting import is_alive, wait_until

from ablations.running import run as runner


def held(directory):
    """Start a study, and wait until both workers run trials of the second block of seeds."""
    process = start(directory, "HELD")
    wait_until(lambda: len([*directory.parent.glob("go on.*")]) == 2)
    assert len(rows(directory)) == 5  # each variant with seed 0
    return process


def interrupt(process):
    """Interrupt a study, and return its lines until it confirms the interruption."""
    process.send_signal(signal.SIGINT)
    lines = []
    for line in iter(process.stderr.readline, ""):
        lines.append(line)
        if "Stopping after the running trials" in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


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
    """Return the processes that the coordinator's forkserver has forked."""
    return [worker for child in children(pid) for worker in children(child)]


def met(process):
    """Wait for a worker of a coordinator that is is_alive, and return those that were seen.

    One that was killed stays among the children until it is missed, and is none of them.
    """
    return wait_until(lambda: [pid for pid in workers(process.pid) if is_alive(pid)])


@pytest.fixture
def resume(monkeypatch):
    """Return a function that resumes a study of stub trials in this process, to its end."""

    def resume_in_process(directory, which):
        study, measure_trial, run_trial = PROGRAMS[which]
        monkeypatch.setattr(runner, "measure_trial", measure_trial)
        monkeypatch.setattr(runner, "run_trial", run_trial)
        runner.run(study, directory, engine="serial")

    return resume_in_process


def resume_in_workers(directory, which):
    """Resume a study as a program of its own, to its end."""
    code, _, err = end(start(directory, which))
    assert code == 0, err


def kill_again_and_again(directory, which, victims, draw, trials, seconds, resume):
    """Kill a worker or the coordinator at random moments, and check what is left each time.

    Each of them is alive when it is killed, and there is more to do. The moments are up to so many
    trials and then up to so many seconds apart.
    """
    keys = planned(which)
    before, process = [], None
    try:
        for victim in victims:
            process = process or start(directory, which)
            goal = len(before) + draw.randint(0, trials)
            wait_until(lambda goal=goal: count(directory) >= goal)
            time.sleep(draw.uniform(0, seconds))
            assert process.poll() is None
            if victim == "coordinator":
                process.kill()
                assert end(process)[0] == -signal.SIGKILL
                process = None
            else:
                pid = draw.choice(met(process))
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda pid=pid: not is_alive(pid))
                assert process.poll() is None
            before = check(directory, before, keys)
            assert {row[1] for row in before} < keys
    finally:
        if process is not None:
            process.kill()
            process.communicate()
    assert before
    resume()
    after = check(directory, before, keys)
    assert {row[1]: row[4] for row in after} == dict.fromkeys(keys, "done")


def test_fifty_kills_lose_and_repeat_nothing(tmp_path, resume):
    draw = random.Random(1)  # noqa: S311
    victims = ["coordinator"] * 8 + ["worker"] * 42
    draw.shuffle(victims)
    directory = tmp_path / "study"
    kill_again_and_again(
        directory, "MANY", victims, draw, 2, 0.2, partial(resume, directory, "QUICK")
    )


def test_kills_of_real_training_lose_and_repeat_nothing(tmp_path):
    draw = random.Random(2)  # noqa: S311
    directory = tmp_path / "study"
    resume = partial(resume_in_workers, directory, "REAL")
    kill_again_and_again(directory, "REAL", ["worker", "coordinator"], draw, 3, 0.2, resume)


def test_first_interruption_drains_and_the_study_resumes(tmp_path, resume, capsys):
    directory = tmp_path / "study"
    process = held(directory)
    said = interrupt(process)
    directory.with_name("go on").touch()
    code, out, err = end(process)
    assert code == 0, err
    told = "Stopping after the running trials; Ctrl-C again stops at once."
    assert (said + err).count(told) == 1
    drained = check(directory, [], planned("FEW"))
    assert len(drained) == 5 + 2  # what had ended, and what ran
    assert {row[4] for row in drained} == {"done"}
    assert eval(out.splitlines()[-1])["pending"] == 50 - len(drained)  # noqa: S307
    capsys.readouterr()
    resume(directory, "FEW")
    everything = check(directory, drained, planned("FEW"))
    assert {row[1] for row in everything} == planned("FEW")
    left = len(everything) - len(drained)
    assert f"\n{left}/{left} " in capsys.readouterr().err  # only what was missing was run


def test_interruption_during_checks_stops_at_once(tmp_path, resume):
    directory = tmp_path / "study"
    resume(directory, "BEGUN")
    before = check(directory, [], planned("BEGUN"))
    assert before
    process = start(directory, "STUCK")
    running = met(process)
    process.send_signal(signal.SIGINT)
    check_stopped(process, running)
    assert check(directory, before, planned("BEGUN")) == before
    resume(directory, "FEW")
    after = check(directory, before, planned("FEW"))
    assert {row[4] for row in after} == {"done"}


def test_second_interruption_stops_at_once_and_the_study_resumes(tmp_path, resume):
    directory = tmp_path / "study"
    process = held(directory)
    running = workers(process.pid)
    interrupt(process)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    check_stopped(process, running)
    before = check(directory, [], planned("FEW"))
    assert len(before) == 5
    resume(directory, "FEW")
    after = check(directory, before, planned("FEW"))
    assert {row[4] for row in after} == {"done"}


def check_stopped(process, running):
    """The run confirms it, ends by the interruption, and leaves no worker."""
    code, _, err = end(process)
    assert code == -signal.SIGINT
    told = "Stopped. Finished trials are saved; run the study again to resume."
    assert told in " ".join(err.split())
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    wait_until(lambda: not any(map(is_alive, running)))


def test_no_worker_outlives_a_killed_coordinator(tmp_path):
    process = start(tmp_path / "study", "MANY")
    wait_until(lambda: len(workers(process.pid)) == 2)
    orphans = [*children(process.pid), *workers(process.pid)]
    process.kill()
    end(process)
    wait_until(lambda: not any(map(is_alive, orphans)))
