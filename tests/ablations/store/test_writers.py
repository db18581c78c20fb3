"""One writer and any number of readers."""

import os
import signal
import subprocess
import sys

import pytest
from helpers.stored_trials import CONTEXT, result
from helpers.stub_trials import STUDY

from ablations import StudyError
from ablations.store import LOCK, Store


def writer(directory):
    """Start a process that holds the store, and wait until it does."""
    code = (
        "import sys, time; from ablations.store import Store; "
        f"store = Store({str(directory)!r}, write=True); print('here', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "here\n"
    return process


def test_second_writer_is_refused_until_the_first_one_dies(tmp_path):
    process = writer(tmp_path)
    try:
        with pytest.raises(StudyError) as refused:
            Store(tmp_path, write=True)
        assert str(refused.value) == (
            f"Process {process.pid} is running the study in {tmp_path}; wait for it, stop it, or "
            "choose another directory."
        )
        with Store(tmp_path) as reader:  # which needs no lock
            assert reader.plan() == []
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    with Store(tmp_path, write=True) as store:
        assert (tmp_path / LOCK).read_text().lstrip("\0") == str(os.getpid())
        store.begin(STUDY, CONTEXT, [])


def test_second_writer_in_the_same_process_is_refused(store):
    with pytest.raises(StudyError, match=f"Process {os.getpid()} is running the study in"):
        Store(store.directory, write=True)


def test_closed_store_releases_its_lock(tmp_path):
    for _ in range(2):
        with Store(tmp_path, write=True) as store:
            store.begin(STUDY, CONTEXT, [])


def test_reader_cannot_write(store):
    store.begin(STUDY, CONTEXT, [])
    with (
        Store(store.directory) as reader,
        pytest.raises(StudyError, match="cannot be written: attempt to write a readonly database"),
    ):
        reader.add(result(), CONTEXT, {})
