"""The store of a study: one SQLite file."""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ablations.study import TrialResult
from ablations.study.settings import StudyError
from cnnzoo.runtime.files import LockedError, lock

if TYPE_CHECKING:
    import filelock

SCHEMA = """
CREATE TABLE IF NOT EXISTS study (
    id INTEGER PRIMARY KEY CHECK (id = 1), spec TEXT NOT NULL, context TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS specs (id INTEGER PRIMARY KEY, spec TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS plan (
    variant TEXT NOT NULL, changes TEXT NOT NULL, factor TEXT, level TEXT, baseline TEXT,
    seed INTEGER NOT NULL, key TEXT NOT NULL, infeasible TEXT NOT NULL,
    PRIMARY KEY (variant, seed)
);
CREATE TABLE IF NOT EXISTS results (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, context TEXT NOT NULL, trial TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, metrics TEXT NOT NULL, history TEXT NOT NULL,
    seconds REAL NOT NULL, params INTEGER, macs INTEGER, findings TEXT NOT NULL,
    machine TEXT NOT NULL,
    finished TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')), fit_seconds REAL,
    loss TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS done_once ON results (key, context) WHERE status = 'done';
"""


@dataclass(frozen=True)
class Planned:
    """A row of the plan: which trial stands for a variant with a seed.

    Parameters
    ----------
    variant, changes
        The variant's name and the levels that it changes.
    factor, level, baseline
        What it changes, to what, and what the baseline has; of several changes joined by " + ";
        None for the baseline itself.
    seed, key
        The trial's seed and digest.
    infeasible
        Why it cannot be built; empty if it can.
    """

    variant: str
    changes: Mapping[str, Any]
    factor: str | None
    level: Any
    baseline: Any
    seed: int
    key: str
    infeasible: str = ""


class Store:
    """A study's directory, open for reading or, by one process at a time, for writing.

    Parameters
    ----------
    directory
        Where the study lives; made if `write`.
    write
        Whether to add to it.

    Raises
    ------
    StudyError
        If there is no study to read, or another process writes to it.
    """

    def __init__(self, directory: str | Path, *, write: bool = False) -> None:
        self.directory = Path(directory).expanduser()
        path = self.directory / FILE
        self._lock: filelock.BaseFileLock | None = None
        if write:
            make_directory(self.directory)
            self._lock = lock_study(self.directory / LOCK)
            self._connection = sqlite3.connect(path, isolation_level=None)
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.executescript(SCHEMA)
                self._complete()
            except sqlite3.DatabaseError as error:
                self.close()
                raise refusal(path, error) from error
        else:
            if not path.is_file():
                raise StudyError(f"There is no study in {self.directory}: it has no {FILE}.")
            self._connection = open_reader(path)
            self._check()
        self._connection.row_factory = sqlite3.Row

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self) -> None:
        known = {row[0] for row in self._connection.execute(TABLES)}
        if not {"study", "plan", "results"} <= known:
            self._connection.close()
            raise StudyError(f"There is no study in {self.directory}: none was begun.")

    def _complete(self) -> None:
        """Add the columns that files of an earlier version lack."""
        columns = {row[1] for row in self._connection.execute("PRAGMA table_info(results)")}
        for name, kind in (("fit_seconds", "REAL"), ("loss", "TEXT")):
            if name not in columns:
                self._connection.execute(f"ALTER TABLE results ADD COLUMN {name} {kind}")

    def close(self) -> None:
        """Close the file and let others write."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def spec(self) -> dict[str, Any] | None:
        """The study that was last run here, as `Study.to_dict` gives it."""
        row = self._connection.execute("SELECT spec FROM study").fetchone()
        return json.loads(row["spec"]) if row else None

    @property
    def context(self) -> dict[str, str]:
        """The context of that run."""
        row = self._connection.execute("SELECT context FROM study").fetchone()
        return json.loads(row["context"]) if row else {}

    @property
    def specs(self) -> list[dict[str, Any]]:
        """The studies that were run here one after the other, from the first with results on."""
        found = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'specs'")
        if not found.fetchone():  # a file of an earlier version
            return [self.spec] if self.spec else []
        rows = self._connection.execute("SELECT spec FROM specs ORDER BY id")
        return [json.loads(row["spec"]) for row in rows]

    def begin(
        self, spec: Mapping[str, Any], context: Mapping[str, str], plan: Iterable[Planned]
    ) -> None:
        """Write down what is about to be run."""
        rows = [
            (
                *(row.variant, json.dumps(dict(row.changes)), row.factor),
                *(json.dumps(row.level), json.dumps(row.baseline)),
                *(row.seed, row.key, row.infeasible),
            )
            for row in plan
        ]
        self._connection.execute("BEGIN IMMEDIATE")
        # What was declared before anything was seen does not count, but for the last of it.
        self._connection.execute("DELETE FROM specs WHERE NOT EXISTS (SELECT 1 FROM results)")
        self._connection.execute(  # of a file of an earlier version
            "INSERT INTO specs (spec) SELECT spec FROM study"
            " WHERE NOT EXISTS (SELECT 1 FROM specs) AND EXISTS (SELECT 1 FROM results)"
        )
        last = self._connection.execute("SELECT spec FROM specs ORDER BY id DESC").fetchone()
        if last is None or last["spec"] != json.dumps(spec):
            self._connection.execute("INSERT INTO specs (spec) VALUES (?)", (json.dumps(spec),))
        self._connection.execute(
            "INSERT OR REPLACE INTO study VALUES (1, ?, ?)",
            (json.dumps(spec), json.dumps(context, sort_keys=True)),
        )
        self._connection.execute("DELETE FROM plan")
        self._connection.executemany("INSERT INTO plan VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def add(
        self, result: TrialResult, context: Mapping[str, str], machine: Mapping[str, Any]
    ) -> None:
        """Add a result, safe on the disk when this returns."""
        self._connection.execute(
            "INSERT INTO results (key, context, trial, status, reason, metrics, history, seconds,"
            " params, macs, findings, machine, fit_seconds, loss)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(result.trial.key, json.dumps(context, sort_keys=True)),
                *(json.dumps(result.trial.to_dict()), result.status, result.reason),
                *(json.dumps(dict(result.metrics)), json.dumps(dict(result.history))),
                *(result.seconds, result.params, result.macs),
                *(json.dumps([asdict(one) for one in result.findings]), json.dumps(dict(machine))),
                *(result.fit_seconds, result.loss),
            ),
        )

    def plan(self) -> list[Planned]:
        """Read the plan of the last run."""
        rows = self._connection.execute("SELECT * FROM plan ORDER BY rowid")
        return [Planned(**_decoded(row, "changes", "level", "baseline")) for row in rows]

    def results(self, context: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Read the results of a context by key: of each trial the done one, else the latest."""
        rows = self._connection.execute(
            "SELECT * FROM results WHERE context = ? ORDER BY status = 'done', id",
            (json.dumps(context, sort_keys=True),),
        )
        return {
            row["key"]: _decoded(row, "trial", "metrics", "history", "findings", "machine")
            for row in rows
        }

    def contexts(self) -> list[dict[str, str]]:
        """Read the contexts that results were added in, the first one first."""
        rows = self._connection.execute(
            "SELECT context FROM results GROUP BY context ORDER BY MIN(id)"
        )
        return [json.loads(row["context"]) for row in rows]


def _decoded(row: sqlite3.Row, *names: str) -> dict[str, Any]:
    """Read a row whose columns of these names hold JSON."""
    return {
        name: json.loads(value) if name in names else value
        for name, value in zip(row.keys(), tuple(row), strict=True)
    }


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


def lock_study(path: Path) -> "filelock.BaseFileLock":
    """Lock a study for writing.

    Raises
    ------
    StudyError
        If another process holds the lock, or the folder is not writable.
    """
    try:
        return lock(path)
    except LockedError as error:
        raise StudyError(
            f"Process {error.holder} is running the study in {path.parent}; wait for it, stop it, "
            "or give another directory."
        ) from error
    except OSError as error:
        raise StudyError(f"{path.parent} cannot be written to: {error.strerror}.") from error
