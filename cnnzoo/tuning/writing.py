"""What a search writes beside KerasTuner's files, in one piece or not at all."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from cnnzoo.tuning.records import SearchError

SEARCH, EXECUTIONS = "search.json", "executions.json"
Status = Literal["done", "failed", "invalid"]


@dataclass(frozen=True)
class Execution:
    """What came of one configuration trained with one seed.

    Parameters
    ----------
    seed
        The seed.
    status
        "done", "failed" while training, or "invalid": refused before it.
    reason
        Why it is not done.
    score
        The objective, if it is done.
    metrics
        What was measured after training.
    seconds
        How long it took.
    epochs
        For how many epochs it trained.
    """

    seed: int
    status: Status
    reason: str = ""
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    epochs: int = 0


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
    return [Execution(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def write_executions(folder: str | Path, executions: Sequence[Execution]) -> None:
    """Write down what came of a trial so far."""
    write_json(Path(folder) / EXECUTIONS, [asdict(execution) for execution in executions])


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Keep a second search out of a directory; a process that dies lets go of it.

    Raises
    ------
    SearchError
        If a search runs there.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / ".running"
    with path.open("a+") as file:
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


def begin(directory: Path, description: Mapping[str, Any], versions: Mapping[str, str]) -> None:
    """Write down what is searched, or see that it is what was searched here before.

    Raises
    ------
    SearchError
        If something else was searched here.
    """
    path = directory / SEARCH
    plain = json.loads(json.dumps(description, default=str))
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        different = [
            f"{name} was {before.get(name)!r}, and is {plain[name]!r}"
            for name in plain
            if before.get(name) != plain[name]
        ]
        if different:
            raise SearchError(
                f"Another search was begun in {directory}: {'; '.join(different)}. "
                "Give another directory."
            )
    elif (directory / "oracle.json").exists():
        raise SearchError(
            f"{directory} holds a search that was not begun by cnnzoo. Give another directory."
        )
    else:
        write_json(path, {**plain, "versions": dict(versions)})
