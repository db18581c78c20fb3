"""A builder whose import replaces training by looking up a score, in worker processes too."""

import os
import time
from pathlib import Path

from processes import wait_for
from search_builders import Number, tiny

from cnnzoo.tuning import hosts
from cnnzoo.tuning.execution import Trainer
from cnnzoo.tuning.tuner import SearchTuner

SECONDS = 0.1


def stubbed(*, input_shape, classes, number: Number = 0):
    return tiny(input_shape=input_shape, classes=classes, number=number)


def look_up(trainer, levels, seed, epochs, save_to):
    time.sleep(SECONDS)
    score = levels["number"] / 100 + seed / 1000
    return {"status": "done", "score": score, "metrics": {"val_accuracy": score}, "epochs": 1}


run_trial = SearchTuner.run_trial


def run_in_turn(tuner, trial, *arguments, **options):
    """Run a trial when the file that the environment may name says that so many may run."""
    gate = os.environ.get("GATE")
    if gate:
        wait_for(lambda: int(trial.trial_id) < int(Path(gate).read_text() or 0), seconds=3600)
    return run_trial(tuner, trial, *arguments, **options)


Trainer._train = look_up
SearchTuner.run_trial = run_in_turn
hosts.BEAT, hosts.SILENT = 0.2, 3.0
