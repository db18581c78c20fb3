"""How long the same trials take: a plain Keras loop, KerasTuner's grid search, and this runner.

Each runs in a process of its own, in turn, start-up included; the ratios are what counts, since
machines differ and are noisy. Run it on a quiet machine::

    python tests/benchmarks/throughput.py --markdown tests/benchmarks/results/throughput.md

The trials are those of `downsampling`. The plain loop fits, validates each epoch and evaluates on
the test split; the grid search fits and validates; the runner also evaluates on the training and
validation splits, checks everything beforehand and stores every trial. Without pooling
(pool_size=1) the second convolution is four times as large, and nearly all of the time is spent
inside of it, where a runner can save nothing.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORKLOADS = {
    "24 trials of 3 epochs on 4,000 digits, pool sizes 2 to 4": {
        "sizes": (2, 3, 4),
        "seeds": 8,
        "epochs": 3,
        "train_size": 4000,
    },
    "48 trials of 1 epoch on 1,000 digits, pool sizes 2 to 4": {
        "sizes": (2, 3, 4),
        "seeds": 16,
        "epochs": 1,
        "train_size": 1000,
    },
    "24 trials of 3 epochs on 4,000 digits, pool sizes 1 to 4": {
        "sizes": (1, 2, 3, 4),
        "seeds": 6,
        "epochs": 3,
        "train_size": 4000,
    },
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


def run_plain_loop(data, sizes, seeds, epochs):
    """Train in a loop, at Keras's defaults."""
    import keras

    for pool_size in sizes:
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            model = plain_model(pool_size)
            model.fit(*data.train, epochs=epochs, validation_data=data.validation, verbose=0)
            model.evaluate(*data.test, verbose=0)


def run_grid_search(data, sizes, seeds, epochs):
    """Train by KerasTuner, a seed an execution."""
    import keras_tuner

    with tempfile.TemporaryDirectory() as directory:
        tuner = keras_tuner.GridSearch(
            lambda hp: plain_model(hp.Choice("pool_size", list(sizes))),
            objective=keras_tuner.Objective("val_loss", "min"),
            executions_per_trial=seeds,
            directory=directory,
            project_name="grid",
        )
        tuner.search(*data.train, epochs=epochs, validation_data=data.validation, verbose=0)


def run_runner(sizes, seeds, epochs, train_size):
    """Train by this project's runner."""
    import ablations
    import cnnzoo

    study = ablations.Study(
        "downsampling",
        factors={"pool_size": list(sizes)},
        baseline={"train_size": train_size},
        seeds=seeds,
        recipe=cnnzoo.Recipe(epochs=epochs),
    )
    with tempfile.TemporaryDirectory() as directory:
        results = ablations.run(study, directory, progress=False)
        statuses = results.trials["status"]
    if not (statuses == "done").all():
        raise SystemExit(statuses.value_counts())


def run_arm(arm, sizes, seeds, epochs, train_size):
    """Run one arm in this process."""
    if arm == "runner":
        run_runner(sizes, seeds, epochs, train_size)
        return
    import cnnzoo

    data = cnnzoo.load_data("mnist5k", train_size=train_size)
    run = run_plain_loop if arm == "plain loop" else run_grid_search
    run(data, sizes, seeds, epochs)


def profile(epochs=3):
    """Print where the time of a trial goes, of a first and of a second seed, in one process."""
    start = time.perf_counter()
    from cnnzoo.runtime.determinism import fix_arithmetic

    fix_arithmetic()
    import cnnzoo
    from cnnzoo.models.initialization import restart
    from cnnzoo.training import train as training

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
        print(f"    {seconds:6.2f} s  {name}")


def time_arm(command, environment):
    """Return the seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run(
        command,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main():
    """Run all arms of all workloads in turn, and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument(
        "--workload", choices=WORKLOADS, action="append", help="which to run; all if left out"
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often each is run, in turn")
    parser.add_argument("--markdown", type=Path, help="where to write what is printed")
    parser.add_argument("--profile", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.profile:
        return profile()
    if asked.arm:
        return run_arm(asked.arm, **WORKLOADS[asked.workload[0]])
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    script = [sys.executable, str(Path(__file__).resolve())]
    lines = []

    def say(line):
        print(line, flush=True)
        lines.append(line)

    for workload in asked.workload or WORKLOADS:
        seconds = {arm: [] for arm in ARMS}
        for _ in range(asked.rounds):
            for arm in ARMS:
                command = [*script, "--arm", arm, "--workload", workload]
                seconds[arm].append(time_arm(command, environment))
        middle = {arm: statistics.median(times) for arm, times in seconds.items()}
        say(f"{workload}\n")
        for arm, median in middle.items():
            say(f"    {median:7.1f} s  {arm}")
        best = min(middle["plain loop"], middle["grid search"])
        say(f"    {best / middle['runner']:7.2f} x  the better of the two against the runner\n")
    say("Where the time goes, in one process\n")
    profiled = subprocess.run(
        [*script, "--profile"],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    say(profiled.stdout)
    if asked.markdown:
        head = (
            f"# Throughput\n\nBy `tests/benchmarks/throughput.py`, {os.cpu_count()} cores, "
            f"{asked.rounds} round(s), medians.\n"
        )
        asked.markdown.write_text("\n".join([head, *lines]))
    return None


if __name__ == "__main__":
    main()
