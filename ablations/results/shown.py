"""Tables and notes of a study's results for terminals and notebooks."""

from collections.abc import Iterator
from html import escape
from io import StringIO
from shutil import get_terminal_size

import pandas as pd

from ablations.report.formats import styled
from ablations.report.study.contents import SO_FAR
from ablations.report.study.new_data import what_verdicts_are_about
from ablations.report.study.terminal import Printed, missing_verdicts, short_deltas, skewed
from ablations.report.table import Table
from ablations.report.wording import data_words, metric_words
from ablations.results.analysis import Analysis
from ablations.results.report_contents import claims_of
from ablations.results.rules import running_verdicts
from ablations.study import BASELINE, Status

USUAL_WIDTH = (100, 24)
"""Columns and lines of the text if the program runs in no terminal."""


def short_tables(
    results: Analysis, deltas: pd.DataFrame, primary: str, *, so_far: bool
) -> Iterator[Table]:
    """Yield the deltas of each metric and, if there are several data sets, of each of them.

    Parameters
    ----------
    results
        The study.
    deltas
        Deltas of all metrics, with the verdicts of the report.
    primary
        Metric whose claims are corrected together.
    so_far
        Whether trials are pending, so that the verdicts in `deltas` are still barred.
    """
    trials = results.overall_trials
    shown = results.overall_deltas() if so_far else deltas
    every = results.deltas(full=True) if results.several_data else deltas
    baseline = trials[(trials["variant"] == BASELINE) & (trials["status"] == Status.DONE)]
    for metric, rows in shown.groupby("metric", sort=False):
        title = f"{metric_words(metric)} on {data_words(results.study.data)}: deltas"
        means = rows["baseline_mean"].dropna().unique()
        if len(baseline) and not len(means):  # no variant is paired yet
            means = [baseline[metric].mean()]
        if len(means) == 1:  # otherwise the variants have pairs in different seeds
            title += f" from the baseline's {means[0]:.4f}"
        by_now = running_verdicts(results.study, trials, metric)
        yield short_deltas(rows, trials, title, by_now, secondary=metric != primary)
        for data in results.study.data_sets if results.several_data else ():
            of_data = every[(every["metric"] == metric) & (every["data"] == data)]
            title = f"{metric_words(metric)} on {data} alone: deltas"
            yield short_deltas(of_data, trials, title, secondary=True)


def as_text(results: Analysis) -> str:
    """Return the study, its tables and their notes as text that fits the terminal."""
    from rich.console import Console

    tables, notes = tables_and_notes(results)
    width = get_terminal_size(USUAL_WIDTH).columns
    console = Console(file=StringIO(), width=width, color_system=None, force_jupyter=False)
    with console.capture() as captured:
        console.print(repr(results), markup=False, highlight=False, soft_wrap=True)
        for table in tables:
            console.print(Printed(table))
        for note in notes:
            console.print(note, markup=False, highlight=False)
    lines = (line.rstrip() for line in captured.get().splitlines())
    return "\n".join(lines).rstrip()


def as_html(results: Analysis) -> str:
    """Return the study, its tables and their notes as HTML for a notebook."""
    tables, notes = tables_and_notes(results)
    return "\n".join(
        [
            f"<p>{escape(repr(results))}</p>",
            *(styled(table).to_html() for table in tables),
            *(f"<p>{escape(note)}</p>" for note in notes),
        ]
    )


def tables_and_notes(results: Analysis) -> tuple[list[Table], list[str]]:
    """Return the tables of the deltas, why verdicts are missing, and what they are about."""
    claims, further = claims_of(results)
    deltas, so_far = claims.deltas, SO_FAR in further
    tables = short_tables(results, deltas, claims.metric, so_far=so_far)
    shown = results.overall_deltas() if so_far else deltas
    notes = [
        *missing_verdicts(shown, results.overall_trials, few=so_far),
        *skewed(shown),
        *what_verdicts_are_about(shown, results.held_out),
    ]
    return [table for table in tables if table.rows], notes
