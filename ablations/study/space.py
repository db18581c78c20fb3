"""Where a study meets the toggles: which there are, and what a trial sets.

Signatures are read, Keras is not loaded.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ablations.study.models import find_builder
from ablations.study.settings import StudyError
from ablations.study.study import Study, Trial
from cnnzoo.builders import check_names, owner_of
from cnnzoo.data import load_data
from cnnzoo.levels import Settings, same
from cnnzoo.toggle import (
    Level,
    Toggle,
    check_settings,
    did_you_mean,
    read_toggles,
    switched_off_by,
)
from cnnzoo.training.recipe import Recipe


@dataclass(frozen=True)
class Space:
    """The toggles that a study's factors and baseline may name, in their three groups."""

    model: Mapping[str, Toggle]
    recipe: Mapping[str, Toggle]
    data: Mapping[str, Toggle]

    @classmethod
    def of(cls, model: str, tried: Iterable[Mapping[str, Level]] = ()) -> "Space":
        """Read the toggles of a model, of recipes and of the data.

        Parameters
        ----------
        model
            As a study names it.
        tried
            Levels by toggle that are sure to be needed: a ``build(hp)`` tells what it takes only
            when it is called.

        Raises
        ------
        StudyError, ToggleError
            If there is no such model, or it takes something by the name of another toggle.
        """
        needed = tuple(
            levels if isinstance(levels, Settings) else Settings(levels) for levels in tried
        )
        builder = find_builder(model)
        own = builder.find(needed)
        check_names(own, "hyperparameter" if builder.asks else "parameter", model)
        return cls(own, read_toggles(Recipe), read_toggles(load_data))

    @classmethod
    def of_study(cls, study: Study) -> "Space":
        """Read the toggles that a study may set.

        Raises
        ------
        StudyError, ToggleError
            If there is no such model.
        """
        factors = study.factors.items()
        rows = [
            {},
            *({name: levels[-1] for name, levels in factors}, *study.variants),
            *({name: level} for name, levels in factors for level in levels),
        ]
        return cls.of(study.model_name, [{**study.baseline, **row} for row in rows])

    def __contains__(self, name: str) -> bool:
        return any(name in group for group in (self.model, self.recipe, self.data))

    def toggle(self, name: str) -> Toggle:
        """Look up a toggle in all three groups.

        Raises
        ------
        StudyError
            If there is none of that name, with the nearest.
        """
        groups = {**self.model, **self.recipe, **self.data}
        if name not in groups:
            models = ", ".join(self.model) or "none"
            raise StudyError(
                f"Neither the model, the recipe nor the data have a toggle `{name}`"
                f"{did_you_mean(name, groups)} The model's: {models}; the recipe's: "
                f"{', '.join(self.recipe)}; the data's: {', '.join(self.data)}."
            )
        return groups[name]

    def factors(self, study: Study) -> dict[str, tuple[Level, ...]]:
        """Check the levels of a study's factors.

        Returns
        -------
        dict
            Levels as the toggles take them (1 is 1.0 where a number is asked for).

        Raises
        ------
        StudyError, ToggleError
            If a factor is unknown or a level is not allowed or given twice.
        """
        checked = {}
        for name, levels in study.factors.items():
            toggle = self.toggle(name)
            taken = tuple(toggle.check(level, owner_of(name, study.model_name)) for level in levels)
            if len({(type(level), level) for level in taken}) < len(taken):
                raise StudyError(f"`factors` of a Study: `{name}` has a level twice: {taken}.")
            checked[name] = taken
        return checked

    def baseline(self, study: Study) -> Settings:
        """Return the baseline's levels: what the study says, for factors else the default.

        Raises
        ------
        StudyError, ToggleError
            If a name is unknown or a level is not allowed.
        """
        recipe: dict[str, Any] = asdict(study.recipe)
        given: dict[str, Any] = {
            name: self.toggle(name).check(level, owner_of(name, study.model_name))
            for name, level in study.baseline.items()
        }
        varied = [*study.factors, *(name for changes in study.variants for name in changes)]
        for name in varied:
            given.setdefault(name, recipe.get(name, self._default(name, study.model_name)))
        return Settings(given)

    def variants(self, study: Study) -> tuple[Settings, ...]:
        """Check the variants that a study lists.

        Raises
        ------
        StudyError, ToggleError
            As `factors`.
        """
        return tuple(
            Settings(
                {
                    name: self.toggle(name).check(level, owner_of(name, study.model_name))
                    for name, level in changes.items()
                }
            )
            for changes in study.variants
        )

    def effective(self, levels: Mapping[str, Level], chosen: Collection[str]) -> dict[str, Level]:
        """Leave out levels that others switch off, but for those that were chosen.

        Without normalization, the momentum that the baseline gives it is nobody's mistake.
        """
        off = set()
        for group in (self.model, self.data):
            own = _only(levels, group)
            settings: Any = {name: own.get(name, toggle.default) for name, toggle in group.items()}
            off |= {name for name in own if switched_off_by(name, group, settings)}
        return {n: level for n, level in levels.items() if n in chosen or n not in off}

    def _default(self, name: str, owner: str) -> Any:
        """Return the default as the toggle takes it, such as 1.0 for 1; None if it has none."""
        toggle = self.toggle(name)
        return (
            None if toggle.default is None else toggle.check(toggle.default, owner_of(name, owner))
        )

    def trial(self, study: Study, levels: Mapping[str, Level], seed: int) -> Trial:
        """Make the trial that has these levels.

        Levels at the model's own defaults are left out, so that two ways to say the same are the
        same trial.
        """
        recipe = {**asdict(study.recipe), **_only(levels, self.recipe)}
        settings = {
            name: level
            for name, level in levels.items()
            if name not in self.recipe and not same(level, self._default(name, study.model_name))
        }
        return Trial(study.model_name, study.data, Settings(settings), Recipe(**recipe), seed)

    def check(self, trial: Trial) -> None:
        """Refuse a trial whose choices do not go together, as far as signatures tell.

        Raises
        ------
        ToggleError
            If a choice has no effect because another one switches it off.
        """
        for group, owner in ((self.model, trial.model), (self.data, load_data.__name__)):
            check_settings(group, _only(trial.settings, group), owner)


def by_group(settings: Mapping[str, Level]) -> tuple[dict[str, Level], dict[str, Level]]:
    """Split a trial's settings into the model's and the data's."""
    data = read_toggles(load_data)
    return {n: level for n, level in settings.items() if n not in data}, _only(settings, data)


def _only(levels: Mapping[str, Level], group: Mapping[str, Toggle]) -> dict[str, Level]:
    return {name: level for name, level in levels.items() if name in group}
