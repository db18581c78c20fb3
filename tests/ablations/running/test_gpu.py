"""Studies on a GPU, if there is one that TensorFlow can use."""

import os
import subprocess
import sys

import pytest

from cnnzoo.engine.resources import DRIVERS

PROGRAM = """
import sys
from ablations import Study, run
from cnnzoo.engine import start_engine
from cnnzoo import Recipe

with start_engine("processes") as engine:
    print(len(engine._gpus))
    if not engine._gpus:
        sys.exit()
study = Study(
    "batch_norm",
    "digits",
    factors={"conv": ["separable", "standard"], "normalization": ["batch", "none"]},
    seeds=2,
    recipe=Recipe(epochs=2, augment="crop"),
)
first, second = (run(study, f"{sys.argv[1]}/{workers}", workers=workers) for workers in (1, 3))
assert (first.trials["status"] == "done").all(), first.trials["reason"].tolist()
assert first.history.equals(second.history)
times = ["seconds", "fit_seconds"]
assert first.trials.drop(columns=times).equals(second.trials.drop(columns=times))
"""


@pytest.mark.skipif(
    not any(driver.exists() for driver in DRIVERS), reason="there is no driver of a GPU"
)
def test_results_on_gpus_are_identical_for_any_number_of_workers(tmp_path):
    hidden = os.environ["CUDA_VISIBLE_DEVICES"] == "-1"  # from the other tests
    dropped = {"CUDA_VISIBLE_DEVICES"} if hidden else set()
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env={name: value for name, value in os.environ.items() if name not in dropped},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    if answer.stdout.split() == ["0"]:
        pytest.skip("TensorFlow cannot use a GPU here")
