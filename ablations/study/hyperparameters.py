"""What KerasTuner's ``build(hp)`` asks for: nothing declares it, so it is called to find out.

Hyperparameters in a ``conditional_scope`` say when they count. Those under a plain ``if`` or
``for`` do not: they are there in some builds and not in others, and that is what is looked at.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnnzoo.toggle import Level, Toggle

MOST_BUILDS = 64

MOST_STEPS = 32
"""Levels of an Int that are all tried where its ends ask for different things."""


@dataclass(frozen=True)
class Build:
    """What one call of ``build(hp)`` asked for.

    Parameters
    ----------
    given
        The levels that it was called with; what it asked for beside them was at its default.
    space
        KerasTuner's hyperparameters, those switched off by a scope included.
    asked
        The levels of those that counted.
    scopes
        Conditions of the scopes that were not entered.
    error
        What it raised, if it came to no end.
    """

    given: Mapping[str, Level]
    space: Sequence[Any]
    asked: Mapping[str, Level]
    scopes: Sequence[Any]
    error: Exception | None = None


def discover(
    make: Callable[[Any], object], tried: Iterable[Mapping[str, Level]] = ()
) -> dict[str, Toggle]:
    """Find the hyperparameters of a ``build(hp)``, with their defaults and when they count.

    It is called at the defaults, at the levels that are sure to be needed, in every scope, and
    then with each Boolean, Choice and Int that was found at its other levels (an Int first at its
    ends), until nothing new comes or 64 calls are made.

    Parameters
    ----------
    make
        From a ``keras_tuner.HyperParameters`` to a model, or an error where there is none.
    tried
        Levels by name that are sure to be needed.

    Returns
    -------
    dict
        A toggle a hyperparameter, in the order of finding. It has a condition (`Toggle.when`)
        where a scope says it, or where exactly one other hyperparameter, all of whose levels were
        tried, decides in every call whether it is asked for.

    Raises
    ------
    Exception
        What the first call raised, if none came to its end.

    Examples
    --------
    >>> def build(hp):
    ...     for place in range(hp.Int("layers", 1, 2)):
    ...         hp.Int(f"units_{place}", 4, 8)
    >>> toggles = discover(build)
    >>> list(toggles), toggles["units_1"].condition
    (['layers', 'units_0', 'units_1'], 'layers is 2')
    """
    builds = _explore(make, tried)
    if all(build.error for build in builds):
        raise builds[0].error  # type: ignore[misc]
    declared: dict[str, list[Any]] = {}
    for hp in (hp for build in builds for hp in build.space):
        known = declared.setdefault(hp.name, [])
        if all(hp.get_config() != one.get_config() for one in known):
            known.append(hp)
    levels = {name: levels_of(known[0]) for name, known in declared.items()}
    return {name: _toggle(known, builds, levels) for name, known in declared.items()}


def levels_of(hp: Any) -> tuple[Level, ...]:
    """Return all levels of a hyperparameter, none if there are too many to try.

    Examples
    --------
    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.Int("units", 4, 16, step=4), hp.Float("rate", 0.0, 1.0)
    (4, 0.0)
    >>> [levels_of(one) for one in hp.space]
    [(4, 8, 12, 16), ()]
    """
    kind = type(hp).__name__
    if kind in ("Boolean", "Choice", "Fixed"):
        return tuple(hp.values)
    if kind != "Int":
        return ()
    if hp.sampling == "linear":
        found = range(hp.min_value, hp.max_value + 1, hp.step)
        return tuple(found) if len(found) <= MOST_STEPS else ()
    steps = [hp.min_value]
    while hp.step and len(steps) <= MOST_STEPS and steps[-1] * hp.step <= hp.max_value:
        steps.append(steps[-1] * hp.step)
    return tuple(steps) if hp.step and len(steps) <= MOST_STEPS else ()


def _explore(make: Callable[[Any], object], tried: Iterable[Mapping[str, Level]]) -> list[Build]:
    """Call ``build(hp)`` until nothing new is found."""
    builds: list[Build] = []
    names: set[str] = set()
    seen: set[str] = set()
    scopes: list[Any] = []
    # what to build with; and, if it looks at one hyperparameter, the build it differs from, and it
    waiting: deque[tuple[dict[str, Level], Build | None, Any]] = deque([({}, None, None)])
    waiting.extend((dict(levels), None, None) for levels in tried)
    while waiting and len(builds) < MOST_BUILDS:
        given, origin, looked_at = waiting.popleft()
        key = json.dumps(given, sort_keys=True)
        if key in seen:
            continue
        seen.add(key)
        build = _call(make, given)
        builds.append(build)
        fresh = [hp for hp in build.space if hp.name not in names and hp.name in build.asked]
        names.update(hp.name for hp in fresh)
        waiting.extend((at, build, hp) for hp in fresh for at in _others(given, hp, _ends(hp)))
        if origin is not None and build.asked.keys() != origin.asked.keys():
            between = _others(origin.given, looked_at, levels_of(looked_at))
            waiting.extendleft((at, None, None) for at in between)
        for scope in build.scopes:
            if scope not in scopes:
                scopes.append(scope)
                branch = {condition.name: condition.values[0] for condition in scope}
                waiting.appendleft(({**given, **branch}, None, None))
    return builds


def _call(make: Callable[[Any], object], given: Mapping[str, Level]) -> Build:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    hp.values.update(given)
    error = None
    try:
        make(hp)
    except Exception as raised:  # whatever it was: there is no model of these levels
        error = raised
    asked = {one.name: hp.values[one.name] for one in hp.space if hp.is_active(one)}
    return Build(given, hp.space, asked, hp.inactive_scopes, error)


def _ends(hp: Any) -> tuple[Level, ...]:
    return (hp.min_value, hp.max_value) if type(hp).__name__ == "Int" else levels_of(hp)


def _others(given: Mapping[str, Level], hp: Any, levels: Iterable[Level]) -> list[dict[str, Level]]:
    own = given.get(hp.name, hp.default)
    return [{**given, hp.name: level} for level in levels if level != own]


def _toggle(
    known: Sequence[Any], builds: Sequence[Build], levels: Mapping[str, tuple[Level, ...]]
) -> Toggle:
    """Read a hyperparameter's values or range, and the choice that it depends on."""
    hp = known[0]
    conditions = hp.conditions if all(hp.conditions == one.conditions for one in known) else None
    when = None
    if conditions:
        when = (conditions[-1].name, tuple(conditions[-1].values))
    elif conditions is not None:
        when = _condition(hp.name, builds, levels)
    toggle = Toggle("a hyperparameter", name=hp.name, default=hp.default, type=object, when=when)
    kind = type(hp).__name__
    if len(known) > 1:  # one name in two branches may have two ranges
        return toggle
    if kind in ("Boolean", "Choice", "Fixed"):
        values = tuple(hp.values)
        return replace(toggle, levels=values, type=type(values[0]))
    if kind in ("Int", "Float"):
        number = int if kind == "Int" else float
        return replace(toggle, low=hp.min_value, high=hp.max_value, type=number)
    return toggle


def _condition(
    name: str, builds: Sequence[Build], levels: Mapping[str, tuple[Level, ...]]
) -> tuple[str, tuple[Level, ...]] | None:
    """Return the one hyperparameter that decides whether another is asked for, with its levels."""
    # a build that failed may have asked for more
    certain = [build for build in builds if build.error is None or name in build.asked]
    if all(name in build.asked for build in certain):
        return None
    found = []
    for parent, every in levels.items():
        deciding = _deciding(name, parent, every, certain)
        if parent != name and deciding:
            found.append((parent, deciding))
    return found[0] if len(found) == 1 else None


def _deciding(
    name: str, parent: str, every: Sequence[Level], builds: Sequence[Build]
) -> tuple[Level, ...]:
    """Return the levels of a parent at which a name is asked for; none if it does not decide."""
    tried = {build.asked[parent] for build in builds if parent in build.asked}
    on = {build.asked.get(parent) for build in builds if name in build.asked}
    if not tried.issuperset(every) or None in on or on.issuperset(every):
        return ()
    if any((name in build.asked) != (build.asked.get(parent) in on) for build in builds):
        return ()
    return tuple(level for level in every if level in on)
