"""The contents of a study's report, gathered from its results."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from ablations import stats
from ablations.report.study.contents import (
    BY_DATA,
    EFFECTS,
    EPOCHS,
    NEW_DATA,
    PATH_STEPS,
    POSTERIOR,
    SO_FAR,
    STABILITY,
    TRENDS,
    ReportContents,
)
from ablations.report.study.rerun import command
from ablations.report.wording import count_of, joined, listed, metric_words
from ablations.results.analysis import Analysis
from ablations.results.choice import best_table
from ablations.results.power import planned_seeds
from ablations.results.rules import running_verdicts
from ablations.results.side_by_side import both_deltas, both_names, differences
from ablations.stats.barring import UNFINISHED
from ablations.stats.page_claims import Claims, page_wide
from ablations.stats.several_data import ALL_DATA
from ablations.study import BASELINE, Status
from ablations.study.checks import EXPLORATORY_BELOW, PATH
from ablations.study.errors import StudyError
from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED, Severity

FEWEST_TO_CHOOSE = 2
"""Number of variants, with the baseline, up to which the deltas say which one is the best."""

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
    claims, tables = claims_of(results)
    posterior = pd.DataFrame()
    if metrics:
        posterior = results.posterior()
        tables[POSTERIOR] = posterior[posterior["p_equivalent"].notna()]
        if results.several_data:
            deltas = results.deltas(full=True)
            tables[BY_DATA] = deltas[deltas["data"] != ALL_DATA]
            tables[NEW_DATA] = results.heterogeneity()
        stability = results.stability()
        if stability["n"].max() > 1:  # one seed has no spread
            tables[STABILITY] = stability
    history = results.overall_history
    if len(history) and history["epoch"].max() > 1:
        tables[EPOCHS] = results.convergence()
    common, findings = _findings(trials, results.findings)
    study = results.study.to_dict()
    return ReportContents(
        study=study,
        deltas=claims.deltas,
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
            *common,
            *(f"Baseline: {finding}" for finding in findings.pop(BASELINE, [])),
        ],
        variant_findings=findings,
        changes=results.changes,
        costs=pd.concat([stats.pareto(trials, name) for name in metrics]) if metrics else None,
        tables={title: table for title, table in tables.items() if len(table)},
        beside=_side_by_side(results, beside) if beside is not None else None,
        beside_names=both_names(results, beside) if beside is not None else None,
        aliases=results.aliases(),
        held_out=results.held_out,
        best=_best(results) if metrics else pd.DataFrame(),
        posterior=posterior,
        sample_size=planned_seeds(results, metrics),
        data=results.data_descriptions,
        network=results.network,
        load=results.load,
        time=" ".join([told.words, *told.advice]) if (told := results.profile()) else "",
        made=date.today().isoformat(),
        versions=results.versions,
        machine=results.machine,
        rerun=command(study, results.directory),
        secondary=tuple(name for name in metrics if name != claims.metric),
        error_rate=error_rate(claims, finished=SO_FAR not in tables),
    )


def claims_of(results: Analysis) -> tuple[Claims, dict[str, pd.DataFrame]]:
    """Return the claims of a report, corrected together, and the tables that make them by title.

    Trends and effects of a study that adds seeds claim nothing, because their p values do not
    account for its looks.
    """
    trials, deltas = results.overall_trials, results.overall_deltas()
    metric = results.compared()[0]
    tables: dict[str, pd.DataFrame] = {}
    if not trials[metric].notna().any():
        return Claims(deltas, metric), tables
    learned = not _all_at_chance(trials)
    if results.study.factors and learned:  # a list of variants has no factors
        tables[TRENDS] = _trends(results)
    if results.study.design == PATH:
        tables[PATH_STEPS] = results.path()
    if learned and (results.crossed or not results.study.factors):
        found = results.effects()
        tables |= {EFFECTS: found} if len(found) else {}
    looked = "look" in deltas
    by_now = running_verdicts(results.study, trials, metric)
    if by_now is not None and by_now["n_pairs"].any():
        deltas, tables[SO_FAR] = _unfinished(deltas), by_now
        if PATH_STEPS in tables:
            tables[PATH_STEPS] = tables[PATH_STEPS].assign(notes=UNFINISHED)
    claims = page_wide(
        Claims(
            deltas,
            metric,
            None if looked else tables.get(TRENDS),
            None if looked else tables.get(EFFECTS),
            tables.get(PATH_STEPS),
        )
    )
    corrected = {TRENDS: claims.trends, EFFECTS: claims.effects, PATH_STEPS: claims.steps}
    tables |= {title: table for title, table in corrected.items() if table is not None}
    return claims, {title: table for title, table in tables.items() if len(table)}


def _side_by_side(first: Analysis, second: Analysis) -> pd.DataFrame:
    """Return the deltas of two studies, with the verdicts of their reports."""
    both = both_deltas(first, second)
    verdicts = [claims_of(each)[0].deltas["verdict"] for each in (first, second)]
    return both.assign(verdict=pd.concat(verdicts, ignore_index=True))


def _unfinished(deltas: pd.DataFrame) -> pd.DataFrame:
    """Bar the verdicts of a study with pending trials, because it may be looked at repeatedly."""
    has_verdict = deltas["verdict"] != ""
    notes = [f"{note}; {UNFINISHED}" if note else UNFINISHED for note in deltas["notes"]]
    return deltas.assign(
        verdict=deltas["verdict"].mask(has_verdict, ""),
        notes=deltas["notes"].where(~has_verdict, pd.Series(notes, deltas.index)),
    )


def error_rate(claims: Claims, *, finished: bool = True) -> str:
    """Return a sentence on how often a page with these claims makes a false one.

    Examples
    --------
    >>> print(error_rate(Claims(pd.DataFrame(), "test_loss", counts={"delta": 3, "trend": 1})))
    Of studies in which nothing has an effect, at most 5% have a page with any "better", "worse",
    trend or effect of test loss: its 4 primary claims (3 deltas and 1 trend) are corrected
    together. Other metrics are secondary: their p values are corrected apart.
    """
    if not claims.counts:
        return ""
    listed_counts = [count_of(count, kind) for kind, count in claims.counts.items()]
    words = " and ".join(
        [", ".join(listed_counts[:-1]), listed_counts[-1]] if listed_counts[1:] else listed_counts
    )
    total = sum(claims.counts.values())
    how = f": its {total:,} primary claims ({words}) are corrected together" if total > 1 else ""
    studies = "studies" if finished else "finished studies"
    return (
        f'Of {studies} in which nothing has an effect, at most 5% have a page with any "better", '
        f'"worse", trend or effect of {metric_words(claims.metric)}{how}. Other metrics are '
        "secondary: their p values are corrected apart."
    )


def _best(results: Analysis) -> pd.DataFrame:
    """Return what the best variant is worth in the first metric, if it is one of several."""
    trials = results.overall_trials
    if results.study.design == PATH or results.exploratory or _all_at_chance(trials):
        return pd.DataFrame()
    try:
        best = best_table(trials, results.compared()[:1], results.chosen_by)
    except StudyError:  # the variants share no seed block, or the first metric chooses none
        return pd.DataFrame()
    enough = (best["n_variants"] > FEWEST_TO_CHOOSE) & (best["n_seeds"] >= EXPLORATORY_BELOW)
    return best[enough & best["delta"].notna()]


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
        runs = count_of(int(count), "seed" if "data" in found else "trial")
        by_variant[str(variant)] = [f"{len(rows)} of {runs}{example}: {text}"]
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
    on = f"On {row['data']}: " if "data" in row else ""
    return f"{on}{row['name']}: {row['evidence']}. {row['remedy']}."


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
