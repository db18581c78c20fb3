"""A study's directory and its file: made, locked by the one that writes, opened by readers."""

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path

from ablations.study.settings import StudyError

FILE = "study.sqlite"
LOCK = "study.lock"

TABLES = "SELECT name FROM sqlite_master"


def make_directory(directory: Path) -> None:
    """Make a study's directory, if it is not there.

    Raises
    ------
    StudyError
        If there is a file in its place, or it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(path for path in (directory, *directory.parents) if path.exists())
        raise StudyError(
            f"A study lives in a directory, and {file} is a file; give another directory."
        ) from error
    except OSError as error:
        raise StudyError(f"{directory} cannot be made: {error.strerror}.") from error


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a study's file to be read.

    In a folder that cannot be written to SQLite cannot keep, beside the file, what tells readers
    of a writer. Where no writer left anything there, the file is whole and need not be watched.

    Raises
    ------
    StudyError
        If it cannot be opened, or is no database.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    try:
        return _opened(uri)
    except sqlite3.OperationalError as error:
        if not path.with_name(f"{path.name}-wal").exists():
            with contextlib.suppress(sqlite3.OperationalError):
                return _opened(f"{uri}&immutable=1")
        raise refusal(path, error) from error
    except sqlite3.DatabaseError as error:
        raise refusal(path, error) from error


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.execute(TABLES).fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def refusal(path: Path, error: sqlite3.DatabaseError) -> StudyError:
    """Return what is to be said of a file that SQLite cannot open, or that is not its own."""
    if isinstance(error, sqlite3.OperationalError):
        return StudyError(f"The study in {path.parent} cannot be opened: {error}.")
    return StudyError(f"There is no study in {path}: {error}.")


def lock(path: Path) -> int:
    """Take the lock, which the system gives back when this process ends, however it ends.

    Raises
    ------
    StudyError
        If another process has it, with its id; or nothing can be written there.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StudyError(f"{path.parent} cannot be written to: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = path.read_text().strip() or "unknown"
        os.close(descriptor)
        raise StudyError(
            f"Process {holder} is running the study in {path.parent}; wait for it, stop it, or "
            "give another directory."
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor
