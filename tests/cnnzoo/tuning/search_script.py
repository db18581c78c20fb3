"""A search in a process of its own: DIRECTORY WORKERS TRIALS [stub]."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import search_builders

import cnnzoo

directory, workers, trials, *stub = sys.argv[1:]
builder = search_builders.tiny
if stub:
    import search_stub

    builder = search_stub.stubbed
cnnzoo.tune(
    builder,
    "digits",
    {"number": (0, 99)},
    recipe=cnnzoo.Recipe(epochs=1),
    train_size=40,
    trials=int(trials),
    seeds=2 if stub else 1,
    workers=int(workers),
    directory=directory,
)
