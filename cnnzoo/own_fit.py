"""Custom training: the ``fit`` that a builder object or a HyperModel comes with."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from cnnzoo.model_paths import BuilderError, is_hypermodel, name_of
from cnnzoo.toggle import Toggle, ToggleError, read_toggles
from cnnzoo.training.recipe import Recipe

GIVEN = ("model", "data", "seed")
"""The first three parameters of a custom ``fit``."""

OF_BUILDING = ("precision",)
"""Toggles of the recipe that decide how a model is built, whatever trains it."""

ON_REQUEST = ("recipe", "callbacks", "verbose")
"""Further arguments, passed by name if a custom ``fit`` has such parameters."""

History = dict[str, list[float]]


@dataclass(frozen=True)
class OwnFit:
    """A custom ``fit``, with the levels of its toggles.

    Parameters
    ----------
    owner
        Name of the builder, for errors.
    function
        ``fit(model, data, seed)``; or ``fit(hp, model, x, y, ...)`` of a HyperModel.
    levels
        Levels of the toggles of ``fit``.
    hp
        ``keras_tuner.HyperParameters`` for the ``fit`` of a HyperModel; None for others.
    """

    owner: str
    function: Callable[..., Any]
    levels: Mapping[str, Any]
    hp: Any = None

    @property
    def recipe_toggles(self) -> Collection[str]:
        """Toggles of the recipe that it is passed, and `OF_BUILDING`."""
        return recipe_toggles_of(self.function, self.hp is not None)

    def check(self, recipe: Recipe) -> None:
        """Raise ToggleError if the recipe sets a toggle that the custom ``fit`` is not passed.

        Raises
        ------
        ToggleError
            If a field of the recipe has not its default and would have no effect.
        """
        default = Recipe()
        for field in fields(Recipe):
            level = getattr(recipe, field.name)
            if field.name not in self.recipe_toggles and level != getattr(default, field.name):
                raise ToggleError(f"{without_effect(field.name, self.owner)}; got {level!r}.")

    def __call__(
        self,
        model: Any,
        data: Any,
        recipe: Recipe,
        *,
        seed: int,
        callbacks: Sequence[Any],
        verbose: int,
        encode: Callable[[Any], Any],
    ) -> History:
        """Train a model.

        Parameters
        ----------
        model, data, recipe, seed, callbacks, verbose
            As of `cnnzoo.train`.
        encode
            Function that encodes labels as the compiled loss takes them, for a HyperModel.

        Returns
        -------
        dict
            The history that ``fit`` returned or that ``model.fit`` left: one value per epoch, by
            name. Empty if there is none.

        Raises
        ------
        ToggleError
            If ``fit`` returns something else.
        """
        before = getattr(model, "history", None)
        if self.hp is not None:
            given: tuple[Any, ...] = (self.hp, model, data.train.x, encode(data.train.y))
            options: dict[str, Any] = {"epochs": recipe.epochs, "callbacks": [*callbacks]}
            options["verbose"] = verbose
            if len(data.validation.x):
                options["validation_data"] = (data.validation.x, encode(data.validation.y))
            options = {n: v for n, v in options.items() if _takes(self.function, n)}
        else:
            given = (model, data, seed)
            values = zip(ON_REQUEST, (recipe, [*callbacks], verbose), strict=True)
            options = {n: v for n, v in values if n in _parameters(self.function)}
        returned = self.function(*given, **options, **self.levels)
        if returned is None:
            after = getattr(model, "history", None)
            returned = {} if after is before else after
        return self._history(returned)

    def _history(self, returned: Any) -> History:
        values = getattr(returned, "history", returned)
        try:
            return {str(name): [float(value) for value in values[name]] for name in values}
        except (TypeError, ValueError, LookupError):
            raise ToggleError(
                f"`fit` of `{self.owner}`: expected a History, a mapping from names to one number "
                f"per epoch, or None as result; got {returned!r}."
            ) from None


def find_fit(builder: Any) -> Callable[..., Any] | None:
    """Return the custom ``fit`` of a builder object or a HyperModel; None if it has none.

    Raises
    ------
    BuilderError
        If it cannot be called with a model, data and a seed.

    Examples
    --------
    >>> class Mine:
    ...     def build(self, units=8): ...
    ...     def fit(self, model, data, seed, clip=1.0): ...
    >>> list(fit_toggles(find_fit(Mine())))
    ['clip']
    """
    if is_hypermodel(builder):
        owner = next(base for base in type(builder).__mro__ if "fit" in vars(base))
        return None if owner.__module__.partition(".")[0] == "keras_tuner" else builder.fit
    fit: Callable[..., Any] | None = getattr(builder, "fit", None)
    if fit is None:
        return None
    parameters = [*inspect.signature(fit).parameters.values()] if callable(fit) else []
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD,)]
    further = parameters[len(GIVEN) :]
    unknown = [
        each.name
        for each in further
        if each.default is each.empty
        and each.name not in ON_REQUEST
        and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
    if tuple(each.name for each in positional[: len(GIVEN)]) != GIVEN or unknown:
        raise BuilderError(
            f"`fit` of `{name_of(builder)}`: expected fit({', '.join(GIVEN)}), and after these "
            f"any of {', '.join(ON_REQUEST)} and parameters with defaults; got "
            f"fit({', '.join(map(str, parameters))})."
        )
    return fit


def fit_toggles(fit: Callable[..., Any] | None) -> dict[str, Toggle]:
    """Return the toggles of a custom ``fit``: its parameters with a default, by name."""
    if fit is None:
        return {}
    toggles = read_toggles(fit, undeclared=True)
    return {n: each for n, each in toggles.items() if n not in (*GIVEN, *ON_REQUEST)}


def recipe_toggles_of(fit: Callable[..., Any], of_hypermodel: bool) -> tuple[str, ...]:
    """Return the toggles of the recipe that have an effect with a custom ``fit``."""
    if of_hypermodel:
        return ("epochs", *OF_BUILDING) if _takes(fit, "epochs") else OF_BUILDING
    if "recipe" in _parameters(fit):
        return tuple(each.name for each in fields(Recipe))
    return OF_BUILDING


def without_effect(names: str | Sequence[str], owner: str) -> str:
    """Return the beginning of an error: toggles of the recipe that a ``fit`` is not passed."""
    names = [names] if isinstance(names, str) else names
    return (
        f"{', '.join(f'`{name}`' for name in names)} of `Recipe`: the custom `fit` of `{owner}` "
        "trains instead of the recipe, so it would have no effect. Add a parameter `recipe` to "
        "`fit` and use it there, or leave it out"
    )


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _takes(function: Callable[..., Any], name: str) -> bool:
    parameters = _parameters(function).values()
    return any(each.name == name or each.kind is each.VAR_KEYWORD for each in parameters)
