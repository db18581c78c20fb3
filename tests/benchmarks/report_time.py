"""How long `ablations report` takes on a stored study of about 1,000 trials, from the shell.

Nothing is trained: the trials are drawn and stored as a run would store them. Each report is a
process of its own, start-up included. Aim: below 3 s. Run it on a quiet machine::

    python tests/benchmarks/report_time.py --markdown tests/benchmarks/results/report_time.md
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from ablations.designs.planner import Planner
from ablations.store import Store
from ablations.study import Study, TrialResult
from cnnzoo.doctor.finding import Finding
from cnnzoo.training.recipe import Recipe

SHAPES = {"20 variants x 50 seeds": (20, 50), "100 variants x 10 seeds": (100, 10)}
EPOCHS = 3
SPLITS = ("train", "validation", "test")
MEASURES = ("loss", "accuracy", "macro_f1", "nll")
FORMATS = (".html", ".md")
FINDING = Finding(
    "modes-differ",
    "BatchNormalization's moving averages have not converged",
    "on the training data the loss is 0.41 in training and 1.93 in inference, and after 60 steps "
    "at momentum 0.99 the averages still hold 55% of their initial values",
    "Train longer, or lower the momentum of BatchNormalization (`norm_momentum` in the zoo)",
)


def store_study(directory, variants, seeds, metrics):
    """Store a finished study of so many variants and seeds, without training."""
    levels = [*range(8, 8 + variants - 1), 32] if variants < 25 else [*range(8, 8 + variants)]
    study = Study(
        "downsampling",
        factors={"filters": levels},
        seeds=seeds,
        metrics=metrics,
        recipe=Recipe(epochs=EPOCHS),
        name="drawn",
    )
    planner = Planner.of(study)
    rows = planner.rows(planner.layout.variants, {}, {})
    rng = np.random.default_rng(0)
    context = {"cnnzoo": "0.1.0", "keras": "3.15.1", "tensorflow": "2.21.0", "data": "drawn"}
    stored = replace(study, baseline=planner.layout.baseline)
    with Store(directory, write=True) as store:
        store.begin(stored, context, [row for row, _ in rows])
        own = rng.normal(0, 0.02, seeds)
        for row, trial in rows:
            loss = 0.3 + 0.002 * abs((row.level or 32) - 40) + own[trial.seed]
            store.add(drawn_result(trial, loss, rng), context, {"python": "3.11", "system": "-"})
    return len(rows)


def drawn_result(trial, loss, rng):
    """Return a trial that ended at about this loss."""
    metrics = {}
    for split in SPLITS:
        own = abs(loss + rng.normal(0, 0.02))
        metrics |= {f"{split}_loss": own, f"{split}_accuracy": 1 - own / 4}
        metrics |= {f"{split}_macro_f1": 0.99 - own / 4, f"{split}_nll": own}
    falls = np.exp(-np.arange(EPOCHS)) + loss
    history = {"loss": falls, "val_loss": falls + 0.1, "learning_rate": np.full(EPOCHS, 1e-3)}
    history |= {"accuracy": 1 - falls / 4, "val_accuracy": 0.9 - falls / 4, "val_nll": falls}
    return TrialResult(
        trial,
        "done",
        metrics=metrics,
        history={name: values.tolist() for name, values in history.items()},
        seconds=5.0 + rng.random(),
        params=18_000 + 1_700 * int(trial.settings.get("filters", 32)),
        macs=10**6 * int(trial.settings.get("filters", 32)),
        findings=(FINDING,) if trial.seed % 7 == 0 else (),
    )


def report_seconds(directory, suffix, environment):
    """Time one report from the shell: seconds on the clock, and of a processor."""
    command = [sys.executable, "-c", "from ablations.cli import app; app()", "report", directory]
    command += ["--to", directory / f"report{suffix}", "--overwrite"]
    start, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    used, after = time.perf_counter() - start, os.times()
    spent = after.children_user + after.children_system
    return used, spent - before.children_user - before.children_system


def main():
    """Print a line a study and format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="how often each report is written")
    parser.add_argument("--metrics", nargs="+", default=["loss", "accuracy"])
    parser.add_argument("--markdown", type=Path, help="where to write what is printed")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="report-time-") as scratch:
        # A cache of its own, so that the first report also makes the bundle of Vega.
        environment = {**os.environ, "CNNZOO_CACHE": f"{scratch}/cache"}
        for number, (shape, sizes) in enumerate(SHAPES.items()):
            directory = Path(scratch) / f"study-{number}"
            trials = store_study(directory, *sizes, arguments.metrics)
            if not number:
                clock, processor = report_seconds(directory, ".html", environment)
                rows.append(("the first page ever", "", ".html", clock, "", processor))
                print(row_of(*rows[-1]))
            for suffix in FORMATS:
                took = [
                    report_seconds(directory, suffix, environment) for _ in range(arguments.times)
                ]
                clock, processor = (sorted(each) for each in zip(*took, strict=True))
                spread = f"{clock[0]:.2f} to {clock[-1]:.2f}"
                middle, busy = statistics.median(clock), statistics.median(processor)
                rows.append((shape, f"{trials:,}", suffix, middle, spread, busy))
                print(row_of(*rows[-1]), flush=True)
    if arguments.markdown:
        arguments.markdown.write_text(written(rows, arguments.times))


def row_of(shape, trials, suffix, clock, spread, processor):
    """Lay out one measurement, as a row in Markdown."""
    return f"| {shape} | {trials} | {suffix} | {clock:.2f} | {spread} | {processor:.2f} |"


def written(rows, times):
    """Return the page of results."""
    head = (
        "# How long a report takes\n\n"
        "`ablations report DIR` from the shell, start-up included, by "
        f"`tests/benchmarks/report_time.py`: the median of {times} processes in seconds, with the "
        "least and the most, and the seconds of a processor. The first page ever also makes the "
        f"bundle of Vega. {platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; load of the machine at the end "
        f"{os.getloadavg()[0]:.1f}. Aim: below 3 s for 1,000 trials.\n\n"
        "| study | trials | format | seconds | from, to | of a processor |\n"
        "| --- | ---: | --- | ---: | --- | ---: |\n"
    )
    return head + "".join(f"{row_of(*row)}\n" for row in rows)


if __name__ == "__main__":
    main()
