"""Sphinx extension: tables of the zoo, the help of the commands, short signatures, links.

The tables and the help are read from the declarations that the program uses, so that the pages
cannot differ from it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.testing import CliRunner

import ablations
import cnnzoo
from ablations.claims.catalogue import claims
from cnnzoo.doctor.codes import CODES


def list_table(header: Iterable[str], rows: Iterable[Iterable[str]], widths: str) -> str:
    """Return a table as reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in (header, *rows):
        for position, cell in enumerate(row):
            lines.append(f"   {'*' if position == 0 else ' '} - {cell}")
    return "\n".join(lines)


class ModelTable(SphinxDirective):
    """A table with one row per model of the zoo: its name and its purpose."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = []
        for name in cnnzoo.list_models():
            description = (getattr(cnnzoo, name).__doc__ or "").partition("\n")[0]
            rows.append((f":func:`~cnnzoo.{name}`", description))
        table = list_table(("model", "description"), rows, "30 70")
        return self.parse_text_to_nodes(table)


class ToggleTable(SphinxDirective):
    """A table with one row per toggle of the models, the recipe or the data."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table of the group that the argument names."""
        group = self.arguments[0]
        if group == "models":
            last, rows = "models", list(model_rows())
        else:
            takers: dict[str, Callable[..., Any]] = {
                "recipe": cnnzoo.Recipe,
                "data": cnnzoo.load_data,
            }
            toggles = cnnzoo.toggles(takers[group])
            last, rows = "default", []
            for name, toggle in toggles.items():
                rows.append((f"``{name}``", toggle.describe(toggles), f"``{toggle.default!r}``"))
        header = ("toggle", "meaning and allowed values", last)
        return self.parse_text_to_nodes(list_table(header, rows, "20 55 25"))


def model_rows() -> Iterable[tuple[str, str, str]]:
    """Yield one row per toggle name and meaning, with the models that take it."""
    models = cnnzoo.list_models()
    takers: dict[tuple[str, str], list[str]] = {}
    for model in models:
        toggles = cnnzoo.toggles(model)
        for name, toggle in toggles.items():
            takers.setdefault((name, toggle.describe(toggles)), []).append(model)
    for (name, description), names in sorted(takers.items()):
        missing = [model for model in models if model not in names]
        if len(missing) > 3:
            who = ", ".join(names)
        else:
            who = f"all but {', '.join(missing)}" if missing else "all"
        yield f"``{name}``", description, who


class CodeTable(SphinxDirective):
    """A table with one row per code of a finding."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [
            (
                f"``{code.code}``",
                code.definition,
                str(code.severity),
                ", ".join(map(str, code.stages)),
                code.source or " ",
            )
            for code in CODES.values()
        ]
        header = ("code", "meaning", "severity", "known", "source")
        return self.parse_text_to_nodes(list_table(header, rows, "18 42 10 12 18"))


class ClaimsTable(SphinxDirective):
    """The claims of one document with the verdicts of the full run that the package holds."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table of the document that the argument names."""
        found = {one.id: one for one in ablations.open_claims().outcomes}
        rows = []
        for claim in claims().values():
            if claim.documents[0] != self.arguments[0]:
                continue
            one = found.get(claim.id)
            if one is None:
                rows.append((claim.id, literal(claim.text), "not run in full", " ", " "))
            else:
                outcome = (one.verdict, literal(one.found), str(one.trials or " "))
                rows.append((claim.id, literal(claim.text), *outcome))
        header = ("claim", "what the document says", "verdict", "found", "trials")
        return self.parse_text_to_nodes(list_table(header, rows, "8 28 14 42 8"))


class ClaimsFacts(SphinxDirective):
    """When, where and by which command the full run of the claims was made."""

    def run(self) -> list[nodes.Node]:
        """Return the facts as a table."""
        run = ablations.open_claims().run
        versions = ", ".join(f"{name} {text}" for name, text in run.versions.items())
        machine = ", ".join(f"{name} {text}" for name, text in run.machine.items())
        rows = [
            ("command", f"``{run.command}``"),
            ("made", run.made),
            ("versions", literal(versions)),
            ("machine", literal(machine)),
        ]
        return self.parse_text_to_nodes(list_table(("run", " "), rows, "20 80"))


def literal(text: str) -> str:
    """Return text in which no character is markup."""
    return re.sub(r"([\\`*_|<>])", r"\\\1", text)


class CommandHelp(SphinxDirective):
    """The help of a command, such as ``cnnzoo tune``, as the program prints it."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the help as a literal block."""
        program, *words = self.arguments[0].split()
        app = import_module(f"{program}.cli").app
        answer = CliRunner().invoke(
            app, [*words, "--help"], prog_name=program, terminal_width=70, color=False
        )
        if answer.exit_code != 0:
            raise self.error(f"`{self.arguments[0]} --help` failed: {answer.output}")
        lines = [line.rstrip() for line in answer.output.strip().splitlines()]
        block = nodes.literal_block(text="\n".join(lines))
        block["language"] = "text"
        return [block]


def shorten_signature(
    _app: Sphinx,
    kind: str,
    _name: str,
    documented: Any,
    _options: object,
    arguments: str | None,
    _result: str | None,
) -> tuple[str, str] | None:
    """Leave the declarations of toggles out of a signature; the parameters describe them."""
    if "Annotated[" not in (arguments or ""):
        return None
    signature = inspect.signature(documented)
    parameters = [
        parameter.replace(annotation=plain_type(parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    returned = signature.return_annotation
    signature = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    if kind == "class" or returned in (None, inspect.Signature.empty):
        return str(signature), ""
    return str(signature), returned if isinstance(returned, str) else inspect.formatannotation(
        returned
    )


def link_measurements(_app: Sphinx, _page: str, content: list[str]) -> None:
    """Lead links to results of benchmarks to their pages in this site."""
    content[0] = content[0].replace("](../../tests/benchmarks/results/", "](/benchmarks/")


def plain_type(annotation: Any) -> Any:
    """Return an annotation without the toggle that it carries."""
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("source-read", link_measurements)
    app.add_directive("model-table", ModelTable)
    app.add_directive("toggle-table", ToggleTable)
    app.add_directive("code-table", CodeTable)
    app.add_directive("claims-table", ClaimsTable)
    app.add_directive("claims-facts", ClaimsFacts)
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
