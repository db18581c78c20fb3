"""The contents of a study's report, gathered from its results."""

from collections.abc import Mapping
from datetime import date
from typing import Any

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
from ablations.results.analysis import Analysis
from ablations.results.choice import PATH
from ablations.results.side_by_side import both_deltas, both_names, differences
from ablations.study import BASELINE, Status
from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED, Severity

MOST_ALIASES = 12
"""Pairs of aliased effects that a sentence lists."""


def contents_of(results: Analysis, beside: Analysis | None = None) -> ReportContents:
    """Gather the contents of a study's report, with another study side by side.

    Raises
    ------
    ReportError
        If both studies are the same.
    """
    trials = results.trials
    metrics = [name for name in results.compared() if trials[name].notna().any()]
    tables: dict[str, pd.DataFrame] = {}
    if metrics:
        learned = not _all_at_chance(trials)
        if results.study.factors and learned:  # a list of variants has no factors
            tables[TRENDS] = _trends(results)
        if results.study.design == PATH:
            tables[PATH_STEPS] = results.path()
        if results.crossed and learned:
            tables[EFFECTS] = results.effects()
        stability = results.stability()
        if stability["n"].max() > 1:  # one seed has no spread
            tables[STABILITY] = stability
    history = results.history
    if len(history) and history["epoch"].max() > 1:
        tables[EPOCHS] = results.convergence()
    common, findings = _findings(trials, results.findings)
    study = results.study.to_dict()
    return ReportContents(
        study=study,
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
            *common,
            *(f"Baseline: {finding}" for finding in findings.pop(BASELINE, [])),
        ],
        variant_findings=findings,
        changes=results.changes,
        costs=pd.concat([stats.pareto(trials, name) for name in metrics]) if metrics else None,
        tables={title: table for title, table in tables.items() if len(table)},
        beside=both_deltas(results, beside) if beside is not None else None,
        beside_names=both_names(results, beside) if beside is not None else None,
        aliases=results.aliases(),
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


def _findings(trials: pd.DataFrame, found: pd.DataFrame) -> tuple[list[str], dict[str, list[str]]]:
    """Return the doctor's findings: sentences on those that all variants share, and by variant.

    Each gives the number of trials and an example. A finding is shared if most trials of every
    variant have its code; notes are given only if they are shared. Chance level and divergence stay
    with the variants, whose verdicts they bar.
    """
    counts = trials[trials["status"].isin([Status.DONE, Status.FAILED])].groupby("variant").size()
    shared = _shared(found, counts)
    sentences = []
    for code in shared:
        rows = found[found["code"] == code].drop_duplicates(["variant", "seed"])
        first = rows.iloc[0]
        sentences.append(
            f"All variants, {len(rows):,} of {counts.sum():,} trials, for instance "
            f"{first['variant']} with seed {first['seed']}: {_text(first)}"
        )
    by_variant = {}
    own = found[~found["code"].isin(shared) & (found["severity"] != Severity.NOTE)]
    texts = [_text(row) for row in own.to_dict("records")]
    table = own.assign(text=texts).groupby(["variant", "seed"], sort=False)["text"].agg(" ".join)
    for variant, rows in table.groupby(level="variant", sort=False):
        seed, text = rows.index[0][1], rows.iloc[0]
        example = "" if len(set(rows)) == 1 else f", for instance seed {seed}"
        count = counts.get(variant, len(rows))
        plural = "" if count == 1 else "s"
        by_variant[str(variant)] = [f"{len(rows)} of {count} trial{plural}{example}: {text}"]
    return sentences, by_variant


def _shared(found: pd.DataFrame, counts: pd.Series) -> list[str]:
    """Return the codes that most trials of every variant have, if there are several variants."""
    if len(counts) < 2:
        return []
    seeds = found.drop_duplicates(["code", "variant", "seed"]).groupby(["code", "variant"]).size()
    return [
        code
        for code in dict.fromkeys(found["code"])
        if code not in (AT_CHANCE, DIVERGED)
        and all(2 * seeds.get((code, variant), 0) > count for variant, count in counts.items())
    ]


def _text(row: Mapping[str, Any] | pd.Series) -> str:
    return f"{row['name']}: {row['evidence']}. {row['remedy']}."


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
