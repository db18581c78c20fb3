import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stub_trials
from typer.testing import CliRunner

from ablations import TrialResult, open_results, runner
from ablations.cli import app
from ablations.documents import CLAIMS, SAYINGS, STUDIES, get_study
from ablations.planning import Planner
from ablations.report.answers import answers
from ablations.report.figures import figures
from ablations.report.theme import PAGE
from ablations.reporting import contents_of
from ablations.results import Results
from ablations.settings import StudyError
from ablations.stats import StatisticsError

TINY = """
model = "mlp"
data = "digits"
seeds = 4
[factors]
units = [4, 8]
[baseline]
units = 8
train_size = 100
[recipe]
epochs = 1
"""


@pytest.fixture
def tell(monkeypatch, tmp_path):
    """Return a function that runs a command in an empty folder, 200 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    cli = CliRunner()
    return lambda *words: cli.invoke(app, [*map(str, words)])


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def serially(stubbed, monkeypatch):
    """Run stub trials, in this process."""
    from ablations.engines.serial import Serial

    monkeypatch.setattr(runner, "start_engine", lambda _, limits: Serial(limits))
    return stub_trials


def command(*words, **options):
    return subprocess.run(
        [sys.executable, "-c", "from ablations.cli import app; app()", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


# Studies that are built in


def test_the_built_in_studies_are_listed(tell):
    answer = tell("list")
    assert answer.exit_code == 0
    for name, study in STUDIES.items():
        (line,) = [ln for ln in answer.output.splitlines() if ln.split()[:1] == [name]]
        known = [study.model_name, study.data, str(len(study.seed_blocks)), CLAIMS[name]]
        assert line.split()[1:5] == known
    assert "pool_size: 1, 2, 3, 4" in answer.output
    assert answer.output.count("baseline: pool=average") == 1  # what tells two rows apart
    assert set(CLAIMS) == set(STUDIES)
    assert set(CLAIMS.values()) == set(SAYINGS)
    assert answer.output.endswith(
        'Each study asks whether a claim holds that document 000 makes, "What causes loss in '
        'convolutional layers?":\n'
        "C01: the larger the pooling window and its step, the higher the loss.\n"
        "C02: the more filters, the lower the loss.\n"
        "C04: normalization stabilizes training and may lower the loss, in deeper nets more so.\n"
    )


@pytest.mark.parametrize("name", STUDIES)
def test_every_built_in_study_can_be_planned(name):
    planner = Planner.of(get_study(name))
    rows = planner.rows(planner.layout.variants, {}, {})
    assert len(rows) >= 2
    assert not any(row.infeasible for row, _ in rows)


@pytest.mark.parametrize(
    ("name", "pool"), [("downsampling", "max"), ("downsampling-average", "average")]
)
def test_both_poolings_are_asked_for_their_trend(name, pool):
    planner = Planner.of(get_study(name))
    trials = [trial for _, trial in planner.rows(planner.layout.variants, {}, {})]
    assert {trial.settings.get("pool", "max") for trial in trials} == {pool}
    assert {trial.settings.get("pool_size", 2) for trial in trials} == {1, 2, 3, 4}


def test_an_unknown_study_is_answered_with_the_nearest():
    with pytest.raises(StudyError) as refused:
        get_study("downsamplin")
    assert str(refused.value) == (
        "There is no built-in study `downsamplin`; did you mean `downsampling`? Known: "
        f"{', '.join(STUDIES)}."
    )


# New ones


def test_new_writes_a_study_that_can_be_run(tell, tmp_path):
    answer = tell("new", "mine.toml")
    assert answer.exit_code == 0
    assert answer.output == "Edit mine.toml, then: ablations run mine.toml\n"
    assert 'name = "mine"' in (tmp_path / "mine.toml").read_text()


def test_new_does_not_overwrite(tell, tmp_path):
    (tmp_path / "mine.toml").write_text("precious")
    answer = tell("new", "mine.toml")
    assert answer.exit_code == 2
    assert answer.stderr == "StudyError: mine.toml is there already; give another name.\n"
    assert (tmp_path / "mine.toml").read_text() == "precious"


def test_new_says_that_a_folder_is_missing(tell):
    answer = tell("new", "nowhere/mine.toml")
    assert answer.exit_code == 2
    assert answer.stderr.count("\n") == 1
    assert "StudyError: There is no folder nowhere to write mine.toml to." in answer.stderr


# Runs


def test_run_shows_what_each_choice_is_worth(tell, tiny, serially, tmp_path):
    answer = tell("run", tiny, "--to", "there")
    assert answer.exit_code == 0, answer.output
    assert "test loss on digits: deltas from the baseline's " in answer.stdout
    assert "test accuracy on digits: deltas from the baseline's " in answer.stdout
    rows = [line for line in answer.stdout.splitlines() if line.strip().startswith("units=4")]
    assert len(rows) == 2
    assert "Exploratory: fewer than 6 seeds." in answer.stdout
    assert "Results are in there" in answer.stdout.splitlines()
    assert len(open_results(tmp_path / "there").trials) == 8
    assert answer.stderr.splitlines()[-1].startswith("8/8 units=4, seed 3, test loss ")


def test_run_answers_what_the_design_asks(tell, tiny, serially, tmp_path):
    text = TINY.replace("units = [4, 8]", "units = [4, 8, 16]")
    tiny.write_text(text)
    answer = tell("run", tiny, "--to", "there")
    assert answer.exit_code == 0, answer.output
    (said,) = answers(contents_of(open_results(tmp_path / "there")))[:1]
    assert f"{said.text}." in answer.stdout.replace("\n", " ")
    assert "Page's trend test" in said.text


def test_seeds_take_the_place_of_the_studys(tell, tiny, serially, tmp_path):
    assert tell("run", tiny, "--seeds", 1, "--to", "there").exit_code == 0
    assert len(open_results(tmp_path / "there").trials) == 2
    assert len(serially.CALLS) == 2
    assert tell("run", tiny, "--seeds", 3, "--to", "there").exit_code == 0
    assert len(serially.CALLS) == 6


def test_seeds_may_be_auto(tell, tiny, serially, tmp_path):
    assert tell("run", tiny, "--seeds", "auto", "--to", "there").exit_code == 0
    assert open_results(tmp_path / "there").study["seeds"] == "auto"


@pytest.mark.parametrize("seeds", ["0", "-1", "1.5", "all", "", "٣"])
def test_other_seeds_are_refused_in_one_line(tell, tiny, seeds):
    answer = tell("run", tiny, f"--seeds={seeds}")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == (
        f"StudyError: --seeds must be a whole number from 1 up, or auto; got {seeds!r}.\n"
    )


def test_results_go_to_a_folder_of_the_studys_name(tell, tiny, serially, tmp_path):
    assert tell("run", tiny, "--seeds", 1).exit_code == 0
    assert len(open_results(tmp_path / "studies" / "tiny").trials) == 2


def test_a_built_in_study_is_run_by_its_name(tell, serially, tmp_path):
    answer = tell("run", "downsampling", "--seeds", 1)
    assert answer.exit_code == 0, answer.output
    trials = open_results(tmp_path / "studies" / "downsampling").trials
    assert list(trials["level"].dropna()) == [1, 3, 4]


def test_the_baselines_mean_is_told_whatever_variant_comes_first(tell, tiny, serially):
    tiny.write_text(TINY.replace("[4, 8]", "[13, 4, 8]"))
    answer = tell("run", tiny, "--to", "there")
    assert answer.exit_code == 0, answer.output
    trials = open_results("there").trials
    mean = trials.loc[trials["variant"] == "baseline", "test_loss"].mean()
    title = f"test loss on digits: deltas from the baseline's {mean:.4f}"
    assert title in [line.strip() for line in answer.stdout.splitlines()]


def test_a_line_is_one_line_and_a_table_whole_where_there_is_no_terminal(
    tell, tiny, serially, monkeypatch
):
    monkeypatch.delenv("COLUMNS")
    changes = {"units": 4, "depth": 3, "dropout": 0.25, "activation": "'tanh'", "label_noise": 0.5}
    written = ", ".join(f"{name} = {level}" for name, level in changes.items())
    tiny.write_text(
        TINY.replace(
            "[factors]\nunits = [4, 8]", f"[[variants]]\n{written.replace(', ', chr(10))}"
        ).replace("seeds = 4", 'seeds = 1\ndesign = "list"')
    )
    variant = "units=4, depth=3, dropout=0.25, activation=tanh, label_noise=0.5"
    answer = tell("run", tiny)
    assert answer.exit_code == 0, answer.output
    line = answer.stderr.splitlines()[-1]
    assert line.startswith(f"2/2 {variant}, seed 0, test loss ")
    assert line.endswith(" s")
    rows = [line for line in answer.stdout.splitlines() if line.strip().startswith(variant)]
    assert len(rows) == 2


def test_an_interruption_that_leaves_trials_ends_with_status_130(tell, tiny, serially, monkeypatch):
    def interrupted(trial, report_to=None):
        if len(stub_trials.CALLS) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", interrupted)
    answer = tell("run", tiny)
    assert answer.exit_code == 130
    assert "5 trials have not run yet; the same command goes on with them." in answer.stdout
    # no variant is paired yet, and the baseline's mean is known all the same
    assert "test loss on digits: deltas from the baseline's 0." in answer.stdout
    assert tell("run", tiny).exit_code == 0


def test_deltas_that_cannot_be_told_end_with_one_line(tell, tiny, serially, monkeypatch):
    def refuse(self, metrics=None):
        raise StatisticsError("there is no such thing.")

    monkeypatch.setattr(Results, "deltas", refuse)
    answer = tell("run", tiny)
    assert answer.exit_code == 2
    assert answer.stderr.splitlines()[-1] == "StatisticsError: there is no such thing."


def test_where_no_baseline_is_done_no_mean_of_it_is_told(tell, tiny, serially, monkeypatch):
    def told(trial, report_to=None):
        if trial.settings["units"] == 8:
            return TrialResult(trial, "failed", reason="ValueError: bad luck")
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", told)
    answer = tell("run", tiny)
    assert "test loss on digits: deltas" in [line.strip() for line in answer.stdout.splitlines()]


def test_failures_and_findings_are_told(tell, tiny, serially, monkeypatch):
    def told(trial, report_to=None):
        if trial.seed == 3:
            return TrialResult(trial, "failed", reason="ValueError: bad luck")
        result = stub_trials.run_trial(trial)
        found = ("It is [too] slow.",) if trial.settings.get("units") == 4 else ()
        return TrialResult(trial, "done", metrics=result.metrics, findings=found)

    monkeypatch.setattr(runner, "run_trial", told)
    answer = tell("run", tiny)
    assert answer.exit_code == 0
    assert "2 trials failed; their reasons are in `open_results(...).trials`." in answer.stdout
    assert "units=4, 3 trials, for instance: It is [too] slow." in answer.stdout
    assert "units=4, seed 3: failed: ValueError: bad luck" in answer.stderr


def test_one_failure_is_told_as_one(tell, tiny, serially, monkeypatch):
    def told(trial, report_to=None):
        status = "failed" if trial.settings["units"] == 4 else "done"
        return TrialResult(trial, status, findings=["x"])

    monkeypatch.setattr(runner, "run_trial", told)
    answer = tell("run", tiny, "--seeds", 1)
    assert "1 trial failed; its reason is in `open_results(...).trials`." in answer.stdout
    assert "units=4, 1 trial, for instance: x" in answer.stdout


def test_failed_trials_are_tried_again_when_asked(tell, tiny, serially, monkeypatch):
    monkeypatch.setattr(
        runner, "run_trial", lambda trial, report_to=None: TrialResult(trial, "failed", reason="no")
    )
    assert tell("run", tiny, "--seeds", 1).exit_code == 0  # though there are no deltas
    monkeypatch.setattr(runner, "run_trial", stub_trials.run_trial)
    assert tell("run", tiny, "--seeds", 1).exit_code == 0
    assert not serially.CALLS
    assert tell("run", tiny, "--seeds", 1, "--retry-failed").exit_code == 0
    assert len(serially.CALLS) == 2


# Reports


@pytest.fixture
def stored(tell, tiny, serially, tmp_path):
    """Return the folder of a study that was run."""
    assert tell("run", tiny, "--to", "there").exit_code == 0
    return tmp_path / "there"


def test_a_report_is_written_again_where_an_earlier_one_is(tell, stored):
    page = stored / "report.html"
    assert tell("report", "there").output == "there/report.html\n"
    written = page.read_bytes()
    page.write_bytes(written.replace(b"</html>", b"<p>of yesterday</p></html>"))
    assert tell("report", "there").output == "there/report.html (replaced)\n"
    assert page.read_bytes() == written


def test_the_figures_of_two_studies_side_by_side_are_files_too(tell, stored, monkeypatch):
    drawn = []

    def write(contents, *given, **options):
        drawn.extend(figure.name for figure in figures(contents, PAGE))
        return []

    monkeypatch.setattr("ablations.report.write_figures", write)
    shutil.copytree(stored, "other")
    answer = tell("report", "there", "--beside", "other", "--figures", "drawn")
    assert answer.exit_code == 0
    assert [name for name in drawn if name.startswith("beside-")]


def test_a_page_of_anyone_else_is_not_replaced(tell, stored):
    page = stored / "report.html"
    page.write_text("<!doctype html><title>My notes on the report</title>")
    answer = tell("report", "there")
    assert answer.exit_code == 2
    assert answer.stderr == (
        "ReportError: there/report.html is there already; give another name, or overwrite=True "
        "(--overwrite) to replace it.\n"
    )
    assert page.read_text() == "<!doctype html><title>My notes on the report</title>"
    assert tell("report", "there", "--overwrite").output == "there/report.html (replaced)\n"


def test_a_report_at_a_place_of_ones_own_is_replaced_only_when_asked(tell, stored):
    assert tell("report", "there", "--to", "mine.html", "--to", "mine.csv").exit_code == 0
    answer = tell("report", "there", "--to", "mine.html")
    assert answer.exit_code == 2
    assert answer.stderr.startswith("ReportError: mine.html is there already;")
    assert tell("report", "there", "--to", "mine.html", "--overwrite").output == "mine.html\n"
    assert not (stored / "report.html").exists()


# What is wrong ends with status 2 and one line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "seeds = = 3",
            "StudyError: bad.toml is not TOML: Invalid value (at line 1, column 9).",
        ),
        ("seeds = 3", "StudyError: A Study needs a `model`."),
        (
            TINY.replace("units = [4, 8]", "unit = [4, 8]").replace("units = 8", "epochs = 1"),
            None,
        ),
        (
            TINY.replace("[4, 8]", "[8, 0]"),
            "ToggleError: `units` of `mlp` must be a whole number from 1 to 65536; got 0.",
        ),
        (
            TINY.replace("seeds = 4", "metrics = 4"),
            "StudyError: `metrics` of a Study must name at least one of loss, accuracy, macro_f1, "
            "nll, mae, rmse; got 4.",
        ),
        (
            TINY.replace("seeds = 4", "timeout = 'long'"),
            "StudyError: `timeout` of a Study must be a finite number of seconds from 0 up, 0 for "
            "never; got 'long'.",
        ),
        (
            TINY + "[margins]\nloss = inf",
            "StudyError: `margins` of a Study: the margin of loss must be a finite number above 0; "
            "got inf.",
        ),
    ],
)
def test_a_bad_study_ends_with_one_line(tell, serially, tmp_path, text, line):
    (tmp_path / "bad.toml").write_text(text)
    answer = tell("run", "bad.toml")
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    if line is None:
        assert answer.stderr.startswith(
            "StudyError: Neither the model, the recipe nor the data have a toggle `unit`; did you "
            "mean `units`? The model's: units, depth, "
        )
    else:
        assert answer.stderr == f"{line}\n"
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("run", "downsamplin"),
            "StudyError: There is no built-in study `downsamplin`; did you mean `downsampling`? "
            f"Known: {', '.join(STUDIES)}.",
        ),
        (
            ("run", "missing.toml"),
            "StudyError: missing.toml cannot be read: No such file or directory.",
        ),
    ],
)
def test_an_unknown_study_ends_with_one_line(tell, words, line):
    answer = tell(*words)
    assert (answer.exit_code, answer.stdout, answer.stderr) == (2, "", f"{line}\n")


@pytest.mark.parametrize("words", [("run",), ("run", "x", "--seeds", "0"), ("fly",)])
def test_a_wrong_command_ends_with_status_2(tell, words):
    assert tell(*words).exit_code == 2


# As a command


def test_help_loads_neither_pandas_nor_keras():
    code = (
        "import sys\n"
        "from ablations.cli import app\n"
        "try:\n"
        "    app(['--help'])\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "heavy = ('pandas', 'keras', 'tensorflow', 'scipy', 'numpy', 'pebble', 'sqlite3')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    start = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines()[-1] == "[]"
    assert "Usage:" in answer.stdout
    assert time.perf_counter() - start < 5  # 0.3 s on a machine with nothing else to do


def test_the_command_trains_a_tiny_study_and_continues_it(tiny, tmp_path):
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path), "COLUMNS": "200"}
    answer = command("run", tiny, "--to", "there", "--seeds", 1, cwd=tmp_path, env=environment)
    assert answer.returncode == 0, answer.stderr
    # two workers race, so either trial may end first
    assert "/2 baseline, seed 0, test loss " in answer.stderr
    assert "/2 units=4, seed 0, test loss " in answer.stderr
    assert "Results are in there" in answer.stdout.splitlines()
    trials = open_results(tmp_path / "there").trials
    assert (trials["status"] == "done").all()
    again = command("run", tiny, "--to", "there", "--seeds", 1, cwd=tmp_path, env=environment)
    assert again.returncode == 0, again.stderr
    assert again.stdout == answer.stdout
    assert again.stderr == ""  # nothing was left to do, and TensorFlow is not heard


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


def test_a_builder_is_found_beside_its_study_and_in_the_working_folder(tmp_path):
    """By workers too, and by the installed command, which Python starts in another folder."""
    program = tmp_path / "bin" / "ablations"
    study = tmp_path / "studies" / "mine.toml"
    for folder in (program.parent, study.parent):
        folder.mkdir()
    program.write_text("from ablations.cli import app; app()")
    text = TINY.replace('"mlp"', '"mine:build"').replace("seeds = 4", "seeds = 1")
    study.write_text(text)
    study.with_name("mine.py").write_text(BESIDE)
    (tmp_path / "sizes.py").write_text("UNITS = 8\n")
    packages = str(Path(runner.__file__).parents[1])

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
