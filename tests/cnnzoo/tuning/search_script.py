"""A search in a process of its own: DIRECTORY WORKERS TRIALS [stub]."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import search_builders

import cnnzoo
from cnnzoo.tuning.execution import Trainer


def look_up(trainer, levels, seed, epochs, save_to):
    time.sleep(0.02)
    score = levels["number"] / 100 + seed / 1000
    return {"status": "done", "score": score, "metrics": {"val_accuracy": score}, "epochs": 1}


directory, workers, trials, *stub = sys.argv[1:]
if stub:
    Trainer._train = look_up
cnnzoo.tune(
    search_builders.tiny,
    "digits",
    {"number": (0, 99)},
    recipe=cnnzoo.Recipe(epochs=1),
    train_size=40,
    trials=int(trials),
    seeds=2 if stub else 1,
    workers=int(workers),
    directory=directory,
    progress=False,
)
