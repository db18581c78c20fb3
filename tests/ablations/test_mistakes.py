"""Mistakes with studies are refused in one sentence, before training or writing."""

import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import ablations
import cnnzoo
from ablations import Study, StudyError
from ablations.cli import app
from ablations.running import run as runner

FACTORS = {"units": [4, 128]}
STUDY = Study("mlp", "digits", factors=FACTORS, seeds=1)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def module(place, monkeypatch):
    """Return a function that writes a user's module named `own`."""

    def write(text):
        (place / "own.py").write_text(text)
        monkeypatch.syspath_prepend(str(place))
        monkeypatch.delitem(sys.modules, "own", raising=False)

    yield write
    sys.modules.pop("own", None)


def refusal(function, *arguments, kind=StudyError, **options):
    with pytest.raises(kind) as refused:
        function(*arguments, **options)
    return str(refused.value)


# Values from NumPy and pandas


@pytest.mark.parametrize("kind", [np.array, pd.Series, lambda levels: [*np.array(levels)]])
def test_levels_and_seeds_may_come_from_numpy_and_pandas(kind):
    made = Study("mlp", factors={"units": kind([4, 8])}, seeds=kind([0, 3]))
    assert made == Study("mlp", factors={"units": [4, 8]}, seeds=[0, 3])
    assert [type(level) for level in made.factors["units"]] == [int, int]


@pytest.mark.parametrize(
    "kind", [np.array, pd.Series, lambda levels, dtype: [*np.array(levels, dtype)]]
)
def test_float32_levels_keep_their_shortest_text(kind):
    made = Study("mlp", factors={"dropout": kind([0.1, 0.2], dtype="float32")})
    assert made.factors["dropout"] == (0.1, 0.2)


def test_baseline_and_variants_may_hold_numpy_levels():
    made = Study(
        "mlp",
        design="list",
        variants=[{"units": np.int64(8)}, {"dropout": np.float64(0.5)}],
        baseline={"depth": np.int64(2)},
    )
    assert made == Study(
        "mlp", design="list", variants=[{"units": 8}, {"dropout": 0.5}], baseline={"depth": 2}
    )


def test_duplicate_metric_counts_once():
    assert Study("mlp", factors=FACTORS, metrics=["loss", "loss"]).metrics == ("loss",)


# Invalid arguments


@pytest.mark.parametrize("start", [ablations.plan, ablations.run])
@pytest.mark.parametrize("other", ["downsampling", {"model": "mlp"}])
def test_only_a_study_is_planned_and_run(start, other):
    assert refusal(start, other) == f"`study`: expected an ablations.Study; got {other!r}."


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (
            ablations.plan,
            "`plan` takes no `worker`; did you mean `workers`? It takes study, directory, "
            "workers, engine, address, measure.",
        ),
        (
            ablations.run,
            "`run` takes no `worker`; did you mean `workers`? It takes study, directory, workers, "
            "engine, address, retry_failed, renew_after, progress.",
        ),
    ],
)
def test_misspelt_argument_is_refused_with_the_nearest(function, sentence):
    assert refusal(function, STUDY, worker=2, kind=cnnzoo.ToggleError) == sentence


@pytest.mark.parametrize("directory", [5, ""])
def test_a_directory_is_a_path(directory):
    assert refusal(ablations.run, STUDY, directory) == (
        f"`directory`: expected a path; got {directory!r}."
    )


def test_a_study_is_opened_by_its_path():
    assert refusal(ablations.open_results, 5) == (
        "`directory`: expected the path of a study; got 5."
    )


def test_unwritable_directory_is_refused():
    assert refusal(ablations.run, STUDY, "/proc/self") == (
        "/proc/self is not writable: No such file or directory."
    )


# Custom models


@pytest.mark.parametrize("text", [":build", "own:", "a:b:c"])
def test_incomplete_name_of_a_builder_is_refused(text):
    assert refusal(Study, text, factors=FACTORS) == (
        "`model`: expected the name of a zoo model, 'package.module:function', a function, an "
        f"object with a method `build`, or a keras.Model; got {text!r}."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def build(:\n", "SyntaxError: invalid syntax (own.py, line 1)"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('usage: own')\n", "SystemExit: usage: own"),
        ("import nothing_of_the_kind\n", "No module named 'nothing_of_the_kind'"),
    ],
)
def test_import_error_is_printed_without_traceback(module, text, reason):
    module(text)
    study = Study("own:build", "digits", factors=FACTORS)
    assert refusal(ablations.plan, study) == (
        f"`model`: cannot import 'own:build' ({reason}). Expected 'package.module:function'."
    )


def test_error_in_build_is_printed_without_traceback(module):
    module("def build(hp):\n    hp.Int('units', 4, 8)\n    raise RuntimeError('no\\nway')\n")
    study = Study("own:build", "digits", factors={"units": [4, 8]})
    assert refusal(ablations.plan, study) == (
        "`model`: 'own:build' can be built neither at its defaults nor at the given levels: "
        "RuntimeError: no"
    )


def test_a_builder_without_parameters_has_none(module):
    module("def build(): ...\n")
    study = Study("own:build", "digits", factors=FACTORS)
    assert "Toggles of the model: none; of the recipe: epochs," in refusal(ablations.plan, study)


# The command line


def tell(*words):
    return CliRunner().invoke(app, [*words], env={"COLUMNS": "200"})


def test_file_does_not_hide_a_built_in_study(place, monkeypatch):
    (place / "downsampling").write_text("")
    asked = []
    monkeypatch.setattr(runner, "run", lambda study, *_, **__: asked.append(study.name))
    tell("run", "downsampling")
    assert asked == ["downsampling"]


@pytest.mark.parametrize("command", ["new", "run"])
def test_file_of_a_study_must_end_in_toml(place, command):
    if command == "run":
        (place / "mine").write_text("")
    answer = tell(command, "mine")
    sentence = "StudyError: Expected a file name that ends in .toml; got 'mine'.\n"
    assert (answer.exit_code, answer.stderr) == (2, sentence)


def test_system_error_is_printed_in_one_line():
    answer = tell("new", "/proc/mine.toml")
    sentence = "FileNotFoundError: /proc/mine.toml: No such file or directory.\n"
    assert (answer.exit_code, answer.stderr) == (2, sentence)


def test_study_of_only_the_baseline_has_nothing_to_compare(place, stubbed, monkeypatch):
    from ablations.running import run as runner
    from cnnzoo.engine.serial import Serial

    monkeypatch.setattr(runner, "start_engine", lambda _, *given: Serial(*given[:2]))
    (place / "one.toml").write_text('model = "mlp"\ndata = "digits"\n[factors]\nunits = [128]\n')
    answer = tell("run", "one.toml")
    assert answer.exit_code == 0
    assert (
        "There is nothing to compare the baseline with, because it is the only variant."
        in answer.output
    )
