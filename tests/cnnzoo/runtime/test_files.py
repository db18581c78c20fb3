"""Atomic writes, locks and the cache folder."""

import os
import subprocess
import sys

import pytest

from cnnzoo.runtime.files import LockedError, cache_folder, lock, write_atomically

HOLD = """
import sys
from pathlib import Path
from cnnzoo.runtime.files import lock
held = lock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def holder(path):
    """Start a process that holds the lock until its input is closed."""
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    return process


def test_lock_names_its_holder_at_every_attempt(tmp_path):
    path = tmp_path / ".lock"
    with holder(path) as process:
        for _ in range(2):
            with pytest.raises(LockedError) as refused:
                lock(path)
            assert str(refused.value) == f"Process {process.pid} holds the lock."
        process.stdin.close()
        process.wait()
    lock(path).release()
    assert path.read_bytes() == b"\0%d" % os.getpid()


def test_killed_holder_leaves_no_lock(tmp_path):
    path = tmp_path / ".lock"
    with holder(path) as process:
        process.kill()
        process.wait()
        lock(path).release()


def test_failed_write_leaves_old_content_and_no_other_file(tmp_path):
    path = tmp_path / "folder" / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "text")
    assert path.read_bytes() == b"old"
    assert [*path.parent.iterdir()] == [path]


def test_written_file_has_the_usual_permissions(tmp_path):
    write_atomically(tmp_path / "atomic", b"")
    (tmp_path / "plain").touch()
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_cache_folder_is_the_users_unless_a_variable_names_one(tmp_path, monkeypatch):
    monkeypatch.delenv("CNNZOO_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "cnnzoo"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "cnnzoo"
    monkeypatch.setenv("CNNZOO_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"
