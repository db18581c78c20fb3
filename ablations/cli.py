"""The command line `ablations`: list, test, write, run and report claims and studies."""

import contextlib
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnzoo.runtime.console import legend, one_line_errors, quiet_stderr, version_option

if TYPE_CHECKING:
    from rich.console import Console

    from ablations.claims.claim import Claim
    from ablations.claims.results import ClaimsResults
    from ablations.results import Results
    from ablations.study import Study
    from cnnzoo.data.targets import Classes

Declared = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE.toml",
        help="Id or name of a claim, name of a built-in study, or file of a study.",
    ),
]
Planned = Annotated[
    str,
    typer.Argument(metavar="NAME|FILE.toml", help="Name of a built-in study, or file of a study."),
]
StudyDirectory = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="DIRECTORY",
        help="Directory of the results; default: studies/NAME, or claims for a claim.",
    ),
]
Document = Annotated[
    str | None,
    typer.Option("--document", metavar="NUMBER", help="Only a document's claims: 000 to 004."),
]
DataSpec = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="SPEC",
        help="Data of the studies that allow another, as in cnnzoo.load_data.",
    ),
]
BaselineLevels = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TOGGLE=VALUE]...",
        help="Levels of the baseline, such as filters=16, epochs=5 or test=0.3.",
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds", metavar="N|auto", help="Number of seeds, or auto; default: the study's."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="N", min=1, help="Number of parallel trials; default: by cores."
    ),
]
EngineName = Annotated[
    str, typer.Option("--engine", metavar="NAME", help="Where trials run: processes, ray, serial.")
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT|auto",
        help="With --engine ray: a Ray cluster; default: a Ray that starts on this machine.",
    ),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Retry failed trials.")]
Quick = Annotated[
    bool,
    typer.Option("--quick", help="Run the smaller studies of claims, which leave more undecided."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what exists.")]

PARTS_WIDTH = 100
"""Width of a table of parts where the output is no terminal."""

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
def list_command(
    claim: Annotated[
        str | None,
        typer.Argument(metavar="[CLAIM]", help="Id or name of a claim to show in full."),
    ] = None,
    document: Document = None,
) -> None:
    """List the claims of the documents, or show one in full, with what tests it and how long."""
    from rich.console import Console

    console = Console()
    with one_line_errors():
        if claim is not None:
            _describe(claim)
            return
        from ablations.claims.listing import list_claims
        from ablations.claims.terminal import claims_table
        from ablations.claims.times import duration_words
        from cnnzoo.zoo import documents_of

        listed = list_claims(document)
        console.print(claims_table(listed, console.width))
        console.print(legend("documents", documents_of(listed["document"])))
        total = duration_words(listed["seconds"].sum())
        unknown = int(listed["seconds"].isna().sum())
        more = f" without {unknown} of unknown time" if unknown else ""
        console.print(
            f"{len(listed)} claims, {_trials(int(listed['trials'].sum()))}, about {total} on this "
            f"machine{more}. One in full: ablations list C01. Its test: ablations run C01.",
            highlight=False,
        )


def _describe(name: str) -> None:
    """Print a claim in full."""
    from ablations.claims.catalogue import find_claim
    from ablations.claims.request import DIRECTORY
    from ablations.claims.terminal import claim_lines
    from ablations.claims.times import seconds_per_trial
    from cnnzoo.engine.resources import default_workers

    console = _console()
    for line in claim_lines(find_claim(name), seconds_per_trial(DIRECTORY), default_workers()):
        console.print(line, markup=False, highlight=False)


@app.command("parts")
def parts_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|MODULE:BUILD",
            help="Name of a model, see `cnnzoo list`; or a function that returns a keras.Model.",
        ),
    ],
    level: Annotated[
        str, typer.Option("--level", help="Size of the parts: blocks, branches or layers.")
    ] = "blocks",
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="SPEC",
            help="Data whose shape and classes a custom builder gets; default: those of digits.",
        ),
    ] = None,
) -> None:
    """List the parts of a model, their share of its cost and what can be done to each.

    A study changes them by `parts` and `ops`. A custom builder, "module:function", is imported from
    the working folder.
    """
    with one_line_errors():
        from ablations.study.errors import StudyError
        from cnnzoo.parts.names import LEVELS
        from cnnzoo.runtime.console import load_keras

        if level not in LEVELS:
            raise StudyError(f"--level: expected one of {', '.join(LEVELS)}; got {level}.")
        _import_from(Path())
        load_keras()
        from ablations.report.parts import inputs_words, parts_lines, parts_table
        from ablations.study.parts import built, parts
        from cnnzoo.builders import find_builder
        from cnnzoo.cli import DIGIT_CLASSES, DIGIT_SHAPE
        from cnnzoo.runtime.isolation import isolated
        from cnnzoo.vocabulary import PURPOSE

        shape: tuple[int, ...] | None
        classes: Classes | None
        shape, classes = (DIGIT_SHAPE, DIGIT_CLASSES) if ":" in model else (None, None)
        if data is not None:
            from cnnzoo.data.load import load_data

            info = load_data(data).info
            shape, classes = info.input_shape, info.classes
        builder = find_builder(model)
        with isolated():
            network = built(builder, {}, shape, classes)
            table = parts(network)
            inputs = inputs_words(network)
        console = _console()
        if (table["level"] == level).any():
            width = console.width if console.is_terminal else PARTS_WIDTH
            console.print(parts_table(table, level, model), width=width, crop=False)
        for line in parts_lines(table, level, model):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        taken = {"input_shape", "classes"} & set(builder.taken_from_data)
        count = f" and {classes or PURPOSE['classes']} classes" if "classes" in taken else ""
        others = ", unless --data gives others" if taken and not data else ""
        console.print(
            f"Built for inputs of {inputs}{count}{others}.", markup=False, highlight=False
        )


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
    name: Declared,
    levels: BaselineLevels = None,
    directory: StudyDirectory = None,
    data: DataSpec = None,
    seeds: Seeds = None,
    workers: Workers = None,
    engine: EngineName = "processes",
    address: Address = None,
    retry_failed: RetryFailed = False,
    quick: Quick = False,
) -> None:
    """Run or resume a study, or the check and the studies of a claim, and show what they found.

    A custom builder, "module:function", is imported from the folder of FILE.toml or the working
    folder. The exit status is 130 if Ctrl-C stopped the run before all trials were done, and 1 if
    failed trials leave nothing to compare.
    """
    with one_line_errors():
        blocks = None if seeds is None else _seeds(seeds)
        from ablations.study import Study
        from ablations.study.errors import StudyError

        declared = _declared(name)
        if not isinstance(declared, Study):
            if isinstance(blocks, str):
                raise StudyError(f"--seeds: expected a whole number for a claim; got {blocks}.")
            if (engine, address) != ("processes", None):
                raise StudyError(f"--engine, --address: expected a study; got the claim {name}.")
            if levels:
                raise StudyError(
                    f"{levels[0]}: expected a study, because the levels of a claim are declared; "
                    f"got the claim {declared.id}."
                )
            options = {"workers": workers, "retry_failed": retry_failed, "quick": quick}
            _run_claim(declared, directory, data=data, seeds=blocks, **options)
            return
        if quick:
            raise StudyError(f"--quick: expected a claim; got the study {declared.name}.")
        study = _ready(_changed(declared, data, blocks, levels or ()))
        from ablations.running.run import run

        results = run(
            study,
            directory,
            workers=workers,
            engine=engine,
            address=address,
            retry_failed=retry_failed,
        )
        _show(results)
        if not name.endswith(".toml"):
            _show_hypotheses(results)
    if results.interrupted:
        raise typer.Exit(INTERRUPTED)
    if _nothing_left(results):
        raise typer.Exit(1)


@app.command("plan")
def plan_command(
    name: Planned,
    levels: BaselineLevels = None,
    directory: StudyDirectory = None,
    data: DataSpec = None,
    seeds: Seeds = None,
    workers: Workers = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Train one trial first, to measure its time.")
    ] = False,
) -> None:
    """Show the trials of a study, their cost and how long they will take; run nothing.

    The time is from stored trials of this machine, else from the models' multiply-accumulates, as
    the last line says.
    """
    with one_line_errors():
        blocks = None if seeds is None else _seeds(seeds)
        from ablations.study import Study
        from ablations.study.errors import StudyError

        declared = _declared(name)
        if not isinstance(declared, Study):
            raise StudyError(
                f"Expected a study; got the claim {declared.id}. Its trials and their time are "
                f"shown by: ablations list {declared.id}"
            )
        study = _ready(_changed(declared, data, blocks, levels or ()))
        from ablations.report.plan import plan_lines, plan_table
        from ablations.report.wording import ends_words
        from ablations.running.run import plan
        from cnnzoo.engine.resources import default_workers

        planned = plan(study, directory, workers=workers, measure=measure)
        console = _console()
        console.print(plan_table(planned))
        if ends := ends_words(study.to_dict()):
            typer.echo(ends)
        for line in plan_lines(planned, workers or default_workers()):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _declared(name: str) -> "Study | Claim":
    """Return the study of a file, or the built-in study or the claim of a name."""
    from ablations.claims.catalogue import find, studies
    from ablations.study.errors import StudyError
    from ablations.study.toml_file import read_study

    if name.endswith(".toml"):
        _import_from(Path(name).expanduser().parent, Path())
        return read_study(name)
    if name not in studies() and Path(name).is_file():
        raise StudyError(f"Expected a file name that ends in .toml; got {name!r}.")
    return find(name)


def _changed(
    study: "Study", data: str | None, seeds: int | str | None, levels: Sequence[str] = ()
) -> "Study":
    """Return a study with other data, seeds or levels of the baseline, if these are given."""
    from dataclasses import replace

    from ablations.claims.catalogue import claims_of
    from ablations.claims.request import check_replaceable

    if data is not None:
        check_replaceable(claims_of(study.name))
        study = replace(study, data=data)
    if levels:
        from ablations.study.space import Space
        from cnnzoo.cli import parse_choices

        if ":" in study.model_name:  # whose module may import Keras
            from cnnzoo.runtime.console import load_keras

            load_keras()
        space = Space.of(study.model_name)
        toggles = {**space.model, **space.recipe, **space.data}
        chosen = parse_choices(levels, toggles, study.model_name)
        study = replace(study, baseline={**study.baseline, **chosen})
    return study if seeds is None else replace(study, seeds=seeds)


def _ready(study: "Study") -> "Study":
    """Check a study as far as that is quick, say that it begins, and import its builder's Keras.

    Loading TensorFlow takes seconds. In a log a line comes first; a terminal shows a status.
    """
    custom = ":" in study.model_name
    if not custom and not study.parts:
        from ablations.designs.planner import Planner

        Planner.of(study)
    if not sys.stderr.isatty():
        typer.echo(f"Study {study.name}: checking, and loading TensorFlow", err=True)
    if custom:  # its module will import Keras
        with quiet_stderr():
            import_module("keras")
    return study


def _show_hypotheses(results: "Results") -> None:
    """Print what a built-in study says about the hypotheses of its claims.

    A study that chose its number of seeds by its results says nothing about them.
    """
    from ablations.claims.catalogue import claims_of
    from ablations.claims.terminal import hypotheses_table
    from ablations.claims.verdict import decide
    from ablations.study.checks import AUTO

    for claim in claims_of(results.study.name):
        if results.study.seeds == AUTO:
            typer.echo(f"{claim.id} has no verdict here, because it needs a fixed number of seeds.")
            continue
        decided = decide(claim, {results.study.name: results})
        tested = [one for one in decided.hypotheses if one.study == results.study.name]
        if tested:
            title = f"{claim.id}: {claim.text}"
            _console().print(hypotheses_table(tested, title))


def _run_claim(claim: "Claim", directory: Path | None, **options: Any) -> None:
    """Test one claim and print its outcome."""
    from ablations.claims.run import run_claims
    from ablations.claims.terminal import hypotheses_table, outcome_lines

    results = run_claims(claim.id, directory, **options)
    console = _console()
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    if results.interrupted:
        say(f"{claim.id} has trials to run; run the same command to resume.")
        raise typer.Exit(INTERRUPTED)
    (outcome,) = (one for one in results.outcomes if one.id == claim.id)
    say(f"{outcome.id} {outcome.name}: {outcome.text}.")
    if outcome.hypotheses:
        console.print(hypotheses_table(outcome.hypotheses))
    for line in outcome_lines(outcome):
        say(line)
    say(f"Verdict on {outcome.id}: {outcome.verdict}")
    say(f"Results are in {results.directory}")
    say(f"To write a report: ablations report {results.directory}")


@app.command("claims")
def claims_command(
    directory: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="DIRECTORY",
            help="Directory of the results; default: claims, or claims-quick with --quick.",
        ),
    ] = None,
    only: Annotated[
        str,
        typer.Option(metavar="C01,C05,...", help="Ids or names of the claims; default: all."),
    ] = "",
    document: Document = None,
    data: DataSpec = None,
    seeds: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Number of seeds; default: as each claim declares."),
    ] = None,
    workers: Workers = None,
    retry_failed: RetryFailed = False,
    quick: Quick = False,
) -> None:
    """Test the documents' claims: exact checks, then the studies, and write one report.

    The run resumes where an earlier one in the same directory ended. The exit status is 130 if
    Ctrl-C stopped it before all claims were tested.
    """
    with one_line_errors():
        from ablations.claims.run import run_claims

        results = run_claims(
            [name.strip() for name in only.split(",") if name.strip()],
            directory,
            document=document,
            data=data,
            seeds=seeds,
            workers=workers,
            retry_failed=retry_failed,
            quick=quick,
        )
        _show_claims(results)
    if results.interrupted:
        raise typer.Exit(INTERRUPTED)


def _show_claims(results: "ClaimsResults") -> None:
    """Print the verdicts of a run, and write its report."""
    from ablations.claims.terminal import outcomes_table

    console = _console()
    console.print(outcomes_table(results))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in results.counts.items() if count)
    typer.echo(f"{len(results.outcomes)} claims: {counts or 'none is tested'}")
    _replace(results.directory / "report.html", overwrite=False, write=results.report)
    if results.interrupted:
        typer.echo("Not all claims are tested; run the same command to resume.")


@app.command("report")
def report_command(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIRECTORY", help="Directory of the results of a study, a search or the claims."
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
    width: Annotated[
        str | None,
        typer.Option(help="Width of the figures in a paper: column, page or a number of mm."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the report of a stored study, of a search, or of a run of the claims.

    A search's directory is not changed: by default its report is written beside the directory.
    """
    import gc

    # Garbage collection takes a tenth of the time and frees little before the process ends.
    gc.disable()
    with one_line_errors():
        if width is not None and figures is None:
            raise typer.BadParameter("--width is that of --figures, which is missing")
        paper: dict[str, Any] = {"width": _width(width), "overwrite": overwrite}
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
                for path in search_figures(directory, figures, **paper):
                    typer.echo(path)
            return
        if (directory / "claims.json").is_file():
            if beside is not None or figures is not None:
                raise typer.BadParameter("DIRECTORY holds claims: expected only --to")
            from ablations.claims.results import open_claims

            tested = open_claims(directory)
            for path in to or []:
                typer.echo(tested.report(path, overwrite=overwrite))
            if not to:
                _replace(directory / "report.html", overwrite, tested.report)
            return
        from ablations.results import open_results

        results = open_results(directory)
        other = open_results(beside) if beside else None
        for path in to or []:
            typer.echo(results.report(path, beside=other, overwrite=overwrite))
        if not to:
            _replace(directory / "report.html", overwrite, partial(results.report, beside=other))
        if figures is not None:
            for path in results.figures(figures, beside=other, **paper):
                typer.echo(path)


def _width(text: str | None) -> str | float | None:
    """Return a width as `ablations.Results.figures` takes it: a number of mm, or a name."""
    with contextlib.suppress(TypeError, ValueError):
        return float(text)  # type: ignore[arg-type]
    return text


@app.command("export")
def export_command(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="Directory of the results of a study.")
    ],
    to: Annotated[
        tuple[str, Path],
        typer.Option(
            "--to",
            metavar="TRACKER FOLDER",
            help="tensorboard, mlflow or wandb, and the folder to write to.",
        ),
    ],
    overwrite: Overwrite = False,
) -> None:
    """Export the trials of a study, with their curves, to an experiment tracker on this machine.

    Nothing is uploaded. Trials that the folder already has are not written again.
    """
    with one_line_errors():
        from ablations.export import DESTINATIONS
        from ablations.results import open_results
        from ablations.study import ENDED

        results = open_results(directory)
        tracker, folder = to
        written = len(results.export(tracker, folder, overwrite=overwrite))
        known = int(results.trials["status"].isin(ENDED).sum()) - written
        already = f"; {_trials(known)} {'was' if known == 1 else 'were'} there" if known else ""
        typer.echo(f"{_trials(written)} exported to {folder}{already}.")
        command = DESTINATIONS[tracker].command.format(folder=shlex.quote(str(folder)))
        typer.echo(f"To see them: {command}")


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
    with one_line_errors():
        from ablations.report.study.sample_size import enough_words, power_table
        from ablations.results.power import power

        found = power(
            directory, effect=effect, margin=margin, metric=metric, comparisons=comparisons
        )
        console = _console()
        console.print(power_table(found))
        for sentence in enough_words(found, effect=effect, margin=margin):
            console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _import_from(*folders: Path) -> None:
    """Put folders first on the import path, as `python` does with the folder of a program."""
    places = dict.fromkeys(str(folder.resolve()) for folder in folders)
    sys.path[:] = [*places, *(place for place in sys.path if place not in places)]


@app.command("watch")
def watch_command(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="Directory of a study's results.")
    ],
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port; default: a free one.")
    ] = 0,
) -> None:
    """Show a study while it runs, on a page that this machine's browsers can open.

    The page refreshes itself: progress, deltas so far, failures, findings and workers. The study is
    only read.
    """
    with one_line_errors():
        from ablations.watch import watch

        watch(directory, port, say=typer.echo)


@app.command("repair")
def repair_command(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="Directory of a damaged study.")
    ],
    to: Annotated[
        Path, typer.Option("--to", metavar="DIRECTORY", help="New directory for the copy.")
    ],
) -> None:
    """Copy the results of a damaged study that are whole to a new directory."""
    with one_line_errors():
        from ablations.store.repair import repair

        done = repair(directory, to)
        whole = done.kept + len(done.lost)
        typer.echo(f"Copied {done.kept:,} of {whole:,} results to {to}.")
        if not done.has_history:
            typer.echo("Its earlier declarations or the descriptions of its data are lost.")
        if not done.has_study:
            typer.echo(f"Its declaration is lost. Run the study again with --to {to}.")
        elif done.lost:
            typer.echo(f"To train the others again, run the study with --to {to}.")


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


def _console() -> "Console":
    """Return a console that does not cut lines where the output is no terminal."""
    from rich.console import Console

    from ablations.report.study.terminal import UNLIMITED

    console = Console()
    if not console.is_terminal:
        console.width = UNLIMITED
    return console


def _nothing_left(results: "Results") -> bool:
    """Tell whether trials failed and no pair of trials is left."""
    from ablations.study import Status

    failed = bool((results.trials["status"] == Status.FAILED).any())
    return failed and not results.overall_deltas()["n_pairs"].any()


def _trials(count: int) -> str:
    return f"{count:,} trial" + "s" * (count != 1)


def _show(results: "Results") -> None:
    """Print the deltas, the answers to the study's questions, and what is missing."""
    from ablations.report.study.conclusions import answers
    from ablations.report.study.contents import SO_FAR
    from ablations.report.study.new_data import what_verdicts_are_about
    from ablations.report.study.terminal import Printed, missing_verdicts, skewed
    from ablations.report.wording import blocks_words, ends_words, failure_words, settings_words
    from ablations.results.report_contents import contents_of
    from ablations.results.shown import short_tables
    from ablations.study import BASELINE, Status
    from ablations.study.checks import AUTO, EXPLORATORY_BELOW, PATH

    console = _console()
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    trials = results.overall_trials
    study = results.study.to_dict()
    say(ends_words(study) or f"Baseline: {settings_words(study['baseline']) or 'the defaults'}.")
    contents = contents_of(results)
    so_far = SO_FAR in contents.tables
    deltas = results.overall_deltas() if so_far else contents.deltas
    for table in short_tables(results, contents.deltas, results.compared()[0], so_far=so_far):
        console.print(Printed(table))
    for reason in missing_verdicts(deltas, trials, few=results.exploratory):
        say(reason)
    for note in [*skewed(deltas), *what_verdicts_are_about(deltas, results.held_out)]:
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
        say(blocks_words(trials))
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
