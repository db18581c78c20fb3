"""What a report shows, gathered from the results of a study."""

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from ablations import stats
from ablations.report.study.contents import (
    EFFECTS,
    EPOCHS,
    PATH_STEPS,
    STABILITY,
    TRENDS,
    ReportContents,
)
from ablations.report.study.rerun import command
from ablations.report.wording import listed
from ablations.results.choice import PATH
from ablations.results.side_by_side import both_deltas, both_names, differences
from ablations.study import BASELINE, Status
from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED

if TYPE_CHECKING:
    from ablations.results.results import Results


MOST_ALIASES = 12


def contents_of(results: "Results", beside: "Results | None" = None) -> ReportContents:
    """Gather what a report shows.

    Parameters
    ----------
    results
        Of the study.
    beside
        Of another study, whose deltas are to stand beside this one's.

    Raises
    ------
    ReportError
        If a study is to stand beside itself.
    """
    columns = results.compared()
    trials = results.trials
    known = [name for name in columns if name in trials and trials[name].notna().any()]
    tables: dict[str, pd.DataFrame] = {}
    if known:
        learned = not _all_at_chance(trials)
        if results.study["factors"] and learned:  # a list of variants may be all that there is
            tables[TRENDS] = _trends(results)
        if results.study["design"] == PATH:
            tables[PATH_STEPS] = results.path()
        if results.crossed and learned:
            tables[EFFECTS] = results.effects()
        stability = results.stability()
        if stability["n"].max() > 1:  # one seed has no spread
            tables[STABILITY] = stability
    history = results.history
    if len(history) and history["epoch"].max() > 1:  # a single epoch tells no earlier from later
        tables[EPOCHS] = results.convergence()
    found = _findings(trials)
    return ReportContents(
        study=results.study,
        deltas=results.deltas(),
        trials=trials,
        history=history,
        directory=results.directory,
        findings=[
            *results.changed_rules,
            *_of_design(results),
            *_of_costs(trials),
            *_of_chance(trials),
            *(differences(results, beside) if beside is not None else ()),
            *(f"Baseline: {said}" for said in found.pop(BASELINE, [])),
        ],
        variant_findings=found,
        changes=results.changes,
        costs=pd.concat([stats.pareto(trials, name) for name in known]) if known else None,
        tables={title: table for title, table in tables.items() if len(table)},
        beside=both_deltas(results, beside) if beside is not None else None,
        beside_names=both_names(results, beside) if beside is not None else None,
        aliases=results.aliases(),
        made=date.today().isoformat(),
        versions=results.versions,
        machine=results.machine,
        rerun=command(results.study, results.directory),
    )


def _trends(results: "Results") -> pd.DataFrame:
    names = {results.compared([metric])[0]: metric for metric in results.study["metrics"]}
    trends = pd.concat([results.trend(metric) for metric in names.values()], ignore_index=True)
    return trends[trends["p"].notna()]


def _findings(trials: pd.DataFrame) -> dict[str, list[str]]:
    """Return by variant what the doctor found, in how many of its trials, with an example."""
    found = trials[trials["findings"] != ""]
    done = trials[trials["status"] == Status.DONE].groupby("variant").size()
    said = {}
    for variant, rows in found.groupby("variant", sort=False):
        one = rows.iloc[0]
        example = "" if len(set(rows["findings"])) == 1 else f", for instance seed {one['seed']}"
        count = done.get(variant, len(rows))
        trials_words = "trial" if count == 1 else "trials"
        said[str(variant)] = [f"{len(rows)} of {count} {trials_words}{example}: {one['findings']}"]
    return said


def _all_at_chance(trials: pd.DataFrame) -> bool:
    done = trials[trials["status"] == Status.DONE]
    return bool(len(done)) and bool(
        done["codes"].str.split().map(lambda one: AT_CHANCE in one).all()
    )


def _of_chance(trials: pd.DataFrame) -> list[str]:
    """Say how many trials are no better than a constant answer, or diverged."""
    done = trials[trials["status"] == Status.DONE]
    codes = done["codes"].str.split()
    said = []
    for code, what in (
        (AT_CHANCE, "not better than a constant answer (at chance level)"),
        (DIVERGED, "far worse than a constant answer (training diverged)"),
    ):
        count = int(codes.map(lambda one, code=code: code in one).sum())
        if count:
            verb = "is" if count == 1 else "are"
            said.append(f"{count:,} of {len(done):,} trials {verb} {what}: see the findings.")
    if _all_at_chance(trials):
        said.append("No trends or effects are reported, because every trial is at chance level.")
    return said


def _of_costs(trials: pd.DataFrame) -> list[str]:
    """Say of how many variants the multiplications are missing, where others have them."""
    done = trials[trials["status"] == Status.DONE]
    lacking = done.loc[done["macs"].isna(), "variant"].unique()
    if not len(lacking) or done["macs"].isna().all():
        return []
    return [
        f"Multiply-accumulates are missing for {listed(lacking)}, because a layer's cannot be "
        "told; `cnnzoo.describe(model)` names it. No variant without them is called optimal."
    ]


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
