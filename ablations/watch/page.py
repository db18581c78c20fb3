"""The page of a watched study: progress, deltas so far, failures, findings and workers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from ablations.report.numbers import brief
from ablations.report.page import Card, Page, Part, Section, Text, Warnings
from ablations.report.table import Cell, Table, number_cell, text_cell
from ablations.report.wording import about_study, blocks_words, failure_words, listed
from ablations.results.analysis import Analysis
from ablations.results.profile import last_run
from ablations.results.shown import tables_and_notes
from ablations.study import Status
from ablations.study.checks import AUTO, PATH
from cnnzoo.doctor.finding import Severity
from cnnzoo.runtime.progress import duration

RUNNING, STOPPED, FINISHED = "Running study", "Stopped study", "Finished study"
GROWING = "Study"
"""A study that plans trials from results and has none pending: if it was stopped, more follow."""

SO_FAR = (
    "The study is not finished. The verdicts so far stay valid however often you look; those of "
    "the report come when all trials have ended."
)


@dataclass(frozen=True)
class Progress:
    """Numbers of the trials of a study that have ended and of those that are pending.

    Parameters
    ----------
    ended, failed, pending
        Number of trials.
    per_minute
        Trials per minute of the last run; None if no trial of it has ended.
    runs
        Whether a process runs the study.
    grows
        Whether trials are planned from results.
    """

    ended: int
    failed: int
    pending: int
    per_minute: float | None
    runs: bool
    grows: bool

    @classmethod
    def of(cls, results: Analysis, runs: bool, now: float) -> "Progress":
        """Return the progress of a study at a time, in seconds since 1970."""
        counts = results.trials["status"].value_counts()
        failed = int(counts.get(Status.FAILED, 0))
        last = last_run(results.timings)
        rate = None
        if len(last):
            ends = last["started"] + last["seconds"]
            until = max(now, ends.max()) if runs else ends.max()
            rate = 60 * len(last) / max(until - last["started"].min(), 1e-9)
        return cls(
            ended=int(counts.get(Status.DONE, 0)) + failed,
            failed=failed,
            pending=int(counts.get(Status.PENDING, 0)),
            per_minute=rate,
            runs=runs,
            grows=results.study.seeds == AUTO or results.study.design == PATH,
        )

    @property
    def kind(self) -> str:
        """State of the study in two words."""
        if self.runs:
            return RUNNING
        return STOPPED if self.pending else GROWING if self.grows else FINISHED

    @property
    def cards(self) -> Iterator[Card]:
        """The main numbers."""
        total = self.ended + self.pending
        failed = f", {self.failed:,} failed" if self.failed else ""
        yield Card("trials", f"{self.ended:,} of {total:,}", f"ended{failed}")
        if self.pending and self.runs:
            left = duration(60 * self.pending / self.per_minute) if self.per_minute else "unknown"
            yield Card("time left", left, "at the rate of this run")
        if self.per_minute is not None:
            yield Card("per minute", f"{self.per_minute:.3g}", "trials, in the last run")


def watch_page(results: Analysis, *, runs: bool, now: float) -> Page:
    """Return the page of a study as it is now.

    Parameters
    ----------
    results
        Its results so far.
    runs
        Whether a process runs it.
    now
        Seconds since 1970.
    """
    progress = Progress.of(results, runs, now)
    failed = results.trials.loc[results.trials["status"] == Status.FAILED, "reason"].tolist()
    return Page(
        kind=progress.kind,
        name=results.study.name,
        facts={"study": about_study(results.study.to_dict()), "directory": str(results.directory)},
        cards=[*progress.cards],
        sections=[
            Section("state", "State", [Text(sentence) for sentence in _state(results, progress)]),
            Section("deltas", "Deltas", [*_deltas(results, progress)]),
            Section("failures", "Failures", [Warnings([failure_words(failed)])] if failed else []),
            Section("findings", "Findings", _findings(results)),
            Section("workers", "Workers", _workers(results, now)),
        ],
    )


def waiting_page(directory: str, reason: str) -> Page:
    """Return the page of a study that cannot be read, such as one that has not begun."""
    return Page(
        kind="Watched study",
        name=directory,
        facts={},
        cards=[],
        sections=[Section("state", "State", [Warnings([reason])])],
    )


def _state(results: Analysis, progress: Progress) -> Iterator[str]:
    """Yield sentences on the state of the study."""
    if progress.runs:
        yield "A process runs this study."
    elif progress.pending:
        yield "No process runs this study. Run it again to resume."
    else:
        yield "All planned trials have ended."
    if progress.pending:
        yield blocks_words(results.overall_trials)
    if progress.grows and progress.runs:
        yield "Further trials may be planned from the results."
    if progress.kind == GROWING:
        yield "If the last run was stopped, run the study again: it may plan further trials."
    infeasible = results.trials.loc[results.trials["status"] == Status.INFEASIBLE, "variant"]
    if len(infeasible):
        yield f"Cannot be built: {listed([*dict.fromkeys(infeasible)])}."


def _deltas(results: Analysis, progress: Progress) -> Iterator[Part]:
    """Yield the tables of the deltas with their notes."""
    if not (results.trials["status"] == Status.DONE).any():
        yield Text("No trial is done.")
        return
    if progress.pending:
        yield Text(SO_FAR)
    tables, notes = tables_and_notes(results)
    yield from tables
    yield from (Text(note, small=True) for note in notes)


def _findings(results: Analysis) -> Sequence[Part]:
    """Return the findings of the doctor, one row per diagnosis."""
    found = results.findings
    found = found[found["severity"] != Severity.NOTE]
    rows = []
    for (_, name), group in found.groupby(["code", "name"], sort=False):
        first = group.iloc[0]
        trials = len(group.drop_duplicates([n for n in ("variant", "data", "seed") if n in group]))
        rows.append(
            (
                text_cell(name),
                number_cell(float(trials)),
                text_cell(listed([*dict.fromkeys(group["variant"])])),
                text_cell(f"{first['variant']}, seed {first['seed']}: {first['evidence']}"),
                text_cell(first["remedy"]),
            )
        )
    headers = ("finding", "trials", "variants", "for instance", "remedy")
    return [Table("Findings of the doctor", headers, tuple(rows))] if rows else []


def _workers(results: Analysis, now: float) -> Sequence[Part]:
    """Return the processes of the last run, one row each."""
    last = last_run(results.timings)
    rows = [_worker_row(process, trials, now) for process, trials in last.groupby("process")]
    headers = ("process", "trials", "median seconds", "last trial", "ended")
    return [Table("Processes of the last run", headers, tuple(rows))] if rows else []


def _worker_row(process: object, trials: pd.DataFrame, now: float) -> tuple[Cell, ...]:
    latest = trials.iloc[-1]
    ago = max(now - latest["started"] - latest["seconds"], 0.0)
    return (
        text_cell(f"process {process}"),
        number_cell(float(len(trials))),
        Cell(brief(trials["seconds"].median()), float(trials["seconds"].median())),
        text_cell(f"{latest['variant']}, seed {latest['seed']}"),
        Cell(f"{duration(ago)} ago", -ago),
    )
