"""Validate the arguments of a search, and build its space from the toggles.

The space translates toggles to KerasTuner's hyperparameters and back. This module does not import
KerasTuner.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from cnnzoo.builders import check_model
from cnnzoo.levels import Settings
from cnnzoo.model_paths import name_of
from cnnzoo.own_fit import without_effect
from cnnzoo.shared_toggles import data_toggles, owner_of, recipe_toggles
from cnnzoo.toggle import Level, Toggle, ToggleError, listed, switched_off_by
from cnnzoo.toggle_groups import ToggleGroups
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.records import are_mixed, typed_level

Levels = dict[str, Level]

Search = Sequence[str] | Mapping[str, Any] | None
"""What to search: names, or names with levels (a list) or a range (a tuple of low and high)."""


@dataclass(frozen=True)
class Space:
    """The searched and the fixed toggles of a search.

    Parameters
    ----------
    owner
        Name of the model.
    model, recipe, data
        All toggles of the model, the recipe and the data.
    searched
        The searched toggles, each with the levels or the range to explore as `levels` or `search`.
        Parents come before the toggles that they activate.
    held
        The fixed toggles and their levels.
    others
        Other arguments of the builder.
    """

    owner: str
    model: Mapping[str, Toggle]
    recipe: Mapping[str, Toggle]
    data: Mapping[str, Toggle]
    searched: Mapping[str, Toggle]
    held: Mapping[str, Level]
    others: Mapping[str, Any]

    def declare(self, hp: Any) -> None:
        """Declare every searched toggle, under the conditions that activate it.

        Parameters
        ----------
        hp
            A ``keras_tuner.HyperParameters``. Hyperparameters that it already has do not change.
        """
        for name, toggle in self.searched.items():
            with ExitStack() as scopes:
                for parent, levels in self.conditions(name):
                    stored = [stored_level(level, self.searched[parent]) for level in levels]
                    scopes.enter_context(hp.conditional_scope(parent, stored))
                _declare(hp, toggle)

    def read(self, hp: Any) -> Levels:
        """Return the levels for hyperparameters, without inactive toggles.

        Parameters
        ----------
        hp
            A ``keras_tuner.HyperParameters``. A toggle that it does not have is at its default.

        Raises
        ------
        ToggleError
            If a value is not allowed.
        """
        levels: Levels = {}
        for name, toggle in self.searched.items():
            if all(
                parent in levels and levels[parent] in allowed
                for parent, allowed in self.conditions(name)
            ):
                value = hp.values.get(name, stored_level(_default(toggle), toggle))
                level = typed_level(at_most(value, name, hp.space), toggle.levels)
                levels[name] = toggle.check(level, owner_of(name, self.owner))
        return levels

    def conditions(self, name: str) -> tuple[tuple[str, tuple[Level, ...]], ...]:
        """Return the searched toggles that activate one, outermost first, with their levels."""
        when = self.model[name].when_among(self.model) if name in self.model else None
        if when is None:
            return ()
        parent, levels = when
        above = self.conditions(parent)
        if parent not in self.searched:
            return above
        explored = self.searched[parent].levels
        return (*above, (parent, tuple(level for level in explored if level in levels)))

    def chosen(self, group: Mapping[str, Toggle], levels: Mapping[str, Level]) -> Levels:
        """Return the fixed levels and these levels of one group, without inactive toggles."""
        toggles = {n: level for n, level in levels.items() if n in self.searched}
        given = {n: level for n, level in {**self.held, **toggles}.items() if n in group}
        settings: Any = {n: given.get(n, toggle.default) for n, toggle in group.items()}
        return {n: v for n, v in given.items() if switched_off_by(n, group, settings) is None}

    def complete(self, recipe: Recipe, levels: Mapping[str, Level]) -> Recipe:
        """Return the recipe with the levels of its toggles."""
        return replace(recipe, **self.chosen(self.recipe, levels))  # type: ignore[arg-type]

    def describe(self) -> dict[str, Any]:
        """Return the searched toggles as plain values: levels or a range, by name.

        Examples
        --------
        >>> make_space("downsampling", {"pool_size": [2, 3], "filters": (8, 32)}).describe()
        {'pool_size': {'levels': [2, 3]}, 'filters': {'range': [8, 32]}}
        """
        return {
            name: {"levels": [*toggle.levels]}
            if toggle.levels
            else {"range": [*toggle.search_range]}
            for name, toggle in self.searched.items()
        }


def at_most(value: Any, name: str, space: Iterable[Any]) -> Any:
    """Return a proposed value of a hyperparameter, at most at the end of its range.

    KerasTuner's Bayesian oracle proposes ``max_value + 1`` for an ``Int`` on a logarithmic scale
    (1.4.8, hp_types/int_hp.py).

    Parameters
    ----------
    value
        The proposed value.
    name
        Name of the hyperparameter.
    space
        KerasTuner's hyperparameters. Two of them may have one name under different conditions.
    """
    ends = [hp.max_value for hp in space if hp.name == name and hasattr(hp, "max_value")]
    return min(value, max(ends)) if ends else value


def _default(toggle: Toggle) -> Any:
    """Return the default level in a search: the toggle's default if the search explores it."""
    if toggle.levels:
        return toggle.default if toggle.default in toggle.levels else toggle.levels[0]
    low, high = toggle.search_range
    default: Any = toggle.default
    inside = default is not None and low <= default <= high
    return toggle.type(default if inside else low)


def stored_level(level: Level, toggle: Toggle) -> Level:
    """Return a level as a hyperparameter of KerasTuner holds it.

    A Choice takes values of one type (KerasTuner 1.4.8, hp_types/choice_hp.py), so levels of
    several types become their texts.
    """
    return str(level) if are_mixed(toggle.levels) and toggle.type is not float else level


def _declare(hp: Any, toggle: Toggle) -> None:
    default = stored_level(_default(toggle), toggle)
    if toggle.type is bool:  # KerasTuner turns booleans of a Choice into integers
        hp.Boolean(toggle.name, default=default)
    elif toggle.levels:
        are_floats = toggle.type is float  # a Choice takes levels of one type only
        levels = [
            float(level) if are_floats else stored_level(level, toggle) for level in toggle.levels
        ]
        hp.Choice(toggle.name, levels, default=default)
    else:
        low, high = toggle.search_range
        make = hp.Int if toggle.type is int else hp.Float
        scale = "log" if toggle.log else "linear"
        make(toggle.name, toggle.type(low), toggle.type(high), sampling=scale, default=default)


def make_space(
    model: str | Callable[..., Any],
    search: Search = None,
    recipe: Recipe | None = None,
    fixed: Mapping[str, Any] | None = None,
    keywords: Sequence[str] = (),
) -> Space:
    """Validate the arguments of a search, and return its space.

    Parameters
    ----------
    model
        A name of the zoo, a function that builds, or KerasTuner's ``build(hp)`` or ``HyperModel``,
        whose hyperparameters are all searched.
    search
        Names of toggles of the model, the recipe or the data; or a mapping from names to a list
        of levels or, for numbers, a tuple (low, high). By default, all toggles of the model that
        list their levels or have a range, except the loss and those that depend on it, because
        scores of different losses do not compare.
    recipe
        Recipe with the defaults of the recipe's toggles.
    fixed
        Fixed levels of toggles, and other arguments of the builder. A toggle of the recipe takes
        precedence if the recipe has its default, and is refused if they differ.
    keywords
        Other keywords of the caller, for suggestions if a name is misspelt.

    Raises
    ------
    ToggleError
        If a name is unknown, a level is not allowed, or a toggle cannot have an effect.
    """
    builder, owner = check_model(model), name_of(model)
    recipe = Recipe() if recipe is None else recipe
    if not isinstance(recipe, Recipe):
        raise ToggleError(f"`recipe`: expected a cnnzoo.Recipe; got {recipe!r}.")
    search = _check_search(search, owner)
    named = Settings(dict.fromkeys((*(search or ()), *(fixed or ())), ""))
    groups = ToggleGroups(
        replace(builder, name=owner),
        {} if builder.takes_hp else builder.toggles((named,)),
        _with_defaults(recipe_toggles(), recipe),
        data_toggles(),
    )
    parameters = set() if builder.takes_hp else _other_parameters(builder.function, groups)
    held = dict(fixed or {})
    others = {name: held.pop(name) for name in [*held] if name in parameters}
    wanted = search
    if wanted is None:
        wanted = [
            name
            for name, toggle in groups.model.items()
            if name not in held and toggle.searchable and not toggle.other_texts
        ]
    for name in (*wanted, *held):
        if name not in groups:
            if isinstance(held.get(name), Mapping):
                example = ", ".join(f"{toggle}={level!r}" for toggle, level in held[name].items())
                raise ToggleError(
                    f"`{name}`: expected fixed levels as keywords, {example or 'epochs=3'}; got "
                    f"{name}={held[name]!r}."
                )
            known = sorted(parameters | {*(keywords if name in held else ())})
            raise groups.unknown(name, known, "those of KerasTuner, all searched")
    for name in wanted:
        if name in held:
            raise ToggleError(
                f"`{name}` of `{owner_of(name, owner)}` is both searched and fixed to "
                f"{held[name]!r}. Remove one of them."
            )
    held = {name: groups.check(name, value) for name, value in held.items()}
    own_fit = builder.fitter({})
    if own_fit is not None:
        given = [name for name in (*wanted, *held) if name in groups.recipe]
        unused = [name for name in given if name not in own_fit.recipe_toggles]
        if unused:
            raise ToggleError(f"{without_effect(unused, owner)}.")
        own_fit.check(recipe)
    _check_recipe(recipe, held)
    levels = wanted if isinstance(wanted, Mapping) else dict.fromkeys(wanted)
    narrowed = {name: _narrow(groups.toggle(name), levels[name], owner) for name in wanted}
    if search is None:
        narrowed = _comparable(narrowed, groups.model)
    blocked = {name: _blocked(name, groups.model, narrowed, held) for name in (*narrowed, *held)}
    if search is None:
        narrowed = {name: toggle for name, toggle in narrowed.items() if not blocked[name]}
    for name in (*narrowed, *held):
        blocker = blocked[name]
        if not blocker or held.get(name) == groups.toggle(name).default:
            continue
        got = f"{name}={held[name]!r}" if name in held else f"`{name}` to search"
        raise ToggleError(
            f"`{name}` of `{owner_of(name, owner)}` has no effect unless "
            f"{groups.toggle(name).condition}; got {got} with {blocker}."
        )
    searched: dict[str, Toggle] = {}
    for name in narrowed:
        _add(name, narrowed, searched)
    if not searched and not builder.takes_hp:
        example = f"{{{next(iter(groups.model))!r}: [...]}}"
        raise ToggleError(
            f"`search` of `{owner}`: expected at least one toggle; got none. Name one, or one with "
            f"its levels: search={example}."
        )
    return Space(owner, groups.model, groups.recipe, groups.data, searched, held, others)


def keywords_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]


def _check_search(search: Any, owner: str) -> Search:
    search = [search] if isinstance(search, str) else search
    if search is None:
        return None
    if not isinstance(search, Sequence | Mapping) or any(not isinstance(n, str) for n in search):
        raise ToggleError(
            f"`search` of `{owner}`: expected names of toggles, or a mapping from names to levels "
            f"or ranges; got {search!r}."
        )
    return search


def _check_recipe(recipe: Recipe, held: Mapping[str, Level]) -> None:
    """Refuse a toggle that the recipe and a keyword set to different levels."""
    for name, level in held.items():
        in_recipe = getattr(recipe, name, level)
        if in_recipe not in (level, getattr(Recipe(), name, level)):
            raise ToggleError(
                f"`{name}` is set twice: {in_recipe!r} in `recipe` and {level!r} as a keyword. "
                "Remove one of them."
            )


def _with_defaults(toggles: Mapping[str, Toggle], recipe: Recipe) -> dict[str, Toggle]:
    """Return toggles of recipes with the levels of a recipe as defaults, where it has levels."""
    levels = {n: level for n, level in asdict(recipe).items() if isinstance(level, Level)}
    return {n: replace(each, default=levels.get(n, each.default)) for n, each in toggles.items()}


def _other_parameters(builder: Callable[..., Any], toggles: ToggleGroups) -> set[str]:
    """Return the other parameters of a builder, except those that the search itself sets."""
    return {
        name
        for name, parameter in inspect.signature(builder).parameters.items()
        if name not in toggles
        and name not in ("seed", "compile")
        and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def _comparable(searched: Mapping[str, Toggle], group: Mapping[str, Toggle]) -> dict[str, Toggle]:
    """Remove the loss and what depends on it: scores of different losses do not compare."""
    return {
        name: toggle
        for name, toggle in searched.items()
        if "loss" not in (name, (group[name].when or ("",))[0])
    }


def _narrow(toggle: Toggle, wanted: Any, owner: str) -> Toggle:
    """Return a toggle with the levels or the range to explore."""
    ranged = not toggle.levels and toggle.low is not None
    if toggle.fixed:
        raise ToggleError(
            f"`{toggle.name}` of `{owner_of(toggle.name, owner)}`: expected one level for the "
            "whole search, because trials are compared on the same examples; got it in `search`. "
            f"Write {toggle.name}={toggle.default!r}."
        )
    if wanted is None:
        if not toggle.searchable:
            raise ToggleError(
                f"`{toggle.name}` of `{owner_of(toggle.name, owner)}`: expected levels to search, "
                f"because the toggle allows {toggle.allowed}; got none. Write "
                f"search={{{toggle.name!r}: [...]}}."
            )
        return toggle
    if getattr(wanted, "ndim", 0) == 1:  # an array of NumPy
        wanted = wanted.tolist()
    triple = ranged and isinstance(wanted, tuple) and len(wanted) != 2
    if triple or isinstance(wanted, str) or not isinstance(wanted, Sequence):
        raise ToggleError(
            f"`{toggle.name}` in `search` of `{owner}`: expected a list of levels"
            f"{' or a range (low, high)' if ranged else ''}; got {wanted!r}."
        )
    levels = tuple(toggle.check(value, owner_of(toggle.name, owner)) for value in wanted)
    if ranged and isinstance(wanted, tuple) and len(levels) == 2:
        low, high = levels
        if str in (type(low), type(high)) or not low < high:  # type: ignore[operator]
            raise ToggleError(
                f"`{toggle.name}` in `search` of `{owner}`: expected (low, high) with low < high; "
                f"got {wanted!r}."
            )
        return replace(toggle, search=(low, high))  # type: ignore[arg-type]
    if len({(type(level), level) for level in levels}) < max(2, len(levels)):
        raise ToggleError(
            f"`{toggle.name}` in `search` of `{owner}`: expected at least two levels, each once; "
            f"got {listed(levels) or 'none'}."
        )
    if len({str(level) for level in levels}) < len(levels):
        raise ToggleError(
            f"`{toggle.name}` in `search` of `{owner}`: expected levels with different texts; "
            f"got {listed(levels)}."
        )
    # levels of several types keep the type of the toggle, which for numbers is float
    kind = toggle.type if are_mixed(levels) else type(levels[0])
    return replace(toggle, levels=levels, joined=False, type=kind)


def _blocked(
    name: str,
    group: Mapping[str, Toggle],
    searched: Mapping[str, Toggle],
    held: Mapping[str, Level],
) -> str:
    """Return which toggle makes this one inactive in all configurations; "" if none does."""
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
    """Add a toggle to the searched ones, after those that activate it."""
    when = narrowed[name].when
    if when is not None and when[0] in narrowed:
        _add(when[0], narrowed, searched)
    searched.setdefault(name, narrowed[name])
