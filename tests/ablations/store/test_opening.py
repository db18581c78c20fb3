"""What is opened as a study, where, and what is none."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from programs import said_by
from stored_trials import CONTEXT, result, trial
from stub_trials import STUDY

from ablations import StudyError, open_results
from ablations.store import FILE, LOCK, Planned, Store


def refusal(directory):
    with pytest.raises(StudyError) as refused:
        open_results(directory)
    return str(refused.value)


def test_a_directory_without_a_study_is_said_to_have_none(tmp_path):
    assert refusal(tmp_path) == f"There is no study in {tmp_path}: it has no study.sqlite."
    missing = tmp_path / "missing"
    assert refusal(missing) == f"There is no study in {missing}: it has no study.sqlite."
    assert not missing.exists()


def test_a_study_that_was_killed_before_it_began_is_said_to_be_none(tmp_path):
    (tmp_path / FILE).touch()
    assert refusal(tmp_path) == f"There is no study in {tmp_path}: none was begun."
    Store(tmp_path, write=True).close()
    assert refusal(tmp_path) == f"There is no study in {tmp_path}: none was begun."


def test_a_file_of_something_else_is_said_to_be_no_study(tmp_path):
    (tmp_path / FILE).write_text("This is not a database at all, not even remotely one. " * 40)
    assert refusal(tmp_path) == (f"There is no study in {tmp_path / FILE}: file is not a database.")


def test_a_file_of_something_else_is_not_written_to_and_the_lock_is_given_back(tmp_path):
    (tmp_path / FILE).write_text("This is not a database at all, not even remotely one. " * 40)
    for _ in range(2):
        with pytest.raises(StudyError) as refused:
            Store(tmp_path, write=True)
        assert str(refused.value) == (
            f"There is no study in {tmp_path / FILE}: file is not a database."
        )
    assert (tmp_path / FILE).read_text().startswith("This is not a database")


@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_in_the_place_of_the_directory_is_said(tmp_path, below):
    place = tmp_path / "file"
    place.touch()
    with pytest.raises(StudyError) as refused:
        Store(place / below, write=True)
    assert str(refused.value) == (
        f"A study lives in a directory, and {place} is a file; give another directory."
    )


def test_a_store_may_be_below_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with Store("~/mine", write=True) as store:
        store.begin({"name": "s"}, CONTEXT, [])
    assert (tmp_path / "mine" / FILE).is_file()
    with Store("~/mine") as reader:
        assert reader.spec == {"name": "s"}


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
    """Return a function that says what is read in a folder that cannot be written to."""
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


def test_a_study_is_read_in_a_folder_that_cannot_be_written_to(read_only):
    directory, read = read_only
    planned = Planned("baseline", {}, None, None, None, 0, trial().key)
    with Store(directory, write=True) as store:
        store.begin(STUDY.to_dict(), CONTEXT, [planned])
        store.add(result(), CONTEXT, {})
        assert (directory / f"{FILE}-wal").exists()
        assert read() == "['done']"
    assert not (directory / f"{FILE}-wal").exists()
    assert read() == "['done']"
    assert sorted(path.name for path in directory.iterdir()) == [LOCK, FILE]


def test_a_study_that_cannot_be_opened_is_not_said_to_be_none(read_only):
    directory, read = read_only
    Store(directory, write=True).close()
    (directory / FILE).chmod(0)
    assert read() == (f"The study in {directory} cannot be opened: unable to open database file.")


def test_all_but_training_is_imported_without_keras_or_ray():
    names = "study store stats engines results designs report designs.planner running.progress"
    code = (
        f"import {', '.join(f'ablations.{name}' for name in names.split())}, json, sys; "
        "heavy = ('keras', 'tensorflow', 'keras_tuner', 'ray'); "
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    assert json.loads(said_by(code)) == []
