"""Paths of builders: the text that a builder is stored as, and the builder that it names.

A path is "module:name". Other processes import the builder by it, unless the builder is defined in
the main program or inside a function: then the builder itself is sent to them.
"""

import functools
import inspect
import sys
from collections.abc import Mapping
from multiprocessing import parent_process
from types import ModuleType
from typing import Any

from cnnzoo.objects import ObjectError, import_object
from cnnzoo.runtime.code_version import MAIN
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.toggle import ToggleError


class BuilderError(ToggleError):
    """Raised if an object is not a builder, or cannot be built."""


GIVEN = "model"
"""Beginning of the paths of models that are given instead of a builder."""


class ModelPath(str):
    """Path of a builder that cannot be imported by it, with the builder.

    Parameters
    ----------
    path
        The path.
    builder
        The builder. A pickled path does not contain it.

    Examples
    --------
    >>> path = ModelPath("__main__:build", builder=print)
    >>> path, path.builder
    ('__main__:build', <built-in function print>)
    """

    builder: Any

    def __new__(cls, path: str, builder: Any) -> "ModelPath":
        """Return the path."""
        self = super().__new__(cls, path)
        self.builder = builder
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Pickle the text alone."""
        return str, (str(self),)

    def __deepcopy__(self, memo: object) -> "ModelPath":
        """Return the path itself, which does not change."""
        return self

    def __copy__(self) -> "ModelPath":
        """Return the path itself, which does not change."""
        return self


_received: dict[str, Any] = {}
"""Builders that this process was sent, by path."""

_seen: dict[str, Any] = {}
"""Builders of this process that cannot be imported, by path, each the last one seen there."""


def receive(builders: Mapping[str, Any]) -> None:
    """Let paths name builders that another process has sent.

    In the process that sent them, paths name what they named before.
    """
    if parent_process() is not None:
        _received.update(builders)


def name_of(model: Any) -> str:
    """Return the name of a model in errors."""
    if isinstance(model, str):
        return model
    return str(getattr(model, "__name__", type(model).__name__))


def path_of(model: Any) -> str:
    """Return the text that a model is stored as: its name, or "module:name".

    The text of an instance is that of its class, and the text of a ``functools.partial`` that of
    its function. If no process can import the builder by the text, it is a `ModelPath`.

    Examples
    --------
    >>> path_of("mlp"), path_of(path_of)
    ('mlp', 'cnnzoo.model_paths:path_of')
    """
    if isinstance(model, str):
        return model
    named = model
    while isinstance(named, functools.partial):
        named = named.func
    if not hasattr(named, "__qualname__"):
        named = type(named)
    path = f"{named.__module__}:{named.__qualname__}"
    module = None if named.__module__ in MAIN else sys.modules.get(str(named.__module__))
    if module is not None and model is not None and _attribute(module, named.__qualname__) is model:
        return path
    return ModelPath(path, model)


def builders_to_send(path: str) -> dict[str, Any]:
    """Return the builder that worker processes cannot import, by its path; none if they can.

    Raises
    ------
    BuilderError
        If this process cannot find it either.
    """
    if isinstance(path, ModelPath):
        return {str(path): path.builder}
    module, separator, name = path.partition(":")
    if separator and (module in (*MAIN, GIVEN) or "<" in name):
        return {path: import_builder(path)[0]}
    return {}


def import_builder(model: Any) -> tuple[Any, ModuleType]:
    """Return a builder, and the module that it is from.

    Parameters
    ----------
    model
        A path, or the builder itself.

    Raises
    ------
    BuilderError
        If there is no builder at the path.
    """
    if not isinstance(model, str):
        return model, _module_of(model)
    if isinstance(model, ModelPath):
        _seen[str(model)] = model.builder
        return model.builder, _module_of(model.builder)
    path, _, name = model.partition(":")
    if model in _received:
        return _received[model], _module_of(_received[model])
    try:
        return import_object(model)
    except ObjectError as error:
        if model in _seen:
            return _seen[model], _module_of(_seen[model])
        cause = error.__cause__ or error
        usual = isinstance(cause, ImportError | AttributeError)
        raise BuilderError(
            f"`model`: cannot import {model!r} ({cause if usual else reason_of(cause)}). "
            + (
                f"Give the {'keras.Model' if path == GIVEN else 'function'} itself."
                if path in (*MAIN, GIVEN) or "<" in name
                else "Expected 'package.module:function'."
            )
        ) from error


def _attribute(module: ModuleType, qualname: str) -> Any:
    """Return the object of a qualified name; None if there is none."""
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _module_of(model: Any) -> ModuleType:
    """Return the module that defines a model; the main program if it is not known."""
    while isinstance(model, functools.partial):
        model = model.func
    return sys.modules.get(getattr(model, "__module__", ""), sys.modules["__main__"])


def is_hypermodel(model: Any) -> bool:
    """Return whether an object or a class is a HyperModel, without loading KerasTuner."""
    return ("keras_tuner", "HyperModel") in _bases(model)


def is_builder(model: Any) -> bool:
    """Return whether a model may be a builder: a function, or an object that `find_builder` takes.

    Examples
    --------
    >>> is_builder(print), is_builder("mlp"), is_builder(3)
    (True, False, False)
    """
    is_function = inspect.isroutine(model) or isinstance(model, functools.partial)
    return is_function or is_hypermodel(model) or is_builder_object(model)


def is_keras_model(model: Any) -> bool:
    """Return whether an object is a built or unbuilt ``keras.Model``, without loading Keras.

    Examples
    --------
    >>> is_keras_model("mlp"), is_keras_model(print)
    (False, False)
    """
    return not isinstance(model, type) and ("keras", "Model") in _bases(model)


def is_builder_object(model: Any) -> bool:
    """Return whether an object or a class has a method ``build`` that returns models.

    A Keras model or layer has one that does not.
    """
    is_function = inspect.isroutine(model) or isinstance(model, functools.partial)
    is_layer = ("keras", "Layer") in _bases(model)
    return not (is_function or is_layer) and callable(getattr(model, "build", None))


def _bases(model: Any) -> set[tuple[str, str]]:
    kind = model if isinstance(model, type) else type(model)
    return {(base.__module__.partition(".")[0], base.__name__) for base in kind.__mro__}


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
    function = model.build if is_builder_object(model) else model
    parameters = [*inspect.signature(function).parameters.values()]
    if isinstance(model, type) and is_builder_object(model):
        parameters = parameters[1:]  # without `self`
    if not parameters:
        return False
    return parameters[0].name == "hp" or _is_hyperparameters(parameters[0].annotation)


def _is_hyperparameters(annotation: object) -> bool:
    """Return whether an annotation, which may be a str, is KerasTuner's HyperParameters."""
    if isinstance(annotation, str):
        return annotation.strip("'\" ").rpartition(".")[2] == "HyperParameters"
    module, name = (getattr(annotation, part, "") for part in ("__module__", "__name__"))
    return (str(module).partition(".")[0], name) == ("keras_tuner", "HyperParameters")


def kind_of(model: Any) -> str:
    """Return how a model is built: "name", "toggles", "hp" or "hypermodel"."""
    if isinstance(model, str):
        return "name"
    if is_hypermodel(model):
        return "hypermodel"
    return "hp" if takes_hp(model) else "toggles"
