"""Builders: models by name, functions, `build(hp)` and HyperModels."""

import inspect
import pickle
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

from cnnzoo.data.load import load_data
from cnnzoo.runtime.code_version import code_version
from cnnzoo.toggle import ToggleError, read_toggles
from cnnzoo.training.recipe import Recipe
from cnnzoo.zoo import get_model


def check_model(model: Any) -> None:
    """Refuse what is no model to search.

    Raises
    ------
    ToggleError
        If it is none.
    """
    if isinstance(model, str):
        get_model(model)
        return
    if is_hypermodel(model):
        if isinstance(model, type):
            raise ToggleError(
                f"`model` of a search: {model.__name__} is a class of hypermodels; give one of "
                f"them, as in {model.__name__}()."
            )
        if has_own_fit(model):
            raise ToggleError(
                f"`model` of a search: {name_of(model)} has a `fit` of its own, which would not be "
                "called: trainings go by the recipe, whose toggles `search` takes. Search it with "
                "a tuner of KerasTuner, and open that with cnnzoo.open_search."
            )
        return
    if not inspect.isroutine(model):
        raise ToggleError(
            "`model` of a search must be a name of the zoo, a builder with annotated parameters, "
            f"KerasTuner's build(hp) or a keras_tuner.HyperModel; got {model!r}."
        )
    if not takes_hp(model) and not read_toggles(model):
        raise ToggleError(
            f"`model` of a search: `{name_of(model)}` has nothing to vary. Annotate its parameters "
            "by toggles, or take KerasTuner's `hp` as the first one."
        )


def check_names(names: Iterable[str], what: str, owner: str) -> None:
    """Refuse what a model takes by the name of a toggle of the recipe or the data.

    A level of that name would be for either.

    Parameters
    ----------
    names
        Of what the model takes.
    what
        What these are.
    owner
        What the model is called.

    Raises
    ------
    ToggleError
        If there is one.

    Examples
    --------
    >>> check_names(["units", "depth"], "parameter", "build")
    """
    others = {*read_toggles(Recipe), *read_toggles(load_data)}
    for name in names:
        if name in others:
            raise ToggleError(
                f"`{name}` is a {what} of `{owner}` and a toggle of its recipe or data: call it "
                "something else there."
            )


def owner_of(toggle: str, model: str) -> str:
    """Return what takes a toggle, for an error: "Recipe", "load_data" or the model.

    Parameters
    ----------
    toggle
        Name of the toggle.
    model
        What the model is called.

    Examples
    --------
    >>> [owner_of(name, "mlp") for name in ("augment", "train_size", "units")]
    ['Recipe', 'load_data', 'mlp']
    """
    return _owners().get(toggle, model)


@cache
def _owners() -> dict[str, str]:
    """Return the owners of the toggles that every model has: those of recipes and of data."""
    return {name: each.__name__ for each in (Recipe, load_data) for name in read_toggles(each)}


def is_hypermodel(model: Any) -> bool:
    """Tell KerasTuner's hypermodels, and their classes, by name: KerasTuner loads TensorFlow."""
    kind = model if isinstance(model, type) else type(model)
    return ("keras_tuner", "HyperModel") in {
        (base.__module__.partition(".")[0], base.__name__) for base in kind.__mro__
    }


def has_own_fit(model: Any) -> bool:
    """Tell hypermodels that train by themselves, which nothing but KerasTuner's tuners call."""
    if not is_hypermodel(model):
        return False
    owner = next(kind for kind in type(model).__mro__ if "fit" in vars(kind))
    return owner.__module__.partition(".")[0] != "keras_tuner"


def takes_hp(model: Any) -> bool:
    """Tell what KerasTuner calls by ``build(hp)`` from builders with parameters of their own.

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
    """Tell KerasTuner's HyperParameters, also where an annotation is left as a text."""
    if isinstance(annotation, str):
        return annotation.strip("'\" ").rpartition(".")[2] == "HyperParameters"
    module, name = (getattr(annotation, part, "") for part in ("__module__", "__name__"))
    return (str(module).partition(".")[0], name) == ("keras_tuner", "HyperParameters")


def name_of(model: Any) -> str:
    """Return what a model is called in errors."""
    if isinstance(model, str):
        return model
    return str(getattr(model, "__name__", type(model).__name__))


def kind_of(model: Any) -> str:
    """Return how a model is built: by "name", "toggles", "hp", or as a "hypermodel" is."""
    if isinstance(model, str):
        return "name"
    if is_hypermodel(model):
        return "hypermodel"
    return "hp" if takes_hp(model) else "toggles"


def path_of(model: Any) -> str:
    """Return the text that a model is stored as: its name, or "module:function"."""
    if isinstance(model, str):
        return model
    made = model if inspect.isroutine(model) else type(model)
    return f"{made.__module__}:{made.__qualname__}"


def code_of(model: Any) -> str:
    """Return a digest of a model's code; empty for the zoo's own, whose code has one by itself."""
    builder = get_model(model).builder if isinstance(model, str) else model
    if builder.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return ""
    return code_version(builder, *filter(None, [sys.modules.get(builder.__module__)]))


def check_importable(model: Any, workers: int, *given: Any) -> None:
    """Refuse a model that workers cannot import, and arguments that do not get there.

    Raises
    ------
    ToggleError
        If there is one.
    """
    if not isinstance(model, str):
        made = model if inspect.isroutine(model) else type(model)
        module, name = getattr(made, "__module__", ""), getattr(made, "__qualname__", "")
        if module == "__main__" or "<" in name or not name:
            raise ToggleError(
                f"With workers={workers}, `model` of `tune` must be a name of the zoo or what "
                f"workers can import; got `{name}` of `{module}`."
            )
    try:
        pickle.dumps((model, *given))
    except Exception as error:  # whatever the arguments' own classes raise
        raise ToggleError(
            f"With workers={workers}, the arguments of `tune` go to other processes; they cannot "
            f"be pickled: {error}."
        ) from error
