"""How a trial tells the run that it is part of how far it is.

A module of its own, for a worker needs none of what shows it.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablations.study import Trial


def report_epoch(folder: Path, trial: Trial, epoch: int, logs: Mapping[str, Any] | None) -> None:
    """Leave word of a trial's epoch in a folder; where that fails the trial goes on.

    Files need no lock that a killed process could keep.
    """
    word = {"key": trial.key, "epoch": epoch, "loss": float((logs or {}).get("loss", "nan"))}
    scratch = folder / f".{os.getpid()}"
    with contextlib.suppress(OSError):  # the folder or the coordinator is gone, or the disk full
        scratch.write_text(json.dumps(word))
        scratch.replace(folder / f"{os.getpid()}.json")
