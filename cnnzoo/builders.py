"""Builders: what studies and searches can build, and the toggles that they can set.

A builder is a model of the zoo, a function, an object with ``build`` and perhaps ``fit``,
KerasTuner's ``build(hp)`` or a ``HyperModel``. Signatures are read without loading Keras; only
``build(hp)`` has to be called to learn what it takes.
"""

import contextlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from types import ModuleType
from typing import Any

from cnnzoo.data.load import load_data
from cnnzoo.data.targets import Classes
from cnnzoo.hp_discovery import discover
from cnnzoo.levels import Settings
from cnnzoo.model_paths import (
    BuilderError,
    import_builder,
    is_builder,
    is_builder_object,
    is_hypermodel,
    name_of,
    path_of,
    takes_hp,
)
from cnnzoo.own_fit import OwnFit, find_fit, fit_toggles
from cnnzoo.parts.names import part_toggles, split_levels
from cnnzoo.runtime.code_version import code_version
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.shared_toggles import (
    COMPILATION,
    check_names,
    compilation_toggles,
)
from cnnzoo.signature import check_keywords
from cnnzoo.toggle import Toggle, ToggleError, read_toggles
from cnnzoo.training.recipe import Recipe
from cnnzoo.vocabulary import PURPOSE
from cnnzoo.zoo import get_model

FROM_DATA = ("input_shape", "classes", "seed")
"""Parameters of a custom builder that a trial fills in."""

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, eq=False)
class Builder:
    """A model of the zoo or a custom builder, under one interface.

    Parameters
    ----------
    name
        Name of a zoo model, or "module:function".
    function
        Function that builds, or a HyperModel.
    module
        Module that a custom builder is taken from; None for the zoo.
    takes_hp
        Whether it is KerasTuner's ``build(hp)``, whose hyperparameters are the toggles.
    owner
        Object whose method ``build`` the function is; None if it is no method.
    own_fit
        The custom ``fit`` of the owner or the HyperModel; None if a recipe trains its models.
    """

    name: str
    function: Any
    module: ModuleType | None = None
    takes_hp: bool = False
    owner: Any = None
    own_fit: Callable[..., Any] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Builder) and self._identity is other._identity

    def __hash__(self) -> int:
        return id(self._identity)

    @property
    def _identity(self) -> Any:
        """The object that the user gave; a method of it is a new object at each access."""
        return self.function if self.owner is None else self.owner

    @property
    def reusable(self) -> bool:
        """Whether a built model can be reset and trained again; unknown for custom builders."""
        return self.module is None

    @property
    def required(self) -> tuple[str, ...]:
        """Parameters without a default that a trial does not fill in."""
        return tuple(name for name in self._without_default if name not in FROM_DATA)

    @property
    def needed_from_data(self) -> tuple[str, ...]:
        """Parameters without a default that a trial fills in."""
        return tuple(name for name in self._without_default if name in FROM_DATA)

    @property
    def taken_from_data(self) -> tuple[str, ...]:
        """Parameters that a trial fills in, with or without a default."""
        if self.takes_hp:
            return ()
        if self.module is None:
            return FROM_DATA
        takes = inspect.signature(self.function).parameters
        return tuple(name for name in FROM_DATA if name in takes)

    @property
    def _without_default(self) -> list[str]:
        if self.takes_hp or self.module is None:
            return []
        parameters = inspect.signature(self.function).parameters.values()
        without = [each for each in parameters if each.default is each.empty]
        return [each.name for each in without if each.kind in NAMED]

    def toggles(self, tried: tuple[Settings, ...] = ()) -> Mapping[str, Toggle]:
        """Return the toggles by name.

        They are the hyperparameters of a ``build(hp)``; else the parameters that carry a toggle
        and, of a custom builder, those of `cnnzoo.toggle.read_toggles` that declare none. A custom
        builder may also return models uncompiled, so `cnnzoo.shared_toggles.COMPILATION` are its
        toggles too, but only those that are needed. So are parts of the model, such as
        "part:block2", whose levels are the operations of `cnnzoo.parts.names.OPERATIONS`.

        Parameters
        ----------
        tried
            Levels that will be needed. A ``build(hp)`` is called at these as well.

        Raises
        ------
        BuilderError
            If a ``build(hp)`` fails in every call.
        """
        named = dict.fromkeys(name for levels in tried for name in levels)
        parts = part_toggles(named)
        if self.module is None:
            return {**read_toggles(self.function), **parts}
        if self.takes_hp:
            own = _discovered(self, tuple(Settings(split_levels(levels)[0]) for levels in tried))
        else:
            own = self._declared
        compilation = {n: t for n, t in compilation_toggles().items() if n in named}
        return {**compilation, **own, **parts}

    @cached_property
    def _declared(self) -> Mapping[str, Toggle]:
        """The toggles in the signatures of a custom builder and its ``fit``."""
        found = read_toggles(self.function, undeclared=True)
        own = {name: toggle for name, toggle in found.items() if name not in PURPOSE}
        of_fit = fit_toggles(self.own_fit)
        for name in own.keys() & of_fit.keys():
            raise BuilderError(
                f"`{name}`: expected a parameter of `build` or of `fit` of `{self.name}`; got one "
                "of both. Rename one of them."
            )
        return {**own, **of_fit}

    def fitter(self, levels: Mapping[str, Any], hp: Any = None) -> OwnFit | None:
        """Return the custom ``fit`` with its levels; None if a recipe trains the models.

        Parameters
        ----------
        levels
            Levels of toggles, as of `build`.
        hp
            The ``keras_tuner.HyperParameters`` that a model of a HyperModel was built with; made
            of the levels if omitted.
        """
        if self.own_fit is None:
            return None
        if is_hypermodel(self.function):
            own_hp = hp if hp is not None else _hp_of(split_levels(levels)[0])
            return OwnFit(self.name, self.own_fit, {}, own_hp)
        own = fit_toggles(self.own_fit)
        given = {name: level for name, level in levels.items() if name in own}
        return OwnFit(self.name, self.own_fit, _values(own, given))

    @property
    def version(self) -> str:
        """Digest of a custom builder's code, "" for the zoo; see `code_version`."""
        return code_version(self._identity, self.module) if self.module is not None else ""

    def build(
        self,
        levels: Mapping[str, Any],
        input_shape: tuple[int, ...] | None = None,
        classes: Classes | None = None,
        seed: int = 0,
        precision: str | None = None,
    ) -> Any:
        """Build a compiled ``keras.Model``.

        A model that a custom builder returns uncompiled is compiled by
        `cnnzoo.models.compilation.compile_custom`. If levels change parts of the model, it is
        the changed copy of `cnnzoo.parts.ablated`, whose other parts have the same weights.

        Parameters
        ----------
        levels
            Levels of toggles, and other arguments of the builder.
        input_shape, classes
            Shape of an example and number of classes, passed to builders that take them; the
            builder's defaults if omitted.
        seed
            Seed of the weights that the builder does not load.
        precision
            As of `cnnzoo.models.precision.building_in`.

        Raises
        ------
        BuilderError
            If a custom builder returns something else.
        PartError
            If a part cannot be changed so.
        """
        is_of_zoo = self.module is None and self.owner is None
        if is_of_zoo and isinstance(classes, Mapping):
            raise ToggleError(
                f"`{self.name}`: expected data with one output, because models of the zoo have "
                f"one; got {', '.join(classes)}. Load the labels of one of them, or build a model "
                "with these outputs in a function."
            )
        from cnnzoo.models.precision import building_in

        levels, operations = split_levels(levels)
        with building_in(precision):
            model = self._built(levels, input_shape, classes, seed)
            if not operations:
                return model
            from cnnzoo.parts.ablated import changed_build

            return changed_build(model, operations, seed)

    def _built(
        self,
        levels: Mapping[str, Any],
        input_shape: tuple[int, ...] | None,
        classes: Classes | None,
        seed: int,
    ) -> Any:
        """Build a model by the toggles of the builder."""
        if self.takes_hp:
            return self.build_hp(_hp_of(levels), input_shape, classes, seed)
        values = zip(FROM_DATA, (input_shape, classes, seed), strict=True)
        given = {name: value for name, value in values if value is not None}
        if self.module is None:
            return self.function(**{**given, **levels})
        takes = inspect.signature(self.function).parameters
        known = self._declared
        others = {n for n in levels if n not in takes and (n in known or n in COMPILATION)}
        own = {name: level for name, level in levels.items() if name not in others}
        arguments = {
            **{name: value for name, value in given.items() if name in takes},
            **_values(known, own),
        }
        compilation = {n: level for n, level in levels.items() if n in others and n not in known}
        return self._seeded(
            lambda: self.function(**arguments), compilation, input_shape, classes, seed
        )

    def build_hp(
        self,
        hp: Any,
        input_shape: tuple[int, ...] | None = None,
        classes: Classes | None = None,
        seed: int = 0,
        precision: str | None = None,
    ) -> Any:
        """Build a model of a ``build(hp)`` as `build` does.

        Parameters
        ----------
        hp
            ``keras_tuner.HyperParameters``, to which the builder adds what it asks for.
        input_shape, classes, seed, precision
            As of `build`.
        """
        from cnnzoo.models.precision import building_in

        compilation: dict[str, Any] = {}

        def make() -> Any:
            model = self._call(hp)
            if not getattr(model, "compiled", False):
                asked = {each.name for each in hp.space}
                others = hp.values.keys() - asked
                compilation.update({n: hp.values[n] for n in COMPILATION if n in others})
            return model

        with building_in(precision):
            return self._seeded(make, compilation, input_shape, classes, seed)

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
        self,
        make: Callable[[], Any],
        compilation: Mapping[str, Any],
        input_shape: tuple[int, ...] | None,
        classes: Classes | None,
        seed: int,
    ) -> Any:
        import keras

        from cnnzoo.models.compilation import compile_custom
        from cnnzoo.models.compiled_loss import outputs_of
        from cnnzoo.models.initialization import build_seeded

        def make_checked() -> Any:
            model = make()
            if not isinstance(model, keras.Model):
                raise BuilderError(
                    f"`{self.name}`: expected a keras.Model as result; got {model!r} "
                    f"({type(model).__name__})."
                )
            return model

        built = build_seeded(make_checked, seed, input_shape)
        if input_shape is not None or outputs_of(built) is not None:
            compile_custom(built, compilation, classes, self.name)
        return built


def find_builder(model: Any) -> Builder:
    """Return the builder that a study or a search names.

    Parameters
    ----------
    model
        Name of a zoo model, "package.module:function", a function, an object with a method
        ``build`` and perhaps ``fit``, KerasTuner's ``build(hp)`` or a ``HyperModel``. A class
        that can be created without arguments stands for an instance.

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
    found, module = import_builder(model if isinstance(model, str) else path_of(model))
    if is_hypermodel(found):
        hypermodel = _instance(found, model)
        own_fit = find_fit(hypermodel)
        return Builder(name, hypermodel, module, takes_hp=True, own_fit=own_fit)
    owner, function = None, found
    if is_builder_object(found):
        owner = _instance(found, model)
        function = owner.build
    is_named_partial = isinstance(function, partial)
    if not (inspect.isroutine(function) or is_named_partial):
        kind = function if isinstance(function, type) else type(function)
        noun = "the class" if function is kind else "an object of type"
        raise BuilderError(
            "`model`: expected the name of a zoo model, a function that returns a keras.Model, an "
            "object with a method `build` that does, KerasTuner's build(hp) or a "
            f"keras_tuner.HyperModel; got {model!r}, {noun} {kind.__name__}."
        )
    own_fit = None if owner is None else find_fit(owner)
    if takes_hp(function):
        return Builder(name, function, module, takes_hp=True, owner=owner, own_fit=own_fit)
    check_names(inspect.signature(function).parameters, "parameter", name_of(model))
    is_of_package = module.__name__.partition(".")[0] == __name__.partition(".")[0]
    of_zoo = is_of_package and not isinstance(found, partial)
    return Builder(name, function, None if of_zoo else module, owner=owner, own_fit=own_fit)


def builder_for(model: Any, arguments: Mapping[str, Any], caller: str) -> Builder:
    """Return the builder of a model and check the arguments that it is going to be called with.

    Parameters
    ----------
    model
        As of `find_builder`.
    arguments
        Levels of its toggles, and other arguments.
    caller
        Name of the function that was given the model, for an error.

    Raises
    ------
    ToggleError
        If there is no such builder, or it has no such argument.
    """
    if not (isinstance(model, str) or is_builder(model)):
        raise BuilderError(
            f"`model` of `{caller}`: expected a compiled keras.Model, the name of a zoo model, a "
            f"function that builds a model, or an object with a method `build`; got {model!r}."
        )
    builder = find_builder(model)
    if builder.module is None:
        return builder  # which checks its arguments itself
    toggles = builder.toggles((Settings(arguments),))
    others = () if builder.takes_hp else inspect.signature(builder.function).parameters
    check_keywords([n for n in arguments if n not in others], toggles, builder.name)
    for name, level in arguments.items():
        if name in toggles:
            toggles[name].check(level, builder.name)
    return builder


def _instance(found: Any, model: Any) -> Any:
    """Return a builder object: the one given, or an instance of the class given."""
    try:
        return _created(found) if isinstance(found, type) else found
    except TypeError as error:
        raise BuilderError(
            f"`model`: the class {model!r} cannot be created without arguments ({error}). Give an "
            "instance of it."
        ) from error


@cache
def _created(kind: type) -> Any:
    """Return one instance of a class, always the same."""
    return kind()


def _values(toggles: Mapping[str, Toggle], levels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a builder for levels, and other arguments as they are."""
    return {
        name: toggles[name].value(level) if name in toggles else level
        for name, level in levels.items()
    }


def _hp_of(levels: Mapping[str, Any]) -> Any:
    """Return hyperparameters with these values."""
    from cnnzoo.hp_discovery import make_hyperparameters

    hp = make_hyperparameters()
    hp.values.update(levels)
    return hp


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
    if not builder.takes_hp and not builder.toggles():
        raise BuilderError(
            f"`model`: `{name}` has nothing to vary. Give it parameters with defaults, or make "
            "`hp` of KerasTuner the first one."
        )
    return builder
