"""Estimates of how long the claims' studies take on this machine, without TensorFlow.

The seconds of a trial come from the last run of the claims, if it ran the study; else from the full
run that comes with this package. They are scaled by the speed of both machines in NumPy.
"""

import json
import math
import platform
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from ablations.claims.request import FILE, FULL_RUN
from cnnzoo.runtime.files import cache_folder, write_atomically

SIZE = 96
"""Rows of the matrices that are multiplied; larger ones would be shared out among the cores."""

SPEED_SECONDS = 0.2
"""Duration of the measurement of the speed."""


def seconds_per_trial(directory: Path | None = None) -> dict[str, float]:
    """Return the expected seconds of a trial on this machine by study; unknown ones are left out.

    Parameters
    ----------
    directory
        Directory of an earlier run of the claims, whose trials count more than the package's.
    """
    files = [FULL_RUN, *([directory / FILE] if directory is not None else [])]
    return {name: seconds for file in files for name, seconds in stored_seconds(file).items()}


def stored_seconds(file: Path) -> dict[str, float]:
    """Return the mean seconds of a trial of a stored run on this machine, by study.

    It is empty if there is none, or its studies were smaller or had other data than declared.
    """
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["quick"] or stored["data"] is not None:
            return {}
        there = stored["machine"].get("speed")  # runs of earlier versions have none
        scale = float(there.partition(" ")[0]) / speed() if there else 1.0
        studies = [study for claim in stored["claims"] for study in claim["studies"]]
        return {
            study["name"]: scale * study["seconds"] / (study["done"] + study["failed"])
            for study in studies
            if study["done"] + study["failed"]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def speed_words() -> str:
    """Write the speed as the record of a run stores it, such as "81.4 GFLOP/s"."""
    return f"{speed():.1f} GFLOP/s"


@cache
def speed() -> float:
    """Return the speed of one core in products of small matrices, in 10^9 operations a second.

    It is measured once per machine and version of NumPy, and cached.
    """
    import numpy as np

    machine = f"{platform.node()}, {platform.machine()}, NumPy {np.__version__}"
    cached = cache_folder() / "speed.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        stored = json.loads(cached.read_text(encoding="utf-8"))
        if stored["machine"] == machine and math.isfinite(stored["speed"]) and stored["speed"] > 0:
            return float(stored["speed"])
    value = measure_speed()
    with suppress(OSError):
        write_atomically(cached, json.dumps({"machine": machine, "speed": value}).encode())
    return value


def measure_speed(seconds: float = SPEED_SECONDS) -> float:
    """Measure the speed; the fastest product counts, because other programs only slow it down.

    Examples
    --------
    >>> measure_speed(seconds=0.01) > 0
    True
    """
    import numpy as np

    matrix = np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype(np.float32)
    fastest, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end or math.isinf(fastest):
        start = time.perf_counter()
        matrix @ matrix
        fastest = min(fastest, time.perf_counter() - start)
    return 2 * SIZE**3 / fastest / 1e9


def duration_words(seconds: float) -> str:
    """Write a duration in a few characters; "unknown" if it is.

    Examples
    --------
    >>> [duration_words(value) for value in (42.4, 130.0, 5400.0, math.nan)]
    ['42 s', '2 min', '1.5 h', 'unknown']
    """
    if math.isnan(seconds):
        return "unknown"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 59.5 * 60 else f"{seconds / 3600:.1f} h"
