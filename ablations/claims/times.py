"""Estimates of how long the claims' studies take on this machine, without TensorFlow.

The seconds of a trial come from the last run of the claims, if it ran the study; else from a table
of this package, measured on another machine and scaled by the speed of both in NumPy.
"""

import json
import math
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ablations.claims.request import FILE
from cnnzoo.runtime.files import cache_folder, write_atomically

TABLE = "seconds.json"
"""File of this package with the seconds of a trial by study, and the speed of that machine."""

SIZE = 96
"""Rows of the matrices that are multiplied; larger ones would be shared out among the cores."""

SPEED_SECONDS = 0.2
"""Duration of the measurement of the speed."""


def seconds_per_trial(directory: Path | None = None) -> dict[str, float]:
    """Return the expected seconds of a trial on this machine by study; unknown ones are left out.

    Parameters
    ----------
    directory
        Directory of an earlier run of the claims, whose trials count more than the table.
    """
    table = stored_table()
    scale = table["speed"] / speed()
    seconds = {name: value * scale for name, value in table["studies"].items()}
    return {**seconds, **(measured_seconds(directory) if directory is not None else {})}


def measured_seconds(directory: Path) -> dict[str, float]:
    """Return the mean seconds of a trial in a stored run, by study; empty if there is none."""
    try:
        stored = json.loads((directory / FILE).read_text(encoding="utf-8"))
        studies = [study for claim in stored["claims"] for study in claim["studies"]]
        return {
            study["name"]: study["seconds"] / (study["done"] + study["failed"])
            for study in studies
            if study["done"] + study["failed"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def stored_table() -> Mapping[str, Any]:
    """Return the table of this package: ``speed``, ``machine`` and, by study, ``studies``."""
    text = files("ablations.claims").joinpath(TABLE).read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


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
