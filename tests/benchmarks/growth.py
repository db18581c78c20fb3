"""How the cost of a study besides its training grows with workers and with factors.

A stub takes the place of the trainer. With workers, it is the time and the processor time of the
calling process per item that the engine runs; with factors, the processor time per trial of a run
in one process and of its table of deltas::

    python tests/benchmarks/growth.py --markdown tests/benchmarks/results/growth.md
"""

import argparse
import inspect
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from report_time import drawn_result

import ablations
import cnnzoo
from ablations.running import run as runner
from ablations.study import Settings, Status, Study, Trial, TrialResult
from cnnzoo import Recipe
from cnnzoo.engine import Limits, WorkerSetup, start_engine

WORKERS = (1, 2)
ITEMS, ROUNDS = 2000, 5
FACTORS = (1, 2, 5, 10, 20, 50)
SEEDS = 6


def cost_of_workers():
    """Yield workers, milliseconds and processor milliseconds of the calling process per item."""
    trials = [Trial("mlp", "digits", Settings(), Recipe(), seed) for seed in range(ITEMS)]
    stub = partial(TrialResult, status=Status.DONE)
    for workers in WORKERS:
        limits = Limits(workers=workers, renew_after=0)
        with start_engine("processes", limits, WorkerSetup(preload=("ablations.study",))) as engine:
            for _ in engine.run(stub, trials[:10]):
                pass  # the workers have started
            start, used = time.perf_counter(), time.process_time()
            assert sum(outcome.result is not None for _, outcome in engine.run(stub, trials))
            spans = time.perf_counter() - start, time.process_time() - used
        yield workers, *(1000 * span / ITEMS for span in spans)


def build(input_shape, classes, **levels):
    """Stand for a builder with many toggles, which is never called."""


def declare(count):
    """Give the builder as many toggles."""
    given = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for name in ("input_shape", "classes")
    ]
    kind = inspect.Parameter.KEYWORD_ONLY
    toggles = [
        inspect.Parameter(f"factor{number}", kind, default=0, annotation=int)
        for number in range(count)
    ]
    build.__signature__ = inspect.Signature([*given, *toggles])


def cost_of_factors(fingerprint):
    """Yield factors, trials, and processor milliseconds per trial of the run and of the deltas."""

    def measure(trial):
        metrics = {"examples": 100, "rare_classes": 0}
        found = {"params": 100, "macs": 100, "arithmetic": "stub", "fingerprint": fingerprint}
        return TrialResult(trial, Status.DONE, metrics=metrics, **found)

    def train(trial, report_to=None):
        rng = np.random.default_rng([trial.seed, len(str(dict(trial.settings)))])
        return drawn_result(trial, 0.3 + 0.01 * len(trial.settings), rng)

    for count in FACTORS:
        declare(count)
        factors = {f"factor{number}": [0, 1] for number in range(count)}
        study = Study(build, "digits", factors=factors, seeds=SEEDS, recipe=Recipe(epochs=1))
        with (
            tempfile.TemporaryDirectory() as directory,
            mock.patch.object(runner, "measure_trial", measure),
            mock.patch.object(runner, "run_trial", train),
        ):
            start = time.process_time()
            results = ablations.run(study, directory, engine="serial", progress=False)
            between = time.process_time()
            assert len(results.deltas(metrics=["test_loss"])) == count
            spans = between - start, time.process_time() - between
        trials = (count + 1) * SEEDS
        yield count, trials, *(1000 * span / trials for span in spans)


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--markdown", type=Path, help="where to write what is printed")
    asked = parser.parse_args()
    lines = [
        "# Cost of a study besides its training",
        "",
        f"By `tests/benchmarks/growth.py`, {os.cpu_count()} cores, with a stub in the place of the "
        f"trainer. Of workers, medians of {ROUNDS} rounds in turn.",
        "",
        f"| workers | milliseconds per trial ({ITEMS:,} trials) | of the calling process |",
        "|---|---|---|",
    ]
    rounds = [[*cost_of_workers()] for _ in range(ROUNDS)]
    for each in zip(*rounds, strict=True):
        workers, whole, own = np.median(each, axis=0)
        lines.append(f"| {workers:.0f} | {whole:.2f} | {own:.2f} |")
    lines += [
        "",
        "| factors | trials | processor milliseconds per trial: run | deltas |",
        "|---|---|---|---|",
    ]
    fingerprint = cnnzoo.load_data("digits").info.fingerprint
    next(cost_of_factors(fingerprint))  # imports
    lines += [
        f"| {count} | {trials} | {run:.2f} | {deltas:.2f} |"
        for count, trials, run, deltas in cost_of_factors(fingerprint)
    ]
    print("\n".join(lines))
    if asked.markdown:
        asked.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
