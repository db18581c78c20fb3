"""Time that the doctor adds to a trial: paired, alternating runs with and without it.

Run with the number of pairs of each model::

    python tests/benchmarks/doctor_cost.py --pairs 5 --markdown results/doctor_cost.md
"""

import argparse
import os
import statistics
import time
from pathlib import Path

from ablations import Settings, Trial
from ablations.running import trial as module
from cnnzoo import Recipe
from cnnzoo.doctor import trial_doctor
from cnnzoo.runtime.determinism import fix_arithmetic

MODELS = ("downsampling", "batch_norm", "mlp")


def seconds_of(trial: Trial, with_doctor: bool) -> float:
    """Return the processor time of a trial on a warm worker."""
    import keras

    doctor_of, findings_of = trial_doctor.doctor_of, trial_doctor.findings_of_trial
    if not with_doctor:
        trial_doctor.doctor_of = lambda *_: keras.callbacks.Callback()
        trial_doctor.findings_of_trial = lambda *_: ()
    try:
        start = time.process_time()
        result = module.run_trial(trial)
        taken = time.process_time() - start
    finally:
        trial_doctor.doctor_of, trial_doctor.findings_of_trial = doctor_of, findings_of
    assert result.status == "done", result.reason
    return taken


def main():
    """Time the trials and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, help="pairs of each model")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--data", default="mnist5k")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--rate", type=float, help="learning rate instead of the default")
    parser.add_argument("--markdown", type=Path, help="file for the result")
    asked = parser.parse_args()
    fix_arithmetic()
    lines = ["| model | pairs | seconds without | with | median of the paired ratios |"]
    lines.append("|---|---|---|---|---|")
    for model in asked.models:
        levels = {} if asked.rate is None else {"learning_rate": asked.rate}
        trials = [
            Trial(model, asked.data, Settings(levels), Recipe(epochs=asked.epochs), seed)
            for seed in range(asked.pairs)
        ]
        seconds_of(trials[0], True)  # traces and loads
        rows = []
        for trial in trials:
            order = (False, True) if trial.seed % 2 else (True, False)
            row = {with_doctor: seconds_of(trial, with_doctor) for with_doctor in order}
            rows.append(row)
        ratio = statistics.median(row[True] / row[False] for row in rows)
        without, with_doctor = (
            statistics.median(row[which] for row in rows) for which in (False, True)
        )
        lines.append(f"| {model} | {len(rows)} | {without:.2f} | {with_doctor:.2f} | {ratio:.3f} |")
        print(lines[-1], flush=True)
    text = "\n".join(lines)
    print(text)
    if asked.markdown:
        settings = f"{asked.data}, {asked.epochs} epochs"
        settings += "" if asked.rate is None else f", learning rate {asked.rate:g}"
        asked.markdown.write_text(
            "# Cost of the doctor in a trial\n\n"
            f"By `tests/benchmarks/doctor_cost.py`: {settings}, processor time of trials on a warm "
            f"worker with one thread, with and without the doctor in turn, on a machine with "
            f"{os.cpu_count()} cores.\n\n{text}\n"
        )


if __name__ == "__main__":
    main()
