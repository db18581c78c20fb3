"""One trial of a search: KerasTuner's ``trial.json``, and ``executions.json`` beside it.

KerasTuner keeps one mean where a trial was trained several times.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnnzoo.tuning.filenames import EXECUTIONS
from cnnzoo.tuning.reading.stored import (
    State,
    UnreadableError,
    number,
    one_line,
    read_rows,
    whole,
)
from cnnzoo.tuning.records import (
    OWN,
    STATUSES,
    Execution,
    Hyperparameter,
    Objective,
    SearchTrial,
)

REFUSED = "FailedTrialError: "
"""How KerasTuner's own tuners begin the reason of a configuration that its builder refused."""

NO_SCORE = "it has no finite score"


def read_trial(
    folder: Path,
    state: State,
    hyperparameters: Mapping[str, Hyperparameter],
    objective: Objective | None,
) -> SearchTrial:
    """Read a trial.

    Parameters
    ----------
    folder
        Of the trial.
    state
        Of its ``trial.json``.
    hyperparameters
        By name.
    objective
        Of the search.
    """
    stored = state.values
    levels = {key: hp.read(stored[key]) for key, hp in hyperparameters.items() if key in stored}
    budget, bracket, turn = (stored.get(OWN + name) for name in ("epochs", "bracket", "round"))
    status, reason = state.status, reason_of(state.message)
    if reason.startswith(REFUSED):  # what KerasTuner's own tuners call a failure
        status, reason = "invalid", reason.removeprefix(REFUSED)
    if status == "done" and state.score is None:
        status = "failed"
    if status == "failed" and not reason:
        reason = NO_SCORE
    return SearchTrial(
        folder.name.removeprefix("trial_"),
        status,
        levels,
        _executions(folder, state, objective, status, reason),
        budget if type(budget) is int else None,
        bracket if type(bracket) is int else None,
        turn if type(turn) is int else None,
    )


def reason_of(message: str) -> str:
    r"""Return the error of a traceback, on one line and without the module of its class.

    Examples
    --------
    >>> reason_of('Traceback (most recent call last):\n  File "a.py"\nmy.OwnError: too\n big\n')
    'OwnError: too big'
    """
    lines = message.rpartition("Traceback (most recent call last):\n")[2].splitlines()
    start = next((at for at, line in enumerate(lines) if line and not line[0].isspace()), 0)
    said = one_line("\n".join(lines[start:]))
    return re.sub(r"^(?:\w+\.)+(\w+)(?=:|$)", r"\1", said)


def _executions(
    folder: Path, state: State, objective: Objective | None, status: str, reason: str
) -> tuple[Execution, ...]:
    """Return the executions that were kept, and the trial where none says its end."""
    note = ""
    kept: list[Execution] = []
    path = folder / EXECUTIONS
    if path.exists():
        try:
            kept = read_rows(path, _kept)
        except UnreadableError as error:
            note = str(error)
    kept = kept or _observed(state, objective, status)
    if kept and status in ("done", *(execution.status for execution in kept)):
        return tuple(kept)
    said = "; ".join(filter(None, (reason, note)))
    return (*kept, Execution(status, state.score if status == "done" else None, reason=said))


def _kept(row: Any, at: int) -> Execution:
    score, status = number(row["score"]), row["status"]
    if status not in STATUSES.values():
        raise ValueError(f"the status {status!r}")
    lost = status == "done" and score is None
    return Execution(
        "failed" if lost else status,
        score if status == "done" else None,
        {
            name: found
            for name, value in (row.get("metrics") or {}).items()
            if (found := number(value)) is not None
        },
        whole(row.get("seed")),
        number(row.get("seconds")),
        whole(row.get("epochs")),
        NO_SCORE if lost else one_line(row.get("reason") or ""),
        at,
    )


def _observed(state: State, objective: Objective | None, status: str) -> list[Execution]:
    """Return the executions that trial.json tells apart: one, unless a user reported more."""
    at = {name: metric.at(state.best_step) for name, metric in state.metrics.items()}
    scores = at.get(objective.name, ()) if objective else ()
    if len(scores) < 2:
        metrics = {name: values[0] for name, values in at.items() if values}
        return [Execution(status, state.score, metrics)] if status == "done" else []
    found = []
    for place, score in enumerate(scores):
        metrics = {name: values[place] for name, values in at.items() if len(values) == len(scores)}
        known = math.isfinite(score)
        found.append(
            Execution(
                "done" if known else "failed",
                score if known else None,
                metrics,
                reason="" if known else NO_SCORE,
                number=place,
            )
        )
    return found
