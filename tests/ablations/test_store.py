import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stub_trials import STUDY

from ablations import Settings, StudyError, Trial, TrialResult, open_results
from ablations.store import FILE, LOCK, Planned, Store
from cnnzoo import Recipe

CONTEXT = {"data": "abc", "keras": "3.15.1"}
OTHER = {"data": "xyz", "keras": "3.15.1"}


def trial(seed=0, **levels):
    return Trial("mlp", "digits", Settings(levels), Recipe(), seed)


def result(seed=0, status="done", **found):
    metrics = {"test_loss": 0.5 + seed} if status == "done" else {}
    return TrialResult(trial(seed), status, **{"metrics": metrics, **found})


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "study", write=True) as store:
        yield store


# What is written is there


def test_a_result_is_there_for_others_as_soon_as_it_was_added(store):
    store.begin({"name": "s"}, CONTEXT, [])
    with Store(store.directory) as reader:
        for seed in range(3):
            store.add(result(seed), CONTEXT, {})
            assert set(reader.results(CONTEXT)) == {trial(s).key for s in range(seed + 1)}


def test_everything_of_a_result_comes_back(store):
    given = TrialResult(
        trial(1, units=8, rate=1.0, skip=True),
        "done",
        metrics={"test_loss": 0.1 + 0.2, "test_accuracy": 1.0},
        history={"loss": [0.30000000000000004, 1e-300], "val_loss": [1.0, 2.0]},
        seconds=1.25,
        fit_seconds=0.75,
        loss="mse",
        params=7,
        macs=8,
        fingerprint="f",
        findings=("one.", "two."),
        reason="",
    )
    store.add(given, CONTEXT, {"python": "3"})
    row = store.results(CONTEXT)[given.trial.key]
    assert row["metrics"] == given.metrics
    assert row["history"] == given.history
    assert row["trial"] == given.trial.to_dict()
    assert [*map(repr, row["trial"]["settings"].values())] == ["8", "1.0", "True"]
    assert row["findings"] == ["one.", "two."]
    assert row["machine"] == {"python": "3"}
    assert [row[name] for name in ("status", "seconds", "params", "macs")] == ["done", 1.25, 7, 8]
    assert row["fit_seconds"] == 0.75
    assert row["loss"] == "mse"
    finished = datetime.fromisoformat(row["finished"])
    assert abs(datetime.now(UTC) - finished) < timedelta(minutes=2)


@pytest.mark.parametrize(("column", "value"), [("fit_seconds", 1.5), ("loss", "mse")])
def test_a_file_without_a_column_of_today_is_read_and_added_to(tmp_path, column, value):
    """As files were before that column."""
    with Store(tmp_path, write=True) as store:
        store.add(result(0, seconds=2.0), CONTEXT, {})
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"ALTER TABLE results DROP COLUMN {column}")
    connection.close()
    with Store(tmp_path) as store:
        assert column not in store.results(CONTEXT)[trial(0).key]
    with Store(tmp_path, write=True) as store:
        store.add(result(1, **{column: value}), CONTEXT, {})
        rows = store.results(CONTEXT)
    assert [rows[trial(seed).key][column] for seed in (0, 1)] == [None, value]
    assert rows[trial(0).key]["seconds"] == 2.0


def test_numbers_that_are_none_come_back(store):
    store.add(result(metrics={"test_loss": float("inf")}), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["metrics"]["test_loss"] == float("inf")


def test_nothing_that_was_added_is_written_twice_as_done(store):
    store.add(result(), CONTEXT, {})
    with pytest.raises(sqlite3.IntegrityError):
        store.add(result(metrics={"test_loss": 9.0}), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["metrics"] == {"test_loss": 0.5}


def test_a_trial_may_fail_often_and_be_done_once(store):
    store.add(result(status="failed", reason="one"), CONTEXT, {})
    store.add(result(status="failed", reason="two"), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["reason"] == "two"
    store.add(result(), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["status"] == "done"
    store.add(result(status="failed", reason="three"), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["status"] == "done"


def test_contexts_are_kept_apart(store):
    store.add(result(metrics={"test_loss": 1.0}), CONTEXT, {})
    store.add(result(metrics={"test_loss": 2.0}), OTHER, {})
    assert store.results(CONTEXT)[trial().key]["metrics"] == {"test_loss": 1.0}
    assert store.results(OTHER)[trial().key]["metrics"] == {"test_loss": 2.0}
    assert store.results({}) == {}
    assert store.contexts() == [CONTEXT, OTHER]


def test_the_order_in_which_a_context_is_written_does_not_matter(store):
    store.add(result(), CONTEXT, {})
    assert store.results(dict(reversed(CONTEXT.items()))).keys() == {trial().key}


# The plan


def test_a_plan_comes_back_with_the_types_of_its_levels(store):
    levels = [1, True, 1.0, "1", "max"]
    plan = [
        Planned(f"a={level!r}", {"a": level}, "a", level, levels[0], 0, f"key{index}", "")
        for index, level in enumerate(levels)
    ]
    plan.append(Planned("baseline", {}, None, None, None, 0, "base", "it cannot be"))
    store.begin({"name": "s", "seeds": "auto"}, CONTEXT, plan)
    again = store.plan()
    assert again == plan
    assert [*map(repr, (row.level for row in again))] == [*map(repr, (row.level for row in plan))]
    assert [*map(repr, (row.changes for row in again))] == [
        *map(repr, (row.changes for row in plan))
    ]
    assert (store.spec, store.context) == ({"name": "s", "seeds": "auto"}, CONTEXT)


def test_what_was_run_is_kept_from_the_first_result_on(store):
    for name in ("one", "two", "two"):
        store.begin({"name": name}, CONTEXT, [])
    assert store.specs == [{"name": "two"}]
    store.add(result(), CONTEXT, {})
    for name in ("two", "three", "three", "two"):
        store.begin({"name": name}, CONTEXT, [])
    assert store.specs == [{"name": "two"}, {"name": "three"}, {"name": "two"}]


def test_a_file_of_an_earlier_version_has_what_was_last_run(store, tmp_path):
    store.begin({"name": "one"}, CONTEXT, [])
    store.add(result(), CONTEXT, {})
    store._connection.execute("DROP TABLE specs")
    assert store.specs == [{"name": "one"}]
    directory = store.directory
    store.close()
    with Store(directory, write=True) as again:
        again.begin({"name": "two"}, CONTEXT, [])
        assert again.specs == [{"name": "one"}, {"name": "two"}]


def test_a_new_plan_replaces_the_old_one_and_no_result(store):
    store.begin({"name": "one"}, CONTEXT, [Planned("a", {}, None, None, None, 0, "k")])
    store.add(result(), CONTEXT, {})
    store.begin({"name": "two"}, OTHER, [Planned("b", {}, None, None, None, 1, "l")])
    assert [row.variant for row in store.plan()] == ["b"]
    assert store.spec == {"name": "two"}
    assert store.results(CONTEXT)


def test_a_plan_that_cannot_be_written_leaves_the_old_one(store):
    row = Planned("a", {}, None, None, None, 0, "k")
    store.begin({"name": "one"}, CONTEXT, [row])
    with pytest.raises(sqlite3.IntegrityError):
        store.begin({"name": "two"}, CONTEXT, [row, row])
    store.close()
    with Store(store.directory, write=True) as again:
        assert again.spec == {"name": "one"}
        assert again.plan() == [row]


# One writer


def writer(directory):
    """Start a process that holds the store, and wait until it does."""
    code = (
        "import sys, time; from ablations.store import Store; "
        f"store = Store({str(directory)!r}, write=True); print('here', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "here\n"
    return process


def test_a_second_writer_is_refused_with_the_first_ones_process_id_until_that_one_dies(tmp_path):
    process = writer(tmp_path)
    try:
        with pytest.raises(StudyError) as refused:
            Store(tmp_path, write=True)
        assert str(refused.value) == (
            f"Process {process.pid} is running the study in {tmp_path}; wait for it, stop it, or "
            "give another directory."
        )
        with Store(tmp_path) as reader:  # which needs no lock
            assert reader.plan() == []
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    with Store(tmp_path, write=True) as store:
        assert (tmp_path / LOCK).read_text() == str(os.getpid())
        store.begin({"name": "s"}, CONTEXT, [])


def test_a_second_writer_in_the_same_process_is_refused_too(store):
    with pytest.raises(StudyError, match=f"Process {os.getpid()} is running the study in"):
        Store(store.directory, write=True)


def test_a_closed_store_is_free(tmp_path):
    for _ in range(2):
        with Store(tmp_path, write=True) as store:
            store.begin({}, CONTEXT, [])


def test_a_reader_cannot_write(store):
    store.begin({}, CONTEXT, [])
    with (
        Store(store.directory) as reader,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        reader.add(result(), CONTEXT, {})


# What is no study


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


def test_a_store_may_be_below_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with Store("~/mine", write=True) as store:
        store.begin({"name": "s"}, CONTEXT, [])
    assert (tmp_path / "mine" / FILE).is_file()
    with Store("~/mine") as reader:
        assert reader.spec == {"name": "s"}


def test_all_but_training_is_imported_without_keras_or_ray():
    names = "study store stats engines results designs report running.progress running.runner"
    code = (
        f"import {', '.join(f'ablations.{name}' for name in names.split())}, json, sys; "
        "heavy = ('keras', 'tensorflow', 'keras_tuner', 'ray'); "
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answer.stdout) == []
