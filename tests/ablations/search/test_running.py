"""Running the studies of a search: printed lines and Ctrl-C."""

import signal

import pytest

import ablations
import cnnzoo
from ablations.running import run as runner
from ablations.study import TrialResult
from cnnzoo.runtime.seeding import stream

RIVALS = "Study 1 of 3, rivals: the winner and 2 rivals again, on fresh seeds."
ONE = "Study 2 of 3, one-at-a-time: each choice of the winner set back to its default."
PATH = "Study 3 of 3, path: from the defaults to the winner, by the best change each step."


def trained(trial, report_to=None):
    score = stream(trial.seed, trial.key) % 1000 / 1000
    return TrialResult(trial, "done", metrics={"test_accuracy": score, "test_loss": 1 - score})


def measured(trial):
    about = {"examples": 100, "classes": 10}
    return TrialResult(trial, "done", params=1, macs=1, metrics=about, fingerprint="f")


@pytest.fixture
def run(search, tmp_path, monkeypatch, capsys):
    """Return a function that runs the studies and returns the printed lines."""
    monkeypatch.setattr(runner, "run_trial", trained)
    monkeypatch.setattr(runner, "measure_trial", measured)
    studies = ablations.from_search(search, seeds=1, rivals=2)

    def run(**options):
        found = studies.run(tmp_path / "studies", engine="serial", **options)
        lines = capsys.readouterr().err.splitlines()
        return found, [line for line in lines if line.startswith(("Study", "Not started"))]

    return run


def test_each_study_is_announced(run):
    assert run()[1] == [RIVALS, ONE, PATH]


def test_without_progress_nothing_is_told(run):
    assert run(progress=False)[1] == []


def test_the_winner_alone_has_no_rivals(search):
    studies = ablations.from_search(search, seeds=1, rivals=0)
    assert studies._question("rivals") == "the winner again, on fresh seeds"


def test_ctrl_c_in_the_last_trial_skips_the_next_study(run, monkeypatch):
    def interrupted(trial, report_to=None):
        ran.append(trial)
        if len(ran) == 3:
            signal.raise_signal(signal.SIGINT)
        return trained(trial)

    ran = []
    monkeypatch.setattr(runner, "run_trial", interrupted)
    found, told = run()
    assert (found.rivals.trials["status"] == "done").all()
    assert not found.rivals.interrupted
    assert found.one_at_a_time is None
    assert told == [
        RIVALS,
        "Not started: one-at-a-time and path; run the studies again to resume.",
    ]
    found, told = run()
    assert told == [RIVALS, ONE, PATH]
    assert found.path is not None


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        (
            lambda search: ablations.from_search(search, rival=2),
            "`from_search` takes no `rival`; did you mean `rivals`? It takes search, seeds, "
            "rivals, model, data, recipe, metric.",
        ),
        (
            lambda search: ablations.from_search(search).run(worker=2),
            "`run` takes no `worker`; did you mean `workers`? It takes workers, engine, "
            "address, retry_failed, renew_after, progress.",
        ),
    ],
)
def test_misspelt_argument_is_refused_with_the_nearest(search, capsys, start, sentence):
    with pytest.raises(cnnzoo.ToggleError) as refused:
        start(search)
    assert str(refused.value) == sentence
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("directory", [5, "", ["a"]])
def test_invalid_directory_is_refused_before_anything_is_written(
    search, tmp_path, monkeypatch, capsys, directory
):
    monkeypatch.chdir(tmp_path)
    before = {*tmp_path.rglob("*")}
    with pytest.raises(ablations.StudyError) as refused:
        ablations.from_search(search).run(directory)
    assert str(refused.value) == f"`directory`: expected a path; got {directory!r}."
    assert capsys.readouterr().err == ""
    assert {*tmp_path.rglob("*")} == before
