"""The toggles that can be set for a model: its own, those of recipes and those of the data."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from cnnzoo.builders import Builder, find_builder
from cnnzoo.levels import Settings
from cnnzoo.model_paths import BuilderError
from cnnzoo.objects import is_installed, module_of
from cnnzoo.shared_toggles import check_names, data_toggles, owner_of, recipe_toggles
from cnnzoo.toggle import Level, Toggle, ToggleError, did_you_mean, switched_off_by


@dataclass(frozen=True)
class ToggleGroups:
    """The toggles of a model, of recipes and of the data, by name.

    Parameters
    ----------
    builder
        Builder of the model.
    model, recipe, data
        The three groups, which share no name.
    """

    builder: Builder
    model: Mapping[str, Toggle]
    recipe: Mapping[str, Toggle]
    data: Mapping[str, Toggle]

    @classmethod
    def of(cls, model: Any, tried: Iterable[Mapping[str, Level]] = ()) -> Self:
        """Read the toggles that can be set for a model.

        Parameters
        ----------
        model
            As of `find_builder`.
        tried
            Levels that will be needed, as of `Builder.toggles`.

        Raises
        ------
        ToggleError
            If there is no such model, or a name belongs to two groups.

        Examples
        --------
        >>> groups = ToggleGroups.of("mlp")
        >>> "units" in groups, groups.toggle("epochs").default
        (True, 10)
        """
        builder = find_builder(model)
        toggles = builder.toggles(tuple(Settings(levels) for levels in tried))
        check_names(toggles, "hyperparameter" if builder.takes_hp else "parameter", builder.name)
        return cls(builder, toggles, recipe_toggles(), data_toggles())

    def __contains__(self, name: str) -> bool:
        return any(name in group for group in (self.model, self.recipe, self.data))

    def toggle(self, name: str) -> Toggle:
        """Return the toggle of a name.

        Raises
        ------
        ToggleError
            If there is none. The message names the nearest one.
        """
        if name not in self:
            raise self.unknown(name)
        return {**self.model, **self.recipe, **self.data}[name]

    def unknown(
        self, name: str, others: Iterable[str] = (), own_toggles: str = "none"
    ) -> ToggleError:
        """Return the error for a name without a toggle.

        Parameters
        ----------
        name
            The name.
        others
            Names that the error may suggest besides those of toggles.
        own_toggles
            What the error lists for a model without toggles.
        """
        known = [*self.model, *self.recipe, *self.data, *others]
        return ToggleError(
            f"`{name}`: expected a toggle of `{self.builder.name}`, its recipe or its data"
            f"{did_you_mean(name, known)} Toggles of the model: "
            f"{', '.join(self.model) or own_toggles}; of the recipe: {', '.join(self.recipe)}; of "
            f"the data: {', '.join(self.data)}."
        )

    def check(self, name: str, level: object) -> Level:
        """Return a level as its toggle takes it, such as 1.0 for 1.

        Raises
        ------
        ToggleError
            If there is no such toggle, or the level is not allowed.
        """
        toggle = self.toggle(name)
        checked = toggle.check(level, owner_of(name, self.builder.name))
        if toggle.takes_objects:
            self._check_object(name, checked)
        return checked

    def _check_object(self, name: str, level: Level) -> None:
        """Refuse an object whose code the version of the builder does not cover."""
        module, own = module_of(level), self.builder.module
        if module and not is_installed(module) and (own is None or module != own.__name__):
            raise BuilderError(
                f"`{name}` of `{self.builder.name}`: expected an object of an installed package or "
                f"of the builder's module; got {level}, whose code may change unnoticed. Give it a "
                "name by `objects` of a cnnzoo.Toggle of the builder."
            )

    def default(self, name: str) -> Level | None:
        """Return the default of a toggle as the toggle takes it; None if it has none."""
        default = self.toggle(name).default
        return None if default is None else self.check(name, default)

    def effective(
        self, levels: Mapping[str, Level], keep: Collection[str] = ()
    ) -> dict[str, Level]:
        """Return levels without those that others switch off.

        Parameters
        ----------
        levels
            Levels by toggle.
        keep
            Toggles that stay in any case.
        """
        without_effect = set()
        for group in (self.model, self.data):
            given = {name: level for name, level in levels.items() if name in group}
            settings: Any = {name: given.get(name, each.default) for name, each in group.items()}
            without_effect |= {name for name in given if switched_off_by(name, group, settings)}
        return {n: level for n, level in levels.items() if n in keep or n not in without_effect}
