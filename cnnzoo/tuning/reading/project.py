"""Reading of a KerasTuner project directory, without writing or unpickling anything.

KerasTuner stores ``oracle.json`` and one ``trial_*/trial.json`` per trial. Searches of this package
add ``search.json`` and ``trial_*/executions.json``.
"""

import difflib
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnzoo.toggle import ToggleError, read_toggles
from cnnzoo.training.metric_names import Direction
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.reading.directions import maximized_score, read_direction
from cnnzoo.tuning.reading.kerastuner_json import (
    Metric,
    State,
    UnreadableError,
    integer,
    number,
    one_line,
    read_object,
    read_rows,
    read_state,
    space_of,
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
    TrialStatus,
    findings_of,
    trial_folder,
)

MAX_SUGGESTIONS = 3
"""Number of folders that an error suggests."""

MAX_VALUE_LENGTH = 60
"""Number of characters of an invalid value in a note."""

REFUSED = "FailedTrialError: "
"""Prefix of the reason if a builder refused a configuration under a tuner of KerasTuner."""

NO_SCORE = "it has no finite score"


def read_project(directory: str | Path) -> Project:
    """Read a project directory of KerasTuner.

    Parameters
    ----------
    directory
        The directory with ``oracle.json``: KerasTuner's ``directory/project_name``.

    Raises
    ------
    SearchError
        If the directory contains no search.
    """
    if not isinstance(directory, str | os.PathLike):
        raise SearchError(f"`directory`: expected the path of a search; got {directory!r}.")
    directory = Path(directory).expanduser()
    folders = sorted((path for path in directory.glob("trial_*") if path.is_dir()), key=_natural)
    if not folders and not (directory / ORACLE).is_file():
        raise SearchError(_missing_search(directory))
    notes: list[str] = []
    oracle = _read_or_note(directory / ORACLE, notes)
    search = _read_search(directory / SEARCH, notes) if (directory / SEARCH).exists() else {}
    states: dict[str, State] = {}
    unreadable: dict[str, str] = {}
    for folder in folders:
        name = folder.name.removeprefix("trial_")
        try:
            states[name] = read_state(folder)
        except UnreadableError as error:
            unreadable[name] = str(error)
    spaces = [_declared(oracle, notes), *(state.space for state in states.values())]
    hyperparameters = _typed(_joined(hp for space in spaces for hp in space), search.get("space"))
    objective = _objective(search.get("objective"), list(states.values()))
    if objective is not None and "objective" not in search:
        stored = objective
        objective, note = read_direction(stored, list(states.values()))
        notes += [note] if note else []
        if objective != stored:
            states = {n: maximized_score(state, objective.name) for n, state in states.items()}
    started = _started(oracle)
    names = [folder.name.removeprefix("trial_") for folder in folders]
    # before 1.1.1 names are random, and before 1.2 the order is not stored
    in_order = len(names) < 2 or bool(started) or all(name.isdigit() for name in names)
    if not in_order:
        notes.append("The order of the trials was not stored; they are listed by name.")
    trials = []
    for name in dict.fromkeys([*started, *names]):
        if name in states:
            folder = trial_folder(directory, name)
            trials.append(_read_trial(folder, states[name], hyperparameters, objective))
        else:
            reason = unreadable.get(name, "its folder is missing")
            execution = Execution(TrialStatus.UNREADABLE, reason=reason)
            trials.append(SearchTrial(name, TrialStatus.UNREADABLE, executions=(execution,)))
    budgets = [trial.budget for trial in trials if trial.budget is not None]
    max_epochs = oracle.get("max_epochs")
    full_budget = max_epochs if type(max_epochs) is int else max(budgets, default=None)
    return Project(
        directory,
        tuple(trials),
        hyperparameters,
        objective,
        full_budget if budgets else None,
        search,
        tuple(notes),
        in_order,
    )


def _missing_search(directory: Path) -> str:
    """Return the error for a directory without a search, with the nearest folders in it."""
    inside = {path.parent.name: str(path.parent) for path in directory.glob("*/oracle.json")}
    names = difflib.get_close_matches(directory.name, inside, n=MAX_SUGGESTIONS, cutoff=0.0)
    more = len(inside) - len(names)
    rest = f" and {more:,} more folders" if more else ""
    found = f" Found one in {', '.join(inside[name] for name in names)}{rest}." if inside else ""
    return f"{directory} contains no search: it has no oracle.json of KerasTuner.{found}"


def _read_or_note(path: Path, notes: list[str]) -> dict[str, Any]:
    """Read a JSON object; if that fails, add a note and return an empty one."""
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
        notes.append("oracle.json contains no search space; that of the trials is shown.")
        return ()


def _started(oracle: dict[str, Any]) -> list[str]:
    started = oracle.get("start_order")
    return [name for name in started if isinstance(name, str)] if isinstance(started, list) else []


def _typed(hyperparameters: dict[str, Hyperparameter], space: Any) -> dict[str, Hyperparameter]:
    """Return hyperparameters with the levels of several types that KerasTuner holds as texts."""
    typed = dict(hyperparameters)
    for name, described in space.items() if isinstance(space, dict) else ():
        levels = described.get("levels") if isinstance(described, dict) else None
        texts = typed[name].levels if name in typed else ()
        if isinstance(levels, list) and tuple(map(str, levels)) == texts:
            typed[name] = replace(typed[name], levels=tuple(levels))
    return typed


def _joined(declared: Iterable[Hyperparameter]) -> dict[str, Hyperparameter]:
    """Collect hyperparameters by name; those with the same name in two branches are merged."""
    by_name: dict[str, Hyperparameter] = {}
    for hp in declared:
        other = by_name.get(hp.name)
        if other is None or other == hp:
            by_name[hp.name] = hp
            continue
        lows = [low for low in (other.low, hp.low) if low is not None]
        highs = [high for high in (other.high, hp.high) if high is not None]
        by_name[hp.name] = Hyperparameter(
            hp.name,
            hp.kind if hp.kind == other.kind else "Choice",
            tuple(dict.fromkeys((*other.levels, *hp.levels))),
            min(lows, default=None),
            max(highs, default=None),
            other.log and hp.log,
            other.default,
        )
    return by_name


def _objective(stored: Any, states: Sequence[State]) -> Objective | None:
    """Return the objective: the stored one, else the metric whose best values are the scores."""
    if isinstance(stored, dict):
        return Objective(stored["name"], Direction(stored["direction"]))
    candidates: dict[str, Direction] | None = None
    for state in states:
        if state.score is None:
            continue
        equal = {
            n: metric.direction for n, metric in state.metrics.items() if _scores(metric, state)
        }
        known = equal if candidates is None else candidates
        candidates = {name: equal[name] for name in known if name in equal}
    if not candidates:
        return None
    name = min(candidates, key=lambda name: not name.startswith("val_"))
    return Objective(name, candidates[name])


def _scores(metric: Metric, state: State) -> bool:
    # the mean of executions may be rounded differently
    return state.score is not None and abs(metric.best - state.score) <= 1e-12 * abs(state.score)


def _natural(path: Path) -> list[Any]:
    """Return a sort key that orders 2 before 10."""
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if part.isdigit() else part for part in parts]


def _read_trial(
    folder: Path,
    state: State,
    hyperparameters: Mapping[str, Hyperparameter],
    objective: Objective | None,
) -> SearchTrial:
    stored = state.values
    levels = {key: hp.read(stored[key]) for key, hp in hyperparameters.items() if key in stored}
    budget, bracket, round_ = (stored.get(OWN + name) for name in ("epochs", "bracket", "round"))
    status, reason = state.status, _last_error(state.message)
    if reason.startswith(REFUSED):
        status, reason = TrialStatus.INVALID, reason.removeprefix(REFUSED)
    if status == TrialStatus.DONE and state.score is None:
        status = TrialStatus.FAILED
    if status == TrialStatus.FAILED and not reason:
        reason = NO_SCORE
    return SearchTrial(
        folder.name.removeprefix("trial_"),
        status,
        levels,
        _executions(folder, state, objective, status, reason),
        budget if type(budget) is int else None,
        bracket if type(bracket) is int else None,
        round_ if type(round_) is int else None,
    )


def _last_error(message: str) -> str:
    r"""Return the error of a traceback in one line, without the module of its class.

    Examples
    --------
    >>> _last_error('Traceback (most recent call last):\n  File "a.py"\nmy.OwnError: too\n big\n')
    'OwnError: too big'
    """
    lines = message.rpartition("Traceback (most recent call last):\n")[2].splitlines()
    start = next((i for i, line in enumerate(lines) if line and not line[0].isspace()), 0)
    error = one_line("\n".join(lines[start:]))
    return re.sub(r"^(?:\w+\.)+(\w+)(?=:|$)", r"\1", error)


def _executions(
    folder: Path, state: State, objective: Objective | None, status: TrialStatus, reason: str
) -> tuple[Execution, ...]:
    """Return the stored executions, and one for the trial if none of them has its status."""
    note = ""
    stored: list[Execution] = []
    path = folder / EXECUTIONS
    if path.exists():
        try:
            stored = read_rows(path, _execution)
        except UnreadableError as error:
            note = str(error)
    stored = stored or _reported_executions(state, objective, status)
    if stored and status in (TrialStatus.DONE, *(execution.status for execution in stored)):
        return tuple(stored)
    reason = "; ".join(filter(None, (reason, note)))
    score = state.score if status == TrialStatus.DONE else None
    return (*stored, Execution(status, score, reason=reason))


def _execution(row: Any, index: int) -> Execution:
    score, status = number(row["score"]), row["status"]
    if status not in STATUSES.values():
        raise ValueError(f"expected a known status; got {status!r}")
    has_no_score = status == TrialStatus.DONE and score is None
    return Execution(
        TrialStatus.FAILED if has_no_score else TrialStatus(status),
        score if status == TrialStatus.DONE else None,
        {
            name: metric
            for name, value in (row.get("metrics") or {}).items()
            if (metric := number(value)) is not None
        },
        integer(row.get("seed")),
        number(row.get("seconds")),
        integer(row.get("epochs")),
        NO_SCORE if has_no_score else one_line(row.get("reason") or ""),
        index,
        findings_of(row.get("findings") or ()),
        _curves(row.get("history") or {}),
        number(row.get("started")),
        integer(row.get("worker")),
    )


def _curves(stored: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the stored curves; the epochs of one that is no number are NaN."""
    return {
        name: [math.nan if (at := number(value)) is None else at for value in values]
        for name, values in stored.items()
    }


def _reported_executions(
    state: State, objective: Objective | None, status: TrialStatus
) -> list[Execution]:
    """Return the executions in ``trial.json``: one, unless the user reported several."""
    reported = {name: metric.at(state.best_step) for name, metric in state.metrics.items()}
    scores = reported.get(objective.name, ()) if objective else ()
    if len(scores) < 2:
        metrics = {name: values[0] for name, values in reported.items() if values}
        return [Execution(status, state.score, metrics)] if status == TrialStatus.DONE else []
    complete = {name: values for name, values in reported.items() if len(values) == len(scores)}
    executions = []
    for index, score in enumerate(scores):
        metrics = {name: values[index] for name, values in complete.items()}
        if math.isfinite(score):
            executions.append(Execution(TrialStatus.DONE, score, metrics, number=index))
        else:
            failed = Execution(TrialStatus.FAILED, None, metrics, reason=NO_SCORE, number=index)
            executions.append(failed)
    return executions


def _read_search(path: Path, notes: list[str]) -> dict[str, Any]:
    """Read a ``search.json``; invalid values are left out with a note, unknown keys are kept."""
    valid = {}
    for name, value in _read_or_note(path, notes).items():
        expected, is_valid = FIELDS.get(name, ("", None))
        if is_valid is None or is_valid(value):
            valid[name] = value
        else:
            text = one_line(repr(value))
            text = text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…"
            notes.append(f"`{name}` in {path.name} is ignored: expected {expected}; got {text}.")
    return valid


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def _is_dict_of_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_classes(value: object) -> bool:
    """Return whether this is the number of classes of one output, or of each by its name."""
    return all(map(_is_count, value.values())) if isinstance(value, dict) else _is_count(value)


def _is_list_of_counts(value: object) -> bool:
    return isinstance(value, list) and all(_is_count(item) for item in value)


def _is_objective(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and value.get("direction") in list(Direction)
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


FIELDS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "model": ("a text", _is_text),
    "data": ("a text", _is_text),
    "about_data": ("a text", _is_text),
    "builder": ("a text", _is_text),
    "tuner": ("a text", _is_text),
    "fixed": ("an object of levels by name", _is_dict),
    "others": ("an object of levels by name", _is_dict),
    "recipe": ("an object of a Recipe's levels by name", _is_recipe),
    "objective": ("a name and a direction, 'min' or 'max'", _is_objective),
    "seeds": ("a list of whole numbers from 0", _is_list_of_counts),
    "versions": ("an object of texts by package", _is_dict_of_texts),
    "input_shape": ("a list of whole numbers from 0", _is_list_of_counts),
    "classes": ("a whole number from 0, or one for each output", _is_classes),
}
"""Expected values in ``search.json`` by key, in words and as a check."""
