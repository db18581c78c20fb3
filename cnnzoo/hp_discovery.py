"""Discovery of the hyperparameters of KerasTuner's ``build(hp)``.

A ``build(hp)`` declares its hyperparameters only when it is called, so it is called at several
levels. A ``conditional_scope`` states when a hyperparameter counts. Under a plain ``if`` or
``for``, that is inferred from the calls in which the builder asked for it.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from cnnzoo.toggle import Level, Toggle

MOST_CALLS = 64
"""Maximum number of calls of a builder."""

MOST_STEPS = 32
"""Maximum number of levels of an Int that are all tried if its ends differ in what is asked for."""


@dataclass(frozen=True)
class Call:
    """One call of ``build(hp)``.

    Parameters
    ----------
    given
        Levels that it was called with. All other hyperparameters were at their defaults.
    hp
        The ``keras_tuner.HyperParameters`` after the call.
    asked
        Levels of the hyperparameters that counted.
    error
        Exception that the call raised, if any.
    """

    given: Mapping[str, Level]
    hp: Any
    asked: Mapping[str, Level]
    error: Exception | None = None


def discover(
    build: Callable[[Any], object], tried: Iterable[Mapping[str, Level]] = ()
) -> dict[str, Toggle]:
    """Find the hyperparameters of a ``build(hp)`` with their defaults and conditions.

    Parameters
    ----------
    build
        Function of a ``keras_tuner.HyperParameters``. It may raise where there is no model.
    tried
        Levels by name at which it is called as well.

    Returns
    -------
    dict
        One toggle per hyperparameter, in the order of discovery. It has a condition
        (`Toggle.when`) if a scope states it, or if exactly one other hyperparameter, tried at all
        its levels, decides in every call whether it is asked for.

    Raises
    ------
    Exception
        The one of the first call, if every call raised one.

    Examples
    --------
    >>> def build(hp):
    ...     if hp.Boolean("dropout"):
    ...         hp.Float("rate", 0.1, 0.5)
    >>> {name: toggle.condition for name, toggle in discover(build).items()}
    {'dropout': '', 'rate': 'dropout is True'}
    """
    calls = explore(build, tried)
    if all(call.error for call in calls):
        raise calls[0].error  # type: ignore[misc]
    declared: dict[str, list[Any]] = {}
    for hp in (hp for call in calls for hp in call.hp.space):
        variants = declared.setdefault(hp.name, [])
        if all(hp.get_config() != variant.get_config() for variant in variants):
            variants.append(hp)
    levels = {name: levels_of(variants[0]) for name, variants in declared.items()}
    return {name: _toggle(variants, calls, levels) for name, variants in declared.items()}


def explore(
    build: Callable[[Any], object],
    tried: Iterable[Mapping[str, Level]] = (),
    *,
    scopes_only: bool = False,
) -> list[Call]:
    """Call ``build(hp)`` until it asks for nothing new, at most 64 times.

    It is called at the defaults, at the given levels, in every scope, and then with each Boolean,
    Choice and Int at its other levels (an Int first at its ends).

    Parameters
    ----------
    build, tried
        As of `discover`.
    scopes_only
        Whether to stop after the scopes, so that nothing below a plain ``if`` is looked for.

    Examples
    --------
    >>> def build(hp):
    ...     hp.Choice("pool", ["none", "max"])
    ...     with hp.conditional_scope("pool", ["max"]):
    ...         hp.Int("size", 2, 3)
    >>> [dict(call.given) for call in explore(build, scopes_only=True)]
    [{}, {'pool': 'max'}]
    """
    calls: list[Call] = []
    names: set[str] = set()
    seen: set[str] = set()
    scopes: list[Any] = []
    # levels to call with; if they vary one hyperparameter, also the call that they differ from,
    # and that hyperparameter
    waiting: deque[tuple[dict[str, Level], Call | None, Any]] = deque([({}, None, None)])
    waiting.extend((dict(levels), None, None) for levels in tried)
    while waiting and len(calls) < MOST_CALLS:
        given, origin, varied = waiting.popleft()
        key = json.dumps(given, sort_keys=True)
        if key in seen:
            continue
        seen.add(key)
        call = _call(build, given)
        calls.append(call)
        if not scopes_only:
            new = [hp for hp in call.hp.space if hp.name not in names and hp.name in call.asked]
            names.update(hp.name for hp in new)
            waiting.extend(
                (levels, call, hp) for hp in new for levels in _others(given, hp, _ends(hp))
            )
        if origin is not None and call.asked.keys() != origin.asked.keys():
            between = _others(origin.given, varied, levels_of(varied))
            waiting.extendleft((levels, None, None) for levels in between)
        for scope in call.hp.inactive_scopes:
            if scope not in scopes:
                scopes.append(scope)
                branch = {condition.name: condition.values[0] for condition in scope}
                waiting.appendleft(({**given, **branch}, None, None))
    return calls


def levels_of(hp: Any) -> tuple[Level, ...]:
    """Return all levels of a hyperparameter; none if it has more than 32 or a continuous range.

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
        values = range(hp.min_value, hp.max_value + 1, hp.step)
        return tuple(values) if len(values) <= MOST_STEPS else ()
    steps = [hp.min_value]
    while hp.step and len(steps) <= MOST_STEPS and steps[-1] * hp.step <= hp.max_value:
        steps.append(steps[-1] * hp.step)
    return tuple(steps) if hp.step and len(steps) <= MOST_STEPS else ()


def make_hyperparameters() -> Any:
    """Return new ``keras_tuner.HyperParameters`` that keep the booleans of a Choice.

    KerasTuner (1.4.8) turns them into integers. Here a Choice of both booleans is a Boolean.

    Examples
    --------
    >>> hp = make_hyperparameters()
    >>> hp.Choice("skip", [True, False]), hp.Choice("units", [4, 8]), hp.values
    (True, 4, {'skip': True, 'units': 4})
    """
    return _keeping_booleans()()


@cache
def _keeping_booleans() -> type:
    """Return the class of such hyperparameters; pickled ones are KerasTuner's own."""
    import keras_tuner

    class HyperParameters(keras_tuner.HyperParameters):
        def __reduce__(self) -> tuple[Any, ...]:
            return keras_tuner.HyperParameters.from_config, (self.get_config(),)

        def Choice(self, name: str, values: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N802
            if {(type(value), value) for value in values} == {(bool, True), (bool, False)}:
                names = ("ordered", "default", "parent_name", "parent_values")
                given = {**dict(zip(names, args, strict=False)), **kwargs}
                given.pop("ordered", None)
                default = given.pop("default", None)
                return self.Boolean(name, values[0] if default is None else default, **given)
            return super().Choice(name, values, *args, **kwargs)

    return HyperParameters


def _call(build: Callable[[Any], object], given: Mapping[str, Level]) -> Call:
    hp = make_hyperparameters()
    hp.values.update(given)
    error = None
    try:
        build(hp)
    except Exception as raised:  # there is no model of these levels, for any reason
        error = raised
    asked = {one.name: hp.values[one.name] for one in hp.space if hp.is_active(one)}
    return Call(given, hp, asked, error)


def _ends(hp: Any) -> tuple[Level, ...]:
    return (hp.min_value, hp.max_value) if type(hp).__name__ == "Int" else levels_of(hp)


def _others(given: Mapping[str, Level], hp: Any, levels: Iterable[Level]) -> list[dict[str, Level]]:
    current = given.get(hp.name, hp.default)
    return [{**given, hp.name: level} for level in levels if level != current]


def _toggle(
    variants: Sequence[Any], calls: Sequence[Call], levels: Mapping[str, tuple[Level, ...]]
) -> Toggle:
    """Return the toggle of a hyperparameter from all declarations of its name."""
    hp = variants[0]
    agree = all(hp.conditions == variant.conditions for variant in variants)
    conditions = hp.conditions if agree else None
    when = None
    if conditions:
        when = (conditions[-1].name, tuple(conditions[-1].values))
    elif conditions is not None:
        when = _condition(hp.name, calls, levels)
    toggle = Toggle("a hyperparameter", name=hp.name, default=hp.default, type=object, when=when)
    kind = type(hp).__name__
    if len(variants) > 1:  # a name in two branches may have two ranges
        return toggle
    if kind in ("Boolean", "Choice", "Fixed"):
        values = tuple(hp.values)
        return replace(toggle, levels=values, type=type(values[0]))
    if kind in ("Int", "Float"):
        number = int if kind == "Int" else float
        return replace(toggle, low=hp.min_value, high=hp.max_value, type=number)
    return toggle


def _condition(
    name: str, calls: Sequence[Call], levels: Mapping[str, tuple[Level, ...]]
) -> tuple[str, tuple[Level, ...]] | None:
    """Return the one hyperparameter that decides whether another is asked for, with its levels."""
    # a call that failed might have asked for more
    certain = [call for call in calls if call.error is None or name in call.asked]
    if all(name in call.asked for call in certain):
        return None
    parents = [
        (parent, deciding)
        for parent, every in levels.items()
        if parent != name and (deciding := _deciding(name, parent, every, certain))
    ]
    return parents[0] if len(parents) == 1 else None


def _deciding(
    name: str, parent: str, every: Sequence[Level], calls: Sequence[Call]
) -> tuple[Level, ...]:
    """Return the levels of a parent at which a name is asked for; none if it does not decide."""
    tried = {call.asked[parent] for call in calls if parent in call.asked}
    on = {call.asked.get(parent) for call in calls if name in call.asked}
    if not tried.issuperset(every) or None in on or on.issuperset(every):
        return ()
    if any((name in call.asked) != (call.asked.get(parent) in on) for call in calls):
        return ()
    return tuple(level for level in every if level in on)
