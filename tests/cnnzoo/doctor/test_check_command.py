"""The command `cnnzoo check`."""

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cnnzoo.cli import app

OWN = """
import keras

def build(input_shape, classes, activation="linear"):
    head = keras.layers.Dense(classes, activation, name="head")
    model = keras.Sequential([keras.Input(input_shape), keras.layers.Flatten(), head])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model
"""


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_for_check.py").write_text(OWN)

    def invoke(*arguments):
        environment = {"COLUMNS": "200", "NO_COLOR": "1"}
        return CliRunner().invoke(app, ["check", *arguments, "--data", "digits"], env=environment)

    return invoke


def test_sound_model_exits_with_success(run):
    result = run("mlp", "units=16", "--epochs", "10")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "mlp on digits: 8x8x1 images, 10 classes; 1437 train, 180 validation, 180 test",
        "No findings.",
    ]


def test_toggles_of_the_data_may_be_given(run):
    """Images of different sizes need one for a check, as for a study."""
    result = run("own_for_check:build", "activation=softmax", "image_size=4", "train_size=100")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == (
        "own_for_check:build on digits: 4x4x1 images, 10 classes; 100 train, 180 validation, "
        "180 test"
    )


def test_error_of_a_custom_builder_exits_with_failure(run):
    result = run("own_for_check:build")
    assert result.exit_code == 1
    text = re.sub(r"\s+", " ", result.stdout)
    assert " error head-loss `head` has no activation and sparse_categorical_crossentropy" in text
    assert run("own_for_check:build", "activation=softmax").exit_code == 0


PROGRAM = """
from cnnzoo.cli import app
app(["describe", "mlp", "units=8"], standalone_mode=False)
app(["check", "own_for_check:build", "activation=softmax", "--data", "digits"])
"""


def test_stderr_of_a_process_stays_empty(run):
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert "mlp (document 003 step 1): 6,370 parameters" in answer.stdout  # 785 * 8 + 9 * 10
    assert "own_for_check:build on digits" in answer.stdout
    assert answer.stderr == ""


def test_unknown_model_is_refused(run):
    result = run("mpl")
    assert result.exit_code == 2
    assert "mlp" in result.stderr
