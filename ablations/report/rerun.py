"""How to run a study again, as Python that can be pasted."""

from dataclasses import fields
from typing import Any

from ablations.report.contents import ReportContents
from ablations.study import Study

ALWAYS = ("data", "seeds")
"""What is written even where it is the default."""


def snippet(contents: ReportContents) -> str:
    """Write the study as the Python that declares and runs it."""
    study = dict(contents.study)
    lines = ["import ablations", "import cnnzoo", "", "study = ablations.Study("]
    model = study.pop("model", None)
    if model is not None:
        lines.append(f"    {model!r},")
    usual = {field.name: field.default for field in fields(Study)}
    lines += [
        f"    {name}={_written(name, value)},"
        for name, value in study.items()
        if name in ALWAYS or (value not in ({}, [], "") and value != usual.get(name))
    ]
    where = f", {str(contents.directory)!r}" if str(contents.directory) else ""
    lines += [")", f"results = ablations.run(study{where})", 'results.report("report.html")']
    return "\n".join(lines)


def _written(name: str, value: Any) -> str:
    if name == "recipe" and isinstance(value, dict):
        chosen = ", ".join(f"{key}={setting!r}" for key, setting in value.items())
        return f"cnnzoo.Recipe({chosen})"
    if name == "seeds" and value and list(value) == list(range(len(value))):
        return str(len(value))
    return repr(value)
