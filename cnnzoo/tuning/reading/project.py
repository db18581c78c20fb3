"""A KerasTuner project directory, read as it lies there: nothing is written, nothing unpickled.

KerasTuner keeps ``oracle.json`` and, by trial, ``trial_*/trial.json``, since 1.0.0; searches of
this package add ``search.json`` and ``trial_*/executions.json``.
"""

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cnnzoo.directions import Direction
from cnnzoo.tuning.filenames import ORACLE, SEARCH, trial_folder
from cnnzoo.tuning.reading.inferred import maximized, read_direction
from cnnzoo.tuning.reading.search_file import read_search
from cnnzoo.tuning.reading.stored import State, UnreadableError, read_object, read_state, space_of
from cnnzoo.tuning.reading.trial_file import read_trial
from cnnzoo.tuning.records import (
    Execution,
    Hyperparameter,
    Objective,
    Project,
    SearchError,
    SearchTrial,
)

NEAREST = 3
"""Folders that are named where there is no search."""


def read_project(directory: str | Path) -> Project:
    """Read a project directory of KerasTuner without changing it.

    Parameters
    ----------
    directory
        The one that holds ``oracle.json``: KerasTuner's ``directory/project_name``.

    Raises
    ------
    SearchError
        If there is none.
    """
    if not isinstance(directory, str | os.PathLike):
        raise SearchError(f"A search is opened by the path of its directory; got {directory!r}.")
    place = Path(directory).expanduser()
    folders = sorted((path for path in place.glob("trial_*") if path.is_dir()), key=_natural)
    if not folders and not (place / ORACLE).is_file():
        raise SearchError(_not_there(place))
    notes: list[str] = []
    oracle = _noted(place / ORACLE, notes)
    search = read_search(place / SEARCH, notes) if (place / SEARCH).exists() else {}
    states: dict[str, State | str] = {}
    for folder in folders:
        try:
            states[folder.name.removeprefix("trial_")] = read_state(folder)
        except UnreadableError as error:
            states[folder.name.removeprefix("trial_")] = str(error)
    read = [state for state in states.values() if isinstance(state, State)]
    hyperparameters = _joined([*_declared(oracle, notes), *(hp for s in read for hp in s.space)])
    objective = _objective(search.get("objective"), read)
    if objective is not None and "objective" not in search:
        objective, note = read_direction(kept := objective, read)
        notes += [note] if note else []
        if objective != kept:
            name = objective.name
            states = {n: s if isinstance(s, str) else maximized(s, name) for n, s in states.items()}
    started = _started(oracle)
    # before 1.1.1 names are random, and before 1.2 no file holds the order
    in_order = len(states) < 2 or bool(started) or all(name.isdigit() for name in states)
    if not in_order:
        notes.append("The order of the trials was not stored; they are listed by name.")
    trials = []
    for name in dict.fromkeys([*started, *states]):
        state = states.get(name, "its folder is not there")
        if isinstance(state, State):
            trials.append(read_trial(trial_folder(place, name), state, hyperparameters, objective))
        else:
            lost = Execution("unreadable", reason=state)
            trials.append(SearchTrial(name, "unreadable", executions=(lost,)))
    budgets = [trial.budget for trial in trials if trial.budget is not None]
    longest = oracle.get("max_epochs")
    whole = longest if type(longest) is int else max(budgets, default=None)
    return Project(
        place,
        tuple(trials),
        hyperparameters,
        objective,
        whole if budgets else None,
        search,
        tuple(notes),
        in_order,
    )


def _not_there(place: Path) -> str:
    """Say what is missing, and where it might be: the folders whose names are nearest."""
    inside = {path.parent.name: str(path.parent) for path in place.glob("*/oracle.json")}
    names = difflib.get_close_matches(place.name, inside, n=NEAREST, cutoff=0.0)
    more = len(inside) - len(names)
    rest = f" and {more:,} more folders there" if more else ""
    near = f" There is one in {', '.join(inside[name] for name in names)}{rest}." if inside else ""
    needed = "a project directory of KerasTuner has an oracle.json."
    return f"There is no search in {place}: {needed}{near}"


def _noted(path: Path, notes: list[str]) -> dict[str, Any]:
    """Read a file; where it cannot be read, note that and go on without."""
    try:
        return read_object(path)
    except UnreadableError as error:
        notes.append(f"{error}.")
        return {}


def _declared(oracle: dict[str, Any], notes: list[str]) -> tuple[Hyperparameter, ...]:
    if not oracle:
        return ()
    try:
        return space_of(oracle["hyperparameters"]["space"])
    except (LookupError, TypeError, ValueError, AttributeError):
        notes.append("oracle.json holds no search space; that of the trials is shown.")
        return ()


def _started(oracle: dict[str, Any]) -> list[str]:
    started = oracle.get("start_order")
    return [name for name in started if isinstance(name, str)] if isinstance(started, list) else []


def _joined(declared: Iterable[Hyperparameter]) -> dict[str, Hyperparameter]:
    """Collect hyperparameters by name; one name in two branches keeps what both say."""
    found: dict[str, Hyperparameter] = {}
    for hp in declared:
        known = found.get(hp.name)
        if known is None or known == hp:
            found[hp.name] = hp
            continue
        lows = [one.low for one in (known, hp) if one.low is not None]
        highs = [one.high for one in (known, hp) if one.high is not None]
        found[hp.name] = Hyperparameter(
            hp.name,
            hp.kind if hp.kind == known.kind else "Choice",
            tuple(dict.fromkeys((*known.levels, *hp.levels))),
            min(lows, default=None),
            max(highs, default=None),
            known.log and hp.log,
            known.default,
        )
    return found


def _objective(said: Any, states: Sequence[State]) -> Objective | None:
    """Find what was looked for: no file of KerasTuner names it, but scores are its best values."""
    if isinstance(said, dict):
        return Objective(said["name"], said["direction"])
    candidates: dict[str, Direction] | None = None
    for state in states:
        if state.score is None:
            continue
        own = {n: metric.direction for n, metric in state.metrics.items() if _scores(metric, state)}
        candidates = own if candidates is None else {n: own[n] for n in candidates if n in own}
    if not candidates:
        return None
    name = min(candidates, key=lambda name: not name.startswith("val_"))
    return Objective(name, candidates[name])


def _scores(metric: Any, state: State) -> bool:
    # a mean of executions, which may be rounded in another order
    return state.score is not None and abs(metric.best - state.score) <= 1e-12 * abs(state.score)


def _natural(path: Path) -> list[Any]:
    """Order 2 before 10."""
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if part.isdigit() else part for part in parts]
