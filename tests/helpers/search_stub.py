"""A builder whose import replaces training by looking up a score, in worker processes too."""

import os
import time
from pathlib import Path

from cnnzoo.tuning.trainer import Trainer
from helpers.search_builders import Number, tiny
from helpers.waiting import wait_until

SECONDS = 0.1


def stubbed(*, input_shape, classes, number: Number = 0):
    return tiny(input_shape=input_shape, classes=classes, number=number)


def look_up(trainer, levels, seed, epochs, save_to):
    time.sleep(SECONDS)
    score = levels["number"] / 100 + seed / 1000
    return {"status": "done", "score": score, "metrics": {"val_accuracy": score}, "epochs": 1}


original_run = Trainer.run


def run_in_turn(trainer, run):
    """Wait until the file that GATE names holds a number above that of the trial."""
    gate = os.environ.get("GATE")
    if gate:
        wait_until(lambda: int(run.trial) < int(Path(gate).read_text() or 0), seconds=3600)
    return original_run(trainer, run)


Trainer._train = look_up
Trainer.run = run_in_turn
