"""What a search is asked for, checked before anything is built."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from cnnzoo.builders import check_model, check_names, name_of, owner_of, takes_hp
from cnnzoo.data.load import load_data
from cnnzoo.toggle import Level, Toggle, ToggleError, did_you_mean, listed, read_toggles
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.space import Space
from cnnzoo.zoo import get_model

Search = Sequence[str] | Mapping[str, Any] | None
"""What to search: names, or names with levels (a list) or a range (a tuple of its ends)."""


def make_space(
    model: str | Callable[..., Any],
    search: Search = None,
    recipe: Recipe | None = None,
    fixed: Mapping[str, Any] | None = None,
    keywords: Sequence[str] = (),
) -> Space:
    """Check what is to be searched and what is to hold.

    Parameters
    ----------
    model
        A name of the zoo, a builder with annotated parameters, or KerasTuner's ``build(hp)`` or
        ``HyperModel``, whose own hyperparameters are no toggles and all searched.
    search
        Names of toggles of the model, the recipe or the data; or a mapping from names to a list
        of levels or, for toggles with a range, a tuple of its ends. If left out, all toggles of
        the model but the loss and what hangs on it: losses are not compared with each other.
    recipe
        Where recipe toggles start from.
    fixed
        Levels of toggles that hold, and other arguments of the builder. A toggle of the recipe
        goes before the recipe where that has its default, and is refused where they differ.
    keywords
        What else the caller takes by name, to be named where a name is misspelt.

    Raises
    ------
    ToggleError
        If a name is unknown, a level is not allowed, or a toggle can have no effect.
    """
    check_model(model)
    recipe = Recipe() if recipe is None else recipe
    if not isinstance(recipe, Recipe):
        raise ToggleError(f"`recipe` of a search must be a cnnzoo.Recipe; got {recipe!r}.")
    builder = get_model(model).builder if isinstance(model, str) else model
    own, owner = takes_hp(model), name_of(model)
    if not own:
        check_names(inspect.signature(builder).parameters, "parameter", owner)
    groups = _groups(_nothing if own else builder, recipe)
    toggles = {name: toggle for group in groups for name, toggle in group.items()}
    parameters = set() if own else _other_parameters(builder, toggles)
    held = dict(fixed or {})
    others = {name: held.pop(name) for name in [*held] if name in parameters}
    search = _check_search(search, owner)
    wanted = [n for n in groups[0] if n not in held] if search is None else search
    for name in (*wanted, *held):
        if name not in toggles:
            known = parameters | {*(keywords if name in held else ())}
            raise ToggleError(_unknown(name, owner, groups, known))
    for name in wanted:
        if name in held:
            raise ToggleError(
                f"`{name}` of `{owner_of(name, owner)}` is searched; got {name}={held[name]!r} too."
            )
    held = {name: toggles[name].check(value, owner_of(name, owner)) for name, value in held.items()}
    _check_recipe(recipe, held)
    narrowed = {
        name: _narrow(toggles[name], wanted[name] if isinstance(wanted, Mapping) else None, owner)
        for name in wanted
    }
    if search is None:
        narrowed = _comparable(narrowed, groups[0])
    blocked = {name: _blocked(name, groups[0], narrowed, held) for name in (*narrowed, *held)}
    if search is None:
        narrowed = {name: toggle for name, toggle in narrowed.items() if not blocked[name]}
    for name in (*narrowed, *held):
        blocker = blocked[name]
        if not blocker or held.get(name) == toggles[name].default:
            continue
        got = f"{name}={held[name]!r}" if name in held else f"`{name}` to search"
        raise ToggleError(
            f"`{name}` of `{owner_of(name, owner)}` has no effect unless "
            f"{toggles[name].condition}; got {got} with {blocker}."
        )
    searched: dict[str, Toggle] = {}
    for name in narrowed:
        _add(name, narrowed, searched)
    if not searched and not own:
        raise ToggleError(f"`search` of `{owner}` names nothing to vary.")
    return Space(owner, *groups, searched, held, others)


def keywords_of(function: Callable[..., Any]) -> list[str]:
    """Return what a function takes by a name of its own."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]


def _nothing() -> None:
    """Stand for a builder whose own hyperparameters are no toggles."""


def _check_search(search: Any, owner: str) -> Search:
    search = [search] if isinstance(search, str) else search
    if search is None:
        return None
    if not isinstance(search, Sequence | Mapping) or any(not isinstance(n, str) for n in search):
        raise ToggleError(
            f"`search` of `{owner}` takes names of toggles, or a mapping from names to levels or a "
            f"range; got {search!r}."
        )
    return search


def _check_recipe(recipe: Recipe, held: Mapping[str, Level]) -> None:
    """Refuse a toggle that the recipe and a keyword both give, and differently."""
    for name, level in held.items():
        there = getattr(recipe, name, level)
        if there not in (level, getattr(Recipe(), name, level)):
            raise ToggleError(
                f"`{name}` is {there!r} in `recipe` and {level!r} beside it; give it once."
            )


def _groups(
    builder: Callable[..., Any], recipe: Recipe
) -> tuple[dict[str, Toggle], dict[str, Toggle], dict[str, Toggle]]:
    start = {
        name: value
        for name, value in asdict(recipe).items()
        if isinstance(value, bool | int | float | str)
    }
    recipes = {
        name: replace(toggle, default=start.get(name, toggle.default))
        for name, toggle in read_toggles(Recipe).items()
    }
    return read_toggles(builder), recipes, read_toggles(load_data)


def _other_parameters(builder: Callable[..., Any], toggles: Mapping[str, Toggle]) -> set[str]:
    """Return what a builder takes besides toggles, but for what the search itself decides."""
    return {
        name
        for name, parameter in inspect.signature(builder).parameters.items()
        if name not in toggles
        and name not in ("seed", "compile")
        and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def _comparable(searched: Mapping[str, Toggle], group: Mapping[str, Toggle]) -> dict[str, Toggle]:
    """Leave out the loss, for scores by different losses do not compare, and what hangs on it."""
    return {
        name: toggle
        for name, toggle in searched.items()
        if "loss" not in (name, (group[name].when or ("",))[0])
    }


def _unknown(
    name: str, owner: str, groups: Sequence[Mapping[str, Toggle]], parameters: set[str]
) -> str:
    known = [*(known for group in groups for known in group), *sorted(parameters)]
    whose = [", ".join(group) or "KerasTuner's, all searched" for group in groups]
    return (
        f"Neither `{owner}`, its recipe nor its data have a toggle `{name}`"
        f"{did_you_mean(name, known)} The model's: {whose[0]}; the recipe's: {whose[1]}; "
        f"the data's: {whose[2]}."
    )


def _narrow(toggle: Toggle, wanted: Any, owner: str) -> Toggle:
    """Return a toggle with the levels or the range that is to be explored."""
    ranged = not toggle.levels and toggle.low is not None
    if wanted is None:
        if not toggle.levels and (toggle.low is None or toggle.high is None):
            raise ToggleError(
                f"`{toggle.name}` of `{owner_of(toggle.name, owner)}` has no end: give levels or a "
                "range."
            )
        return toggle
    if getattr(wanted, "ndim", 0) == 1:  # an array of NumPy
        wanted = wanted.tolist()
    triple = ranged and isinstance(wanted, tuple) and len(wanted) != 2
    if triple or isinstance(wanted, str) or not isinstance(wanted, Sequence):
        raise ToggleError(
            f"`search` of `{owner}`: `{toggle.name}` takes a list of levels"
            f"{' or a range (low, high)' if ranged else ''}; got {wanted!r}."
        )
    levels = tuple(toggle.check(value, owner_of(toggle.name, owner)) for value in wanted)
    if ranged and isinstance(wanted, tuple) and len(levels) == 2:
        low, high = levels
        if not low < high:  # type: ignore[operator]
            raise ToggleError(
                f"`search` of `{owner}`: the range of `{toggle.name}` must rise; got {wanted!r}."
            )
        return replace(toggle, search=(low, high))  # type: ignore[arg-type]
    if len({(type(level), level) for level in levels}) < max(2, len(levels)):
        raise ToggleError(
            f"`search` of `{owner}`: `{toggle.name}` must have two different levels or more, "
            f"each once; got {listed(levels) or 'none'}."
        )
    kinds = {type(level) for level in levels}
    mixed = len(kinds) > 1
    if mixed and toggle.type is not float:  # of which a count is whole
        raise ToggleError(
            f"`search` of `{owner}`: the levels of `{toggle.name}` must be of one kind; "
            f"got {listed(levels)}."
        )
    kind = float if mixed else kinds.pop()
    return replace(toggle, levels=levels, joined=False, type=kind)


def _blocked(
    name: str,
    group: Mapping[str, Toggle],
    searched: Mapping[str, Toggle],
    held: Mapping[str, Level],
) -> str:
    """Say which toggle switches this one off in every configuration; nothing if none does."""
    when = group[name].when_among(group) if name in group else None
    if when is None:
        return ""
    parent, levels = when
    default = group[parent].default
    possible = searched[parent].levels if parent in searched else (held.get(parent, default),)
    if not any(level in levels for level in possible):
        return f"{parent}={' or '.join(repr(level) for level in possible)}"
    return _blocked(parent, group, searched, held)


def _add(name: str, narrowed: Mapping[str, Toggle], searched: dict[str, Toggle]) -> None:
    """Put a toggle among the searched, after those that switch it on."""
    when = narrowed[name].when
    if when is not None and when[0] in narrowed:
        _add(when[0], narrowed, searched)
    searched.setdefault(name, narrowed[name])
