"""Start searches in other processes, and find their worker processes."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("search_script.py")


def start(*arguments, **environment):
    """Start `search_script.py`."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill(process):
    process.kill()
    process.communicate()


def children(pid):
    """All descendants of a process."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in found] + [pid for child in found for pid in children(child)]


def workers_of(pid):
    """The worker processes of a search, the oldest first. Their standard error is a log file."""

    def log_of(child):
        try:
            return Path(f"/proc/{child}/fd/2").readlink().name
        except OSError:
            return ""

    return sorted(child for child in children(pid) if log_of(child) == "workers.log")
