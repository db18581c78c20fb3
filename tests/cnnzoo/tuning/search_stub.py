"""A builder whose import replaces training by looking up a score, in worker processes too."""

import time

from search_builders import Number, tiny

from cnnzoo.tuning import hosts
from cnnzoo.tuning.execution import Trainer

SECONDS = 0.1


def stubbed(*, input_shape, classes, number: Number = 0):
    return tiny(input_shape=input_shape, classes=classes, number=number)


def look_up(trainer, levels, seed, epochs, save_to):
    time.sleep(SECONDS)
    score = levels["number"] / 100 + seed / 1000
    return {"status": "done", "score": score, "metrics": {"val_accuracy": score}, "epochs": 1}


Trainer._train = look_up
hosts.BEAT, hosts.SILENT = 0.2, 3.0
