"""Wait for a condition, and look for processes."""

import time
from pathlib import Path


def wait_until(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.01)
    return seen


def is_alive(pid):
    """Return whether a process runs; one that has ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
