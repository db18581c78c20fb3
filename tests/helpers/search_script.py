"""Run a search: DIRECTORY WORKERS TRIALS [stub]."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cnnzoo
from helpers import search_builders

directory, workers, trials, *kind = sys.argv[1:]
builder, search = search_builders.tiny, {"number": (0, 99)}
if kind == ["stub"]:
    from helpers import search_stub

    builder = search_stub.stubbed
cnnzoo.tune(
    builder,
    "digits",
    search,
    recipe=cnnzoo.Recipe(epochs=1),
    train_size=40,
    trials=int(trials),
    seeds=2 if kind == ["stub"] else 1,
    workers=int(workers),
    directory=directory,
)
