"""What a study of many trials costs besides the training: processor seconds and peak memory.

Nothing is trained; a stub takes the place of the trainer. Each step runs in a process of its own,
so that the peak is its own, and processor seconds are those of this process alone, all threads::

    python tests/benchmarks/scale.py --markdown tests/benchmarks/results/scale.md

The steps on 1,000,000 stored trials need some minutes and 2 GB of disk; ``--trials`` chooses sizes.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

COORDINATED = {1_000: (100, 10), 10_000: (200, 50), 100_000: (2_000, 50)}
STORED = {1_000: (100, 10), 10_000: (200, 50), 100_000: (2_000, 50), 1_000_000: (2_000, 500)}
"""Variants and seeds by number of trials."""

ROWS = 1_000
"""Trials between two lines of progress while a study is stored."""

READERS = ("open", "deltas", ".html", ".md", ".csv", ".json")


def declared(variants, seeds):
    """Return a study of so many variants and seeds."""
    from ablations.study import Study
    from cnnzoo.training.recipe import Recipe

    levels = [*range(8, 8 + variants)]
    return Study(
        "mlp",
        "digits",
        factors={"units": levels},
        baseline={"units": 8 + variants // 2},
        seeds=seeds,
        recipe=Recipe(epochs=3),
        name="scale",
    )


@cache
def fingerprint():
    """Return the fingerprint of the data."""
    from cnnzoo.data import load_data

    return load_data("digits").info.fingerprint


def measure_stub(trial):
    """Return a cost without building a model."""
    from ablations.study import TrialResult

    return TrialResult(
        trial,
        "done",
        params=100 * trial.settings.get("units", 128),
        macs=100 * trial.settings.get("units", 128),
        metrics={"examples": 100, "classes": 10},
        fingerprint=fingerprint(),
        arithmetic="stub",
    )


def train_stub(trial, report_to=None):
    """Return a drawn result at once."""
    import numpy as np
    from report_time import drawn_result

    rng = np.random.default_rng(trial.seed * 100_003 + trial.settings.get("units", 128))
    units = trial.settings.get("units", 128)
    loss = 0.3 + 0.02 * (trial.seed % 7) + 1e-5 * abs(units - 1000)
    return drawn_result(trial, loss, rng)


@contextmanager
def stubbed():
    """Replace what measures and trains."""
    from ablations.running import run as runner
    from cnnzoo.engine.interface import do_nothing

    before = runner.measure_trial, runner.run_trial, runner.SETUP
    runner.measure_trial, runner.run_trial = measure_stub, train_stub
    runner.SETUP = replace(
        runner.SETUP, preload=("ablations.study", "numpy", "report_time"), prepare=do_nothing
    )
    try:
        yield runner
    finally:
        runner.measure_trial, runner.run_trial, runner.SETUP = before


def plan_step(directory, variants, seeds):
    """Plan a study."""
    with stubbed() as runner:
        assert len(runner.plan(declared(variants, seeds), directory, engine="serial"))


def run_step(directory, variants, seeds):
    """Run a study with the stub in worker processes."""
    with stubbed() as runner, Path(os.devnull).open("w") as nowhere:
        sys.stderr = nowhere
        runner.run(declared(variants, seeds), directory, workers=2)


def store_step(directory, variants, seeds):
    """Store a finished study."""
    from ablations.designs.planner import Planner
    from ablations.store import Store
    from ablations.store.provenance import context_of, describe_machine

    study = declared(variants, seeds)
    planner = Planner.of(study)
    machine = describe_machine()
    context = context_of("mlp", fingerprint(), "stub")
    stored = replace(study, factors=planner.space.factors(study), baseline=planner.layout.baseline)
    with Store(directory, write=True) as store:
        # what is measured is the processor; a benchmark need not survive a power failure
        store._connection.execute("PRAGMA synchronous = OFF")
        rows = planner.rows(planner.layout.variants, {}, {})
        store.begin(stored, context, [row for row, _ in rows])
        for number, (_, trial) in enumerate(rows):
            store.add(train_stub(trial), context, machine)
            if number % 50_000 == 0:
                print(f"stored {number:,}", file=sys.stderr)


def read_step(directory, what):
    """Open a study, and compute or write what is asked for."""
    from ablations.results import open_results

    results = open_results(directory)
    if what == "open":
        assert len(results.trials)
    elif what == "deltas":
        assert len(results.deltas())
    else:
        results.report(directory / f"report{what}", overwrite=True)


def peak():
    """Return the largest resident memory of this process in MiB."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def step(name, directory, variants, seeds):
    """Run one step and print its cost."""
    steps = {"plan": plan_step, "run": run_step, "resume": run_step, "store": store_step}
    before = time.process_time()
    if name in steps:
        steps[name](directory, variants, seeds)
    else:
        read_step(directory, name)
    print(json.dumps({"seconds": time.process_time() - before, "peak": peak()}))


def measured(name, directory, shape):
    """Return processor seconds and peak memory of a step in a process of its own."""
    # imported by its name, so that worker processes find the stub
    command = [sys.executable, "-c", "import scale; scale.main()"]
    command += ["--step", name, str(directory), *map(str, shape)]
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Print a line a step and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[*STORED], help="sizes to run")
    parser.add_argument("--only", nargs="+", help="steps to run")
    parser.add_argument("--keep", type=Path, help="folder for the stored studies, used again")
    parser.add_argument("--markdown", type=Path, help="where to write what is printed")
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        name, directory, variants, seeds = asked.step
        return step(name, Path(directory), int(variants), int(seeds))
    rows = []
    with tempfile.TemporaryDirectory(prefix="scale-") as scratch:
        place = asked.keep or Path(scratch)

        def add(name, count, directory, shape):
            if asked.only and name not in asked.only:
                return
            cost = measured(name, directory, shape)
            rows.append(row_of(name, count, **cost))
            print(rows[-1], flush=True)

        for count, shape in COORDINATED.items():
            if count in asked.trials:
                add("plan", count, Path(scratch) / "none", shape)
                add("run", count, Path(scratch) / f"run-{count}", shape)
        for count, shape in STORED.items():
            if count in asked.trials:
                stored = place / f"stored-{count}"
                if not stored.exists():
                    add("store", count, stored, shape)
                    if count in COORDINATED:
                        add("resume", count, stored, shape)
                for name in READERS:
                    add(name, count, stored, shape)
    if asked.markdown:
        asked.markdown.write_text(written(rows))
    return None


def row_of(name, count, seconds, peak):
    """Lay out one measurement, as a row in Markdown."""
    each = 1e3 * seconds / count
    return f"| {name} | {count:,} | {seconds:.2f} | {each:.3f} | {peak:,.0f} |"


def written(rows):
    """Return the page of results."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "scipy"))
    return (
        "# Studies of many trials\n\n"
        "By `tests/benchmarks/scale.py`, with a stub in the place of the trainer. Processor "
        "seconds of the one process, all threads, and its peak memory. "
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {versions}.\n\n"
        "| step | trials | processor seconds | ms a trial | peak MiB |\n"
        "| --- | ---: | ---: | ---: | ---: |\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    main()
