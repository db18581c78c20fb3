"""Copy what is whole of a damaged study to a new one."""

import contextlib
import json
import os
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ablations.store import seal
from ablations.store.store import (
    FILE,
    PARTS,
    UNREADABLE,
    Store,
    make_directory,
    planned_of,
    reading_uri,
    refusal,
)
from ablations.study import Study
from ablations.study.errors import StudyError

ONE = "SELECT * FROM results LEFT JOIN outcomes ON result = id WHERE id = ?"

LAST = (
    "SELECT max(id) FROM results",
    "SELECT max(rowid) FROM results INDEXED BY done_once WHERE status = 'done'",
    "SELECT max(result) FROM outcomes",
)
"""Ways to the largest id of a result: one page may be damaged and the others not."""

MOST = 10_000_000
"""A larger id is damage."""


@dataclass(frozen=True)
class Repair:
    """Result of a repair: how many results were copied, and which were lost.

    Parameters
    ----------
    kept
        Number of results that were copied.
    lost
        Ids of those that were not whole.
    has_study
        Whether the declaration and the plan were whole, so that the copy can be opened at once.
    has_history
        Whether the earlier declarations and the descriptions of data and model were whole.
    """

    kept: int
    lost: tuple[int, ...]
    has_study: bool
    has_history: bool


def repair(directory: str | Path, to: str | Path) -> Repair:
    """Copy the results of a study that are whole to a new directory.

    A result is whole if it has the digest that it was stored with. Results of an earlier version,
    which stored no digests, are copied as they are.

    Parameters
    ----------
    directory
        Directory of the damaged study, which stays as it is.
    to
        New directory.

    Raises
    ------
    StudyError
        If there is no study, its file is no database any more, or the new directory has a study.
    """
    path, place = Path(directory).expanduser() / FILE, Path(to).expanduser()
    if not path.is_file():
        raise StudyError(f"There is no study in {path.parent}: it has no {FILE}.")
    if (place / FILE).exists():
        raise StudyError(f"`to`: expected a new directory; got {place}, which has a study.")
    make_directory(place)
    with (
        contextlib.closing(_opened(path)) as damaged,
        # beside its place, so that an interrupted repair leaves no study there
        tempfile.TemporaryDirectory(prefix=".repair-", dir=place) as scratch,
    ):
        with Store(scratch, write=True) as store:
            done = _copy(damaged, store)
        os.replace(Path(scratch) / FILE, place / FILE)  # noqa: PTH105
    return done


def _opened(path: Path) -> sqlite3.Connection:
    """Open a damaged file."""
    damaged = sqlite3.connect(reading_uri(path), uri=True)
    damaged.row_factory = sqlite3.Row
    try:
        damaged.execute("PRAGMA writable_schema = ON")  # else a file that was cut is refused
        damaged.execute("SELECT name FROM sqlite_master").fetchall()
    except UNREADABLE as error:
        damaged.close()
        raise refusal(path, error) from error
    return damaged


def _copy(damaged: sqlite3.Connection, store: Store) -> Repair:
    digests: dict[object, object] = {
        row[0]: row[1] for row in _rows(damaged, "SELECT name, digest FROM seal") or ()
    }
    kept, lost = 0, []
    for number in range(1, _last(damaged) + 1):
        row = _whole(damaged, number, has_digest=seal.RESULTS in digests)
        if row is not None:
            with contextlib.suppress(sqlite3.IntegrityError):  # a value is missing
                store.adopt(row)
                kept += 1
                continue
        lost.append(number)
    # the declarations come after the results, before which they would not count
    parts = {name: _part(damaged, name, digests) for name in (seal.STUDIES, seal.DATA)}
    studies, data = (parts[name] for name in (seal.STUDIES, seal.DATA))
    store.adopt_history([str(spec) for (spec,) in studies or ()], [(*it,) for it in data or ()])  # type: ignore[misc]
    has_network = seal.NETWORK not in digests
    if network := _part(damaged, seal.NETWORK, digests):
        store.adopt_network(str(network[0][0]))
        has_network = True
    has_study = _copy_study(damaged, store, digests)
    return Repair(kept, tuple(lost), has_study, has_network and None not in parts.values())


def _last(damaged: sqlite3.Connection) -> int:
    """Return the largest id of a result that any part of the file has."""
    found = [row[0] for query in LAST for row in _rows(damaged, query) or ()]
    ids = [number for number in found if isinstance(number, int) and number <= MOST]
    return max(ids, default=0)


def _rows(damaged: sqlite3.Connection, query: str) -> list[tuple[object, ...]] | None:
    """Return the rows of a query, or None if they cannot be read."""
    try:
        return [tuple(row) for row in damaged.execute(query)]
    except UNREADABLE:
        return None


def _part(
    damaged: sqlite3.Connection, name: str, digests: dict[object, object]
) -> list[tuple[object, ...]] | None:
    """Return the rows of a part of the study, or None if they are not as they were stored."""
    rows: list[tuple[object, ...]] = []
    for query in PARTS[name]:
        found = _rows(damaged, query)
        if found is None:
            return None
        rows += found
    return rows if digests.get(name) in (None, seal.digest_of(*rows)) else None


def _copy_study(damaged: sqlite3.Connection, store: Store, digests: dict[object, object]) -> bool:
    """Copy the declaration and the plan if they are whole."""
    rows = _part(damaged, seal.STUDY, digests)
    if not rows:
        return False
    try:
        values, context = (json.loads(str(text)) for text in rows[0])
        weights = values.pop("weights", {})
        plan = [planned_of(row) for row in damaged.execute("SELECT * FROM plan ORDER BY rowid")]
        store.begin(Study.from_dict(values), context, plan, weights)
    except (*UNREADABLE, TypeError, ValueError, KeyError):
        return False
    return True


def _whole(
    damaged: sqlite3.Connection, number: int, *, has_digest: bool
) -> dict[str, object] | None:
    """Return the columns of a result that is as it was stored."""
    try:
        row = damaged.execute(ONE, (number,)).fetchone()
    except UNREADABLE:
        return None
    if row is None:
        return None
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 # of a Row
    digest = values.get("digest")
    known = digest is not None or has_digest
    return values if not known or digest == seal.result_digest(values) else None
