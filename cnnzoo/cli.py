"""The command line of the zoo."""

import shlex
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cnnzoo.runtime.console import (
    legend,
    load_keras,
    one_line_errors,
    parse_choices,
    table,
    version_option,
)
from cnnzoo.toggle import ToggleError

SHOWN = 5
"""Configurations that `cnnzoo tune` shows."""

EPOCHS = 3
"""Of each training of `cnnzoo tune`, if nobody says how many."""

app = typer.Typer(
    help="Keras CNNs whose every choice is a toggle.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def main(*, version: Annotated[bool, version_option("cnnzoo")] = False) -> None:
    """Take what is asked of the program and of no command."""


@app.command("list")
def list_command(
    pattern: Annotated[str, typer.Argument(help="A shell pattern of names.")] = "*",
) -> None:
    """List the models: document, task, parameters at the defaults, and what they are."""
    from rich.console import Console

    from cnnzoo.zoo import documents_of, get_model, list_models

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
    documents = documents_of(model.document for model in models)
    console.print(legend("documents: the texts that the models are from", documents))


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

    from cnnzoo.zoo import get_model

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


@app.command("tune")
def tune_command(
    model: Annotated[str, typer.Argument(help="A name out of `cnnzoo list`.")],
    choices: Annotated[
        list[str] | None, typer.Argument(metavar="[TOGGLE=VALUE]...", help="Choices that hold.")
    ] = None,
    *,
    search: Annotated[
        str, typer.Option(help="Toggles to search, separated by commas; the model's by default.")
    ] = "",
    data: Annotated[str, typer.Option(help="As `cnnzoo.load_data` takes it.")] = "mnist5k",
    tuner: Annotated[str, typer.Option(help="random, grid, bayesian or hyperband.")] = "random",
    objective: Annotated[
        str | None,
        typer.Option(help="A metric of the validation data; val_accuracy or val_rmse by default."),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials at most.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of a training; 3.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each configuration.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Trainings at a time.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Save every trained model in its trial's folder.")
    ] = False,
    to: Annotated[
        str, typer.Option(help="Directory; searches/MODEL by default. The same call goes on there.")
    ] = "",
) -> None:
    """Search a model's toggles with KerasTuner, and show the best configurations."""
    from rich.console import Console

    from cnnzoo.data.load import load_data
    from cnnzoo.engine.forkserver import preload
    from cnnzoo.toggle import read_toggles
    from cnnzoo.training.recipe import Recipe
    from cnnzoo.tuning.space import make_space
    from cnnzoo.tuning.tune import PRELOADED, tune
    from cnnzoo.zoo import get_model

    console = Console()
    with one_line_errors():
        known = {**get_model(model).toggles, **read_toggles(Recipe), **read_toggles(load_data)}
        fixed: Any = parse_choices(choices or [], known, model)
        names = [name.strip() for name in search.split(",") if name.strip()]
        if search and not names:
            raise ToggleError(f"--search takes names of toggles, between commas; got {search!r}.")
        usual = Recipe() if "epochs" in fixed else Recipe(epochs=EPOCHS)
        recipe = usual if epochs is None else Recipe(epochs=epochs)
        make_space(
            model, names or None, recipe, fixed
        )  # says what is wrong before anything is loaded
        with console.status("loading"):
            if workers > 1:
                preload(PRELOADED)
            load_keras()
        options: dict[str, Any] = {"tuner": tuner, "objective": objective, "trials": trials}
        try:
            found = tune(
                model,
                data,
                names or None,
                seeds=seeds,
                recipe=recipe,
                workers=workers,
                directory=to or None,
                seed=seed,
                checkpoints=checkpoints,
                **options,
                **fixed,
            )
        except KeyboardInterrupt:
            typer.echo("Interrupted; the same command goes on.", err=True)
            raise typer.Exit(130) from None
    best = found.configurations.head(SHOWN)
    if best.empty:
        typer.echo(f"No trial came to a score; {found.directory} says why.", err=True)
        raise typer.Exit(1)
    columns = ("trial", "score", *(n for n in best.columns if n in found.hyperparameters))
    cells = [
        (row.trial, f"{row.score:.4f}", *(_level(row[name]) for name in columns[2:]))
        for _, row in best.iterrows()
    ]
    looked_for = found.objective.name if found.objective else objective
    title = f"{model} on {data}: {_title(found, looked_for)}"
    console.print(title, style="bold", highlight=False, markup=False)
    console.print(table(columns, cells, right=columns[:2]))
    console.print(_python(found, fixed), highlight=False, markup=False, soft_wrap=True)
    # apart from what may be piped
    typer.echo(
        f"All of it as a page: ablations report {shlex.quote(str(found.directory))}", err=True
    )


def _title(found: Any, looked_for: str | None) -> str:
    """Say of how many trials the best are shown, and how many Hyperband stopped early."""
    count, stopped = len(found.comparable), len(found.stopped_early)
    longest, whole = found.comparable[0].budget, found.project.budget
    if not (longest and whole):
        return f"the best of {count} by {looked_for}"
    trained = "in full" if longest >= whole else f"for {longest} of {whole} epochs"
    end = f"; {stopped} stopped early" if stopped else ""
    return f"the best of {count} trained {trained}, by {looked_for}{end}"


def _python(found: Any, fixed: Mapping[str, Any]) -> str:
    """Write the best configuration as Python to paste: ``build`` if the model was all of it."""
    from cnnzoo.tuning.reading.as_code import build_line
    from cnnzoo.zoo import toggles

    if not {*found.hyperparameters, *fixed} <= toggles(found.model).keys():
        return str(found.best_line())
    return build_line(found)


def _level(level: Any) -> str:
    import pandas as pd

    if pd.isna(level):  # another choice switches it off
        return ""
    return f"{level:.4g}" if isinstance(level, float) else str(level)


def _times(shape: object) -> str:
    return "x".join(map(str, shape)) if isinstance(shape, tuple) else str(shape)
