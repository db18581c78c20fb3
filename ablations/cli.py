"""The command line of the studies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnzoo.console import one_line_errors, table

if TYPE_CHECKING:
    from ablations.results import Results

app = typer.Typer(
    help="Ablation studies: what each choice in a model is worth.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command("list")
def list_command() -> None:
    """List the built-in studies."""
    from rich.console import Console

    from ablations.documents import STUDIES

    rows = [
        (
            name,
            study.model,
            study.data,
            len(study.seed_blocks),
            "; ".join(
                f"{factor}: {', '.join(map(str, levels))}"
                for factor, levels in study.factors.items()
            ),
        )
        for name, study in STUDIES.items()
    ]
    Console().print(table(("study", "model", "data", "seeds", "factors"), rows, right=("seeds",)))


@app.command("run")
def run_command(
    study: Annotated[str, typer.Argument(help="A name out of `ablations list`.")],
    directory: Annotated[
        Path | None, typer.Option("--to", help="Where results go; studies/NAME if left out.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Seed blocks, in the place of the study's own.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time; by cores if left out.")
    ] = None,
) -> None:
    """Run a study, or what is missing of it, and show what each choice is worth."""
    from dataclasses import replace

    with one_line_errors():
        from ablations.documents import get_study

        asked = get_study(study)
        if seeds is not None:
            asked = replace(asked, seeds=seeds)
        from ablations.runner import run

        results = run(asked, directory, workers=workers)
    _show(results)


def _show(results: "Results") -> None:
    from rich.console import Console

    console = Console()
    deltas = results.deltas()
    study = results.study
    for metric, rows in deltas.groupby("metric", sort=False):
        name = str(metric).replace("_", " ")
        cells = [
            (
                f"{row.factor}={row.level}",
                f"{row.level_mean:.4f}",
                f"{row.delta:+.4f}",
                f"{row.ci_low:+.4f} to {row.ci_high:+.4f}" if row.n_pairs > 1 else "",
                f"{row.p_adjusted:.2g}",
                row.n_pairs,
                row.verdict,
            )
            for row in rows.itertuples()
        ]
        first = rows.iloc[0]
        title = (
            f"{name}: deltas from the baseline ({first.factor}={first.baseline}: "
            f"{first.baseline_mean:.4f}) on {study['data']}"
        )
        columns = ("variant", "mean", "delta", "95% interval", "p", "pairs", "verdict")
        console.print(table(columns, cells, right=columns[1:-1], title=title))
    if results.exploratory:
        console.print("Exploratory: fewer than 6 seeds.")
    failed = int((results.trials["status"] == "failed").sum())
    if failed:
        console.print(f"{failed} trials failed; their reasons are in `open_results(...).trials`.")
    console.print(f"Results are in {results.directory}", markup=False, highlight=False)
