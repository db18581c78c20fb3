"""Searches in processes of their own, and who is below them."""

import os
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = Path(__file__).with_name("search_script.py")


def start(*arguments, **environment):
    return _start([str(SCRIPT), *map(str, arguments)], environment)


def start_command(*arguments, **environment):
    """Start the command line of the zoo."""
    return _start(["-c", "from cnnzoo.cli import app; app()", *map(str, arguments)], environment)


def _start(arguments, environment):
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, seconds=600):
    """Wait for the end, which must be a good one, and return what was told."""
    _, told = process.communicate(timeout=seconds)
    assert process.returncode == 0, told
    return told


def kill(process):
    process.kill()
    process.communicate()


def wait_for(condition, seconds=600):
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, "it never came to that"
        time.sleep(0.02)
    return found


def children(pid):
    """All processes below one."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in found] + [pid for child in found for pid in children(child)]


def workers_of(pid):
    """The worker processes of a search, the oldest first: what they say goes into their log."""

    def says(child):
        try:
            return Path(f"/proc/{child}/fd/2").readlink().name
        except OSError:
            return ""

    return sorted(child for child in children(pid) if says(child) == "workers.log")


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
