"""How long the same trials take: a plain Keras loop, KerasTuner's grid search, and this runner.

Each runs in a process of its own, in turn, start-up included; the ratios are what counts, since
machines differ and are noisy. Run it on a quiet machine::

    python tests/benchmarks/throughput.py

The trials are those of `downsampling` with pool sizes 1 to 4. The plain loop and the grid search
fit, validate each epoch and evaluate on the test split; the runner also evaluates on the training
and validation splits and stores every trial.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (1, 2, 3, 4)
WORKLOADS = {
    "24 trials of 3 epochs on 4,000 digits": {"seeds": 6, "epochs": 3, "train_size": 4000},
    "48 trials of 1 epoch on 1,000 digits": {"seeds": 12, "epochs": 1, "train_size": 1000},
}
ARMS = ("plain loop", "grid search", "runner")


def plain_model(pool_size):
    """Write document 000's first model as its users write it."""
    import keras

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(pool_size),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def run_plain_loop(data, seeds, epochs):
    """Train in a loop, at Keras's defaults."""
    import keras

    for pool_size in SIZES:
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            model = plain_model(pool_size)
            model.fit(*data.train, epochs=epochs, validation_data=data.validation, verbose=0)
            model.evaluate(*data.test, verbose=0)


def run_grid_search(data, seeds, epochs):
    """Train by KerasTuner, a seed an execution."""
    import keras_tuner

    with tempfile.TemporaryDirectory() as directory:
        tuner = keras_tuner.GridSearch(
            lambda hp: plain_model(hp.Choice("pool_size", list(SIZES))),
            objective=keras_tuner.Objective("val_loss", "min"),
            executions_per_trial=seeds,
            directory=directory,
            project_name="grid",
        )
        tuner.search(*data.train, epochs=epochs, validation_data=data.validation, verbose=0)


def run_runner(seeds, epochs, train_size):
    """Train by this project's runner."""
    import ablations
    import cnnzoo

    study = ablations.Study(
        "downsampling",
        factors={"pool_size": list(SIZES)},
        baseline={"train_size": train_size},
        seeds=seeds,
        recipe=cnnzoo.Recipe(epochs=epochs),
    )
    with tempfile.TemporaryDirectory() as directory:
        results = ablations.run(study, directory, progress=False)
        seconds = results.trials["seconds"]
    print(json.dumps({"median trial": float(seconds.median()), "first": float(seconds.max())}))


def run_arm(arm, workload):
    """Run one arm in this process."""
    if arm == "runner":
        run_runner(**workload)
        return
    import cnnzoo

    data = cnnzoo.load_data("mnist5k", train_size=workload["train_size"])
    run = run_plain_loop if arm == "plain loop" else run_grid_search
    run(data, workload["seeds"], workload["epochs"])


def profile(epochs=3):
    """Print where the time of a trial goes, of a first and of a second seed, in one process."""
    start = time.perf_counter()
    from ablations.trial import prepare_worker

    prepare_worker()
    import cnnzoo
    from cnnzoo import training
    from cnnzoo.initialization import restart

    spent = {"loading TensorFlow, Keras and the zoo": time.perf_counter() - start}

    def timed(name, function):
        begin = time.perf_counter()
        result = function()
        spent[name] = time.perf_counter() - begin
        return result

    data = timed("data", lambda: cnnzoo.load_data("mnist5k"))
    model = timed("building", lambda: cnnzoo.build("downsampling", seed=0))
    recipe = cnnzoo.Recipe(epochs=epochs)
    splits = ("train", "validation", "test")
    for seed, which in enumerate(("first seed", "second seed")):
        if seed:
            timed("starting anew", lambda: restart(model, 1))
        timed(
            f"{which}: fitting {epochs} epochs",
            lambda seed=seed: training.fit(model, data, recipe, seed=seed, steps_per_execution=25),
        )
        timed(
            f"{which}: evaluating",
            lambda: [training.evaluate(model, *getattr(data, split)) for split in splits],
        )
    for name, seconds in spent.items():
        print(f"  {seconds:6.2f} s  {name}")


def main():
    """Run all arms of all workloads in turn, and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--workload", choices=WORKLOADS, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=1, help="how often each is run, in turn")
    parser.add_argument("--profile", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.profile:
        return profile()
    if asked.arm:
        return run_arm(asked.arm, WORKLOADS[asked.workload])
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    script = [sys.executable, str(Path(__file__).resolve())]
    for workload in WORKLOADS:
        seconds = {arm: [] for arm in ARMS}
        for _ in range(asked.rounds):
            for arm in ARMS:
                start = time.perf_counter()
                subprocess.run(
                    [*script, "--arm", arm, "--workload", workload],
                    env=environment,
                    check=True,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                seconds[arm].append(time.perf_counter() - start)
        middle = {arm: sorted(times)[len(times) // 2] for arm, times in seconds.items()}
        print(workload)
        for arm, median in middle.items():
            print(f"  {median:7.1f} s  {arm}")
        best = min(middle["plain loop"], middle["grid search"])
        print(f"  {best / middle['runner']:7.2f} x  the better of the two against the runner")
    print("where the time goes, in one process")
    subprocess.run([*script, "--profile"], env=environment, check=True, stderr=subprocess.DEVNULL)
    return None


if __name__ == "__main__":
    main()
