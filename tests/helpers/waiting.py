"""What is waited for, and which processes are there."""

import time
from pathlib import Path


def wait_until(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return seen


def alive(pid):
    """Whether there is such a process, and it is not one that has ended and is not yet missed."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
