"""Read the files of a search."""

import json
from pathlib import Path


def trials_of(directory):
    """The contents of all trial files in order, each with its executions."""
    trials = []
    for folder in sorted(Path(directory).glob("trial_*")):
        trial = json.loads((folder / "trial.json").read_text())
        executions = json.loads((folder / "executions.json").read_text())
        trials.append({**trial, "values": trial["hyperparameters"]["values"], "rows": executions})
    return trials
