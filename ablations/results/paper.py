"""The table of a study for a paper, gathered from its results."""

from collections.abc import Sequence

import pandas as pd

from ablations.report.page import ReportError
from ablations.report.study.contents import SO_FAR
from ablations.report.study.paper_table import SummaryTable, rule_words, summary_table
from ablations.results.analysis import Analysis
from ablations.results.report_contents import claims_of
from ablations.stats.deltas import MODIFIED_T
from ablations.study import Status
from ablations.study.checks import EXPLORATORY_BELOW


def summary_of(results: Analysis, metrics: str | Sequence[str] | None, spread: str) -> SummaryTable:
    """Return the means of all variants, marked by the verdicts of the report.

    Raises
    ------
    StudyError
        If there is no such metric.
    ReportError
        If no trial is done, or ``spread`` is unknown.
    """
    names = results.compared(metrics)
    trials = results.overall_trials
    if not (trials["status"] == Status.DONE).any():
        raise ReportError(f"No trial of the study in {results.directory} is done.")
    claims, tables = claims_of(results)
    others = [name for name in names if name not in set(claims.deltas["metric"])]
    deltas = pd.concat(
        [claims.deltas, *([results.overall_deltas(others)] if others else [])], ignore_index=True
    )
    together = claims.metric if sum(claims.counts.values()) > 0 and claims.metric in names else ""
    kind = "paired t test over seeds"
    if "look" in deltas:
        kind = f"sequential {kind}"
    if (deltas["ci_method"] == MODIFIED_T).any():
        kind += " (modified where the deltas are skewed)"
    rule = rule_words(kind, together=together)
    if SO_FAR in tables:
        deltas, rule = deltas.assign(verdict=""), "The study is not finished: nothing is marked."
    elif results.exploratory:
        rule = f"Fewer than {EXPLORATORY_BELOW} seeds: nothing is marked."
    deltas = deltas[deltas["metric"].isin(names)]
    study = results.study.to_dict()
    return summary_table(trials, deltas, names, study, spread=spread, rule=rule)
