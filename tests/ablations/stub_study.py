"""A program that runs a study, to be interrupted and killed: DIRECTORY, then MANY, FEW or REAL."""

import sys
from dataclasses import replace

import stub_trials

from ablations import Study, runner
from ablations.engines import processes
from cnnzoo import Recipe

MANY = Study(
    "mlp", "digits", factors={"units": [8, 16, 32, 128], "dropout": [0.0, 0.5]}, seeds=50, retries=3
)

FEW = replace(MANY, seeds=10)

REAL = Study(
    "mlp",
    "digits",
    factors={"units": [4, 8]},
    baseline={"units": 8, "train_size": 100},
    seeds=3,
    recipe=Recipe(epochs=1),
    retries=3,
)

STUDIES = {"MANY": MANY, "FEW": FEW, "REAL": REAL}
"""By what the program is told; all but the last one with stub trials."""


def main(directory: str, which: str) -> None:
    if which != "REAL":
        processes.PRELOADED.clear()
        processes.prepare_worker = stub_trials.no_preparation
        runner.measure_trial = stub_trials.measure_trial
        runner.run_trial = stub_trials.slow_trial
    results = runner.run(STUDIES[which], directory, workers=2)
    print(results.trials["status"].value_counts().to_dict())


if __name__ == "__main__":
    main(*sys.argv[1:])
