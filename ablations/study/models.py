"""What can be studied: models of the zoo, importable builders, and KerasTuner's ``build(hp)``.

A study names its model by a text, so that any process can find it: a name of the zoo, or
"package.module:function".
"""

import contextlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import import_module
from typing import Any

from ablations.study.hyperparameters import discover
from ablations.study.settings import StudyError
from cnnzoo.builders import check_names, has_own_fit, is_hypermodel, takes_hp
from cnnzoo.levels import Settings
from cnnzoo.runtime.code_version import code_version
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.toggle import Level, Toggle, read_toggles
from cnnzoo.vocabulary import PURPOSE
from cnnzoo.zoo import get_model

GIVEN = ("input_shape", "classes", "seed")
"""What is given to a builder of one's own, of what it takes by these names."""

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Builder:
    """A model that can be studied.

    Parameters
    ----------
    name
        As a study names it.
    find
        From levels by name that are sure to be needed to what can be chosen.
    build
        From the levels chosen, the input shape, the number of classes and the seed to a compiled
        ``keras.Model``.
    reusable
        Whether a model may be started anew instead of built again: known of the zoo's alone.
    asks
        Whether it is a ``build(hp)``, whose toggles are the hyperparameters that it asks for.
    fits
        Whether it has a ``fit`` of its own, as a HyperModel may have.
    code
        What is watched for changes, if it is not the zoo's: the function and its module.
    """

    name: str
    find: Callable[[tuple[Settings, ...]], Mapping[str, Toggle]]
    build: Callable[[Mapping[str, Level], tuple[int, ...], int, int], Any]
    reusable: bool = False
    asks: bool = False
    fits: bool = False
    code: tuple[Any, ...] = ()

    @property
    def toggles(self) -> Mapping[str, Toggle]:
        """What can be chosen."""
        return self.find(())

    @property
    def version(self) -> str:
        """Digest of the code; empty for the zoo's. See `cnnzoo.runtime.code_version`."""
        return code_version(*self.code) if self.code else ""


def find_builder(model: str) -> Builder:
    """Find the model that a study names.

    Raises
    ------
    StudyError, ToggleError
        If there is none of that name.

    Examples
    --------
    >>> sorted(find_builder("mlp").toggles)[:3]
    ['activation', 'depth', 'dropout']
    """
    if ":" not in model:
        entry = get_model(model)

        def build(
            levels: Mapping[str, Level], input_shape: tuple[int, ...], classes: int, seed: int
        ) -> Any:
            return entry.builder(input_shape=input_shape, classes=classes, seed=seed, **levels)

        return Builder(model, lambda _: entry.toggles, build, reusable=True)
    function = _import(model)
    if _takes_hyperparameters(model, function):
        return _tuned(model, function)
    return _custom(model, function)


def _module(model: str) -> Any:
    return import_module(model.partition(":")[0])


def _import(model: str) -> Any:
    try:
        found = _module(model)
        for part in model.partition(":")[2].split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # a module may raise anything
        usual = isinstance(error, ImportError | AttributeError)
        raise StudyError(
            f"`model` of a Study: {model!r} cannot be imported "
            f"({error if usual else reason_of(error)}). It is written 'package.module:function'."
        ) from error
    return found


def _takes_hyperparameters(model: str, found: Any) -> bool:
    """Tell KerasTuner's ``build(hp)`` from a function with parameters of its own.

    A ``keras.Model`` has a method ``build`` too, and is neither.
    """
    if is_hypermodel(found):
        return True
    if not (inspect.isroutine(found) or isinstance(found, partial)):
        kind = found if isinstance(found, type) else type(found)
        what = "the class" if found is kind else "of the type"
        raise StudyError(
            f"`model` of a Study: {model!r} is {what} {kind.__name__}; it must be a function that "
            "returns a compiled keras.Model, KerasTuner's build(hp), or a keras_tuner.HyperModel."
        )
    return takes_hp(found)


def _custom(model: str, function: Any) -> Builder:
    parameters = inspect.signature(function).parameters
    check_names(parameters, "parameter", model)
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and parameter.kind in NAMED and name not in GIVEN:
            raise StudyError(
                f"`model` of a Study: {model!r} has the parameter `{name}` without a default; give "
                f"it one, which the baseline takes. Without one may be {', '.join(GIVEN)}."
            )
    toggles = {
        name: _plain(parameter)
        for name, parameter in parameters.items()
        if name not in PURPOSE and isinstance(parameter.default, bool | int | float | str)
    }
    toggles.update(read_toggles(function))

    def build(
        levels: Mapping[str, Level], input_shape: tuple[int, ...], classes: int, seed: int
    ) -> Any:
        purpose = zip(GIVEN, (input_shape, classes, seed), strict=True)
        given = {name: value for name, value in purpose if name in parameters}
        return _start(model, lambda: function(**given, **levels), input_shape, seed)

    return Builder(model, lambda _: toggles, build, code=(function, _module(model)))


@lru_cache(maxsize=8)
def _tuned(model: str, function: Any) -> Builder:
    """Take the hyperparameters of a ``build(hp)`` for toggles, their defaults for the baseline."""
    import keras_tuner

    try:
        hypermodel = function() if isinstance(function, type) else function
    except TypeError as error:
        raise StudyError(
            f"`model` of a Study: {model!r} cannot be made without arguments ({error}). Name an "
            "instance of it, made at the top of a module."
        ) from error
    make = getattr(hypermodel, "build", hypermodel)

    @lru_cache(maxsize=8)
    def find(tried: tuple[Settings, ...]) -> Mapping[str, Toggle]:
        try:
            return discover(lambda hp: _without_weights(lambda: make(hp)), tried)
        except Exception as error:  # a user's function may raise anything
            raise StudyError(
                f"`model` of a Study: {model!r} cannot be built at its defaults, nor at what the "
                f"study asks for: {reason_of(error)}"
            ) from error

    def build(levels: Mapping[str, Level], shape: tuple[int, ...], _: int, seed: int) -> Any:
        chosen = keras_tuner.HyperParameters()
        chosen.values.update(levels)
        return _start(model, lambda: make(chosen), shape, seed)

    watched = (function, _module(model))
    return Builder(model, find, build, asks=True, fits=has_own_fit(hypermodel), code=watched)


def _plain(parameter: inspect.Parameter) -> Toggle:
    """Read a parameter that carries no toggle: of the type that it is annotated with, or of any."""
    known = (bool, int, float, str)
    written = getattr(parameter.annotation, "__name__", parameter.annotation)  # it may be a text
    kind = {kind.__name__: kind for kind in known}.get(written, object)
    toggle = Toggle(
        "a parameter of the builder", name=parameter.name, default=parameter.default, type=kind
    )
    if kind is bool:
        return replace(toggle, levels=(False, True))
    return replace(toggle, low=-math.inf) if kind in (int, float) else toggle


def _start(name: str, make: Callable[[], Any], input_shape: tuple[int, ...], seed: int) -> Any:
    """Build a model, and draw by the seed the weights that the builder does not load."""
    import keras

    from cnnzoo.models.initialization import build_seeded

    def made() -> Any:
        model = make()
        if not isinstance(model, keras.Model):
            raise StudyError(
                f"`model` of a Study: {name!r} must return a compiled keras.Model; it returned "
                f"{model!r} ({type(model).__name__})."
            )
        return model

    return build_seeded(made, seed, input_shape)


def _afresh(make: Callable[[], Any]) -> Any:
    """Build so that layers without a name get the same one each time."""
    from cnnzoo.models.initialization import fresh_names

    fresh_names()
    return make()


def _without_weights(make: Callable[[], Any]) -> Any:
    """Build in a graph, where weights take no memory, however many; else for real."""
    import keras

    with isolated():
        if keras.config.backend() == "tensorflow":
            import tensorflow as tf

            # what a builder does may ask for real numbers, as setting weights does
            with contextlib.suppress(Exception), tf.Graph().as_default():
                return _afresh(make)
        return _afresh(make)
