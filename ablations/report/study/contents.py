"""Everything that a report shows, and nothing that it would have to work out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import Any

import pandas as pd

from ablations.study import Status

DELTA_COLUMNS = (
    "factor",
    "level",
    "baseline",
    "metric",
    "baseline_mean",
    "level_mean",
    "delta",
    "ci_low",
    "ci_high",
    "p_adjusted",
    "n_pairs",
    "n_failed",
    "verdict",
    "variant",
)
TRIAL_COLUMNS = ("variant", "seed", "status", "reason")


TRENDS = "Trends over ordered levels"
PATH_STEPS = "The path, step by step"
EFFECTS = "Main effects and interactions"
STABILITY = "Stability over seeds"
EPOCHS = "Epochs to where the baseline ends"

MOST_OF_A_REASON = 200
"""Characters of a reason in a sentence; the table of what is not done has it whole."""


class ReportError(ValueError):
    """A report that cannot be written: what stands in the way, and what would do."""


@dataclass(frozen=True)
class Undone:
    """A variant of which no trial is done.

    Parameters
    ----------
    status
        "failed", "infeasible" or "pending".
    why
        In words.
    """

    status: str
    why: str


@dataclass(frozen=True, eq=False)
class ReportContents:
    """What a report is made of.

    Parameters
    ----------
    study
        As `Study.to_dict` gives it.
    deltas
        As `ablations.stats.deltas` gives it: a row a variant and metric.
    trials
        As `Results.trials`: a row a planned trial.
    history
        As `Results.history`: a row an epoch of a trial. Left out, there are no curves.
    directory
        Where the study is stored.
    findings
        Sentences that concern the whole study.
    variant_findings
        Sentences by variant, which its deltas point to.
    changes
        By variant, the levels that it changes, as `Results.changes`. Left out, there is no
        plot of interactions.
    costs
        As `ablations.stats.pareto` gives it, of any metrics one below the other: variant, metric,
        value, any of n_blocks with notes, params, macs and fit_seconds, and optimal. Left out, made
        of the trials.
    tables
        More tables by title; those that this module names have columns that the report knows.
    beside
        Deltas of this study and of another one: a row a study, variant and metric, as
        `ablations.results.side_by_side.both_deltas` gives it. Left out, the study stands alone.
    beside_names
        What that table calls this study and the other one; either may have no row in it.
    aliases
        As `Results.aliases`.
    made
        The day of the report.
    directions
        By metric whether "lower" or "higher" is better, where its name does not tell.
    versions, machine
        Of what computed it, and where.
    rerun
        Shell commands that run the study again, where there are any.
    confidence
        Of the intervals in `deltas`.

    Raises
    ------
    ReportError
        If a table lacks a column that the report reads, or two studies have no names.
    """

    study: Mapping[str, Any]
    deltas: pd.DataFrame
    trials: pd.DataFrame
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    directory: str | Path = ""
    findings: Sequence[str] = ()
    variant_findings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    costs: pd.DataFrame | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    beside: pd.DataFrame | None = None
    beside_names: tuple[str, str] | None = None
    aliases: pd.DataFrame = field(default_factory=pd.DataFrame)
    made: str = ""
    directions: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    rerun: str = ""
    confidence: float = 0.95

    def __post_init__(self) -> None:
        needed = {"deltas": DELTA_COLUMNS, "trials": TRIAL_COLUMNS}
        if len(self.history):
            needed["history"] = ("variant", "seed", "epoch")
        if self.costs is not None:
            needed["costs"] = ("variant", "metric", "value")
        for name, columns in needed.items():
            table = getattr(self, name)
            lacking = [column for column in columns if column not in table]
            if lacking:
                raise ReportError(
                    f"`{name}` of a report lacks {', '.join(lacking)}; "
                    f"it has {', '.join(map(str, table.columns)) or 'no columns'}."
                )
        if (self.beside is None) != (self.beside_names is None):
            raise ReportError("`beside` and `beside_names` of a report go together.")

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.study.get("name") or self.study.get("model") or "study")

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that deltas are of, in their order."""
        return tuple(dict.fromkeys(self.deltas["metric"]))

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants of the plan, in its order."""
        return tuple(dict.fromkeys(self.trials["variant"]))

    @property
    def interval(self) -> str:
        """What the intervals are called."""
        return f"{self.confidence * 100:g}% interval"

    def deltas_of(self, metric: str) -> pd.DataFrame:
        """Return the deltas of one metric."""
        return self.deltas[self.deltas["metric"] == metric]

    def with_status(self, status: str) -> pd.DataFrame:
        """Return the trials that are "done", "failed", "infeasible" or "pending"."""
        return self.trials[self.trials["status"] == status]

    @cached_property
    def undone(self) -> dict[str, Undone]:
        """The variants of which no trial is done, with what became of them."""
        return undone_of(self.trials)

    def notes_of(self, row: Mapping[str, Any]) -> list[str]:
        """Return what the statistics say must stand beside one delta."""
        noted = row.get("notes")
        return noted.split("; ") if isinstance(noted, str) and noted else []

    def has_finding(self, row: Mapping[str, Any]) -> bool:
        """Tell whether the doctor has a finding on the variant of one delta."""
        return bool(self.variant_findings.get(str(row["variant"])))


def undone_of(trials: pd.DataFrame) -> dict[str, Undone]:
    """Return the variants of which no trial is done, with what became of them.

    By their own trials: one that ran has no pairs either where the baseline failed.

    Examples
    --------
    >>> rows = [("baseline", "failed", "no memory"), ("skip=True", "done", "")]
    >>> list(undone_of(pd.DataFrame(rows, columns=["variant", "status", "reason"])))
    ['baseline']
    """
    done = set(trials.loc[trials["status"] == Status.DONE, "variant"])
    lost = trials[~trials["variant"].isin(done)]
    return {
        str(variant): _undone(rows["status"].tolist(), rows["reason"].tolist())
        for variant, rows in lost.groupby("variant", sort=False)
    }


def _undone(statuses: Sequence[str], reasons: Sequence[Any]) -> Undone:
    known = dict.fromkeys(
        str(reason).rstrip(".")
        for status, reason in zip(statuses, reasons, strict=True)
        if status != Status.PENDING
    )
    reason = shorten(next(iter(known), ""), MOST_OF_A_REASON, placeholder=" ...")
    failed = statuses.count(Status.FAILED)
    if failed:
        some = "all" if failed == len(statuses) else f"{failed:,} of"
        example = ", the first" if len(known) > 1 else ""
        plural = "s" * (len(statuses) > 1)
        count = f"{some} {len(statuses):,} trial{plural}" if len(statuses) > 1 else "its trial"
        return Undone(Status.FAILED, f"{count} failed{example}: {reason}")
    if Status.INFEASIBLE in statuses:
        return Undone(Status.INFEASIBLE, f"cannot be built: {reason}")
    return Undone(Status.PENDING, "has not run yet")
