"""A program that runs a study, to be interrupted and killed.

Its arguments are DIRECTORY, a name in PROGRAMS and, if any, ENGINE and ADDRESS.
"""

import sys
from dataclasses import replace

from ablations import Study
from ablations.running import run as runner
from ablations.running import trial
from cnnzoo import Recipe
from cnnzoo.engine.interface import do_nothing
from helpers import stub_trials

MANY = Study(
    "mlp",
    "digits",
    factors={"units": [8, 16, 32, 128], "dropout": [0.0, 0.5]},
    seeds=150,
    retries=50,
)

FEW = replace(MANY, seeds=10)

BEGUN = replace(MANY, seeds=1)

REAL = Study(
    "mlp",
    "digits",
    factors={"units": [4, 8]},
    baseline={"units": 8, "train_size": 100},
    seeds=6,
    recipe=Recipe(epochs=1),
    retries=3,
)

PROGRAMS = {
    "MANY": (MANY, stub_trials.measure_trial, stub_trials.slow_trial),
    "QUICK": (MANY, stub_trials.measure_trial, stub_trials.run_trial),
    "FEW": (FEW, stub_trials.measure_trial, stub_trials.run_trial),
    "BEGUN": (BEGUN, stub_trials.measure_trial, stub_trials.run_trial),
    "STUCK": (FEW, stub_trials.never_measured, stub_trials.slow_trial),
    "HELD": (FEW, stub_trials.measure_trial, stub_trials.held_after_seed_0),
    "REAL": (REAL, trial.measure_trial, trial.run_trial),
}
"""The study and what measures and runs its trials, by what the program is told."""


def main(directory: str, which: str, *where: str) -> None:
    study, runner.measure_trial, runner.run_trial = PROGRAMS[which]
    if which != "REAL":
        runner.SETUP = replace(runner.SETUP, preload=("ablations.study",), prepare=do_nothing)
    engine, address = (*where, None, None)[:2]
    results = runner.run(study, directory, workers=2, engine=engine or "processes", address=address)
    print(results.trials["status"].value_counts().to_dict())


if __name__ == "__main__":
    main(*sys.argv[1:])
