"""Digests by which a store notices that its file was damaged.

Each result has a digest of its columns. The table ``seal`` has one of the study with its plan, one
of the earlier studies, one of the descriptions of data, one of the model's graph, and one of all
results in their order, which changes if a result is lost. Digests find damage, not forgery.
"""

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterable, Mapping

SCHEMA = "CREATE TABLE IF NOT EXISTS seal (name TEXT PRIMARY KEY, digest TEXT NOT NULL);"

TABLE = "seal"

STUDY, STUDIES, DATA, NETWORK, RESULTS = "study", "studies", "data", "network", "results"
"""Names in the table."""

COLUMNS = (
    *("key", "context", "trial", "status", "reason", "metrics", "history", "seconds"),
    *("fit_seconds", "params", "macs", "loss", "load", "timing", "findings", "machine"),
    *("size", "pool", "train", "packed"),
)
"""Columns of a result and of its outcomes that its digest is of."""

REAL = ("seconds", "fit_seconds", "load")
"""Columns that SQLite stores as floats, whatever number they were given."""


_as_json = json.JSONEncoder(default=repr).encode


def digest_of(*values: object) -> str:
    """Return a digest of JSON values; others count by their text.

    Examples
    --------
    >>> digest_of("a", 1)[:12]
    '2657442bb4a4'
    """
    return hashlib.sha256(_as_json(values).encode()).hexdigest()


def digest_of_rows(rows: Iterable[tuple[object, ...]]) -> str:
    """Return the digest of rows of JSON values, which need not be in memory at once.

    Examples
    --------
    >>> digest_of_rows(iter([("a", 1), ("b", 2)])) == digest_of(("a", 1), ("b", 2))
    True
    """
    total, before = hashlib.sha256(b"["), ""
    for row in rows:
        total.update(f"{before}{_as_json(row)}".encode())
        before = ", "
    total.update(b"]")
    return total.hexdigest()


def result_digest(row: Mapping[str, object] | sqlite3.Row) -> str:
    """Return the digest of a result, as it was given or as it is stored."""
    values = {name: row[name] for name in COLUMNS if name in row.keys()}  # noqa: SIM118 # of a Row
    for name in REAL:
        number = values.get(name)
        # NaN becomes NULL in SQLite
        known = isinstance(number, int | float) and not math.isnan(number)
        values[name] = float(number) if known else None  # type: ignore[arg-type]
    return row_digest(tuple(values.get(name) for name in COLUMNS))


def row_digest(row: tuple[object, ...]) -> str:
    """Return the digest of a result from its columns as they are stored, in their order."""
    *values, packed = row
    if isinstance(packed, bytes):
        packed = hashlib.sha256(packed).hexdigest()
    return digest_of(*values, packed)


def chained(chain: str, digests: Iterable[str]) -> str:
    """Return the digest of all results so far, from that of the earlier ones and the further.

    Examples
    --------
    >>> chained(chained("", ["a"]), ["b"]) == chained("", ["a", "b"]) != chained("", ["b", "a"])
    True
    """
    for digest in digests:
        chain = digest_of(chain, digest)
    return chain


def set_seal(connection: sqlite3.Connection, name: str, digest: str) -> None:
    """Store a digest."""
    connection.execute("INSERT OR REPLACE INTO seal VALUES (?, ?)", (name, digest))
