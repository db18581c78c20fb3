"""Signatures of builders: complete them, check arguments and describe parameters."""

import functools
import inspect
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

from cnnzoo.kinds import AXES, SequenceShape, may_be_grey
from cnnzoo.toggle import Toggle, ToggleError, check_settings, did_you_mean, toggle_of
from cnnzoo.vocabulary import PURPOSE, Shared


def complete_signature(
    family: Callable[..., object], defaults: Mapping[str, object]
) -> inspect.Signature:
    """Return a signature with ``**shared`` expanded and the model's defaults.

    Raises
    ------
    ValueError
        If a default belongs to no parameter.
    """
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


def check_arguments(
    owner: str,
    signature: inspect.Signature,
    toggles: Mapping[str, Toggle],
    given: Mapping[str, object],
) -> dict[str, Any]:
    """Check the arguments of a builder and complete them with the defaults.

    Raises
    ------
    ToggleError
        If an argument is unknown or not allowed.
    """
    others = {
        name: given.get(name, parameter.default)
        for name, parameter in signature.parameters.items()
        if name not in toggles
    }
    chosen = {name: value for name, value in given.items() if name not in others}
    settings = check_settings(toggles, chosen, owner)
    others["name"] = _check_name(others["name"] or owner, owner)
    others["compile"] = bool(others["compile"])
    others["input_shape"] = _check_input_shape(
        others["input_shape"], signature.parameters["input_shape"].default, owner
    )
    for name, low in (("classes", 1), ("seed", 0)):
        if name == "seed" and others[name] is None:
            continue
        count = Toggle(name, low=low, name=name, type=int)
        others[name] = count.check(others[name], owner)
    return {**others, **settings}


def _check_name(name: object, owner: str) -> str:
    if not isinstance(name, str) or "/" in name:
        raise ToggleError(f"`name` of `{owner}`: expected a text without '/'; got {name!r}.")
    return name


def _check_input_shape(shape: Any, default: tuple[int, ...], owner: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(size) for size in shape)
    except (TypeError, ValueError, OverflowError):
        sizes = ()
    if len(sizes) not in (2, 3) or min(sizes) < 1 or sizes != tuple(shape):
        raise ToggleError(
            f"`input_shape` of `{owner}`: expected (height, width, channels) or (length, "
            f"channels), whole numbers from 1; got {shape!r}."
        )
    of_images = len(default) == AXES["images"] and not isinstance(shape, SequenceShape)
    if of_images and may_be_grey(sizes) and sizes[0] == sizes[1]:
        raise ToggleError(
            f"`input_shape` of `{owner}`, a model of images: expected (height, width, channels); "
            f"got {sizes}; did you mean {(*sizes, 1)}? For sequences of {sizes[0]} steps and "
            f"{sizes[1]} channels give the `info.input_shape` of data loaded with "
            "kind='sequences'."
        )
    return sizes


def describe_parameters(
    description: str, signature: inspect.Signature, toggles: Mapping[str, Toggle]
) -> str:
    """Append the sections Parameters, Returns and Raises to a description."""
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
    A functional model, compiled unless ``compile=False``.

Raises
------
ToggleError
    If a toggle is unknown, or its level is not allowed, has no effect or conflicts with others."""
    return "\n".join([description, "", "Parameters", "----------", *wrapped, tail])


P = ParamSpec("P")
R = TypeVar("R")


def refuse_unknown(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that unknown keywords raise a ToggleError with the nearest name.

    Examples
    --------
    >>> @refuse_unknown
    ... def prepare(*, train_size=1.0, seed=0): ...
    >>> prepare(trainsize=0.5)
    Traceback (most recent call last):
    cnnzoo.toggle.ToggleError: `prepare` takes no `trainsize`; did you mean `train_size`? It takes
    train_size, seed.
    """
    owner = function.__qualname__.removesuffix(".__init__")
    known = [name for name in inspect.signature(function).parameters if name != "self"]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        check_keywords(kwargs, known, owner)
        return function(*args, **kwargs)

    return checked


def check_keywords(given: Iterable[str], known: Collection[str], owner: str) -> None:
    """Raise ToggleError for a keyword that is not known.

    Raises
    ------
    ToggleError
        If a keyword is unknown. The message gives the nearest known name.
    """
    for name in given:
        if name not in known:
            raise ToggleError(
                f"`{owner}` takes no `{name}`{did_you_mean(name, known)} "
                f"It takes {', '.join(known)}."
            )
