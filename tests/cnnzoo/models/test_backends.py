"""Builders, training, studies and searches on Keras's other backends, each in its own process."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = [
    HERE / "test_architecture.py",
    HERE / "test_parameters.py",
    HERE / "test_blocks.py",
    HERE / "test_layers.py",
]

TRAININGS = [
    HERE / "test_restart.py",
    HERE.parent / "training" / "augmentation" / "test_mixing.py",
]

WAYS_OF_USE = [HERE.parents[1] / "test_every_backend.py"]

# Large models, and searches, each of whose sizes JAX compiles anew.
SLOW = (
    "vgg16 or mobilenet or efficientnet or inverted or residual or resnet or plain_net "
    "or formula or keras_same or kernel or numpy_pad or keeps_positions or replicated or squeeze"
)

TENSORFLOWS_OWN = "steps_per_execution or traced"
"""What torch has not: several steps at a time, and functions that are traced."""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_builders_pass_their_tests_on_other_backends(backend):
    pass_on(backend, FILES, SLOW)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_reset_model_trains_as_a_new_one_on_other_backends(backend):
    pass_on(backend, TRAININGS, TENSORFLOWS_OWN)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_each_way_of_use_works_on_other_backends(backend):
    pass_on(backend, WAYS_OF_USE, "nothing")


def pass_on(backend, files, left_out):
    """Run tests in a process with the backend, if it is installed."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        pytest.skip("runs from the default backend")
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-W", "default", "-k"),
            *(f"not ({left_out})", *files),
        ],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-3000:]
