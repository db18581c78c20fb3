"""Command line of the zoo: list, describe, check and tune models."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cnnzoo.runtime.console import (
    legend,
    load_keras,
    one_line_errors,
    table,
    version_option,
)
from cnnzoo.toggle import Level, Toggle, ToggleError, did_you_mean

if TYPE_CHECKING:
    from cnnzoo.tuning.reading.results import SearchResults

MAX_ROWS = 5
"""Number of configurations in the table of `cnnzoo tune`."""

DEFAULT_EPOCHS = 3
"""Default number of epochs of `cnnzoo tune`."""

DIGIT_SHAPE, DIGIT_CLASSES = (28, 28, 1), 10
"""Input shape and number of classes that `cnnzoo describe` gives to custom builders."""

DESCRIBE_COLUMNS = (
    "layer",
    "kind",
    "output_shape",
    "params",
    "macs",
    "receptive_field",
    "jump",
    "padding_in_view",
    "activation_bytes",
    "offset",
)
"""Columns of `cnnzoo describe`, the most important first."""

DESCRIBE_HEADINGS = {
    "output_shape": "output",
    "params": "parameters",
    "macs": "MACs",
    "receptive_field": "sees",
    "padding_in_view": "padding",
    "activation_bytes": "bytes",
}
"""Headings of columns that differ from their names."""

LEGEND = (
    "sees: pixels in view of a unit; jump: pixels between adjacent units, 0 if all see the same; "
    "padding: units see padded zeros; MACs and bytes: of one example, k = 1,000"
)
"""Explanation below the table of layers."""

WIDTHS = ((120, 10), (88, 9), (0, 4))
"""Least widths of a terminal, and the number of columns that `cnnzoo describe` shows there."""

BuilderName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|MODULE:BUILD",
        help="Name of a model, see `cnnzoo list`; or a function that returns a compiled "
        "keras.Model.",
    ),
]
Choices = Annotated[
    list[str] | None, typer.Argument(metavar="[TOGGLE=VALUE]...", help="Values of toggles.")
]
DataSpec = Annotated[
    str, typer.Option("--data", help="Name of the data, as in `cnnzoo.load_data`.")
]

app = typer.Typer(
    help="Keras CNNs whose every choice is a toggle.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def main(*, version: Annotated[bool, version_option("cnnzoo")] = False) -> None:
    """Handle options that apply to every command."""


@app.command("list")
def list_command(
    pattern: Annotated[str, typer.Argument(help="Shell pattern of model names.")] = "*",
) -> None:
    """List the models with document, number of parameters and description."""
    from rich.console import Console

    from cnnzoo.zoo import documents_of, get_model, list_models

    console = Console()
    models = [get_model(name) for name in list_models(pattern)]
    with one_line_errors():
        if not models:
            raise ToggleError(
                f"No model matches {pattern!r}. The models are {', '.join(list_models())}."
            )
    rows = [
        (model.name, model.document, f"{model.parameters:,}", model.summary) for model in models
    ]
    columns = ("model", "document", "parameters", "description")
    count = 4 if console.width >= 80 else 3
    console.print(table(columns[:count], [row[:count] for row in rows], right=("parameters",)))
    documents = documents_of(model.document for model in models)
    console.print(legend("documents that describe the models", documents))


@app.command("describe")
def describe_command(
    model: BuilderName,
    choices: Choices = None,
) -> None:
    """Show the layers of a model with shapes, cost and receptive fields, and its toggles.

    A custom builder that takes the input shape and the classes gets those of the digits.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from cnnzoo.builders import find_builder
    from cnnzoo.zoo import get_model

    console = Console()
    with one_line_errors(), console.status("building the model"):
        toggles = _toggles_of(model)
        settings: Any = parse_choices(choices or [], toggles, model)
        load_keras()
        from cnnzoo.analysis.description import describe

        if ":" in model:
            built = find_builder(model).build(settings, DIGIT_SHAPE, DIGIT_CLASSES, seed=0)
            origin = "custom builder"
        else:
            entry = get_model(model)
            built = entry.blank(**settings)
            origin = f"document {entry.document}"
        layers = describe(built)
    columns = DESCRIBE_COLUMNS[: next(n for width, n in WIDTHS if console.width >= width)]
    rows = [[_cell(row, name) for name in columns] for row in layers.to_dict("records")]
    title = f"{model} ({origin}): {built.count_params():,} parameters"
    headings = [DESCRIBE_HEADINGS.get(name, name) for name in columns]
    right = [heading for heading in headings if heading not in ("layer", "kind", "output")]
    console.print(table(headings, rows, right=right, title=title))
    if len(columns) > 4:
        console.print(LEGEND, style="dim", highlight=False)
    for row in layers[layers["note"] != ""].itertuples():
        console.print(f"{row.layer}: {row.note}", markup=False, highlight=False)
    console.print("toggles", style="bold")
    for toggle in toggles.values():
        value = settings.get(toggle.name, toggle.default)
        console.print(f"  {toggle.name}={value}", style="bold", markup=False, highlight=False)
        description = Text(toggle.describe(toggles))
        console.print(Padding(description, (0, 0, 0, 6)), highlight=False)


@app.command("check")
def check_command(
    model: BuilderName,
    choices: Choices = None,
    *,
    data: DataSpec = "mnist5k",
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Planned epochs; without them the steps are not judged."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples per step.")] = 32,
    range_test: Annotated[
        bool, typer.Option("--range-test", help="Find the place of the learning rate.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the weights and the data.")] = 0,
) -> None:
    """Look for faults of a model and its data before training; exit with 1 if there is an error.

    Toggles of the data, such as image_size=64, may be given too.
    """
    from rich.console import Console

    from cnnzoo.builders import find_builder
    from cnnzoo.data.load import load_data
    from cnnzoo.shared_toggles import by_group, data_toggles

    console = Console()
    with one_line_errors():
        toggles = {**data_toggles(), **_toggles_of(model)}
        settings, of_data = by_group(parse_choices(choices or [], toggles, model))
        with console.status("checking"):
            load_keras()
            from cnnzoo.doctor.check import check

            loaded = load_data(data, seed=seed, **cast(Any, of_data))
            built = find_builder(model).build(
                settings, loaded.info.input_shape, loaded.info.classes, seed
            )
            findings = check(
                built, loaded, epochs=epochs, batch_size=batch_size, range_test=range_test
            )
    console.print(f"{model} on {loaded.info}", style="bold", highlight=False, markup=False)
    if findings.empty:
        console.print("No findings.")
        return
    rows = [
        (row.severity, row.code, f"{row.evidence}. {row.remedy}.") for row in findings.itertuples()
    ]
    console.print(table(("severity", "code", "evidence and remedy"), rows))
    if (findings["severity"] == "error").any():
        raise typer.Exit(1)


def _toggles_of(model: str) -> Mapping[str, Toggle]:
    """Return the toggles of a model of the zoo or of a custom builder in the working folder."""
    from cnnzoo.toggle_groups import ToggleGroups

    if str(Path.cwd()) not in sys.path:  # where `python` looks for modules
        sys.path.insert(0, str(Path.cwd()))
    if ":" in model:  # whose module may import Keras
        load_keras()
    return ToggleGroups.of(model).model


@app.command("tune")
def tune_command(
    model: BuilderName,
    choices: Choices = None,
    *,
    search: Annotated[
        str,
        typer.Option(help="Toggles to search, separated by commas; by default those of the model."),
    ] = "",
    data: DataSpec = "mnist5k",
    tuner: Annotated[
        str, typer.Option(help="Tuner: random, grid, bayesian or hyperband.")
    ] = "random",
    objective: Annotated[
        str | None,
        typer.Option(help="Validation metric to optimize; val_accuracy or val_rmse by default."),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Further metrics to measure, separated by ';', such as 'recall[3]; brier'."
        ),
    ] = "",
    trials: Annotated[int | None, typer.Option(min=1, help="Maximum number of trials.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs per training; 3 by default.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings per configuration.")] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of trials to run in parallel; 1, or as many as Ray has room for.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="Where trials train: serial (one worker), processes (several) or ray."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT|auto",
            help="With --engine ray: a Ray cluster; default: a Ray that starts on this machine.",
        ),
    ] = None,
    cpus: Annotated[float, typer.Option(help="Cores of a trial.")] = 1,
    gpus: Annotated[
        float | None,
        typer.Option(help="GPUs of a trial, such as 0.25; 1 by default if there are any."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    checkpoints: Annotated[
        bool,
        typer.Option("--checkpoints", help="Save each trained model in the folder of its trial."),
    ] = False,
    to: Annotated[
        str,
        typer.Option(help="Directory; searches/MODEL by default. An existing search is resumed."),
    ] = "",
) -> None:
    """Search the toggles of a model with KerasTuner and show the best configurations."""
    from rich.console import Console

    from cnnzoo.data.load import load_data
    from cnnzoo.engine.forkserver import preload
    from cnnzoo.model_paths import import_builder
    from cnnzoo.toggle import read_toggles
    from cnnzoo.training.recipe import Recipe
    from cnnzoo.tuning.space import make_space
    from cnnzoo.tuning.tune import PRELOADED, tune

    console = Console()
    with one_line_errors():
        available = {**_toggles_of(model), **read_toggles(Recipe), **read_toggles(load_data)}
        fixed: Any = parse_choices(choices or [], available, model)
        names = [name.strip() for name in search.split(",") if name.strip()]
        if search and not names:
            raise ToggleError(
                f"`--search`: expected names of toggles separated by commas; got {search!r}."
            )
        default = Recipe() if "epochs" in fixed else Recipe(epochs=DEFAULT_EPOCHS)
        recipe = default if epochs is None else Recipe(epochs=epochs)
        if ":" not in model:
            make_space(model, names or None, recipe, fixed)  # raises before Keras is loaded
        with console.status("loading"):
            if engine == "processes" or (engine is None and (workers or 1) > 1):
                preload(PRELOADED)
            load_keras()
        options: dict[str, Any] = {"tuner": tuner, "objective": objective, "trials": trials}
        try:
            results = tune(
                import_builder(model)[0] if ":" in model else model,
                data,
                names or None,
                seeds=seeds,
                recipe=recipe,
                workers=workers,
                engine=engine,
                address=address,
                cpus=cpus,
                gpus=gpus,
                directory=to or None,
                seed=seed,
                checkpoints=checkpoints,
                metrics=[text.strip() for text in metrics.split(";") if text.strip()],
                **options,
                **fixed,
            )
        except KeyboardInterrupt:
            typer.echo("Interrupted. Run the same command again to resume.", err=True)
            raise typer.Exit(130) from None
    best = results.configurations.head(MAX_ROWS)
    if best.empty:
        typer.echo(
            f"No trial finished with a score; see {results.directory} for the reasons.", err=True
        )
        raise typer.Exit(1)
    columns = ("trial", "score", *(n for n in best.columns if n in results.hyperparameters))
    cells = [
        (row.trial, f"{row.score:.4f}", *(_level(row[name]) for name in columns[2:]))
        for _, row in best.iterrows()
    ]
    metric = results.objective.name if results.objective else objective
    title = f"{model} on {data}: {_title(results, metric)}"
    console.print(title, style="bold", highlight=False, markup=False)
    console.print(table(columns, cells, right=columns[:2]))
    console.print(_python(results, fixed), highlight=False, markup=False, soft_wrap=True)
    command = f"ablations report {shlex.quote(str(results.directory))}"
    typer.echo(f"For a report, run: {command}", err=True)


def _title(results: "SearchResults", metric: str | None) -> str:
    """Return the number of comparable trials, and of those that Hyperband stopped early."""
    count, stopped = len(results.comparable), len(results.stopped_early)
    longest, full = results.comparable[0].budget, results.project.budget
    if not (longest and full):
        return f"best of {count} trial{'s' * (count != 1)} by {metric}"
    training = "in full" if longest >= full else f"for {longest} of {full} epochs"
    end = f"; {stopped} stopped early" if stopped else ""
    return f"best of {count} trial{'s' * (count != 1)} trained {training}, by {metric}{end}"


def _python(results: "SearchResults", fixed: Mapping[str, Any]) -> str:
    """Return the best configuration as code: a call of ``build`` if only toggles were searched."""
    from cnnzoo.builders import toggles
    from cnnzoo.tuning.reading.as_code import build_line

    if not {*results.hyperparameters, *fixed} <= toggles(results.model).keys():
        return results.best_line()
    return build_line(results.project.search, results.best())


def _level(level: Any) -> str:
    import pandas as pd

    if pd.isna(level):  # another toggle switches it off
        return ""
    return f"{level:.4g}" if isinstance(level, float) else str(level)


def _cell(row: Mapping[str, Any], name: str) -> str:
    """Return the text of a cell of the table of layers."""
    import pandas as pd

    value = row[name]
    if name in ("macs", "activation_bytes"):
        return "?" if pd.isna(value) else _with_unit(float(value))
    if name == "params":
        return f"{value:,}"
    if name == "padding_in_view":
        return "yes" if value else ""
    return _times(value)


def _with_unit(number: float) -> str:
    """Return a number with three digits and a unit.

    Examples
    --------
    >>> _with_unit(0), _with_unit(999), _with_unit(1_234), _with_unit(118_013_952)
    ('0', '999', '1.23 k', '118 M')
    """
    for unit, size in ((" G", 1e9), (" M", 1e6), (" k", 1e3)):
        if number >= 0.9995 * size:
            scaled = number / size
            return f"{scaled:.{max(0, 2 - (scaled >= 9.995) - (scaled >= 99.95))}f}{unit}"
    return f"{number:.0f}"


def _times(shape: object) -> str:
    if not isinstance(shape, tuple):
        return "?" if shape is None else str(shape)
    return "x".join(
        "?" if side is None else f"{side:g}" if isinstance(side, float) else str(side)
        for side in shape
    )


def parse_choices(
    texts: Sequence[str], toggles: Mapping[str, Toggle], owner: str
) -> dict[str, Level]:
    """Parse arguments of the form ``toggle=value``.

    Raises
    ------
    ToggleError
        If one has another form, is unknown or not allowed.

    Examples
    --------
    >>> from cnnzoo.builders import toggles
    >>> parse_choices(["pool_size=3", "pool=average"], toggles("downsampling"), "downsampling")
    {'pool_size': 3, 'pool': 'average'}
    """
    from cnnzoo.shared_toggles import owner_of

    choices: dict[str, Level] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ToggleError(f"Expected toggle=value; got {text!r}.")
        if name not in toggles:
            raise ToggleError(
                f"`{owner}` has no toggle `{name}`{did_you_mean(name, toggles)} "
                f"Its toggles: {', '.join(toggles)}."
            )
        choices[name] = toggles[name].parse(value, owner_of(name, owner))
    return choices
