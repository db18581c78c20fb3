"""The command line `ablations`: list, write, run and report studies."""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ablations.study import Status
from cnnzoo.runtime.console import legend, one_line_errors, quiet_stderr, table, version_option

if TYPE_CHECKING:
    from ablations.results import Results
    from ablations.study import Study

INTERRUPTED = 130
"""Exit status that shells use for a process ended by Ctrl-C."""

app = typer.Typer(
    help="Ablation studies: what each choice in a model is worth.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def main(*, version: Annotated[bool, version_option("ablations")] = False) -> None:
    """Handle options that apply to every command."""


@app.command("list")
def list_command() -> None:
    """List the built-in studies."""
    from rich.console import Console

    from ablations.study.built_in import CLAIMED, CLAIMS, STUDIES

    console = Console()
    rows = [
        (
            name,
            study.model_name,
            ", ".join(study.data_sets),
            len(study.seed_blocks),
            CLAIMS[name],
            "\n".join(f"{word}: {levels}" for word, levels in _choices(study)),
        )
        for name, study in STUDIES.items()
    ]
    columns = ("study", "model", "data", "seeds", "claim", "factors and baseline")
    console.print(table(columns, rows, right=("seeds",)))
    console.print(legend("claims of the documents that the studies test", CLAIMED))


def _choices(study: "Study") -> list[tuple[str, str]]:
    """Return the levels of each factor of a study, and the settings of its baseline."""
    factors = [(name, ", ".join(map(str, levels))) for name, levels in study.factors.items()]
    settings = [f"{name}={level}" for name, level in study.baseline.items()]
    return [*factors, *([("baseline", ", ".join(settings))] if settings else [])]


@app.command("new")
def new_command(
    path: Annotated[
        Path, typer.Argument(metavar="FILE.toml", help="File to write, such as my_study.toml.")
    ],
) -> None:
    """Write a template of a study, with comments."""
    with one_line_errors():
        from ablations.study.toml_file import write_template

        write_template(path)
    typer.echo(f"Edit {path}, then: ablations run {path}")


@app.command("run")
def run_command(
    study: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE.toml", help="Name of a built-in study, or file of a study."
        ),
    ],
    directory: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="DIRECTORY", help="Directory of the results; default: studies/NAME."
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N|auto", help="Number of seeds, or auto; default: the study's."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Number of parallel trials; default: by cores."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Retry failed trials.")
    ] = False,
) -> None:
    """Run or resume a study, and show what each choice is worth.

    A custom builder, "module:function", is imported from the folder of FILE.toml or the working
    folder. The exit status is 130 if Ctrl-C stopped the run before all trials were done.
    """
    from dataclasses import replace

    with one_line_errors():
        blocks = None if seeds is None else _seeds(seeds)
        from ablations.study.built_in import STUDIES, get_study
        from ablations.study.errors import StudyError
        from ablations.study.toml_file import read_study

        if study not in STUDIES and Path(study).is_file() and not study.endswith(".toml"):
            raise StudyError(f"Expected a file name that ends in .toml; got {study!r}.")
        declared = read_study(study) if study.endswith(".toml") else get_study(study)
        if blocks is not None:
            declared = replace(declared, seeds=blocks)
        if study.endswith(".toml"):
            _import_from(Path(study).expanduser().parent, Path())
        if ":" in declared.model_name:  # its module will import Keras
            with quiet_stderr():
                import_module("keras")
        from ablations.running.run import run

        results = run(declared, directory, workers=workers, retry_failed=retry_failed)
        _show(results)
    if results.interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command("report")
def report_command(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIRECTORY", help="Directory of the study's or the search's results."
        ),
    ],
    to: Annotated[
        list[Path] | None,
        typer.Option(
            "--to",
            metavar="FILE",
            help="File to write: .html, .md, .csv, .tex or .json; may be repeated. Default: "
            "DIRECTORY/report.html, which replaces an earlier report.",
        ),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option("--beside", metavar="DIRECTORY", help="Another study to show side by side."),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="FOLDER", help="Folder for SVG, PNG and PDF figures."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write the report of a stored study, or of a search.

    A search's directory is not changed: by default its report is written beside the directory.
    """
    import gc

    # Garbage collection takes a tenth of the time and frees little before the process ends.
    gc.disable()
    with one_line_errors():
        if (directory / "oracle.json").is_file():
            if beside is not None:
                raise typer.BadParameter("--beside takes a study, and DIRECTORY holds a search")
            from ablations.search.report import search_figures, search_report

            for path in to or []:
                typer.echo(search_report(directory, path, overwrite=overwrite))
            if not to:
                place = directory.resolve().with_name(f"{directory.resolve().name}.html")
                _replace(place, overwrite, partial(search_report, directory))
            if figures is not None:
                for path in search_figures(directory, figures, overwrite=overwrite):
                    typer.echo(path)
            return
        from ablations.results import open_results

        results = open_results(directory)
        other = open_results(beside) if beside else None
        for path in to or []:
            typer.echo(results.report(path, beside=other, overwrite=overwrite))
        if not to:
            _replace(directory / "report.html", overwrite, partial(results.report, beside=other))
        if figures is not None:
            for path in results.figures(figures, beside=other, overwrite=overwrite):
                typer.echo(path)


@app.command("power")
def power_command(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="Directory of the pilot study's results.")
    ],
    effect: Annotated[
        float | None, typer.Option(metavar="X", help="Delta of interest, in units of the metric.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(metavar="X", help="Largest delta that does not matter.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="Metric on the test split; default: first.")
    ] = None,
    comparisons: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of variants to compare; default: the pilot's."),
    ] = None,
) -> None:
    """Tell how many seeds show an effect of interest."""
    from rich.console import Console

    with one_line_errors():
        from ablations.report.study.sample_size import enough_words, power_table
        from ablations.report.study.terminal import UNLIMITED
        from ablations.results.power import power

        found = power(
            directory, effect=effect, margin=margin, metric=metric, comparisons=comparisons
        )
        console = Console()
        if not console.is_terminal:
            console.width = UNLIMITED
        console.print(power_table(found))
        for sentence in enough_words(found, effect=effect, margin=margin):
            console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _import_from(*folders: Path) -> None:
    """Put folders first on the import path, as `python` does with the folder of a program."""
    places = dict.fromkeys(str(folder.resolve()) for folder in folders)
    sys.path[:] = [*places, *(place for place in sys.path if place not in places)]


def _replace(place: Path, overwrite: bool, write: Callable[..., Path]) -> None:
    """Write a report to its default place, and replace an earlier report of this program."""
    from ablations.report.html import is_page

    replaced = place.is_file() and (overwrite or is_page(place))
    write(place, overwrite=replaced)
    typer.echo(f"{place} (replaced)" if replaced else place)


def _seeds(text: str) -> int | str:
    """Parse a number of seed blocks."""
    from ablations.study.checks import AUTO
    from ablations.study.errors import StudyError

    if text == AUTO:
        return text
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise StudyError(f"--seeds: expected a whole number from 1, or {AUTO}; got {text!r}.")
    return int(text)


def _trials(count: int) -> str:
    return f"{count:,} trial" + "s" * (count != 1)


def _show(results: "Results") -> None:
    """Print the deltas, the answers to the study's questions, and what is missing."""
    from rich.console import Console

    from ablations.report.study.conclusions import answers
    from ablations.report.study.contents import SO_FAR
    from ablations.report.study.new_data import what_verdicts_are_about
    from ablations.report.study.terminal import UNLIMITED, deltas_table, missing_verdicts
    from ablations.report.wording import data_words, ends_words, failure_words, metric_words
    from ablations.results.report_contents import contents_of
    from ablations.results.rules import running_verdicts
    from ablations.study import BASELINE
    from ablations.study.checks import AUTO, EXPLORATORY_BELOW, PATH

    console = Console()
    if not console.is_terminal:
        console.width = UNLIMITED
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    trials = results.overall_trials
    baseline = trials[(trials["variant"] == BASELINE) & (trials["status"] == Status.DONE)]
    if ends := ends_words(results.study.to_dict()):
        say(ends)
    contents = contents_of(results)
    so_far = SO_FAR in contents.tables
    deltas = results.overall_deltas() if so_far else contents.deltas
    every = results.deltas() if results.several_data else deltas
    for metric, rows in deltas.groupby("metric", sort=False):
        title = f"{metric_words(str(metric))} on {data_words(results.study.data)}: deltas"
        means = rows["baseline_mean"].dropna().unique()
        if len(baseline) and not len(means):  # no variant is paired yet
            means = [baseline[metric].mean()]
        if len(means) == 1:  # otherwise the variants have pairs in different seeds
            title += f" from the baseline's {means[0]:.4f}"
        by_now = running_verdicts(results.study, trials, str(metric))
        other = metric in contents.secondary
        console.print(deltas_table(rows, trials, title, by_now, secondary=other))
        for data in results.study.data_sets if results.several_data else ():
            of_data = every[(every["metric"] == metric) & (every["data"] == data)]
            title = f"{metric_words(str(metric))} on {data} alone: deltas"
            console.print(deltas_table(of_data, trials, title, secondary=True))
    for reason in missing_verdicts(deltas, trials, few=results.exploratory):
        say(reason)
    for note in what_verdicts_are_about(deltas, results.held_out):
        say(note)
    for answer in answers(contents):
        say(f"{answer.text}.")
    if trials["variant"].eq(BASELINE).all():
        say("There is nothing to compare the baseline with, because it is the only variant.")
    if results.exploratory:
        say(f"Exploratory: fewer than {EXPLORATORY_BELOW} seeds, so there are no verdicts.")
    pending = int((trials["status"] == Status.PENDING).sum())
    adaptive = results.study.design == PATH or results.study.seeds == AUTO
    failed = trials.loc[trials["status"] == Status.FAILED, "reason"].tolist()
    if pending:
        have = "has" if pending == 1 else "have"
        say(f"{_trials(pending)} {have} not run yet; run the same command to resume.")
    elif results.interrupted and adaptive:
        say("More trials are planned from these results; run the same command to resume.")
    elif results.interrupted and failed:
        say("Not all failed trials were retried; run the same command to resume.")
    if failed:
        say(failure_words(failed))
    for variant, rows in trials[trials["findings"] != ""].groupby("variant", sort=False):
        say(f"{variant}, {_trials(len(rows))}, for instance: {rows['findings'].iloc[0]}")
    say(f"Results are in {results.directory}")
    say(f"To write a report: ablations report {results.directory}")
