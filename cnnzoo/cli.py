"""The command line of the zoo."""

from typing import Annotated

import typer

from cnnzoo.console import load_keras, one_line_errors, parse_choices, table
from cnnzoo.toggle import ToggleError

app = typer.Typer(
    help="Keras CNNs whose every choice is a toggle.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command("list")
def list_command(
    pattern: Annotated[str, typer.Argument(help="A shell pattern of names.")] = "*",
) -> None:
    """List the models: document, task, parameters at the defaults, and what they are."""
    from rich.console import Console

    from cnnzoo.registry import get_model, list_models

    console = Console()
    models = [get_model(name) for name in list_models(pattern)]
    with one_line_errors():
        if not models:
            raise ToggleError(
                f"No model's name matches {pattern!r}; all are {', '.join(list_models())}."
            )
        with console.status("building the models"):
            load_keras()
            rows = [
                (
                    model.name,
                    model.document,
                    model.task,
                    f"{model.blank(compile=False).count_params():,}",
                    model.summary,
                )
                for model in models
            ]
    columns = ("model", "document", "task", "parameters", "what it is")
    shown = 5 if console.width >= 120 else 4
    console.print(table(columns[:shown], [row[:shown] for row in rows], right=("parameters",)))


@app.command("describe")
def describe_command(
    model: Annotated[str, typer.Argument(help="A name out of `cnnzoo list`.")],
    choices: Annotated[
        list[str] | None, typer.Argument(metavar="[TOGGLE=VALUE]...", help="Choices to build with.")
    ] = None,
) -> None:
    """Show a built model's layers, shapes and parameters, and its toggles."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from cnnzoo.registry import get_model

    console = Console()
    with one_line_errors():
        found = get_model(model)
        settings = parse_choices(choices or [], found.toggles, model)
        with console.status("building the model"):
            load_keras()
            from cnnzoo.analysis.shapes import describe

            built = found.blank(**settings)
        layers = describe(built)
    rows = [
        (row.layer, row.kind, _times(row.output_shape), f"{row.params:,}")
        for row in layers.itertuples()
    ]
    title = f"{model} (document {found.document}): {built.count_params():,} parameters"
    columns = ("layer", "kind", "output", "parameters")
    console.print(table(columns, rows, right=("parameters",), title=title))
    console.print("toggles", style="bold")
    for toggle in found.toggles.values():
        value = settings.get(toggle.name, toggle.default)
        console.print(f"  {toggle.name}={value}", style="bold", markup=False, highlight=False)
        description = Text(toggle.describe(found.toggles))
        console.print(Padding(description, (0, 0, 0, 6)), highlight=False)


def _times(shape: object) -> str:
    return "x".join(map(str, shape)) if isinstance(shape, tuple) else str(shape)
