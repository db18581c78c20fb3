"""The builders on Keras's other backends, each in a process of its own."""

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
    HERE.parent / "test_blocks.py",
    HERE.parent / "test_layers.py",
]

# Large models, and searches, each of whose sizes JAX compiles anew.
SLOW = (
    "vgg16 or mobilenet or efficientnet or inverted or residual or resnet or plain_net "
    "or formula or keras_same or kernel or pads or every_nth or replicated or bridged or squeeze"
)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_builders_pass_their_tests_on_another_backend(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        pytest.skip("runs from the default backend")
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-W", "default", "-k"),
            *(f"not ({SLOW})", *FILES),
        ],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-3000:]
