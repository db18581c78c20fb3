"""The contents of a study's report: data frames and sentences, all computed beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import Any

import pandas as pd

from ablations.report.page import ReportError
from ablations.report.wording import MOST_OF_A_REASON, Row
from ablations.stats.deltas import CONTRACT
from ablations.study import Status
from cnnzoo.data.description import DataDescription
from cnnzoo.folds import HeldOut
from cnnzoo.parts.network import Network
from cnnzoo.training.metric_names import metric_of

TRIAL_COLUMNS = ("variant", "seed", "status", "reason")

TRENDS = "Trends over ordered levels"
PATH_STEPS = "The path, step by step"
EFFECTS = "Main effects and interactions"
STABILITY = "Stability over seeds"
BY_DATA = "Deltas by data set"
NEW_DATA = "Differences between data sets"
POSTERIOR = "Probability of each conclusion"
EPOCHS = "Epochs to reach the baseline"
SO_FAR = "Verdicts so far"


@dataclass(frozen=True)
class Unfinished:
    """A variant without a finished trial.

    Parameters
    ----------
    status
        "failed", "infeasible" or "pending".
    why
        The reason, as part of a sentence.
    """

    status: str
    why: str


@dataclass(frozen=True, eq=False)
class ReportContents:
    """Everything that the report of a study shows.

    Parameters
    ----------
    study
        The stored study, as `Study.to_dict` returns it.
    deltas
        Table of `ablations.stats.deltas`: one row per variant and metric.
    trials
        Table `Results.trials`: one row per planned trial.
    history
        Table `Results.history`: one row per epoch of a trial. Without it there are no curves.
    directory
        Folder of the study.
    findings
        Sentences about the whole study.
    variant_findings
        Sentences by variant; the deltas of the variant refer to them.
    changes
        Levels that each variant changes, as `Results.changes` returns them. Without them there are
        no plots of interactions.
    costs
        Tables of `ablations.stats.pareto` for one or more metrics: variant, metric, value, any of
        n_blocks with notes, params, macs and fit_seconds, and optimal. Without it, the costs are
        computed from the trials.
    tables
        Further tables by title. Tables with a title of this module have a known layout.
    beside
        Deltas of this study and of another one, as `ablations.results.side_by_side.both_deltas`
        returns them. Without it, there is no comparison of studies.
    beside_names
        Names of both studies in that table; either may have no row in it.
    aliases
        Table of `Results.aliases`.
    held_out
        The test split, if it is known.
    best
        Table of `Results.best_delta`; empty if there is no choice to report.
    posterior
        Table of `Results.posterior`.
    sample_size
        Tables of `ablations.power` for one or more metrics, with a column "metric".
    data
        Descriptions of the data sets by name, as far as they are known.
    network
        Graph and parts of the model; None if the study changes no parts, or it is unknown.
    load
        Median load per core of the machine while the trials ran; None if it is unknown.
    time
        Where the time went, in sentences; empty if it is unknown.
    made
        Date of the report.
    versions, machine
        The software and the computer that ran the trials.
    rerun
        Shell commands that run the study again, if there are any.
    secondary
        Metrics without verdict in the sentences. Those of the others are corrected together.
    error_rate
        Sentence on how often a page like this one makes a false claim.

    Raises
    ------
    ReportError
        If a table lacks a column that the report reads, or the two studies have no names.
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
    held_out: HeldOut | None = None
    best: pd.DataFrame = field(default_factory=pd.DataFrame)
    posterior: pd.DataFrame = field(default_factory=pd.DataFrame)
    sample_size: pd.DataFrame = field(default_factory=pd.DataFrame)
    data: Mapping[str, DataDescription] = field(default_factory=dict)
    network: Network | None = None
    load: float | None = None
    time: str = ""
    made: str = ""
    versions: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    rerun: str = ""
    secondary: Sequence[str] = ()
    error_rate: str = ""

    def __post_init__(self) -> None:
        needed = {"deltas": (*CONTRACT, "variant"), "trials": TRIAL_COLUMNS}
        if len(self.history):
            needed["history"] = ("variant", "seed", "epoch")
        if self.costs is not None:
            needed["costs"] = ("variant", "metric", "value")
        for name, columns in needed.items():
            table = getattr(self, name)
            missing = [column for column in columns if column not in table]
            if missing:
                raise ReportError(
                    f"`{name}`: expected the columns {', '.join(missing)} too; "
                    f"got {', '.join(map(str, table.columns)) or 'no columns'}."
                )
        if (self.beside is None) != (self.beside_names is None):
            raise ReportError("`beside` and `beside_names`: expected both or neither; got one.")

    @property
    def name(self) -> str:
        """Name of the study."""
        return str(self.study.get("name") or self.study.get("model") or "study")

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that are compared, in their order."""
        return tuple(dict.fromkeys(self.deltas["metric"]))

    @property
    def variants(self) -> tuple[str, ...]:
        """Variants in the order of the plan."""
        return tuple(dict.fromkeys(self.trials["variant"]))

    @property
    def looked(self) -> bool:
        """True if seeds were added to variants with an open verdict."""
        return "look" in self.deltas

    @property
    def primary(self) -> pd.DataFrame:
        """Deltas of the metrics that carry the verdicts."""
        return self.deltas[~self.deltas["metric"].isin(self.secondary)]

    def claims(self, row: Row) -> bool:
        """Tell whether a row of trends or effects may carry a verdict.

        Not on a secondary metric, and neither in a study that added seeds while verdicts were
        open nor in one that is not finished, because these p values do not account for it.
        """
        return row["metric"] not in self.secondary and not self.looked and SO_FAR not in self.tables

    def deltas_of(self, metric: str) -> pd.DataFrame:
        """Return the deltas of one metric."""
        return self.deltas[self.deltas["metric"] == metric]

    def margin_of(self, metric: str) -> float | None:
        """Return the margin of equivalence of a metric; None if the study has none."""
        margins: Mapping[str, float] = self.study.get("margins", {})
        return margins.get(metric_of(metric))

    def pooled(self, row: Row) -> tuple[float, int] | None:
        """Return the pooled estimate of one delta and the number of deltas; None if unknown."""
        if not len(self.posterior):
            return None
        of_metric = self.posterior[self.posterior["metric"] == row["metric"]]
        values = of_metric.loc[of_metric["variant"] == row["variant"], "pooled"].tolist()
        return (values[0], len(of_metric)) if values else None

    def with_status(self, status: str) -> pd.DataFrame:
        """Return the trials with a status: "done", "failed", "infeasible" or "pending"."""
        return self.trials[self.trials["status"] == status]

    @cached_property
    def unfinished(self) -> dict[str, Unfinished]:
        """Variants without a finished trial, with the reason."""
        return unfinished_variants(self.trials)

    def notes_of(self, row: Row) -> list[str]:
        """Return the cautions of the statistics on one delta."""
        notes = row.get("notes")
        return notes.split("; ") if isinstance(notes, str) and notes else []

    def has_finding(self, row: Row) -> bool:
        """Tell whether the doctor has a finding on the variant of one delta."""
        return bool(self.variant_findings.get(str(row["variant"])))


def unfinished_variants(trials: pd.DataFrame) -> dict[str, Unfinished]:
    """Return the variants without a finished trial, with the reason.

    A variant that ran is none of them, even if it has no pairs because the baseline failed.

    Examples
    --------
    >>> rows = [("baseline", "failed", "no memory"), ("skip=True", "done", "")]
    >>> list(unfinished_variants(pd.DataFrame(rows, columns=["variant", "status", "reason"])))
    ['baseline']
    """
    finished = set(trials.loc[trials["status"] == Status.DONE, "variant"])
    lost = trials[~trials["variant"].isin(finished)]
    return {
        str(variant): _unfinished_variant(rows["status"].tolist(), rows["reason"].tolist())
        for variant, rows in lost.groupby("variant", sort=False)
    }


def _unfinished_variant(statuses: Sequence[str], reasons: Sequence[object]) -> Unfinished:
    distinct_reasons = dict.fromkeys(
        str(reason).rstrip(".")
        for status, reason in zip(statuses, reasons, strict=True)
        if status != Status.PENDING
    )
    reason = shorten(next(iter(distinct_reasons), ""), MOST_OF_A_REASON, placeholder=" ...")
    failed, planned = statuses.count(Status.FAILED), len(statuses)
    if failed:
        some = "all" if failed == planned else f"{failed:,} of"
        count = f"{some} {planned:,} trials" if planned > 1 else "its trial"
        first = ", the first" if len(distinct_reasons) > 1 else ""
        return Unfinished(Status.FAILED, f"{count} failed{first}: {reason}")
    if Status.INFEASIBLE in statuses:
        return Unfinished(Status.INFEASIBLE, f"cannot be built: {reason}")
    return Unfinished(Status.PENDING, "has not run yet")
