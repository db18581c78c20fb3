"""Copy what is whole of a damaged study to a new one."""

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ablations.store import seal
from ablations.store.store import FILE, PARTS, UNREADABLE, Store, planned_of, refusal
from ablations.study import Study
from ablations.study.errors import StudyError

ONE = (
    "SELECT * FROM results LEFT JOIN outcomes ON result = id WHERE id = ?",
    "SELECT * FROM results WHERE id = ?",
)
"""One result with its outcomes, or without them where these are damaged."""


@dataclass(frozen=True)
class Repair:
    """What was copied of a damaged study.

    Parameters
    ----------
    kept
        Number of results that were copied.
    lost
        Ids of those that were not whole.
    has_study
        Whether the declaration and the plan were whole, so that the copy can be opened at once.
    """

    kept: int
    lost: tuple[int, ...]
    has_study: bool


def repair(directory: str | Path, to: str | Path) -> Repair:
    """Copy the results of a study that are whole to a new directory.

    A result without a digest, of an earlier version, is copied as it is.

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
    try:
        damaged = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        damaged.row_factory = sqlite3.Row
        (last,) = damaged.execute("SELECT max(id) FROM results").fetchone()
    except UNREADABLE as error:
        raise refusal(path, error) from error
    with contextlib.closing(damaged), Store(place, write=True) as store:
        has_study = _copy_study(damaged, store)
        lost = []
        for number in range(1, (last or 0) + 1):
            row = _whole(damaged, number)
            if row is None:
                lost.append(number)
            else:
                store.adopt(row)
    return Repair((last or 0) - len(lost), tuple(lost), has_study)


def _copy_study(damaged: sqlite3.Connection, store: Store) -> bool:
    """Copy the declaration and the plan if they are whole."""
    try:
        rows = [tuple(row) for query in PARTS[seal.STUDY] for row in damaged.execute(query)]
        if seal.sealed(damaged).get(seal.STUDY) not in (None, seal.digest_of(*rows)):
            return False
        values = json.loads(rows[0][0])
        weights = values.pop("weights", {})
        plan = [planned_of(row) for row in damaged.execute("SELECT * FROM plan ORDER BY rowid")]
        store.begin(Study.from_dict(values), json.loads(rows[0][1]), plan, weights)
    except (*UNREADABLE, TypeError, ValueError, KeyError, IndexError):
        return False
    return True


def _whole(damaged: sqlite3.Connection, number: int) -> dict[str, object] | None:
    """Return the columns of a result that is as it was stored."""
    for query in ONE:
        try:
            row = damaged.execute(query, (number,)).fetchone()
        except UNREADABLE:
            continue
        if row is not None:
            values = {name: row[name] for name in row.keys()}  # noqa: SIM118 # of a Row
            digest = values.get("digest")
            if digest is None or digest == seal.result_digest(values):
                return values
    return None
