"""Write the Python code, or the command of a built-in study, that runs a study again."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from pprint import pformat
from textwrap import indent
from typing import Any

from ablations.report.study.contents import ReportContents
from ablations.study import Study
from ablations.study.checks import AUTO
from cnnzoo.training.recipe import Recipe

ALWAYS = ("data", "seeds")
"""Arguments that are written even if they have their default."""

MOST_OF_A_LINE = 88


def command(study: Mapping[str, Any], directory: str | Path) -> str:
    """Return the shell command that resumes a stored study, or "" if there is none.

    There is one for a built-in study of which at most the number of seeds was changed.

    Parameters
    ----------
    study
        The stored study: `Study.to_dict` with the baseline's level of every factor.
    directory
        Folder of the study.

    Examples
    --------
    >>> from ablations.claims.catalogue import find_study
    >>> stored = {**find_study("downsampling").to_dict(), "baseline": {"pool_size": 2}}
    >>> command({**stored, "seeds": [0, 1]}, "my studies/first")
    "ablations run downsampling --to 'my studies/first' --seeds 2"
    """
    from ablations.claims.catalogue import studies
    from ablations.designs.planner import Planner

    built_in = studies().get(study["name"])
    if built_in is None:
        return ""
    planner = Planner.of(built_in)
    same = replace(
        built_in, factors=planner.space.factors(built_in), baseline=planner.layout.baseline
    ).to_dict()
    seeds = study["seeds"]
    words = ["ablations", "run", study["name"], "--to", str(directory)]
    if seeds != same["seeds"]:
        if seeds != AUTO and seeds != list(range(len(seeds))):
            return ""
        words += ["--seeds", seeds if seeds == AUTO else str(len(seeds))]
    # compared as text, which tells 1 from True and 1.0
    as_stored, as_built_in = (
        json.dumps({**one, "seeds": seeds}, sort_keys=True) for one in (study, same)
    )
    return shlex.join(words) if as_stored == as_built_in else ""


def snippet(contents: ReportContents) -> str:
    """Return the Python code that declares and runs the study, without defaults."""
    study = dict(contents.study)
    model = study.pop("model", None)
    defaults = {field.name: _stored(field.default) for field in fields(Study)}
    arguments = {
        name: value
        for name, value in study.items()
        if name in ALWAYS or (value not in ({}, [], "") and value != defaults.get(name))
    }
    lines = [f"    {model!r},"] if model is not None else []
    lines += [line for name, value in arguments.items() for line in _lines(name, value)]
    where = f", {str(contents.directory)!r}" if str(contents.directory) else ""
    needed = ["import ablations", *(["import cnnzoo"] if "cnnzoo." in "".join(lines) else [])]
    ending = [f"results = ablations.run(study{where})", 'results.report("report.html")']
    return "\n".join([*needed, "", "study = ablations.Study(", *lines, ")", *ending])


def _stored(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value  # as in JSON


def _lines(name: str, value: Any) -> list[str]:
    """Write an argument, on several lines if it is long."""
    if name == "recipe" and isinstance(value, dict):
        settings = [f"        {key}={setting!r}," for key, setting in _chosen(value).items()]
        return ["    recipe=cnnzoo.Recipe(", *settings, "    ),"]
    if name == "seeds" and value and list(value) == list(range(len(value))):
        value = len(value)
    laid_out = pformat(value, width=MOST_OF_A_LINE - 8, compact=True, sort_dicts=False)
    lines = indent(laid_out, " " * len(f"    {name}=")).lstrip()
    return f"    {name}={lines},".splitlines()


def _chosen(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a recipe that differ from their defaults."""
    defaults = {field.name: field.default for field in fields(Recipe)}
    return {name: value for name, value in recipe.items() if value != defaults.get(name)}
