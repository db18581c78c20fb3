"""The contents of a study's report, gathered from its results."""

from datetime import date

import pandas as pd

from ablations import stats
from ablations.report.study.contents import (
    BY_DATA,
    EFFECTS,
    EPOCHS,
    NEW_DATA,
    PATH_STEPS,
    POSTERIOR,
    STABILITY,
    TRENDS,
    ReportContents,
)
from ablations.report.study.rerun import command
from ablations.report.wording import joined, listed
from ablations.results.analysis import Analysis
from ablations.results.choice import PATH
from ablations.results.power import planned_seeds
from ablations.results.side_by_side import both_deltas, both_names, differences
from ablations.stats.several_data import ALL_DATA
from ablations.study import BASELINE, Status
from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED

MOST_ALIASES = 12
"""Pairs of aliased effects that a sentence lists."""


def contents_of(results: Analysis, beside: Analysis | None = None) -> ReportContents:
    """Gather the contents of a study's report, with another study side by side.

    Raises
    ------
    ReportError
        If both studies are the same.
    """
    trials = results.overall_trials
    metrics = [name for name in results.compared() if trials[name].notna().any()]
    tables: dict[str, pd.DataFrame] = {}
    posterior = pd.DataFrame()
    if metrics:
        posterior = results.posterior()
        tables[POSTERIOR] = posterior[posterior["p_equivalent"].notna()]
        learned = not _all_at_chance(trials)
        if results.study.factors and learned:  # a list of variants has no factors
            tables[TRENDS] = _trends(results)
        if results.study.design == PATH:
            tables[PATH_STEPS] = results.path()
        if results.several_data:
            deltas = results.deltas()
            tables[BY_DATA] = deltas[deltas["data"] != ALL_DATA]
            tables[NEW_DATA] = results.heterogeneity()
        if results.crossed and learned:
            tables[EFFECTS] = results.effects()
        stability = results.stability()
        if stability["n"].max() > 1:  # one seed has no spread
            tables[STABILITY] = stability
    history = results.overall_history
    if len(history) and history["epoch"].max() > 1:
        tables[EPOCHS] = results.convergence()
    findings = _findings(trials)
    study = results.study.to_dict()
    return ReportContents(
        study=study,
        deltas=results.overall_deltas(),
        trials=trials,
        history=history,
        directory=results.directory,
        findings=[
            *results.changed_rules,
            *_of_design(results),
            *_of_costs(trials),
            *_of_data(results),
            *_of_chance(trials),
            *(differences(results, beside) if beside is not None else ()),
            *(f"Baseline: {finding}" for finding in findings.pop(BASELINE, [])),
        ],
        variant_findings=findings,
        changes=results.changes,
        costs=pd.concat([stats.pareto(trials, name) for name in metrics]) if metrics else None,
        tables={title: table for title, table in tables.items() if len(table)},
        beside=both_deltas(results, beside) if beside is not None else None,
        beside_names=both_names(results, beside) if beside is not None else None,
        aliases=results.aliases(),
        posterior=posterior,
        sample_size=planned_seeds(results, metrics),
        made=date.today().isoformat(),
        versions=results.versions,
        machine=results.machine,
        rerun=command(study, results.directory),
    )


def _trends(results: Analysis) -> pd.DataFrame:
    # two metrics of the study may be compared on one column
    metrics = {results.compared(metric)[0]: metric for metric in results.study.metrics}
    trends = pd.concat([results.trend(metric) for metric in metrics.values()], ignore_index=True)
    return trends[trends["p"].notna()]


def _findings(trials: pd.DataFrame) -> dict[str, list[str]]:
    """Return the doctor's findings by variant, with the number of trials and an example."""
    counts = _done(trials).groupby("variant").size()
    findings = {}
    for variant, rows in trials[trials["findings"] != ""].groupby("variant", sort=False):
        first = rows.iloc[0]
        example = "" if len(set(rows["findings"])) == 1 else f", for instance seed {first['seed']}"
        count = counts.get(variant, len(rows))
        plural = "" if count == 1 else "s"
        text = f"{len(rows)} of {count} trial{plural}{example}: {first['findings']}"
        findings[str(variant)] = [text]
    return findings


def _done(trials: pd.DataFrame) -> pd.DataFrame:
    return trials[trials["status"] == Status.DONE]


def _with_code(trials: pd.DataFrame, code: str) -> pd.Series:
    return trials["codes"].map(lambda codes: code in codes.split()).astype(bool)


def _all_at_chance(trials: pd.DataFrame) -> bool:
    done = _done(trials)
    return bool(len(done)) and bool(_with_code(done, AT_CHANCE).all())


def _of_chance(trials: pd.DataFrame) -> list[str]:
    """Return sentences on trials that are no better than a constant answer, or diverged."""
    done = _done(trials)
    sentences = []
    for code, words in (
        (AT_CHANCE, "not better than a constant answer (at chance level)"),
        (DIVERGED, "far worse than a constant answer (training diverged)"),
    ):
        count = int(_with_code(done, code).sum())
        if count:
            verb = "is" if count == 1 else "are"
            sentences.append(f"{count:,} of {len(done):,} trials {verb} {words}: see the findings.")
    if _all_at_chance(trials):
        sentences.append(
            "No trends or effects are reported, because every trial is at chance level."
        )
    return sentences


def _of_data(results: Analysis) -> list[str]:
    """Return a sentence on what the deltas are of, if there are several data sets."""
    if not results.several_data:
        return []
    names = joined(results.study.data_sets)
    return [
        f"All values are means over the data sets {names}, with the same seeds on each; verdicts "
        "are about this mean and these data sets. Below are the deltas of each data set, and what "
        "to expect of a new one."
    ]


def _of_costs(trials: pd.DataFrame) -> list[str]:
    """Return a sentence on variants without multiply-accumulates, if others have them."""
    done = _done(trials)
    variants = done.loc[done["macs"].isna(), "variant"].unique()
    if not len(variants) or done["macs"].isna().all():
        return []
    return [
        f"Multiply-accumulates are missing for {listed(variants)}, because those of a layer are "
        "unknown; `cnnzoo.describe(model)` names the layer. No variant without them is called "
        "optimal."
    ]


def _of_design(results: Analysis) -> list[str]:
    """Return sentences on effects that the design cannot separate."""
    aliases = results.aliases()
    size = aliases["correlation"].abs()
    complete, partial = aliases[size == 1], size[size < 1]
    sentences = [results.orthogonality] if results.orthogonality else []
    if len(complete):
        names = zip(complete["effect"], complete["aliased_with"], strict=True)
        pairs = [f"{effect} and {alias}" for effect, alias in names]
        more = len(pairs) - MOST_ALIASES
        rest = f"; and {more:,} more pairs, see `results.aliases()`" if more > 0 else ""
        sentences.append(f"The design cannot separate {'; '.join(pairs[:MOST_ALIASES])}{rest}.")
    if len(partial):
        sentences.append(
            f"The design separates {len(partial):,} pairs of main effects and two-way "
            f"interactions only partly: their columns correlate by up to {partial.max():.2f}, so "
            "that each contains this share of the other; see `results.aliases()`."
        )
    return sentences
