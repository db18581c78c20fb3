"""How long the same random search takes: KerasTuner in one process, and `cnnzoo.tune` with workers.

Each runs in a process of its own, in turn, start-up included; the ratio is what counts, since
machines differ and are noisy. Run it on a quiet machine::

    python tests/benchmarks/search_speed.py --markdown tests/benchmarks/results/search_speed.md

Both try the same 24 configurations of `downsampling`, 3 epochs each on 4,000 digits: KerasTuner as
its guide has it, with the threads that TensorFlow takes and a checkpoint of each best epoch.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIALS, EPOCHS = 24, 3
SEARCH = {"pool_size": [1, 2, 3, 4], "filters": (8, 48)}
ARMS = ("KerasTuner", "workers=2")


def search_as_kerastuner_has_it(directory):
    import keras_tuner

    import cnnzoo
    from cnnzoo.runtime.seeding import stream

    def build(hp):
        return cnnzoo.build(
            "downsampling",
            pool_size=hp.Choice("pool_size", SEARCH["pool_size"], default=2),
            filters=hp.Int("filters", *SEARCH["filters"], sampling="log", default=32),
        )

    data = cnnzoo.load_data("mnist5k")
    tuner = keras_tuner.RandomSearch(
        build,
        objective=keras_tuner.Objective("val_accuracy", "max"),
        max_trials=TRIALS,
        seed=stream(0, "search"),
        directory=directory,
    )
    tuner.search(*data.train, epochs=EPOCHS, validation_data=data.validation, verbose=0)
    return [tuner.oracle.trials[name].hyperparameters.values for name in tuner.oracle.start_order]


def search_with_workers(directory):
    import cnnzoo

    found = cnnzoo.tune(
        "downsampling",
        "mnist5k",
        SEARCH,
        trials=TRIALS,
        workers=2,
        recipe=cnnzoo.Recipe(epochs=EPOCHS),
        directory=f"{directory}/search",
        progress=False,
    )
    return [trial.levels for trial in found.project.trials]


def run_arm(arm):
    """Run one arm in this process, and print what it tried."""
    with tempfile.TemporaryDirectory() as directory:
        run = search_as_kerastuner_has_it if arm == ARMS[0] else search_with_workers
        tried = run(directory)
    print(sorted((values["pool_size"], values["filters"]) for values in tried))


def measure(arm):
    """Return the seconds that an arm takes in a process of its own, and what it tried."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, __file__, "--arm", arm],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return time.perf_counter() - start, answer.stdout.splitlines()[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arm", choices=ARMS)
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="where to write what is printed")
    options = parser.parse_args()
    if options.arm:
        return run_arm(options.arm)
    lines = []
    for _ in range(options.repetitions):
        (plain, tried), (fast, tried_too) = (measure(arm) for arm in ARMS)
        same = "the same" if tried == tried_too else "different"
        lines.append(
            f"{ARMS[0]} {plain:.1f} s, {ARMS[1]} {fast:.1f} s: {plain / fast:.2f} times as fast "
            f"({TRIALS} trials each, {same} configurations)"
        )
        print(lines[-1], flush=True)
    if options.markdown:
        head = (
            f"# Speed of a search\n\nBy `tests/benchmarks/search_speed.py`, {os.cpu_count()} cores."
        )
        options.markdown.write_text("\n\n".join([head, *lines]) + "\n")
    return None


if __name__ == "__main__":
    main()
