"""The best configurations of a search, as rows and as a line of Python."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnnzoo.toggle import Level, read_toggles


def best_trials(directory: str | Path, direction: str) -> list[dict[str, Any]]:
    """Read the trials that have a score, the best first.

    Parameters
    ----------
    directory
        Of a search.
    direction
        "min" or "max".

    Returns
    -------
    list of dict
        "trial", "score" and "levels".
    """
    found = []
    for path in sorted(Path(directory).glob("trial_*/trial.json")):
        trial = json.loads(path.read_text(encoding="utf-8"))
        if trial["status"] == "COMPLETED":
            values = trial["hyperparameters"]["values"]
            levels = {n: value for n, value in values.items() if not n.startswith("tuner/")}
            found.append({"trial": trial["trial_id"], "score": trial["score"], "levels": levels})
    return sorted(found, key=lambda row: row["score"], reverse=direction == "max")


def as_python(
    model: str,
    data: str,
    levels: Mapping[str, Level],
    fixed: Mapping[str, Level],
    recipe: Mapping[str, Any],
) -> str:
    """Write a configuration as a call: ``build`` if only the model was searched, else ``train``.

    Parameters
    ----------
    model, data
        Their names.
    levels
        Of the searched toggles.
    fixed
        Of those that held.
    recipe
        What was asked of it.

    Examples
    --------
    >>> as_python("downsampling", "mnist5k", {"pool_size": 2, "filters": 48}, {}, {"epochs": 3})
    'cnnzoo.build("downsampling", pool_size=2, filters=48)'
    >>> as_python("mlp", "digits", {"batch_size": 64}, {}, {"epochs": 3})
    'cnnzoo.train("mlp", cnnzoo.load_data("digits"), cnnzoo.Recipe(epochs=3, batch_size=64))'
    """
    from cnnzoo.data.load import load_data
    from cnnzoo.recipe import Recipe

    chosen = {**fixed, **levels}
    of_recipe = {**recipe, **{n: chosen.pop(n) for n in read_toggles(Recipe) if n in chosen}}
    of_data = {n: chosen.pop(n) for n in read_toggles(load_data) if n in chosen}
    if of_recipe == dict(recipe) and not of_data:
        return f"cnnzoo.build({_arguments(model, chosen)})"
    loaded = f"cnnzoo.load_data({_arguments(data, of_data)})"
    made = f"cnnzoo.Recipe({_arguments(None, of_recipe)})"
    named = f", {_arguments(None, chosen)}" if chosen else ""
    return f"cnnzoo.train({_text(model)}, {loaded}, {made}{named})"


def _arguments(first: str | None, named: Mapping[str, Any]) -> str:
    texts = [] if first is None else [_text(first)]
    return ", ".join([*texts, *(f"{name}={_text(value)}" for name, value in named.items())])


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
