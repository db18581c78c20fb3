"""The command line of the studies."""

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
"""The status with which shells report what Ctrl-C ended."""

app = typer.Typer(
    help="Ablation studies: what each choice in a model is worth.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def main(*, version: Annotated[bool, version_option("ablations")] = False) -> None:
    """Take what is asked of the program and of no command."""


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
            study.data,
            len(study.seed_blocks),
            CLAIMS[name],
            "\n".join(f"{word}: {levels}" for word, levels in _choices(study)),
        )
        for name, study in STUDIES.items()
    ]
    columns = ("study", "model", "data", "seeds", "claim", "factors and baseline")
    console.print(table(columns, rows, right=("seeds",)))
    console.print(legend("claims: what a document says and a study asks", CLAIMED))


def _choices(study: "Study") -> list[tuple[str, str]]:
    """Return the factors of a study with their levels, and what its baseline sets."""
    found = [(name, ", ".join(map(str, levels))) for name, levels in study.factors.items()]
    settings = [f"{name}={level}" for name, level in study.baseline.items()]
    return [*found, *([("baseline", ", ".join(settings))] if settings else [])]


@app.command("new")
def new_command(
    path: Annotated[
        Path, typer.Argument(metavar="FILE.toml", help="The file to write, such as my_study.toml.")
    ],
) -> None:
    """Write a commented study to start from."""
    with one_line_errors():
        from ablations.study.toml_file import write_template

        write_template(path)
    typer.echo(f"Edit {path}, then: ablations run {path}")


@app.command("run")
def run_command(
    study: Annotated[
        str, typer.Argument(metavar="NAME|FILE.toml", help="Of `ablations list`, or a file.")
    ],
    directory: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="DIRECTORY", help="Where results go; studies/NAME if left out."
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto", help="Seed blocks, or auto, in the place of the study's own."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Trials at a time; by cores if left out.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed trials again.")
    ] = False,
) -> None:
    """Run a study, or what is missing of it, and show what each choice is worth.

    A builder of one's own, "module:function", is found beside FILE.toml and in the working folder.
    Ends with status 130 where Ctrl-C left trials for the next time.
    """
    from dataclasses import replace

    with one_line_errors():
        blocks = None if seeds is None else _seeds(seeds)
        from ablations.study.built_in import STUDIES, get_study
        from ablations.study.settings import StudyError
        from ablations.study.toml_file import read_study

        if study not in STUDIES and Path(study).is_file() and not study.endswith(".toml"):
            raise StudyError(f"The name of a study's file ends in .toml; got {study!r}.")
        asked = read_study(study) if study.endswith(".toml") else get_study(study)
        if blocks is not None:
            asked = replace(asked, seeds=blocks)
        if study.endswith(".toml"):
            _import_from(Path(study).expanduser().parent, Path())
        if ":" in asked.model_name:  # whose module will load it
            with quiet_stderr():
                import_module("keras")
        from ablations.running.run import run

        results = run(asked, directory, workers=workers, retry_failed=retry_failed)
        _show(results)
    if results.interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command("report")
def report_command(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIRECTORY", help="Where the results of the study, or the search, are."
        ),
    ],
    to: Annotated[
        list[Path] | None,
        typer.Option(
            "--to",
            metavar="FILE",
            help="Files: .html .md .csv .tex .json. If left out DIRECTORY/report.html, where "
            "an earlier report is replaced.",
        ),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option("--beside", metavar="DIRECTORY", help="Another study, to stand side by side."),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="FOLDER", help="A folder for SVG, PNG and PDF figures."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there.")
    ] = False,
) -> None:
    """Write reports of stored results: of a study, or of a search with KerasTuner.

    A search's directory is not written to: without --to its report goes beside it.
    """
    import gc

    # Nothing that a report makes is garbage before it is written: looking for it took a tenth of
    # the time, and the process ends with the report.
    gc.disable()
    with one_line_errors():
        if (directory / "oracle.json").is_file():
            if beside is not None:
                raise typer.BadParameter("--beside is for studies, not for searches")
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


def _import_from(*folders: Path) -> None:
    """Have modules found in these folders before any others, as `python` does for its program's."""
    places = dict.fromkeys(str(folder.resolve()) for folder in folders)
    sys.path[:] = [*places, *(place for place in sys.path if place not in places)]


def _replace(place: Path, overwrite: bool, write: Callable[..., Path]) -> None:
    """Write a report to its own place, where an earlier one of this program gives way."""
    from ablations.report.html import is_page

    replaced = place.is_file() and (overwrite or is_page(place))
    write(place, overwrite=replaced)
    typer.echo(f"{place} (replaced)" if replaced else place)


def _seeds(text: str) -> int | str:
    """Read how many seed blocks there shall be."""
    from ablations.study.checks import AUTO
    from ablations.study.settings import StudyError

    if text == AUTO:
        return text
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise StudyError(f"--seeds must be a whole number from 1 up, or {AUTO}; got {text!r}.")
    return int(text)


def _trials(count: int) -> str:
    return f"{count:,} trial" + "s" * (count != 1)


def _show(results: "Results") -> None:
    from rich.console import Console

    from ablations.report.study.conclusions import answers
    from ablations.report.study.terminal import UNLIMITED, deltas_table, missing_verdicts
    from ablations.report.wording import ends_words, failure_words
    from ablations.results.choice import PATH
    from ablations.results.report_contents import contents_of
    from ablations.study import BASELINE
    from ablations.study.checks import AUTO, EXPLORATORY_BELOW

    console = Console()
    if not console.is_terminal:
        console.width = UNLIMITED
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    trials = results.trials
    baseline = trials[(trials["variant"] == BASELINE) & (trials["status"] == Status.DONE)]
    if ends := ends_words(results.study):
        say(ends)
    deltas = results.deltas()
    for metric, rows in deltas.groupby("metric", sort=False):
        title = f"{str(metric).replace('_', ' ')} on {results.study['data']}: deltas"
        means = rows["baseline_mean"].dropna().unique()
        if len(baseline) and not len(means):  # no variant is paired yet
            means = [baseline[metric].mean()]
        if len(means) == 1:  # else the variants have pairs in different seeds
            title += f" from the baseline's {means[0]:.4f}"
        console.print(deltas_table(rows, trials, title))
    for reason in missing_verdicts(deltas, trials, few=results.exploratory):
        say(reason)
    for said in answers(contents_of(results)):
        say(f"{said.text}.")
    if trials["variant"].eq(BASELINE).all():
        say("There is the baseline alone, and nothing to compare it with.")
    if results.exploratory:
        say(f"Exploratory: fewer than {EXPLORATORY_BELOW} seeds, so there are no verdicts.")
    pending = int((trials["status"] == Status.PENDING).sum())
    follows = results.study["design"] == PATH or results.study["seeds"] == AUTO
    if pending:
        have, them = ("has", "it") if pending == 1 else ("have", "them")
        say(f"{_trials(pending)} {have} not run yet; the same command goes on with {them}.")
    elif results.interrupted and follows:
        say("More trials follow from these; the same command goes on with them.")
    failed = trials.loc[trials["status"] == Status.FAILED, "reason"].tolist()
    if results.interrupted and failed and not pending and not follows:
        say("Not all failed trials were run again; the same command goes on with them.")
    if failed:
        say(failure_words(failed))
    for variant, rows in trials[trials["findings"] != ""].groupby("variant", sort=False):
        say(f"{variant}, {_trials(len(rows))}, for instance: {rows['findings'].iloc[0]}")
    say(f"Results are in {results.directory}")
    say(f"For a report of them: ablations report {results.directory}")
