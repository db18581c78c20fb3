"""Builders: what studies and searches can build, and the toggles that they can set.

A builder is a model of the zoo, a function, KerasTuner's ``build(hp)`` or a ``HyperModel``.
Signatures are read without loading Keras; only ``build(hp)`` has to be called to learn what it
takes.
"""

import contextlib
import inspect
import pickle
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib import import_module
from types import ModuleType
from typing import Any, Self

from cnnzoo.data.load import load_data
from cnnzoo.hp_discovery import discover
from cnnzoo.levels import Settings
from cnnzoo.runtime.code_version import code_version
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.toggle import Level, Toggle, ToggleError, did_you_mean, read_toggles, switched_off_by
from cnnzoo.training.recipe import Recipe
from cnnzoo.vocabulary import PURPOSE
from cnnzoo.zoo import get_model

FROM_DATA = ("input_shape", "classes", "seed")
"""Parameters of a custom builder that a trial fills in."""

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class BuilderError(ToggleError):
    """Raised if an object is not a builder, or cannot be built."""


@dataclass(frozen=True, eq=False)
class Builder:
    """A model of the zoo or a custom builder, under one interface.

    Parameters
    ----------
    name
        Name of a zoo model, or "module:function".
    function
        Function or HyperModel that builds.
    module
        Module that a custom builder is taken from; None for the zoo.
    takes_hp
        Whether it is KerasTuner's ``build(hp)``, whose hyperparameters are the toggles.
    """

    name: str
    function: Any
    module: ModuleType | None = None
    takes_hp: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Builder) and self.function is other.function

    def __hash__(self) -> int:
        return id(self.function)

    @property
    def reusable(self) -> bool:
        """Whether a built model can be reset and trained again; unknown for custom builders."""
        return self.module is None

    @property
    def has_own_fit(self) -> bool:
        """Whether it is a HyperModel with a custom ``fit``, which only KerasTuner's tuners call."""
        if not is_hypermodel(self.function):
            return False
        owner = next(base for base in type(self.function).__mro__ if "fit" in vars(base))
        return owner.__module__.partition(".")[0] != "keras_tuner"

    @property
    def required(self) -> tuple[str, ...]:
        """Parameters without a default that a trial does not fill in."""
        if self.takes_hp or self.module is None:
            return ()
        parameters = inspect.signature(self.function).parameters.values()
        without = [each for each in parameters if each.default is each.empty]
        return tuple(
            each.name for each in without if each.kind in NAMED and each.name not in FROM_DATA
        )

    def toggles(self, tried: tuple[Settings, ...] = ()) -> Mapping[str, Toggle]:
        """Return the toggles by name.

        They are the hyperparameters of a ``build(hp)``; else the parameters that carry a toggle
        and, of a custom builder, those whose default is a bool, a number or a text.

        Parameters
        ----------
        tried
            Levels that will be needed. A ``build(hp)`` is called at these as well.

        Raises
        ------
        BuilderError
            If a ``build(hp)`` fails in every call.
        """
        if self.takes_hp:
            return _discovered(self, tried)
        if self.module is None:
            return read_toggles(self.function)
        found = read_toggles(self.function, undeclared=True)
        return {name: toggle for name, toggle in found.items() if name not in PURPOSE}

    @property
    def version(self) -> str:
        """Digest of a custom builder's code, "" for the zoo; see `code_version`."""
        return code_version(self.function, self.module) if self.module is not None else ""

    def build(
        self,
        levels: Mapping[str, Any],
        input_shape: tuple[int, ...] | None = None,
        classes: int | None = None,
        seed: int = 0,
    ) -> Any:
        """Build a compiled ``keras.Model``.

        Parameters
        ----------
        levels
            Levels of toggles, and other arguments of the builder.
        input_shape, classes
            Shape of an example and number of classes, passed to builders that take them; the
            builder's defaults if omitted.
        seed
            Seed of the weights that the builder does not load.

        Raises
        ------
        BuilderError
            If a custom builder returns something else.
        """
        if self.takes_hp:
            import keras_tuner

            hp = keras_tuner.HyperParameters()
            hp.values.update(levels)
            return self.build_hp(hp, input_shape, seed)
        values = zip(FROM_DATA, (input_shape, classes, seed), strict=True)
        given = {name: value for name, value in values if value is not None}
        if self.module is None:
            return self.function(**{**given, **levels})
        takes = inspect.signature(self.function).parameters
        arguments = {**{n: value for n, value in given.items() if n in takes}, **levels}
        return self._seeded(lambda: self.function(**arguments), input_shape, seed)

    def build_hp(self, hp: Any, input_shape: tuple[int, ...] | None = None, seed: int = 0) -> Any:
        """Build a model of a ``build(hp)`` as `build` does.

        Parameters
        ----------
        hp
            ``keras_tuner.HyperParameters``, to which the builder adds what it asks for.
        input_shape, seed
            As of `build`.
        """
        return self._seeded(lambda: self._call(hp), input_shape, seed)

    def try_hp(self, hp: Any) -> None:
        """Call a ``build(hp)`` to see what it asks for, without memory for weights if possible."""
        import keras

        from cnnzoo.models.initialization import fresh_names

        with isolated():
            fresh_names()  # not in the graph below: Keras cannot clear its session there
            if keras.config.backend() == "tensorflow":
                import tensorflow as tf

                # in a graph, operations that need values fail, such as setting weights
                with contextlib.suppress(Exception), tf.Graph().as_default():
                    self._call(hp)
                    return
                fresh_names()
            self._call(hp)

    def _call(self, hp: Any) -> Any:
        if not is_hypermodel(self.function):
            return self.function(hp)
        self.function.declare_hyperparameters(hp)
        return self.function.build(hp)

    def _seeded(
        self, make: Callable[[], Any], input_shape: tuple[int, ...] | None, seed: int
    ) -> Any:
        import keras

        from cnnzoo.models.initialization import build_seeded

        def make_checked() -> Any:
            model = make()
            if not isinstance(model, keras.Model):
                raise BuilderError(
                    f"`{self.name}`: expected a compiled keras.Model as result; got {model!r} "
                    f"({type(model).__name__})."
                )
            return model

        return build_seeded(make_checked, seed, input_shape)


def find_builder(model: Any) -> Builder:
    """Return the builder that a study or a search names.

    Parameters
    ----------
    model
        Name of a zoo model, "package.module:function", a function, KerasTuner's ``build(hp)`` or a
        ``HyperModel``; if it is named by a text, also a HyperModel class.

    Raises
    ------
    BuilderError
        If it cannot be imported or is not a builder.
    ToggleError
        If the zoo has no model of that name.

    Examples
    --------
    >>> sorted(find_builder("mlp").toggles())[:3]
    ['activation', 'depth', 'dropout']
    """
    if isinstance(model, str) and ":" not in model:
        return Builder(model, get_model(model).builder)
    name = path_of(model)
    function, module = _import(model) if isinstance(model, str) else (model, _module_of(model))
    if is_hypermodel(function):
        return Builder(name, _hypermodel(function, model), module, takes_hp=True)
    is_named_partial = isinstance(function, partial) and function is not model
    if not (inspect.isroutine(function) or is_named_partial):
        kind = function if isinstance(function, type) else type(function)
        noun = "the class" if function is kind else "an object of type"
        raise BuilderError(
            "`model`: expected the name of a zoo model, a function that returns a compiled "
            "keras.Model, KerasTuner's build(hp) or a keras_tuner.HyperModel; got "
            f"{model!r}, {noun} {kind.__name__}."
        )
    if takes_hp(function):
        return Builder(name, function, module, takes_hp=True)
    check_names(inspect.signature(function).parameters, "parameter", name_of(model))
    of_zoo = module.__name__.partition(".")[0] == __name__.partition(".")[0]
    return Builder(name, function, None if of_zoo else module)


def _import(model: str) -> tuple[Any, ModuleType]:
    """Return the object at "package.module:name", and its module."""
    path, _, name = model.partition(":")
    try:
        found = module = import_module(path)
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # a module may raise anything
        usual = isinstance(error, ImportError | AttributeError)
        raise BuilderError(
            f"`model`: cannot import {model!r} ({error if usual else reason_of(error)}). Expected "
            "'package.module:function'."
        ) from error
    return found, module


def _module_of(model: Any) -> ModuleType:
    """Return the module that defines a model; the main program if it is not known."""
    return sys.modules.get(getattr(model, "__module__", ""), sys.modules["__main__"])


def _hypermodel(function: Any, model: Any) -> Any:
    try:
        return _created(function) if isinstance(function, type) else function
    except TypeError as error:
        raise BuilderError(
            f"`model`: the class {model!r} cannot be created without arguments ({error}). Name an "
            "instance of it that is created at module level."
        ) from error


@cache
def _created(kind: type) -> Any:
    """Return one instance of a HyperModel class, always the same."""
    return kind()


@lru_cache(maxsize=8)
def _discovered(builder: Builder, tried: tuple[Settings, ...]) -> Mapping[str, Toggle]:
    try:
        return discover(builder.try_hp, tried)
    except Exception as error:  # a user's function may raise anything
        raise BuilderError(
            f"`model`: {builder.name!r} can be built neither at its defaults nor at the given "
            f"levels: {reason_of(error)}"
        ) from error


def toggles(model: Any) -> dict[str, Toggle]:
    """Return the toggles of a model by name, as studies and searches see them.

    Parameters
    ----------
    model
        Name of a zoo model, "package.module:function", a function that builds, KerasTuner's
        ``build(hp)`` or a ``HyperModel``; or `Recipe` or `load_data`.

    Raises
    ------
    BuilderError
        If it cannot be imported or is not a builder.
    ToggleError
        If the zoo has no model of that name.

    Examples
    --------
    >>> toggles("downsampling")["pool_size"].default
    2
    """
    if model is Recipe or model is load_data:
        return read_toggles(model)
    return dict(find_builder(model).toggles())


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
        return self.toggle(name).check(level, owner_of(name, self.builder.name))

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


def by_group(settings: Mapping[str, Level]) -> tuple[dict[str, Level], dict[str, Level]]:
    """Split settings into those of the model and those of the data.

    Examples
    --------
    >>> by_group({"filters": 8, "train_size": 100})
    ({'filters': 8}, {'train_size': 100})
    """
    data = data_toggles()
    return (
        {name: level for name, level in settings.items() if name not in data},
        {name: level for name, level in settings.items() if name in data},
    )


@cache
def recipe_toggles() -> Mapping[str, Toggle]:
    """Return the toggles of recipes by name."""
    return read_toggles(Recipe)


@cache
def data_toggles() -> Mapping[str, Toggle]:
    """Return the toggles of the data by name."""
    return read_toggles(load_data)


def owner_of(toggle: str, model: str) -> str:
    """Return the name of what takes a toggle, for an error: "Recipe", "load_data" or the model.

    Examples
    --------
    >>> [owner_of(name, "mlp") for name in ("augment", "train_size", "units")]
    ['Recipe', 'load_data', 'mlp']
    """
    if toggle in recipe_toggles():
        return Recipe.__name__
    return load_data.__name__ if toggle in data_toggles() else model


def check_names(names: Iterable[str], noun: str, owner: str) -> None:
    """Raise ToggleError if a model uses the name of a toggle of the recipe or the data.

    Examples
    --------
    >>> check_names(["units", "depth"], "parameter", "build")
    """
    for name in names:
        if name in recipe_toggles() or name in data_toggles():
            raise ToggleError(
                f"`{name}` is a {noun} of `{owner}` and also a toggle of the recipe or the data. "
                f"Rename the {noun}."
            )


def check_model(model: Any) -> Builder:
    """Return the builder of a model; raise ToggleError if a search cannot vary it."""
    if isinstance(model, str):
        return Builder(model, get_model(model).builder)
    name = name_of(model)
    if isinstance(model, type) and is_hypermodel(model):
        raise BuilderError(
            f"`model`: expected an instance of a HyperModel; got the class {name}. Write {name}()."
        )
    builder = find_builder(model)
    if builder.has_own_fit:
        raise BuilderError(
            f"`model`: {name} has a custom `fit`, which would not be called because a recipe "
            "trains every model. Search it with a tuner of KerasTuner, and open the result with "
            "cnnzoo.open_search."
        )
    if not builder.takes_hp and not builder.toggles():
        raise BuilderError(
            f"`model`: `{name}` has nothing to vary. Give it parameters with defaults, or make "
            "`hp` of KerasTuner the first one."
        )
    return builder


def check_importable(model: Any, workers: int, *arguments: Any) -> None:
    """Raise ToggleError if worker processes cannot import a model or receive the arguments."""
    if not isinstance(model, str):
        function = model if inspect.isroutine(model) else type(model)
        module, name = (getattr(function, part, "") for part in ("__module__", "__qualname__"))
        if module == "__main__" or "<" in name or not name:
            raise BuilderError(
                f"`model`: expected, with workers={workers}, a model that worker processes can "
                f"import; got `{name}` of `{module}`. Define it in a module, or use workers=1."
            )
    try:
        pickle.dumps((model, *arguments))
    except Exception as error:  # whatever the classes of the arguments raise
        raise BuilderError(
            f"With workers={workers}, the arguments of `tune` are sent to other processes, but "
            f"they cannot be pickled: {error}."
        ) from error


def is_hypermodel(model: Any) -> bool:
    """Return whether an object or a class is a HyperModel, without loading KerasTuner."""
    kind = model if isinstance(model, type) else type(model)
    return ("keras_tuner", "HyperModel") in {
        (base.__module__.partition(".")[0], base.__name__) for base in kind.__mro__
    }


def takes_hp(model: Any) -> bool:
    """Return whether a model is KerasTuner's ``build(hp)`` or a HyperModel.

    Examples
    --------
    >>> def build(hp): ...
    >>> takes_hp(build), takes_hp("mlp")
    (True, False)
    """
    if isinstance(model, str):
        return False
    if is_hypermodel(model):
        return True
    first = next(iter(inspect.signature(model).parameters.values()), None)
    return first is not None and (first.name == "hp" or _is_hyperparameters(first.annotation))


def _is_hyperparameters(annotation: object) -> bool:
    """Return whether an annotation, which may be a str, is KerasTuner's HyperParameters."""
    if isinstance(annotation, str):
        return annotation.strip("'\" ").rpartition(".")[2] == "HyperParameters"
    module, name = (getattr(annotation, part, "") for part in ("__module__", "__name__"))
    return (str(module).partition(".")[0], name) == ("keras_tuner", "HyperParameters")


def name_of(model: Any) -> str:
    """Return the name of a model in errors."""
    if isinstance(model, str):
        return model
    return str(getattr(model, "__name__", type(model).__name__))


def kind_of(model: Any) -> str:
    """Return how a model is built: "name", "toggles", "hp" or "hypermodel"."""
    if isinstance(model, str):
        return "name"
    if is_hypermodel(model):
        return "hypermodel"
    return "hp" if takes_hp(model) else "toggles"


def path_of(model: Any) -> str:
    """Return the text that a model is stored as: its name, or "module:function"."""
    if isinstance(model, str):
        return model
    function = model if inspect.isroutine(model) else type(model)
    return f"{function.__module__}:{function.__qualname__}"
