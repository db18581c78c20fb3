"""The registry of models.

A family is a function that builds a model; a model is a family under a name, with its own
defaults. Arguments of a registered builder are checked and completed before the family gets them.
Keras is loaded by the first build.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from cnnzoo.signature import check_arguments, complete_signature, describe_parameters
from cnnzoo.toggle import Toggle, ToggleError, read_toggles

if TYPE_CHECKING:
    import keras


P = ParamSpec("P")
R = TypeVar("R")

EXAMPLE = """Examples
--------
>>> import cnnzoo
>>> cnnzoo.{name}({options}).output_shape
(None, {classes})"""
"""The example in the docstring of every model of the zoo."""


@dataclass(frozen=True)
class Model:
    """A registered model: its builder, where its architecture is from, and its size.

    ``parameters`` is the number of parameters at the defaults, or None if it is not declared.
    """

    name: str
    document: str
    builder: Callable[..., Any]
    parameters: int | None = None

    @property
    def toggles(self) -> dict[str, Toggle]:
        """The model's toggles with its defaults, by name."""
        return read_toggles(self.builder)

    def blank(self, **settings: Any) -> "keras.Model":
        """Build the model without pretrained weights, to inspect its shapes."""
        if "weights" in inspect.signature(self.builder).parameters:
            settings = {"weights": None, **settings}
        return self.builder(**settings)

    @property
    def summary(self) -> str:
        """The first line of the builder's docstring."""
        return (self.builder.__doc__ or "").partition("\n")[0]


MODELS: dict[str, Model] = {}
"""Registered models by name."""

INSPECTIONS = {"feature_maps": "cnnzoo.analysis.feature_maps:maps_of"}
"""Functions of a built model that share the name of a model of the zoo.

A builder takes keyword arguments only, so ``cnnzoo.feature_maps(model, image)`` is unambiguous.
"""


def register(
    document: str, *, parameters: int | None = None, **defaults: object
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that registers a family under its own name.

    Parameters
    ----------
    document
        Document in which the architecture is described.
    parameters
        Number of parameters at the defaults, so that a list of models needs no build.
    **defaults
        Defaults that differ from those of the shared toggles.

    Returns
    -------
    Callable
        Decorator for a keyword-only function that ends in ``**shared: Unpack[Shared]``. It returns
        the function with a complete signature and checked arguments.

    Raises
    ------
    ValueError
        If the name is taken, or a default is not allowed.
    """

    def decorate(family: Callable[P, R]) -> Callable[P, R]:
        return _add(family, family, document, parameters, defaults)

    return decorate


def preset(
    family: Callable[P, R], document: str, *, parameters: int | None = None, **defaults: object
) -> Callable[[Callable[[], object]], Callable[P, R]]:
    """Return a decorator that registers a family under another name with other defaults.

    Parameters
    ----------
    family
        Function that builds the model, registered or not.
    document, parameters, **defaults
        See `register`.

    Returns
    -------
    Callable
        Decorator for an empty function that provides the name and the docstring.
    """

    def decorate(named: Callable[[], object]) -> Callable[P, R]:
        return _add(inspect.unwrap(family), named, document, parameters, defaults)

    return decorate


def is_keras_model(value: object) -> bool:
    """Tell whether a value is a Keras model, without loading Keras."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


def _add(
    family: Callable[P, R],
    named: Callable[..., object],
    document: str,
    parameters: int | None,
    defaults: Mapping[str, object],
) -> Callable[P, R]:
    name = named.__name__
    if name in MODELS:
        raise ValueError(f"Model `{name}` is already registered; choose another name.")
    signature = complete_signature(family, defaults)

    @functools.wraps(family)
    def build_checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if args and name in INSPECTIONS and is_keras_model(args[0]):
            module, _, function = INSPECTIONS[name].partition(":")
            return getattr(import_module(module), function)(*args, **kwargs)  # type: ignore[no-any-return]
        if args:
            raise ToggleError(f"`{name}`: expected keyword arguments only; got {args[0]!r}.")
        return family(**check_arguments(name, signature, known, kwargs))  # type: ignore[call-arg]

    builder: Any = build_checked
    builder.__name__ = builder.__qualname__ = name
    builder.__module__ = named.__module__  # where pickle finds it
    builder.__annotations__ = {
        parameter.name: parameter.annotation for parameter in signature.parameters.values()
    }
    builder.__signature__ = signature.replace(  # for `help`: without the metadata of toggles
        parameters=[
            parameter.replace(annotation=parameter.annotation.__origin__)
            if hasattr(parameter.annotation, "__metadata__")
            else parameter
            for parameter in signature.parameters.values()
        ]
    )
    known = read_toggles(builder)
    for default in defaults.keys() & known.keys():
        known[default].check(defaults[default], name)
    description = describe_parameters(inspect.cleandoc(named.__doc__ or ""), signature, known)
    example = EXAMPLE.format(
        name=name,
        options="weights=None" if "weights" in signature.parameters else "",
        classes=signature.parameters["classes"].default,
    )
    builder.__doc__ = f"{description}\n\n{example}"
    MODELS[name] = Model(name, document, builder, parameters)
    return build_checked
