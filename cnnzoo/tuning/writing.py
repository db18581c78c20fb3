"""What a search writes beside KerasTuner's files, in one piece or not at all."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cnnzoo.tuning.filenames import EXECUTIONS, ORACLE, OVER, SEARCH
from cnnzoo.tuning.records import Execution, SearchError
from cnnzoo.tuning.role import BEGIN_WITHIN, patience

LOOK_AFTER = 0.5
"""Seconds between two looks for the chief."""


def write_json(path: str | Path, value: object) -> None:
    """Write a file so that whoever reads it finds the old one or the new one, never a part."""
    path = Path(path)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def read_executions(folder: str | Path) -> list[Execution]:
    """Return what came of a trial so far; nothing if none of its seeds came to an end."""
    path = Path(folder) / EXECUTIONS
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Execution(**row, number=number) for number, row in enumerate(rows)]


def write_executions(folder: str | Path, executions: Sequence[Execution]) -> None:
    """Write down what came of a trial so far."""
    rows = [asdict(execution) for execution in executions]
    for row in rows:
        del row["number"]  # which is its place
    write_json(Path(folder) / EXECUTIONS, rows)


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Keep a second search out of a directory; a process that dies lets go of it.

    Raises
    ------
    SearchError
        If a search runs there, or nothing can be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / ".running").open("a+")
    except OSError as error:
        raise SearchError(
            f"`directory` of a search cannot be {directory}: {error.strerror}. Give another one."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise SearchError(
                f"A search runs in {directory} already, in process {file.read() or 'unknown'}."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def check_directory(given: Any) -> Path:
    """Return where a search is to be, whole.

    Raises
    ------
    SearchError
        If there can be no folder.
    """
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        raise SearchError(f"`directory` of a search must be a path; got {given!r}.")
    place = Path(given).expanduser().resolve()
    there = next(path for path in (place, *place.parents) if path.exists())
    if not there.is_dir():
        raise SearchError(
            f"`directory` of a search cannot be {place}: {there} is a file. Give a folder, or the "
            "name of a new one."
        )
    return place


def begin(directory: Path, description: Mapping[str, Any], versions: Mapping[str, str]) -> None:
    """Write down what is searched, or see that it is what was searched here before.

    Parameters
    ----------
    directory
        Of the search.
    description
        What was asked for.
    versions
        What its scores depend on besides.

    Raises
    ------
    SearchError
        If something else was searched here, or with other versions.
    """
    path = directory / SEARCH
    not_over(directory)
    if path.exists():
        check_same(directory, description, versions)
    elif (directory / ORACLE).exists():
        raise SearchError(
            f"{directory} holds a search that was not begun by cnnzoo. Give another directory."
        )
    else:
        write_json(path, {**_plain(description), "versions": dict(versions)})


def end(directory: Path) -> None:
    """Leave word that all of a search is done, for workers that come too late."""
    (directory / OVER).touch()


def not_over(directory: Path) -> None:
    """Take that word back, before anything that takes long: more may be asked for now."""
    with contextlib.suppress(OSError):  # `alone_in` says what is wrong with the directory
        (directory / OVER).unlink()


def is_over(directory: Path) -> bool:
    """Tell whether all of a search was done, and it has not been gone on with since."""
    return (directory / OVER).exists()


def wait_for_chief(directory: Path, say: Callable[[str], None]) -> None:
    """Wait until the chief has written down what is searched.

    Parameters
    ----------
    directory
        Of the search.
    say
        Tells that it is waited for.

    Raises
    ------
    SearchError
        If it does not in time.
    """
    seconds = patience(BEGIN_WITHIN)
    limit = time.monotonic() + seconds
    if not (directory / SEARCH).exists():
        say(f"Waiting for a chief to begin a search in {directory}, up to {seconds:g} s.")
    while not (directory / SEARCH).exists():
        if time.monotonic() > limit:
            raise SearchError(
                f"No chief has begun a search in {directory} in {seconds:g} s. Start it, with a "
                "directory that all hosts share, and then this worker again."
            )
        time.sleep(LOOK_AFTER)


def check_same(
    directory: Path, description: Mapping[str, Any], versions: Mapping[str, str]
) -> None:
    """See that what was begun in a directory is this search, as far as it is described.

    Parameters
    ----------
    directory, description, versions
        As of `begin`.

    Raises
    ------
    SearchError
        If it is another one.
    """
    before = json.loads((directory / SEARCH).read_text(encoding="utf-8"))
    plain = _plain(description)
    different = [change for name in plain for change in _changes(name, before, plain)]
    if different:
        raise SearchError(
            f"Another search was begun in {directory}: {'; '.join(different)}. "
            "Give another directory."
        )
    changed = _changes("versions", before, {"versions": dict(versions)})
    if changed:
        raise SearchError(
            f"What the scores in {directory} depend on has changed since the search was begun: "
            f"{'; '.join(changed).replace('versions: ', '')}. Scores to come would not compare "
            "with them. Put it back, or give another directory; cnnzoo.open_search reads what "
            "is there."
        )


def _plain(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description as JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(description, default=str))
    return plain


def _changes(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what differs in an entry; of settings by name, only in those that differ."""
    one, other = before.get(name), now.get(name)
    if one == other:
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        inner = [change for key in {**one, **other} for change in _changes(key, one, other)]
        return [f"{name}: {change}" for change in inner]
    if name not in now:
        return [f"{name} was {one!r}, and is not there"]
    return [f"{name} was {one!r}, and is {other!r}" if name in before else f"{name} is {other!r}"]
