"""Models by name: register one, list them, build one.

A family is a function that puts a model together; a model is a family under a name with defaults
of its own. What a registered builder gets has been checked and completed, so that a family can
use its arguments as they are. Keras is loaded by the first build, not here.
"""

import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, get_args, get_type_hints

from cnnzoo.toggle import (
    Toggle,
    ToggleError,
    check_settings,
    did_you_mean,
    read_toggles,
    toggle_of,
)
from cnnzoo.vocabulary import Shared

if TYPE_CHECKING:
    import keras

P = ParamSpec("P")
R = TypeVar("R")

PURPOSE = {"input_shape": (28, 28, 1), "classes": 10, "compile": True, "seed": None, "name": None}
"""What every builder takes besides toggles, and the values where a model has none of its own."""


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


_MODELS: dict[str, Model] = {}


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
    if name in _MODELS:
        raise ValueError(f"A model named `{name}` is registered already.")
    signature = _complete_signature(family, defaults)

    @functools.wraps(family)
    def build_checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if args:
            raise ToggleError(f"`{name}` takes its arguments by keyword only; got {args[0]!r}.")
        return family(**_check_arguments(name, signature, known, kwargs))  # type: ignore[call-arg]

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
    builder.__doc__ = _describe(inspect.cleandoc(named.__doc__ or ""), signature, known)
    _MODELS[name] = Model(name=name, document=document, task=task, builder=builder)
    return build_checked


def _complete_signature(
    family: Callable[..., object], defaults: Mapping[str, object]
) -> inspect.Signature:
    """Spell out ``**shared`` and put the model's own defaults in place."""
    own, taken = [], Shared  # or the part of it that the family takes
    for parameter in inspect.signature(family).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            own.append(parameter)
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            taken = next(iter(get_args(parameter.annotation)), Shared)
    shared = []
    for name, annotation in get_type_hints(taken, include_extras=True).items():
        toggle = toggle_of(name, annotation)
        default = PURPOSE[name] if toggle is None else toggle.default
        shared.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
            )
        )
    purpose, toggles = shared[: len(PURPOSE)], shared[len(PURPOSE) :]
    parameters = {parameter.name: parameter for parameter in (*purpose, *own, *toggles)}
    unknown = defaults.keys() - parameters.keys()
    if unknown:
        raise ValueError(f"{family.__name__} does not take {', '.join(sorted(unknown))}.")
    return inspect.Signature(
        [
            parameter.replace(default=defaults.get(parameter.name, parameter.default))
            for parameter in parameters.values()
        ],
        return_annotation="keras.Model",
    )


def _check_arguments(
    owner: str,
    signature: inspect.Signature,
    toggles: Mapping[str, Toggle],
    given: Mapping[str, object],
) -> dict[str, Any]:
    others = {
        name: given.get(name, parameter.default)
        for name, parameter in signature.parameters.items()
        if name not in toggles
    }
    chosen = {name: value for name, value in given.items() if name not in others}
    settings = check_settings(toggles, chosen, owner)
    others["name"] = _check_name(others["name"] or owner, owner)
    others["compile"] = bool(others["compile"])
    others["input_shape"] = _check_input_shape(others["input_shape"], owner)
    for name, low in (("classes", 1), ("seed", 0)):
        if name == "seed" and others[name] is None:
            continue
        count = Toggle(name, low=low, name=name, type=int)
        others[name] = count.check(others[name], owner)
    return {**others, **settings}


def _check_name(name: object, owner: str) -> str:
    if not isinstance(name, str) or "/" in name:
        raise ToggleError(f"`name` of `{owner}` must be a text without '/'; got {name!r}.")
    return name


def _check_input_shape(shape: Any, owner: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(size) for size in shape)
    except (TypeError, ValueError, OverflowError):
        sizes = ()
    if len(sizes) not in (2, 3) or min(sizes) < 1 or sizes != tuple(shape):
        raise ToggleError(
            f"`input_shape` of `{owner}` must be (height, width, channels) or (length, channels), "
            f"whole numbers from 1; got {shape!r}."
        )
    return sizes


def _describe(description: str, signature: inspect.Signature, toggles: Mapping[str, Toggle]) -> str:
    """Add the parameters to a description, as their declarations tell them."""
    lines = [
        "input_shape",
        "    (height, width, channels) or, for sequences, (length, channels), in this order "
        "whatever Keras's image data format.",
        "classes",
        "    Number of classes; 1 for a regression to one number.",
        "compile",
        "    Whether to compile the model with its optimizer, loss and metrics.",
        "seed",
        "    With a seed, every layer's initial weights and its dropout are functions of the seed "
        "and the layer's name; without one, Keras draws them.",
        "name",
        "    Name of the Keras model.",
    ]
    for name, parameter in signature.parameters.items():
        if name not in PURPOSE and name not in toggles:
            lines += [name, *(f"    {text}" for text in parameter.annotation.__metadata__)]
    for toggle in toggles.values():
        text = toggle.describe(toggles)
        lines += [toggle.name, f"    {text[0].upper()}{text[1:]}."]
    wrapped = [
        textwrap.fill(line, 96, subsequent_indent="    ") if line.startswith(" ") else line
        for line in lines
    ]
    tail = """
Returns
-------
keras.Model
    A functional model, compiled unless asked otherwise.

Raises
------
ToggleError
    If a choice is unknown, not allowed, without effect, or does not fit the others."""
    return "\n".join([description, "", "Parameters", "----------", *wrapped, tail])


def get_model(name: str) -> Model:
    """Look up a registered model.

    Raises
    ------
    ToggleError
        If there is none of that name.

    Examples
    --------
    >>> get_model("downsampling").document
    '000 ex. 1'
    """
    import_module("cnnzoo.models")  # registers the zoo's own
    if name not in _MODELS:
        known = sorted(_MODELS)
        raise ToggleError(
            f"The zoo has no model `{name}`{did_you_mean(str(name), known)} "
            f"Its models: {', '.join(known)}."
        )
    return _MODELS[name]


def list_models(pattern: str = "*") -> list[str]:
    """List the names of the models, sorted.

    Parameters
    ----------
    pattern
        A shell pattern that the names must match.

    Examples
    --------
    >>> list_models("conv*")
    ['conv_stack']
    """
    import_module("cnnzoo.models")
    return sorted(name for name in _MODELS if fnmatchcase(name, pattern))


def toggles(model: str | Callable[..., object]) -> dict[str, Toggle]:
    """Read the toggles of a model, by name.

    Parameters
    ----------
    model
        A name in the zoo, or any builder with annotated parameters.

    Examples
    --------
    >>> toggles("downsampling")["pool_size"].default
    2
    """
    return get_model(model).toggles if isinstance(model, str) else read_toggles(model)


def build(name: str, /, **settings: Any) -> "keras.Model":
    """Build a model of the zoo.

    Parameters
    ----------
    name
        A name out of `list_models()`.
    **settings
        The model's toggles, and ``input_shape``, ``classes``, ``compile``, ``seed`` and ``name``:
        see ``help`` of the builder of that name.

    Returns
    -------
    keras.Model
        Compiled, unless ``compile=False``.

    Raises
    ------
    ToggleError
        If the name or a choice is unknown, or the choices do not go together.

    Examples
    --------
    >>> build("downsampling", pool_size=4).count_params()
    29066
    """
    return get_model(name).builder(**settings)
