"""Opening of studies, and refusals."""

import json
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.drawn_networks import chain
from helpers.programs import said_by
from helpers.stored_trials import CONTEXT, result, trial
from helpers.stub_trials import STUDY

from ablations import StudyError, open_results
from ablations.claims.catalogue import find_study
from ablations.store import FILE, LOCK, Planned, Store
from cnnzoo.folds import HeldOut


def refusal(directory):
    with pytest.raises(StudyError) as refused:
        open_results(directory)
    return str(refused.value)


def test_directory_without_a_study_is_refused(tmp_path):
    assert refusal(tmp_path) == f"There is no study in {tmp_path}: it has no study.sqlite."
    missing = tmp_path / "missing"
    assert refusal(missing) == f"There is no study in {missing}: it has no study.sqlite."
    assert not missing.exists()


def test_study_killed_before_it_started_is_refused(tmp_path):
    (tmp_path / FILE).touch()
    assert refusal(tmp_path) == f"There is no study in {tmp_path}: none was started."
    Store(tmp_path, write=True).close()
    assert refusal(tmp_path) == f"There is no study in {tmp_path}: none was started."


def test_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / FILE).write_text("This is not a database at all, not even remotely one. " * 40)
    assert refusal(tmp_path) == f"{tmp_path / FILE} is not a study file: file is not a database."


def test_other_file_is_kept_and_the_lock_released(tmp_path):
    (tmp_path / FILE).write_text("This is not a database at all, not even remotely one. " * 40)
    for _ in range(2):
        with pytest.raises(StudyError) as refused:
            Store(tmp_path, write=True)
        assert str(refused.value) == (
            f"{tmp_path / FILE} is not a study file: file is not a database."
        )
    assert (tmp_path / FILE).read_text().startswith("This is not a database")


@pytest.mark.parametrize("below", ["", "below"])
def test_file_in_place_of_the_directory_is_refused(tmp_path, below):
    place = tmp_path / "file"
    place.touch()
    with pytest.raises(StudyError) as refused:
        Store(place / below, write=True)
    assert str(refused.value) == (
        f"`directory`: expected a directory; got {place}, which is a file. Choose another "
        "directory."
    )


def test_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with Store("~/mine", write=True) as store:
        store.begin(STUDY, CONTEXT, [])
    assert (tmp_path / "mine" / FILE).is_file()
    with Store("~/mine") as reader:
        assert reader.study == STUDY


def test_study_stored_by_an_earlier_commit_opens(tmp_path):
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.executescript(Path(__file__).with_name("stored_study.sql").read_text())
    connection.close()
    results = open_results(tmp_path)
    assert results.study == replace(
        find_study("downsampling"), baseline={"pool_size": 2}, seeds=results.study.seeds
    )
    assert results.trials["status"].tolist() == ["done"] * 4
    # the test losses in the file, variant minus baseline by seed
    deltas = (0.2228061407804489 - 0.19175538420677185, 0.13508744537830353 - 0.1076892539858818)
    assert results.deltas("loss")["delta"].tolist() == pytest.approx([sum(deltas) / 2])
    assert results.network is None
    assert results.report(tmp_path / "report.md").is_file()
    with Store(tmp_path, write=True) as store:  # adds the table of outcomes
        context = store.context
        old = store.results(context)
        assert {result.outcomes for result in old.values()} == {b""}
        store.add(result(held_out=HeldOut(2, 20, 16), outcomes=b"packed"), context, {})
        assert store.results(context)[trial().key].outcomes == b"packed"
        assert store.results(context).items() >= old.items()
        store.draw(chain(1, 2))
    assert open_results(tmp_path).network == chain(1, 2)


def spoiled(directory, statement):
    """Store a study with one result, change it by SQL, and return the refusal to open it."""
    with Store(directory, write=True) as store:
        store.begin(STUDY, CONTEXT, [Planned("baseline", {}, None, None, None, 0, trial().key)])
        store.add(result(), CONTEXT, {})
    assert len(open_results(directory).trials) == 1
    with sqlite3.connect(directory / FILE) as connection:
        connection.executescript(statement)
    connection.close()
    return refusal(directory)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("ALTER TABLE results DROP COLUMN loss", "no such column: loss"),
        ("DROP TABLE specs", "no such table: specs"),
        (
            "UPDATE study SET spec = json_set(spec, '$.retries', -1); DELETE FROM seal",
            "`retries`: expected a whole number from 0 up; got -1",
        ),
        (
            "UPDATE results SET trial = json_remove(trial, '$.seed'), digest = NULL; "
            "DELETE FROM seal",
            "'seed'",
        ),
    ],
)
def test_study_of_another_version_is_refused_with_remedy(tmp_path, statement, reason):
    assert spoiled(tmp_path, statement) == (
        f"The study in {tmp_path} was stored by a version of ablations that this one cannot read "
        f"({reason}); run it again in another directory."
    )


READ_ONLY = """
import os, sys
from pathlib import Path
import ablations.results
directory = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setuid(65534)  # for whom the folder's permissions count
try:
    print(ablations.results.open_results(directory).trials["status"].tolist())
except ablations.StudyError as error:
    print(error)
"""


@pytest.fixture
def read_only():
    """Return a read-only folder and a function that reads the study in it."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)

        def read():
            directory.chmod(0o555)
            try:
                answer = subprocess.run(
                    [sys.executable, "-c", READ_ONLY, folder],
                    env={"PYTHONPATH": ":".join(sys.path)},
                    capture_output=True,
                    text=True,
                    check=True,
                )
            finally:
                directory.chmod(0o755)
            assert answer.stderr == ""
            return answer.stdout.strip()

        yield directory, read


def test_study_opens_in_a_read_only_folder(read_only):
    directory, read = read_only
    planned = Planned("baseline", {}, None, None, None, 0, trial().key)
    with Store(directory, write=True) as store:
        store.begin(STUDY, CONTEXT, [planned])
        store.add(result(), CONTEXT, {})
        assert (directory / f"{FILE}-wal").exists()
        assert read() == "['done']"
    assert not (directory / f"{FILE}-wal").exists()
    assert read() == "['done']"
    assert sorted(path.name for path in directory.iterdir()) == [LOCK, FILE]


def test_unreadable_study_is_refused_with_the_reason(read_only):
    directory, read = read_only
    Store(directory, write=True).close()
    (directory / FILE).chmod(0)
    assert read() == (f"The study in {directory} cannot be opened: unable to open database file.")


def test_only_training_imports_keras_or_ray():
    names = "study store stats results designs report running.progress running.run search.studies"
    code = (
        f"import {', '.join(f'ablations.{name}' for name in names.split())}, json, sys; "
        "heavy = ('keras', 'tensorflow', 'keras_tuner', 'ray'); "
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    assert json.loads(said_by(code)) == []
