"""What a report shows, gathered from the results of a study."""

from typing import TYPE_CHECKING

import pandas as pd

from ablations import stats
from ablations.choosing import PATH
from ablations.report.contents import ReportContents
from ablations.study import BASELINE

if TYPE_CHECKING:
    from ablations.results import Results

MOST_ALIASES = 12


def contents_of(results: "Results", beside: "Results | None" = None) -> ReportContents:
    """Gather what a report shows.

    Parameters
    ----------
    results
        Of the study.
    beside
        Of another study, whose deltas are to stand beside this one's.
    """
    columns = results.compared()
    trials = results.trials
    known = [name for name in columns if name in trials and trials[name].notna().any()]
    tables: dict[str, pd.DataFrame] = {}
    if known:
        tables["Trends over ordered levels"] = _trends(results)
        if results.study["design"] == PATH:
            tables["The path, step by step"] = results.path()
        if results.crossed:
            tables["Main effects and interactions"] = results.effects()
        tables["Stability over seeds"] = results.stability()
    if len(results.history):
        tables["Epochs to where the baseline ends"] = results.convergence()
    if beside is not None:
        title = f"Side by side with {beside.study['name']} ({beside.directory})"
        tables[title] = side_by_side(results, beside)
    found = _findings(trials)
    return ReportContents(
        study=results.study,
        deltas=results.deltas(),
        trials=trials,
        history=results.history,
        directory=results.directory,
        findings=[
            *results.changed_rules,
            *_of_design(results),
            *(f"Baseline: {said}" for said in found.pop(BASELINE, [])),
        ],
        variant_findings=found,
        changes=results.changes,
        costs=pd.concat([stats.pareto(trials, name) for name in known]) if known else None,
        tables={title: table for title, table in tables.items() if len(table)},
        versions=results.versions,
        machine=results.machine,
    )


def side_by_side(first: "Results", second: "Results") -> pd.DataFrame:
    """Set the deltas of two studies beside each other, a row a variant and metric of either."""
    shown = ["delta", "ci_low", "ci_high", "n_pairs", "verdict"]
    tables = [
        results.deltas().set_index(["variant", "metric"])[shown] for results in (first, second)
    ]
    suffixes = (f" ({first.study['name']})", f" ({second.study['name']})")
    if suffixes[0] == suffixes[1]:
        suffixes = (f" ({first.directory})", f" ({second.directory})")
    return (
        tables[0]
        .join(tables[1], how="outer", lsuffix=suffixes[0], rsuffix=suffixes[1])
        .reset_index()
    )


def _trends(results: "Results") -> pd.DataFrame:
    trends = results.trend()
    return trends[trends["p"].notna()]


def _findings(trials: pd.DataFrame) -> dict[str, list[str]]:
    """Return by variant what the doctor found, in how many of its trials."""
    found = trials[trials["findings"] != ""]
    done = trials[trials["status"] == "done"].groupby("variant").size()
    return {
        str(variant): [
            f"{len(rows)} of {done.get(variant, len(rows))} trials: {rows['findings'].iloc[0]}"
        ]
        for variant, rows in found.groupby("variant", sort=False)
    }


def _of_design(results: "Results") -> list[str]:
    """Say what the design cannot tell apart."""
    aliases = results.aliases()
    size = aliases["correlation"].abs()
    whole, part = aliases[size == 1], size[size < 1]
    said = [results.orthogonality] if results.orthogonality else []
    if len(whole):
        pairs = zip(whole["effect"], whole["aliased_with"], strict=True)
        listed = "; ".join(f"{first} and {second}" for first, second in [*pairs][:MOST_ALIASES])
        more = len(whole) - MOST_ALIASES
        rest = f"; and {more:,} more pairs that `results.aliases()` lists" if more > 0 else ""
        said.append(f"The design cannot tell apart: {listed}{rest}.")
    if len(part):
        said.append(
            f"The design tells {len(part):,} pairs of main effects and two-way interactions apart "
            f"only in part: their columns correlate by up to {part.max():.2f}, and each carries "
            "that share of the other; `results.aliases()` lists them."
        )
    return said
