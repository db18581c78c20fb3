"""The space of a study: which toggles its model, recipe and data have, and what a trial sets."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Self

from ablations.study.errors import StudyError
from ablations.study.study import Study, Trial
from cnnzoo.builders import FROM_DATA
from cnnzoo.data.load import load_data
from cnnzoo.levels import Settings, same
from cnnzoo.model_paths import BuilderError
from cnnzoo.own_fit import without_effect
from cnnzoo.toggle import Level, Toggle, ToggleError, check_settings, listed
from cnnzoo.toggle_groups import ToggleGroups
from cnnzoo.training.metric_names import ON_REQUEST
from cnnzoo.training.metric_texts import requested
from cnnzoo.training.recipe import Recipe


class Space(ToggleGroups):
    """The toggles that the factors and the baseline of a study may name."""

    @classmethod
    def of(cls, model: str, tried: Iterable[Mapping[str, Level]] = ()) -> Self:
        """Read the toggles that a study of a model may set.

        Parameters
        ----------
        model, tried
            As of `cnnzoo.toggle_groups.ToggleGroups.of`.

        Raises
        ------
        StudyError, ToggleError
            If a study cannot build the model, or it uses the name of another toggle.
        """
        try:
            space = super().of(model, tried)
        except BuilderError as error:
            raise StudyError(str(error)) from error
        if space.builder.required:
            raise StudyError(
                f"`model`: the parameter `{space.builder.required[0]}` of {model!r} has no "
                "default. Give it one, which the baseline uses. Only "
                f"{', '.join(FROM_DATA)} need none."
            )
        return space

    @classmethod
    def of_study(cls, study: Study) -> Self:
        """Read the toggles that a study may set.

        Raises
        ------
        StudyError, ToggleError
            As of `of`, or if a toggle of the recipe has no effect on a custom ``fit``.
        """
        factors = study.factors.items()
        changes = [
            {},
            *({name: levels[-1] for name, levels in factors}, *study.variants),
            *({name: level} for name, levels in factors for level in levels),
        ]
        space = cls.of(study.model_name, [{**study.baseline, **each} for each in changes])
        own_fit = space.builder.fitter({})
        if own_fit is not None:
            named = dict.fromkeys(name for each in changes for name in {**study.baseline, **each})
            unused = [n for n in named if n in space.recipe and n not in own_fit.recipe_toggles]
            if unused:
                raise StudyError(f"{without_effect(unused, study.model_name)}.")
            own_fit.check(study.recipe)
        return space

    def toggle(self, name: str) -> Toggle:
        """Return the toggle of a name.

        Raises
        ------
        StudyError
            If there is none. The message names the nearest one.
        """
        try:
            return super().toggle(name)
        except ToggleError as error:
            raise StudyError(str(error)) from error

    def factors(self, study: Study) -> dict[str, tuple[Level, ...]]:
        """Return the levels of the factors as their toggles take them, such as 1.0 for 1.

        Raises
        ------
        StudyError, ToggleError
            If a factor is unknown, or a level is not allowed or given twice.
        """
        checked = {}
        varied = [*study.factors, *(name for changes in study.variants for name in changes)]
        for name in varied:
            if self.toggle(name).fixed:
                raise StudyError(
                    f"`{name}`: expected one level for the whole study, because variants are "
                    "compared on the same examples; got a factor. Set it in `baseline`."
                )
        for name, given in study.factors.items():
            levels = tuple(self.check(name, level) for level in given)
            if len({(type(level), level) for level in levels}) < len(levels):
                raise StudyError(
                    f"`factors`: expected different levels of `{name}`; got {listed(levels)}."
                )
            checked[name] = levels
        return checked

    def baseline(self, study: Study) -> Settings:
        """Return the levels of the baseline: those of the study, and the defaults of factors.

        Raises
        ------
        StudyError, ToggleError
            If a name is unknown or a level is not allowed.
        """
        recipe: dict[str, Any] = asdict(study.recipe)
        levels: dict[str, Any] = {n: self.check(n, level) for n, level in study.baseline.items()}
        for name in [*study.factors, *(name for changes in study.variants for name in changes)]:
            default = recipe.get(name, self.default(name))
            if default is None and name not in levels:
                raise StudyError(
                    f"`baseline`: expected a level of `{name}`, which has no default; got none."
                )
            levels.setdefault(name, default)
        return Settings(levels)

    def variants(self, study: Study) -> tuple[Settings, ...]:
        """Return the variants that a study lists, with levels as their toggles take them.

        Raises
        ------
        StudyError, ToggleError
            As of `factors`.
        """
        return tuple(
            Settings({name: self.check(name, level) for name, level in changes.items()})
            for changes in study.variants
        )

    def trial(
        self, study: Study, levels: Mapping[str, Level], seed: int, data: str | None = None
    ) -> Trial:
        """Return the trial with these levels and this seed, on the first data set if left out.

        Levels that equal a default are left out, so that equal configurations are one trial.
        """
        recipe: dict[str, Any] = asdict(study.recipe)
        recipe.update({name: level for name, level in levels.items() if name in self.recipe})
        settings = {
            name: level
            for name, level in levels.items()
            if name not in self.recipe and not same(level, self.default(name))
        }
        data = study.data_sets[0] if data is None else data
        measures = (
            *(name for name in ON_REQUEST if name in study.metrics),
            *requested(study.metrics),
        )
        return Trial(study.model_name, data, Settings(settings), Recipe(**recipe), seed, measures)

    def check_trial(self, trial: Trial) -> None:
        """Raise ToggleError if a setting has no effect because another one switches it off."""
        for group, owner in ((self.model, trial.model), (self.data, load_data.__name__)):
            settings = {name: level for name, level in trial.settings.items() if name in group}
            check_settings(group, settings, owner)
