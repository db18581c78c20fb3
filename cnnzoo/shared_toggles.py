"""Toggles that every model shares: those of recipes, of the data and of compilation."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import get_type_hints

from cnnzoo.data.load import load_data
from cnnzoo.toggle import Level, Toggle, ToggleError, read_toggles, toggle_of
from cnnzoo.training.recipe import Recipe
from cnnzoo.vocabulary import Headed

COMPILATION = ("loss", "label_smoothing", "optimizer", "learning_rate")
"""Toggles by which models are compiled that a custom builder returns uncompiled."""


@cache
def recipe_toggles() -> Mapping[str, Toggle]:
    """Return the toggles of recipes by name."""
    return read_toggles(Recipe)


@cache
def data_toggles() -> Mapping[str, Toggle]:
    """Return the toggles of the data by name."""
    return read_toggles(load_data)


@cache
def compilation_toggles() -> Mapping[str, Toggle]:
    """Return the toggles of compilation by name.

    `loss` has no default, because that depends on the task and the model's outputs.

    Examples
    --------
    >>> list(compilation_toggles())
    ['loss', 'label_smoothing', 'optimizer', 'learning_rate']
    """
    hints = get_type_hints(Headed, include_extras=True)
    found = {name: toggle_of(name, hints[name]) for name in COMPILATION}
    toggles = {name: toggle for name, toggle in found.items() if toggle is not None}
    return {**toggles, "loss": replace(toggles["loss"], default=None)}


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
