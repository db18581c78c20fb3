"""Runs of `stub_study.py` in other processes, and what is stored of them."""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ablations import open_results
from ablations.designs.planner import Planner
from ablations.store import FILE
from helpers import stub_study
from helpers.stub_study import PROGRAMS

PROGRAM = Path(stub_study.__file__)


def planned(which):
    planner = Planner.of(PROGRAMS[which][0])
    return {row.key for row, _ in planner.rows(planner.layout.variants, {}, {})}


def start(directory, which, *where):
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(directory), which, *where],
        env={
            **{name: text for name, text in os.environ.items() if name.startswith("RAY_")},
            "PYTHONPATH": ":".join(sys.path),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
            "HOME": os.environ["HOME"],
            "HELD_UNTIL": str(directory.with_name("go on")),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(directory):
    """Read the rows of the results from the file."""
    if not (directory / FILE).exists():
        return []
    connection = sqlite3.connect(directory / FILE)
    try:
        return connection.execute("SELECT * FROM results ORDER BY id").fetchall()
    except sqlite3.OperationalError:  # killed before there was a table
        return []
    finally:
        connection.close()


def count(directory):
    """Count the rows of the results."""
    if not (directory / FILE).exists():
        return 0
    connection = sqlite3.connect(directory / FILE)
    try:
        return connection.execute("SELECT COUNT(*) FROM results").fetchone()[0]
    except sqlite3.OperationalError:  # killed before there was a table
        return 0
    finally:
        connection.close()


def check(directory, before, keys):
    """Check that planned = done + failed + pending, and that finished rows are unchanged."""
    now = rows(directory)
    assert now[: len(before)] == before
    if now:
        statuses = open_results(directory).trials["status"].value_counts()
        assert set(statuses.index) <= {"done", "failed", "pending"}
        assert statuses.sum() == len(keys)
        # it may still be running
        assert done(now) <= statuses.get("done", 0) <= done(rows(directory))
    assert {row[1] for row in now} <= keys
    return now


def done(stored):
    """Return the number of done trials, after checking that none is done twice."""
    counts = Counter(row[1] for row in stored if row[4] == "done")
    assert max(counts.values(), default=1) == 1
    return len(counts)


def end(process):
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err
