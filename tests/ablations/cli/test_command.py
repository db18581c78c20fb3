"""The command line in separate processes."""

import os
import subprocess
import sys
from pathlib import Path

from helpers.programs import said_by
from helpers.tiny_study import TINY

from ablations import open_results
from ablations.running import run as runner


def test_help_loads_neither_pandas_nor_keras():
    code = (
        "import sys, time\n"
        "from ablations.cli import app\n"
        "try:\n"
        "    app(['--help'])\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "heavy = ('pandas', 'keras', 'tensorflow', 'scipy', 'numpy', 'pebble', 'sqlite3')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "print(time.process_time())\n"
    )
    *usage, loaded, seconds = said_by(code).splitlines()
    assert "Usage:" in "\n".join(usage)
    assert loaded == "[]"
    assert float(seconds) < 2  # of its own, whatever else the machine does; it takes 0.1


def command(*words, **options):
    return subprocess.run(
        [sys.executable, "-c", "from ablations.cli import app; app()", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=600,
        **options,
    )


def test_command_trains_and_resumes_a_study(tiny, tmp_path):
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path), "COLUMNS": "200"}
    answer = command("run", tiny, "--to", "there", "--seeds", 1, cwd=tmp_path, env=environment)
    assert answer.returncode == 0, answer.stderr
    begins = "Study tiny: checking, and loading TensorFlow\n"
    assert answer.stderr.startswith(begins)
    # two workers race, so either trial may end first
    assert "/2 baseline, seed 0, test loss " in answer.stderr
    assert "/2 units=4, seed 0, test loss " in answer.stderr
    assert "Results are in there" in answer.stdout.splitlines()
    trials = open_results(tmp_path / "there").trials
    assert (trials["status"] == "done").all()
    again = command("run", tiny, "--to", "there", "--seeds", 1, cwd=tmp_path, env=environment)
    assert again.returncode == 0, again.stderr
    assert again.stdout == answer.stdout
    assert again.stderr == begins  # nothing was left to do, and TensorFlow is not heard


BESIDE = """
from sizes import UNITS

def build(input_shape, classes, units=UNITS):
    import keras

    model = keras.Sequential([keras.Input(input_shape), keras.layers.Flatten()])
    model.add(keras.layers.Dense(units))
    model.add(keras.layers.Dense(classes, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model
"""


def test_builder_is_imported_from_both_folders(tmp_path):
    """Also by workers, and by the installed command, which starts in another folder."""
    program = tmp_path / "bin" / "ablations"
    study = tmp_path / "studies" / "mine.toml"
    for folder in (program.parent, study.parent):
        folder.mkdir()
    program.write_text("from ablations.cli import app; app()")
    text = TINY.replace('"mlp"', '"mine:build"').replace("seeds = 4", "seeds = 1")
    study.write_text(text)
    study.with_name("mine.py").write_text(BESIDE)
    (tmp_path / "sizes.py").write_text("UNITS = 8\n")
    packages = str(Path(runner.__file__).parents[2])

    def tell(*words, cwd):
        return subprocess.run(
            [sys.executable, program, *words],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": packages},
            capture_output=True,
            text=True,
        )

    answer = tell("run", "studies/mine.toml", "--to", "there", "--workers", "1", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert (open_results(tmp_path / "there").trials["status"] == "done").all()
    # a report needs no builder
    answer = tell("report", "../there", "--to", "report.md", cwd=program.parent)
    assert (answer.returncode, answer.stderr) == (0, "")
