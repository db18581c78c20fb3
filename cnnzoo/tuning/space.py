"""From toggles to KerasTuner's hyperparameters, and back.

Nothing is declared here: what a search may vary, and under which condition, is read from the
toggles. KerasTuner is not loaded either; its hyperparameters come in.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from cnnzoo.builders import owner_of
from cnnzoo.toggle import Level, Toggle, switched_off_by
from cnnzoo.training.recipe import Recipe

Levels = dict[str, Level]


@dataclass(frozen=True)
class Space:
    """What a search varies, and what it holds.

    Parameters
    ----------
    owner
        The model's name.
    model, recipe, data
        All toggles, by who takes them.
    searched
        The toggles that vary, each with the levels or the range to explore as `levels` or
        `search`, parents before those that they switch on.
    held
        The toggles that were given a level, and which.
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
        """Declare every searched toggle, under the conditions that switch it on.

        Parameters
        ----------
        hp
            A ``keras_tuner.HyperParameters``; what it has already stays as it is.
        """
        for name, toggle in self.searched.items():
            with ExitStack() as scopes:
                for parent, levels in self.conditions(name):
                    scopes.enter_context(hp.conditional_scope(parent, list(levels)))
                _declare(hp, toggle)

    def read(self, hp: Any) -> Levels:
        """Return the levels that hyperparameters stand for, without those switched off.

        Parameters
        ----------
        hp
            A ``keras_tuner.HyperParameters``; what it does not have is at its default.

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
                value = hp.values.get(name, _default(toggle))
                levels[name] = toggle.check(within(value, toggle), owner_of(name, self.owner))
        return levels

    def conditions(self, name: str) -> tuple[tuple[str, tuple[Level, ...]], ...]:
        """Return the searched toggles that switch one on, outermost first, with their levels."""
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
        """Return the held levels and these of one group, without what they switch off."""
        toggles = {n: level for n, level in levels.items() if n in self.searched}
        given = {n: level for n, level in {**self.held, **toggles}.items() if n in group}
        settings: Any = {n: given.get(n, toggle.default) for n, toggle in group.items()}
        return {n: v for n, v in given.items() if switched_off_by(n, group, settings) is None}

    def complete(self, recipe: Recipe, levels: Mapping[str, Level]) -> Recipe:
        """Return the recipe with the levels of its toggles put in."""
        return replace(recipe, **self.chosen(self.recipe, levels))  # type: ignore[arg-type]

    def describe(self) -> dict[str, Any]:
        """Return what is searched in plain values: by name, levels or the ends of a range.

        Examples
        --------
        >>> from cnnzoo.tuning.wanted import make_space
        >>> make_space("downsampling", {"pool_size": [2, 3], "filters": (8, 32)}).describe()
        {'pool_size': {'levels': [2, 3]}, 'filters': {'range': [8, 32]}}
        """
        return {
            name: {"levels": [*toggle.levels]}
            if toggle.levels
            else {"range": [*toggle.search_range]}
            for name, toggle in self.searched.items()
        }


def within(value: Any, toggle: Toggle) -> Any:
    """Return a proposed number, at most at the end of its range.

    At the upper end KerasTuner's integers on a logarithmic scale are one too large.
    """
    if toggle.levels or isinstance(value, str):
        return value
    low, high = toggle.search_range
    return toggle.type(min(max(value, low), high))


def _default(toggle: Toggle) -> Any:
    """Return the level that a search starts from: the toggle's own if it is among the explored."""
    if toggle.levels:
        return toggle.default if toggle.default in toggle.levels else toggle.levels[0]
    low, high = toggle.search_range
    default: Any = toggle.default
    inside = default is not None and low <= default <= high
    return toggle.type(default if inside else low)


def _declare(hp: Any, toggle: Toggle) -> None:
    default = _default(toggle)
    if toggle.type is bool:  # a Choice would make integers of them
        hp.Boolean(toggle.name, default=default)
    elif toggle.levels:
        numbers = toggle.type is float  # of which a count is whole, and a Choice takes one type
        levels = [float(level) if numbers else level for level in toggle.levels]
        hp.Choice(toggle.name, levels, default=default)
    else:
        low, high = toggle.search_range
        make = hp.Int if toggle.type is int else hp.Float
        scale = "log" if toggle.log else "linear"
        make(toggle.name, toggle.type(low), toggle.type(high), sampling=scale, default=default)
