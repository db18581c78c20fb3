"""Programs that a Python of their own runs."""

import subprocess
import sys


def said_by(code: str, **environment: str) -> str:
    """Run a program, which must end well, and return what it writes to its standard output."""
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout
