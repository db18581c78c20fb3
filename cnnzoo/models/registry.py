"""Models by name: register one, list them, build one.

A family is a function that puts a model together; a model is a family under a name with defaults
of its own. What a registered builder gets has been checked and completed, so that a family can
use its arguments as they are. Keras is loaded by the first build, not here.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from cnnzoo.signature import check_arguments, complete_signature, describe_parameters
from cnnzoo.toggle import Toggle, ToggleError, read_toggles

if TYPE_CHECKING:
    import keras


P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Model:
    """A registered model: its builder, and what a listing says about it."""

    name: str
    document: str
    task: str
    builder: Callable[..., Any]

    @property
    def toggles(self) -> dict[str, Toggle]:
        """The model's toggles with its defaults, by name."""
        return read_toggles(self.builder)

    def blank(self, **settings: Any) -> "keras.Model":
        """Build the model without fetching pretrained weights, to look at its shapes."""
        if "weights" in inspect.signature(self.builder).parameters:
            settings = {"weights": None, **settings}
        return self.builder(**settings)

    @property
    def summary(self) -> str:
        """The first line of the builder's description."""
        return (self.builder.__doc__ or "").partition("\n")[0]


MODELS: dict[str, Model] = {}


def register(
    document: str, task: str = "classification", **defaults: object
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Register a family under its own name.

    Parameters
    ----------
    document
        Where the architecture is from.
    task
        "classification", "regression" or whatever else the model is for.
    **defaults
        Defaults of shared toggles that differ from the vocabulary's.

    Returns
    -------
    Callable
        A decorator for a keyword-only function that ends in ``**shared: Unpack[Shared]``; the
        function comes back with its signature complete and every argument checked.

    Raises
    ------
    ValueError
        If the name is taken, or a default is not allowed.
    """

    def decorate(family: Callable[P, R]) -> Callable[P, R]:
        return _add(family, family, document, task, defaults)

    return decorate


def preset(
    family: Callable[P, R], document: str, task: str = "classification", **defaults: object
) -> Callable[[Callable[[], object]], Callable[P, R]]:
    """Register a family under another name and with other defaults.

    Parameters
    ----------
    family
        The function that builds, registered or not.
    document, task, **defaults
        As of `register`.

    Returns
    -------
    Callable
        A decorator for an empty function that gives the name and the description.
    """

    def decorate(named: Callable[[], object]) -> Callable[P, R]:
        return _add(inspect.unwrap(family), named, document, task, defaults)

    return decorate


def _add(
    family: Callable[P, R],
    named: Callable[..., object],
    document: str,
    task: str,
    defaults: Mapping[str, object],
) -> Callable[P, R]:
    name = named.__name__
    if name in MODELS:
        raise ValueError(f"A model named `{name}` is registered already.")
    signature = complete_signature(family, defaults)

    @functools.wraps(family)
    def build_checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if args:
            raise ToggleError(f"`{name}` takes its arguments by keyword only; got {args[0]!r}.")
        return family(**check_arguments(name, signature, known, kwargs))  # type: ignore[call-arg]

    builder: Any = build_checked
    builder.__name__ = builder.__qualname__ = name
    builder.__module__ = named.__module__  # where pickle finds it
    builder.__annotations__ = {
        parameter.name: parameter.annotation for parameter in signature.parameters.values()
    }
    builder.__signature__ = signature.replace(  # what people read: without the toggles' metadata
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
    builder.__doc__ = describe_parameters(inspect.cleandoc(named.__doc__ or ""), signature, known)
    MODELS[name] = Model(name=name, document=document, task=task, builder=builder)
    return build_checked
