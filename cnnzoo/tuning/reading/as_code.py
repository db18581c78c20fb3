"""The best configuration of a search as Python code."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cnnzoo.data import load_data
from cnnzoo.objects import object_of
from cnnzoo.toggle import Level, read_toggles
from cnnzoo.training.recipe import Recipe
from cnnzoo.vocabulary import PURPOSE
from cnnzoo.zoo import get_model, list_models

IMPORTABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
"""The form "package.module:function" of a builder that can be imported."""


def build_line(search: Mapping[str, Any], levels: Mapping[str, Level]) -> str:
    """Return a call of ``cnnzoo.build`` with the configuration and the search's input shape.

    Parameters
    ----------
    search
        Content of the ``search.json`` of a search of a zoo model.
    levels
        Toggles of the model by name.
    """
    parameters = inspect.signature(get_model(search["model"]).builder).parameters
    defaults = {name: parameters[name].default for name in PURPOSE if name in parameters}
    purpose = {n: v for n, v in _purpose(search).items() if n in defaults and v != defaults[n]}
    arguments = _keywords({**levels, **purpose})
    return f"cnnzoo.build({', '.join([repr(search['model']), *arguments])})"


def train_line(search: Mapping[str, Any], levels: Mapping[str, Level]) -> str:
    """Return code that trains a configuration as the search did, with seed 0.

    For a ``build(hp)`` the initial weights differ from those of the search, which restarts Keras's
    layer names and draws the weights by `cnnzoo.models.initialization.build_seeded`. The scores are
    close, but not equal.

    Parameters
    ----------
    search
        Content of ``search.json``; empty for a search made elsewhere. If the builder cannot be
        imported, the code contains the hyperparameters for its ``build(hp)``.
    levels
        Levels of the model, the recipe and the data by name.
    """
    model, others = search.get("model", ""), search.get("others", {})
    outside = {**read_toggles(load_data), **asdict(Recipe())}
    model_levels = {name: level for name, level in levels.items() if name not in outside}
    if model in list_models():
        toggles = get_model(model).toggles
        model_levels = {name: level for name, level in model_levels.items() if name in toggles}
        return _train(repr(model), search, levels, {**model_levels, **_with_tuples(others)})
    kind = search.get("builder", "toggles")
    if not IMPORTABLE.fullmatch(model) or kind == "hypermodel":
        return f"import keras_tuner\n\n{_hp(levels)}  # for the build(hp) that was searched"
    if kind == "hp":
        module, _, name = model.partition(":")
        training = _train(f"{name}(hp)", search, levels, {})
        imports = f"import keras_tuner\nfrom {module} import {name.partition('.')[0]}\n\n"
        return f"{imports}{_hp(model_levels)}\n{training}"
    model_levels = {name: _with_its_tuple(level) for name, level in model_levels.items()}
    return _train(repr(model), search, levels, {**_with_tuples(others), **model_levels})


def _hp(levels: Mapping[str, Level]) -> str:
    return f"hp = keras_tuner.HyperParameters()\nhp.values.update({dict(levels)!r})"


def _train(
    model: str, search: Mapping[str, Any], levels: Mapping[str, Level], toggles: Mapping[str, Any]
) -> str:
    """Return a call of ``cnnzoo.train``."""
    defaults = asdict(Recipe())
    recipe = {**search.get("recipe", {}), **levels}
    changed = {n: recipe[n] for n, level in defaults.items() if recipe.get(n, level) != level}
    source = repr(search["data"]) if search.get("data") else "data"  # arrays have no name
    data_levels = {n: level for n, level in levels.items() if n in read_toggles(load_data)}
    return (
        f"cnnzoo.train({model}, cnnzoo.load_data({', '.join([source, *_keywords(data_levels)])}), "
        f"cnnzoo.Recipe({', '.join(_keywords(changed))}), "
        f"{', '.join(['seed=0', *_keywords(toggles)])})"
    )


def _purpose(search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `PURPOSE`: those passed to the search, else those of its data."""
    arguments = {**search, **search.get("others", {})}
    return _with_tuples({name: arguments[name] for name in PURPOSE if name in arguments})


def _with_tuples(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with tuples in place of the lists that JSON made of shapes."""
    return {n: tuple(v) if isinstance(v, list) else v for n, v in arguments.items()}


def _with_its_tuple(level: Level) -> Any:
    """Return the tuple that a level such as "(3, 3)" stands for; other levels as they are.

    `cnnzoo.train` reads both, as well as "None" and "module:function".
    """
    if isinstance(level, str) and level.startswith("("):
        return object_of(level)
    return level


def _keywords(arguments: Mapping[str, Any]) -> list[str]:
    """Return keyword arguments as code; names that are no identifiers are passed as a dict."""
    unusual = {name: value for name, value in arguments.items() if not name.isidentifier()}
    keywords = [f"{name}={value!r}" for name, value in arguments.items() if name not in unusual]
    return [*keywords, *([f"**{unusual!r}"] if unusual else [])]
