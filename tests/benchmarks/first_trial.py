"""Seconds until the first trained model: of a plain Keras script, and of a study.

Both train the same model on the same digits for one epoch. The plain script reads arrays from a
``.npz`` file, imports Keras and nothing else, and its time ends after the first ``fit``. The study
is run by ``ablations run FILE.toml`` at its defaults; its time ends when the first trial is
trained, evaluated and examined. They run in turn, because machines differ and are noisy::

    python tests/benchmarks/first_trial.py --markdown tests/benchmarks/results/first_trial.md
"""

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from throughput import plain_model

STUDY = """
name = "first"
model = "downsampling"
data = "mnist5k"
seeds = 2
[factors]
pool_size = [2, 3]
[baseline]
train_size = 1000
[recipe]
epochs = 1
"""


def write_digits(folder):
    """Write the arrays that the plain script reads."""
    import numpy as np

    import cnnzoo

    data = cnnzoo.load_data("mnist5k", train_size=1000)
    (x, y), (x_val, y_val) = data.train, data.validation
    np.savez(folder / "digits.npz", x=np.asarray(x), y=y, x_val=np.asarray(x_val), y_val=y_val)


def train_plainly(folder):
    """Train the first model of a plain script, and print when it is trained."""
    import keras
    import numpy as np

    digits = np.load(folder / "digits.npz")
    keras.utils.set_random_seed(0)
    validation = digits["x_val"], digits["y_val"]
    model = plain_model(2)
    model.fit(digits["x"], digits["y"], epochs=1, validation_data=validation, verbose=0)
    print(time.time())


def time_plain(folder):
    """Return the seconds of the plain script until its first model is trained."""
    script = [sys.executable, str(Path(__file__).resolve()), "--plain", str(folder)]
    start = time.time()
    ended = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    return {"trained": float(ended.split()[-1]) - start}


def time_study(folder, number):
    """Return the seconds of a study until its first trial begins, and until it has ended."""
    from ablations.store.store import FILE

    directory = folder / f"study{number}"
    command = [Path(sys.executable).parent / "ablations", "run", folder / "first.toml"]
    start = time.time()
    subprocess.run([*map(str, command), "--to", str(directory)], check=True, capture_output=True)
    with sqlite3.connect(directory / FILE) as stored:
        texts = stored.execute("SELECT timing, seconds FROM results WHERE status = 'done'")
        spans = [(json.loads(timing)["started"] - start, seconds) for timing, seconds in texts]
    began, seconds = min(spans, key=sum)
    return {"began": began, "trained": began + seconds}


def main():
    """Run both in turn, and print medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is run, in turn")
    parser.add_argument("--markdown", type=Path, help="where to write what is printed")
    asked = parser.parse_args()
    if asked.plain:
        return train_plainly(asked.plain)
    plain, study = [], []
    load = os.getloadavg()[0] / os.cpu_count()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_digits(folder)
        (folder / "first.toml").write_text(STUDY)
        for number in range(asked.rounds):
            plain.append(time_plain(folder))
            study.append(time_study(folder, number))
    ratio = statistics.median(
        mine["trained"] / theirs["trained"] for mine, theirs in zip(study, plain, strict=True)
    )
    rows = [
        ("plain Keras script, first model trained", plain, "trained"),
        ("`ablations run`, first trial begins", study, "began"),
        ("`ablations run`, first trial ended", study, "trained"),
    ]
    lines = [
        "# Time to the first trial",
        "",
        f"By `tests/benchmarks/first_trial.py`, {os.cpu_count()} cores, medians of "
        f"{asked.rounds} rounds in turn. Before them, {load:.1f} other processes were running on "
        "each core.",
        "",
        "| from the start of the process to | seconds |",
        "|---|---|",
        *(
            f"| {label} | {statistics.median(each[key] for each in arm):.2f} |"
            for label, arm, key in rows
        ),
        "",
        f"Median of the paired ratios, study over script: {ratio:.2f}.",
    ]
    print("\n".join(lines))
    if asked.markdown:
        asked.markdown.write_text("\n".join(lines) + "\n")
    return None


if __name__ == "__main__":
    main()
