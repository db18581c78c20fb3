"""The store of a study: its plan and its results in one SQLite file, with one writer at a time."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from itertools import chain
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ablations.store import seal
from ablations.store.columns import PLAIN, Plan, Planned, StoredResults
from ablations.study import Study, TrialResult
from ablations.study.errors import StudyError
from cnnzoo.runtime.files import LockedError, lock

if TYPE_CHECKING:
    import filelock

    from cnnzoo.data.description import DataDescription
    from cnnzoo.parts.network import Network

FILE = "study.sqlite"
LOCK = "study.lock"

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
    loss TEXT, load REAL, timing TEXT, digest TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS done_once ON results (key, context) WHERE status = 'done';
CREATE TABLE IF NOT EXISTS outcomes (
    result INTEGER PRIMARY KEY REFERENCES results (id), size INTEGER NOT NULL,
    pool INTEGER NOT NULL, train INTEGER NOT NULL, packed BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS data (name TEXT PRIMARY KEY, description TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS network (
    id INTEGER PRIMARY KEY CHECK (id = 1), structure TEXT NOT NULL
);
"""

SEVERAL_DATA = (
    "DROP TABLE plan",
    """CREATE TABLE plan (
    variant TEXT NOT NULL, changes TEXT NOT NULL, factor TEXT, level TEXT, baseline TEXT,
    seed INTEGER NOT NULL, key TEXT NOT NULL, infeasible TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (variant, data, seed)
)""",
)
"""Statements that replace the plan of one data set by that of several."""

TABLES = "SELECT name FROM sqlite_master"

OUTCOMES, DESCRIPTIONS, NETWORK = "outcomes", "data", "network"
"""Tables that studies of earlier versions do not have."""

ADDED = {"load": "REAL", "timing": "TEXT", "digest": "TEXT"}
"""Columns of the results that studies of earlier versions do not have, with their types."""

RESULTS = f"""
SELECT {", ".join(seal.COLUMNS)}, digest, id
FROM results LEFT JOIN outcomes ON result = id ORDER BY id
"""  # noqa: S608  (names of ours)

WITHOUT_OUTCOMES = RESULTS.replace(
    "size, pool, train, packed", "NULL AS size, NULL AS pool, NULL AS train, NULL AS packed"
).replace("LEFT JOIN outcomes ON result = id", "")
"""The same from a store without the table of outcomes."""

AT_ONCE = 2000
"""Number of rows that are read together."""

OF_RESULTS = (
    *("key", "context", "trial", "status", "reason", "metrics", "history", "seconds", "params"),
    *("macs", "findings", "machine", "finished", "fit_seconds", "loss"),
)
"""Columns that the results of all versions have."""

OF_OUTCOMES = ("size", "pool", "train", "packed")
"""Columns of the outcomes of a result."""

PARTS = {
    seal.STUDY: ("SELECT spec, context FROM study", "SELECT * FROM plan ORDER BY rowid"),
    seal.STUDIES: ("SELECT spec FROM specs ORDER BY id",),
    seal.DATA: ("SELECT name, description FROM data ORDER BY name",),
    seal.NETWORK: ("SELECT structure FROM network",),
}
"""Queries whose rows each digest of a part of the study covers."""

SEALED = "SELECT digest FROM seal WHERE name = ?"

DAMAGED = {
    seal.STUDY: "declaration or plan are",
    seal.STUDIES: "earlier declarations are",
    seal.DATA: "descriptions of data are",
    seal.NETWORK: "graph and parts of the model are",
    seal.RESULTS: "results are",
}

Read = TypeVar("Read")

TRIES = 4
"""Most attempts to read a study that another process is writing."""

UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""Errors of a file that is damaged, or no database."""

OF_VARIANTS = ("variant", "changes", "factor", "level", "baseline", "infeasible")
"""Columns of the plan that are the same for the seeds of a variant."""

JSON = ("changes", "level", "baseline")
"""Columns of the plan that hold JSON."""


class Store:
    """A study's directory, opened for reading or, by one process at a time, for writing.

    Parameters
    ----------
    directory
        Directory of the study; created if `write`.
    write
        Whether to open it for writing.

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
                self._connection.executescript(SCHEMA + seal.SCHEMA)
                for name in self._missing:
                    self._connection.execute(f"ALTER TABLE results ADD COLUMN {name} {ADDED[name]}")
            except UNREADABLE as error:
                self.close()
                raise refusal(path, error) from error
        else:
            if not path.is_file():
                raise StudyError(f"There is no study in {self.directory}: it has no {FILE}.")
            self._connection = open_reader(path)
            if not {"study", "plan", "results"} <= self._tables:
                self._connection.close()
                raise StudyError(f"There is no study in {self.directory}: none was started.")
        self._connection.row_factory = sqlite3.Row
        try:
            self._check_seal()
        except StudyError:
            self.close()
            raise

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and release the lock."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def study(self) -> Study | None:
        """The study that was last run, with the baseline's level of every factor."""
        rows = self._read("SELECT spec FROM study")
        return self._study_of(rows[0]["spec"]) if rows else None

    @property
    def weights(self) -> dict[str, str]:
        """Digests of the weights that builders load, by trial."""
        rows = self._read("SELECT spec FROM study")
        return json.loads(rows[0]["spec"]).get("weights", {}) if rows else {}

    @property
    def context(self) -> dict[str, str]:
        """The context of the last run; see `ablations.store.provenance.context_of`."""
        rows = self._read("SELECT context FROM study")
        return json.loads(rows[0]["context"]) if rows else {}

    @property
    def studies(self) -> list[Study]:
        """The successive studies that were run here since there are results, the last included."""
        rows = self._read("SELECT spec FROM specs ORDER BY id")
        return [self._study_of(row["spec"]) for row in rows]

    def begin(
        self,
        study: Study,
        context: Mapping[str, str],
        plan: Iterable[Planned],
        weights: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Store the study that is about to run; its plan replaces the last run's."""
        rows = plan if isinstance(plan, Plan) else Plan(plan)
        values = study.to_dict() | ({"weights": dict(weights)} if weights else {})
        spec = json.dumps(values)
        with self._transaction():
            self._begin(spec, _canonical(context), rows)

    def _begin(self, spec: str, context: str, plan: Plan) -> None:
        # Only changes after the first result matter: the rules that results were seen under.
        self._connection.execute("DELETE FROM specs WHERE NOT EXISTS (SELECT 1 FROM results)")
        last = self._connection.execute("SELECT spec FROM specs ORDER BY id DESC").fetchone()
        if last is None or last["spec"] != spec:
            self._connection.execute("INSERT INTO specs (spec) VALUES (?)", (spec,))
        self._connection.execute("INSERT OR REPLACE INTO study VALUES (1, ?, ?)", (spec, context))
        self._connection.execute("DELETE FROM plan")
        columns = [*OF_VARIANTS]
        if any(row.data for row in plan.variants):
            columns.append("data")
            for statement in SEVERAL_DATA:
                self._connection.execute(statement)
        variants = [
            tuple(
                json.dumps(getattr(row, name)) if name in JSON else getattr(row, name)
                for name in columns
            )
            for row in plan.variants
        ]
        seeds = zip(plan.places, plan.seeds, plan.keys, strict=True)
        self._connection.executemany(
            f"INSERT INTO plan ({', '.join(columns)}, seed, key) "  # noqa: S608  (names of ours)
            f"VALUES ({', '.join('?' for _ in columns)}, ?, ?)",
            ((*variants[place], seed, key) for place, seed, key in seeds),
        )
        for name in (seal.STUDY, seal.STUDIES):
            seal.set_seal(self._connection, name, self._digest(name))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write all that the block writes, or nothing if it fails.

        Raises
        ------
        StudyError
            If the file cannot be written, because the disk is full, for example.
        """
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
        except sqlite3.OperationalError as error:
            raise StudyError(
                f"The study in {self.directory} cannot be written: {error}. Finished trials are "
                "kept; run it again to resume."
            ) from error

    def add(
        self, result: TrialResult, context: Mapping[str, str], machine: Mapping[str, str]
    ) -> None:
        """Add a result, which is safe on the disk when this returns."""
        values = {
            "key": result.trial.key,
            "context": _canonical(context),
            "trial": json.dumps(result.trial.to_dict()),
            "metrics": json.dumps(dict(result.metrics)),
            "history": json.dumps(dict(result.history)),
            "findings": json.dumps([asdict(finding) for finding in result.findings]),
            "machine": json.dumps(dict(machine)),
            "timing": json.dumps(result.timing.to_dict()) if result.timing else None,
            **{name: getattr(result, name) for name in PLAIN},
        }
        held_out = astuple(result.held_out) if result.held_out is not None else ()
        outcomes = dict(zip(OF_OUTCOMES, (*held_out, result.outcomes), strict=False))
        values["digest"] = seal.result_digest(values | (outcomes if held_out else {}))
        self._insert(values, outcomes if held_out else {})

    def adopt(self, row: Mapping[str, object]) -> None:
        """Add a result of another store, with the columns that it has there."""
        values = {name: row[name] for name in (*OF_RESULTS, *ADDED) if name in row}
        known = row.get("size") is not None
        self._insert(values, {name: row[name] for name in OF_OUTCOMES} if known else {})

    def adopt_history(self, studies: Sequence[str], data: Sequence[tuple[str, str]]) -> None:
        """Add the earlier declarations and the descriptions of data of another store."""
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO specs (spec) VALUES (?)", [(spec,) for spec in studies]
            )
            self._connection.executemany("INSERT OR REPLACE INTO data VALUES (?, ?)", data)
            for name in (seal.STUDIES, seal.DATA):
                seal.set_seal(self._connection, name, self._digest(name))

    def _insert(self, values: Mapping[str, object], outcomes: Mapping[str, object]) -> None:
        columns, places = ", ".join(values), ", ".join("?" for _ in values)
        with self._transaction():
            added = self._connection.execute(
                f"INSERT INTO results ({columns}) VALUES ({places})",  # noqa: S608  (names of ours)
                tuple(values.values()),
            )
            if outcomes:
                self._connection.execute(
                    "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?)",
                    (added.lastrowid, *outcomes.values()),
                )
            if values.get("digest"):
                sealed = self._connection.execute(SEALED, (seal.RESULTS,)).fetchone()
                total = seal.chained(sealed["digest"] if sealed else "", [str(values["digest"])])
                seal.set_seal(self._connection, seal.RESULTS, total)

    def plan(self) -> Plan:
        """Read the plan of the last run."""
        plan, places = Plan(), dict[tuple[object, ...], int]()
        for names, rows in self._parts("SELECT * FROM plan ORDER BY rowid"):
            seed, key = names.index("seed"), names.index("key")
            for row in rows:
                variant = (*row[:seed], *row[key + 1 :])
                if variant not in places:
                    named = dict(zip(names, row, strict=True))
                    places[variant] = plan.add_variant(planned_of(named))
                plan.add_seed(places[variant], row[seed], row[key])
        return plan

    def results(self, context: Mapping[str, str]) -> StoredResults:
        """Read the results of a context by trial key: the done result, else the latest one."""
        query = RESULTS if OUTCOMES in self._tables else WITHOUT_OUTCOMES
        for name in self._missing:
            query = query.replace(f"{name}, ", f"NULL AS {name}, ")
        results, wanted = StoredResults(), _canonical(context)
        for names, rows in self._parts(query):
            for *values, digest, number in rows:  # of all contexts: this may be damaged too
                if digest is not None and digest != seal.row_digest(tuple(values)):
                    raise self._damage(f"result {number} is not as it was stored")
            place = names.index("context")
            found = [row for row in rows if row[place] == wanted]
            if found:
                try:
                    results.extend(dict(zip(names, zip(*found, strict=True), strict=True)))
                except (KeyError, TypeError, ValueError) as error:
                    raise self._refusal_of(error) from error
        return results

    def machines(self, context: Mapping[str, str]) -> list[dict[str, str]]:
        """Read the different machines that computed the results of a context."""
        query = "SELECT machine FROM results WHERE context = ? GROUP BY machine ORDER BY MIN(id)"
        try:
            return [json.loads(row["machine"]) for row in self._read(query, _canonical(context))]
        except ValueError as error:
            raise self._damage("the machine of a result is not as it was stored") from error

    def keys(self, context: Mapping[str, str]) -> set[str]:
        """Read the keys of the trials that have a result in a context."""
        query = "SELECT DISTINCT key FROM results WHERE context = ?"
        return {row["key"] for row in self._read(query, _canonical(context))}

    def unplanned(self, context: Mapping[str, str]) -> int:
        """Return the number of trials that have a result in a context and are not in the plan."""
        query = (
            "SELECT COUNT(DISTINCT key) FROM results "
            "WHERE context = ? AND key NOT IN (SELECT key FROM plan)"
        )
        return int(self._read(query, _canonical(context))[0][0])

    def contexts(self) -> list[dict[str, str]]:
        """Read the contexts that results were added in, the first one first."""
        rows = self._read("SELECT context FROM results GROUP BY context ORDER BY MIN(id)")
        return [json.loads(row["context"]) for row in rows]

    def describe(self, description: "DataDescription") -> None:
        """Store the description of a data set of the study; it replaces an earlier one."""
        values = (description.name, json.dumps(description.to_dict()))
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO data VALUES (?, ?)", values)
            seal.set_seal(self._connection, seal.DATA, self._digest(seal.DATA))

    @property
    def descriptions(self) -> "dict[str, DataDescription]":
        """Descriptions of the data sets by name; empty if an earlier version stored the study."""
        from cnnzoo.data.description import DataDescription

        if DESCRIPTIONS not in self._tables:
            return {}
        rows = self._read("SELECT name, description FROM data")
        try:
            return {
                row["name"]: DataDescription.from_dict(json.loads(row["description"]))
                for row in rows
            }
        except (KeyError, TypeError, ValueError) as error:
            raise self._refusal_of(error) from error

    def draw(self, network: "Network") -> None:
        """Store the graph and the parts of the study's model; it replaces an earlier one."""
        with self._transaction():
            self._set_network(json.dumps(network.to_dict()))

    def adopt_network(self, structure: str) -> None:
        """Add the graph of the model of another store."""
        with self._transaction():
            self._set_network(structure)

    def _set_network(self, structure: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO network VALUES (1, ?)", (structure,))
        seal.set_seal(self._connection, seal.NETWORK, self._digest(seal.NETWORK))

    @property
    def network(self) -> "Network | None":
        """Graph and parts of the model; None for studies without parts or of an earlier version."""
        from cnnzoo.parts.network import Network

        if NETWORK not in self._tables:
            return None
        rows = self._read("SELECT structure FROM network")
        try:
            return Network.from_dict(json.loads(rows[0]["structure"])) if rows else None
        except (KeyError, TypeError, ValueError) as error:
            raise self._refusal_of(error) from error

    def _digest(self, name: str) -> str:
        """Return the digest of a part of the store, as it is now."""
        if name == seal.RESULTS:
            stored = self._parts("SELECT digest FROM results WHERE digest IS NOT NULL ORDER BY id")
            return seal.chained("", (digest for _, rows in stored for (digest,) in rows))
        parts = (part for query in PARTS[name] for _, part in self._parts(query))
        return seal.digest_of_rows(chain.from_iterable(parts))

    def _sealed(self) -> dict[str, str]:
        """Read the digests; empty if an earlier version stored the study."""
        if seal.TABLE not in self._tables:
            return {}
        return {row["name"]: row["digest"] for row in self._read("SELECT name, digest FROM seal")}

    def _check_seal(self) -> None:
        """Raise StudyError if the study, its plan or the number of its results has changed."""
        self._read("BEGIN")  # one state of the file, whoever writes to it
        try:
            for name, digest in self._sealed().items():
                if name in DAMAGED and self._digest(name) != digest:
                    raise self._damage(f"its {DAMAGED[name]} not as they were stored")
        finally:
            self._connection.rollback()

    def _damage(self, what: str) -> StudyError:
        return damage(self.directory, what)

    @property
    def _tables(self) -> set[str]:
        return {row[0] for row in self._read(TABLES)}

    @property
    def _missing(self) -> list[str]:
        """Columns that the results of an earlier version do not have."""
        columns = {row[1] for row in self._read("PRAGMA table_info(results)")}
        return [name for name in ADDED if name not in columns]

    def _read(self, query: str, *values: str) -> list[sqlite3.Row]:
        with self._reading():
            return self._connection.execute(query, values).fetchall()

    def _parts(self, query: str) -> Iterator[tuple[list[str], list[tuple[Any, ...]]]]:
        """Read the rows of a query, some at a time, with the names of their columns."""
        with self._reading():
            cursor = self._connection.cursor()
            cursor.row_factory = None
            cursor.execute(query)
            names = [column[0] for column in cursor.description]
        while True:
            with self._reading():
                rows = cursor.fetchmany(AT_ONCE)
            if not rows:
                return
            yield names, rows

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn the errors of SQLite into errors of the study."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if str(error).startswith("no such"):
                raise self._refusal_of(error) from error
            if "decode" in str(error):
                raise self._damage("a text in it is no text") from error
            raise refusal(self.directory / FILE, error) from error
        except UNREADABLE as error:
            raise self._damage(str(error)) from error

    def _study_of(self, spec: str) -> Study:
        values = json.loads(spec)
        values.pop("weights", None)
        try:
            return Study.from_dict(values)
        except (TypeError, ValueError) as error:
            raise self._refusal_of(error) from error

    def _refusal_of(self, error: Exception) -> StudyError:
        reason = str(error).rstrip(".")
        return StudyError(
            f"The study in {self.directory} was stored by a version of ablations that this one "
            f"cannot read ({reason}); run it again in another directory."
        )


def planned_of(row: Mapping[str, Any] | sqlite3.Row) -> Planned:
    """Return a stored row of the plan."""
    return Planned(**{**dict(row), **{name: json.loads(row[name]) for name in JSON}})


def _canonical(context: Mapping[str, str]) -> str:
    return json.dumps(context, sort_keys=True)


def make_directory(directory: Path) -> None:
    """Create a study's directory if it does not exist.

    Raises
    ------
    StudyError
        If there is a file in its place, or it cannot be created.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(path for path in (directory, *directory.parents) if path.exists())
        raise StudyError(
            f"`directory`: expected a directory; got {file}, which is a file. Choose another "
            "directory."
        ) from error
    except OSError as error:
        raise StudyError(f"{directory} cannot be created: {error.strerror}.") from error


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a study's file for reading.

    SQLite coordinates readers with a writer through files beside the database, which a reader
    would leave behind, and cannot create in a read-only folder. If no writer has its files there,
    the database is complete and is opened as immutable.

    Raises
    ------
    StudyError
        If it cannot be opened, or is not a database.
    """
    try:
        return _opened(reading_uri(path))
    except UNREADABLE as error:
        raise refusal(path, error) from error


def reading_uri(path: Path) -> str:
    """Return the address by which SQLite opens a file for reading."""
    is_complete = not _size(_log_of(path))
    return f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if is_complete else ''}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a writer has just removed it
        return 0


def read_study(directory: str | Path, read: Callable[[Store], Read]) -> Read:
    """Open a study, read it, and read it again if it changed meanwhile.

    A file that is opened as immutable may look damaged if a writer begins and ends while it is
    read.

    Parameters
    ----------
    directory
        Directory of the study.
    read
        Reads what is wanted.

    Raises
    ------
    StudyError
        As `Store`, or of ``read``.
    """
    file = Path(directory).expanduser() / FILE
    for _ in range(TRIES - 1):
        before = state_of(file)
        try:
            with Store(directory) as store:
                return read(store)
        except StudyError:
            if state_of(file) == before:
                raise
    with Store(directory) as store:
        return read(store)


def state_of(file: Path) -> tuple[object, ...]:
    """Return what changes when a study's file is written."""
    return tuple(_times(each) for each in (file, _log_of(file)))


def writer_of(directory: Path) -> int | None:
    """Return the id of the process that runs the study in a directory; None if there is none.

    The lock is not touched, so that a run that starts at the same time is not refused.
    """
    import psutil

    if not _log_of(directory / FILE).exists():  # a writer has it
        return None
    try:
        holder = int((directory / LOCK).read_bytes()[1:])
    except (OSError, ValueError):
        return None
    return holder if psutil.pid_exists(holder) else None


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _times(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.execute(TABLES).fetchall()
    except UNREADABLE:
        connection.close()
        raise
    return connection


def damage(directory: Path, what: str) -> StudyError:
    """Return the error for a study that is not as it was stored."""
    return StudyError(
        f"The study in {directory} is damaged: {what}. ablations repair {directory} --to DIRECTORY "
        "copies the results that are whole."
    )


def refusal(path: Path, error: Exception) -> StudyError:
    """Return the error for a file that SQLite cannot open, or that is not a database."""
    if "malformed" in str(error) or isinstance(error, UnicodeDecodeError):
        return damage(path.parent, str(error))
    if isinstance(error, sqlite3.OperationalError):
        return StudyError(f"The study in {path.parent} cannot be opened: {error}.")
    return StudyError(f"{path} is not a study file: {error}.")


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
            "or choose another directory."
        ) from error
    except OSError as error:
        raise StudyError(f"{path.parent} is not writable: {error.strerror}.") from error
