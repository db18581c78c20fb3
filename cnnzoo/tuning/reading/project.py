"""A KerasTuner project directory, read as it lies there: nothing is written, nothing unpickled.

KerasTuner keeps ``oracle.json`` and, by trial, ``trial_*/trial.json``, since 1.0.0; searches of
this package add ``search.json`` and ``trial_*/executions.json``.
"""

import difflib
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnzoo.toggle import ToggleError, read_toggles
from cnnzoo.training.metric_names import Direction
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.reading.inferred import maximized, read_direction
from cnnzoo.tuning.reading.kerastuner_json import (
    State,
    UnreadableError,
    number,
    one_line,
    read_object,
    read_rows,
    read_state,
    space_of,
    whole,
)
from cnnzoo.tuning.records import (
    EXECUTIONS,
    ORACLE,
    OWN,
    SEARCH,
    STATUSES,
    Execution,
    Hyperparameter,
    Objective,
    Project,
    SearchError,
    SearchTrial,
    trial_folder,
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


LONGEST = 60
"""Characters that a note repeats of what it found."""


def read_search(path: Path, notes: list[str]) -> dict[str, Any]:
    """Read a ``search.json``; what in it is not as it should be is left out, and noted.

    Parameters
    ----------
    path
        Of it.
    notes
        What could not be read, which is added to.

    Returns
    -------
    dict
        As ``cnnzoo.tune`` writes it; what this version does not know is left as it is.
    """
    try:
        found = read_object(path)
    except UnreadableError as error:
        notes.append(f"{error}.")
        return {}
    kept = {}
    for name, value in found.items():
        words, is_right = KINDS.get(name, ("", None))
        if is_right is None or is_right(value):
            kept[name] = value
        else:
            shown = one_line(repr(value))
            shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
            notes.append(
                f"{path.name} is not as it should be: its `{name}` is left out, for it must be "
                f"{words}; got {shown}."
            )
    return kept


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_table_of_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list_of_whole(value: object) -> bool:
    return isinstance(value, list) and all(_is_whole(item) for item in value)


def _is_objective(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and value.get("direction") in ("min", "max")
    )


def _is_recipe(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    toggles = read_toggles(Recipe)
    try:
        for name in toggles.keys() & value.keys():
            toggles[name].check(value[name], "Recipe")
    except ToggleError:
        return False
    return True


KINDS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    **dict.fromkeys(("model", "data", "about_data", "builder", "tuner"), ("a text", _is_text)),
    **dict.fromkeys(("fixed", "others"), ("a table of levels by name", _is_table)),
    "recipe": ("a table of a Recipe's levels by name", _is_recipe),
    "objective": ("a name and a direction, 'min' or 'max'", _is_objective),
    "seeds": ("a list of whole numbers from 0", _is_list_of_whole),
    "versions": ("a table of texts by package", _is_table_of_texts),
    "input_shape": ("a list of whole numbers from 0", _is_list_of_whole),
    "classes": ("a whole number from 0", _is_whole),
}
"""By name, what a value must be, in words and as a check."""
