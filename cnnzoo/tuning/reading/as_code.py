"""The best configuration of a search, as Python that can be pasted."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cnnzoo.data import load_data
from cnnzoo.toggle import read_toggles
from cnnzoo.training.recipe import Recipe
from cnnzoo.vocabulary import PURPOSE
from cnnzoo.zoo import get_model

if TYPE_CHECKING:
    from cnnzoo.tuning.reading.results import SearchResults


OWN_BUILDER = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def build_line(results: "SearchResults") -> str:
    """Write the call of ``cnnzoo.build`` that makes the best model, for the data of the search.

    Parameters
    ----------
    results
        Of a search of a model of the zoo.

    Raises
    ------
    SearchError
        If no trial is done.
    """
    model = get_model(results.model)
    parameters = inspect.signature(model.builder).parameters
    usual = {name: parameters[name].default for name in PURPOSE if name in parameters}
    purpose = {n: v for n, v in _purpose(results).items() if n in usual and v != usual[n]}
    arguments = _keywords({**results.best(), **purpose})
    return f"cnnzoo.build({', '.join([repr(results.model), *arguments])})"


def train_line(results: "SearchResults") -> str:
    """Write what trains the best configuration as the search did, with seed 0.

    Of a builder of the user's own, or a ``build(hp)``, the line starts from weights of Keras's
    choosing, not from those of the search: that names layers from the start of Keras's count, and
    draws what the builder does not load by `cnnzoo.models.initialization.build_seeded`. Its scores
    are close, not the same.

    Parameters
    ----------
    results
        Of any search. What KerasTuner searched elsewhere is not known by a name, nor is how a
        hypermodel was made, so that of such a search the hyperparameters are written, to be given
        to its ``build(hp)``.

    Raises
    ------
    SearchError
        If no trial is done.
    """
    levels = results.levels_of(results.winner)
    data, recipe = read_toggles(load_data), asdict(Recipe())
    own = {n: v for n, v in levels.items() if n not in data and n not in recipe}
    if results.zoo_toggles is not None:
        given = {n: v for n, v in own.items() if n in results.zoo_toggles}
        return _train(repr(results.model), results, levels, {**given, **_plain(results.others)})
    kind = results.project.search.get("builder", "toggles")
    if not OWN_BUILDER.fullmatch(results.model) or kind == "hypermodel":
        return f"import keras_tuner\n\n{_chosen(levels)}  # for the build(hp) that was searched"
    module, _, name = results.model.partition(":")
    imported = f"from {module} import {name.partition('.')[0]}\n\n"
    if kind == "hp":
        trained = _train(f"{name}(hp)", results, levels, {})
        return f"import keras_tuner\n{imported}{_chosen(own)}\n{trained}"
    others = {n: v for n, v in results.others.items() if n not in PURPOSE}
    arguments = {**_purpose(results), **_plain(others), **_plain(own)}
    return imported + _train(f"{name}({', '.join(_keywords(arguments))})", results, levels, {})


def _chosen(levels: Mapping[str, Any]) -> str:
    return f"hp = keras_tuner.HyperParameters()\nhp.values.update({dict(levels)!r})"


def _train(
    model: str, results: "SearchResults", levels: Mapping[str, Any], given: Mapping[str, Any]
) -> str:
    """Write a call of ``cnnzoo.train``."""
    usual = asdict(Recipe())
    recipe = {name: levels.get(name, level) for name, level in results.recipe.items()}
    changed = {name: level for name, level in recipe.items() if level != usual[name]}
    # what was loaded already, or arrays, can only be called by a name
    source = repr(results.data) if results.data else "data"
    of_data = {n: v for n, v in levels.items() if n in read_toggles(load_data)}
    loaded = ", ".join([source, *_keywords(of_data)])
    trained = ", ".join(["seed=0", *_keywords(given)])
    return (
        f"cnnzoo.train({model}, cnnzoo.load_data({loaded}), "
        f"cnnzoo.Recipe({', '.join(_keywords(changed))}), {trained})"
    )


def _purpose(results: "SearchResults") -> dict[str, Any]:
    """Return what the model was for: what was given, else what the data said."""
    said = results.project.search
    return _plain({n: said[n] for n in PURPOSE if n in said}) | _plain(
        {n: v for n, v in results.others.items() if n in PURPOSE}
    )


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as builders take them: JSON makes lists of shapes."""
    return {n: tuple(v) if isinstance(v, list) else v for n, v in arguments.items()}


def _keywords(arguments: Mapping[str, Any]) -> list[str]:
    """Write keyword arguments; a name that Python would not read as one stands in a dict."""
    odd = {name: value for name, value in arguments.items() if not name.isidentifier()}
    plain = [f"{name}={value!r}" for name, value in arguments.items() if name not in odd]
    return [*plain, *([f"**{odd!r}"] if odd else [])]
