"""Sentences that answer the question of a design: its path, its effects or its trends."""

from collections.abc import Sequence
from typing import Any

from ablations.report.numbers import (
    CONFIDENCE,
    decimals_of,
    estimate,
    fixed,
    is_number,
    p_words,
    share_words,
)
from ablations.report.page import Sentence
from ablations.report.study.contents import EFFECTS, PATH_STEPS, SO_FAR, TRENDS, ReportContents
from ablations.report.study.new_data import about_seeds
from ablations.report.study.summary import SETTLED, change_words, largest, pooled_words
from ablations.report.study.tables import (
    chosen_words,
    is_exploratory,
    is_significant,
    step_verdict,
)
from ablations.report.table import rows_of
from ablations.report.wording import (
    Row,
    better_or_worse,
    comparison,
    count_of,
    joined,
    level_words,
    listed,
    metric_words,
)
from ablations.stats.contrasts import TOGETHER
from ablations.stats.trends import UNCERTAIN
from ablations.stats.verdicts import Verdict
from ablations.study import BASELINE
from ablations.study.checks import EXPLORATORY_BELOW

DIRECTED = (Verdict.BETTER, Verdict.WORSE)

MOST_LISTED = 3
"""Number of effects without significance that have a sentence each; more share one."""

MOST_OPENING = 3
"""Number of sentences that a report begins with."""

MOST_LEVELS = 8
"""Number of levels of a trend that are listed."""

LAST_STEP = "; the last step is no choice, so its delta may be pessimistic"

TOO_FEW = f"fewer than {EXPLORATORY_BELOW} seed blocks"
FEW = f"no verdict with {TOO_FEW}"


def answers(contents: ReportContents) -> list[Sentence]:
    """Return a sentence for the best variant, each step of a path, each effect and each trend."""
    return [*_best(contents), *_path(contents), *_effects(contents), *_trends(contents)]


def opening(contents: ReportContents) -> list[Sentence]:
    """Return the sentences that a report begins with, at most three.

    They answer the question of the design, say what all comparisons show, and what the best
    variant is worth or, without a choice, what the verdicts are about.
    """
    found = [*_of_design(contents)[:1], *_comparisons(contents), *_best(contents)]
    if len(found) < MOST_OPENING and found:
        found.append(Sentence("", *_about(contents)))
    return found[:MOST_OPENING]


def _of_design(contents: ReportContents) -> list[Sentence]:
    """Return the answers of the design, the decided ones first; of a path the whole first."""
    if path := _path(contents):
        return path
    found = [*_effects(contents), *_trends(contents)]
    open_ones = ("", Verdict.INCONCLUSIVE)
    return sorted(found, key=lambda one: one.verdict in open_ones and not one.significant)


def _comparisons(contents: ReportContents) -> list[Sentence]:
    """Count the verdicts on the primary comparisons, and give the largest delta."""
    compared = [row for row in rows_of(contents.primary) if row["n_pairs"] > 0]
    if not compared:
        return []
    row = largest(contents) or max(compared, key=lambda row: abs(row["delta"]))
    of_metric = [one for one in compared if one["metric"] == row["metric"]]
    counts: dict[str, int] = {}
    for verdict in (Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT, Verdict.INCONCLUSIVE, ""):
        if count := sum(one["verdict"] == verdict for one in of_metric):
            counts[verdict or "without verdict"] = count
    each = joined(f"{count:,} {word}" for word, count in counts.items())
    each = "" if SO_FAR in contents.tables else f": {each}"
    size = estimate(row["delta"], row["ci_low"], row["ci_high"], count_of(row["n_pairs"], "seed"))
    name = comparison(row)
    larger = [one for one in of_metric if abs(one["delta"]) > abs(row["delta"])]
    which = (
        f"{_largest_words(contents, larger)}, {name}, is" if len(of_metric) > 1 else f"{name} is"
    )
    pooled = contents.pooled(row) if row["verdict"] else None
    words = pooled_words(row, pooled[0], 1 if larger else pooled[1]) if pooled else ""
    shrunk = f"; {words}" if words else ""
    rest = f" in {metric_words(row['metric'])}{each}; {which} {size}{shrunk}"
    subject = count_of(len(of_metric), "comparison")
    finding = bool(row["verdict"]) and contents.has_finding(row)
    verdict = str(row["verdict"]) if len(counts) == 1 else ""  # else it is not that of all
    return [Sentence(verdict, subject, rest, finding=finding)]


def _largest_words(contents: ReportContents, larger: Sequence[Row]) -> str:
    """Say among which deltas one is the largest, given those that are larger."""
    settled = [contents.has_finding(row) for row in larger if row["verdict"] in DIRECTED]
    words = "the largest"
    if len(settled) < len(larger):
        words += " that is better or worse"
    return f"{words} without a finding" if any(settled) else words


def _about(contents: ReportContents) -> tuple[str, str]:
    """Return the subject and the rest of the sentence on what the verdicts are about."""
    if SO_FAR in contents.tables:
        settled = int(contents.tables[SO_FAR]["verdict"].isin(SETTLED).sum())
        count = count_of(len(contents.tables[SO_FAR]), "comparison")
        return "The study is not finished", f": {settled:,} of {count} have a verdict so far"
    if not contents.primary["verdict"].astype(bool).any():
        return "No comparison has a verdict", ""
    subject, _, rest = about_seeds(contents.held_out).removesuffix(".").partition(" are ")
    return subject, f" are {rest}"


def _path(contents: ReportContents) -> list[Sentence]:
    rows = _rows(contents, PATH_STEPS)
    sentences = []
    if _measured_steps(contents):
        rest = (
            f" changes {metric_words(rows[-1]['metric'])} {_ends(rows[0], rows[-1])}; its steps "
            f"are chosen {chosen_words(rows[-1])}and their deltas are corrected for this choice; "
            "the intervals hold for all steps at once"
        )
        sentences.append(Sentence("", _path_name(contents), rest))
    whole = "whole change" if _is_complete(contents) else "change so far"
    for row in rows[1:]:
        levels = f"{level_words(row['to_level'])} (before: {level_words(row['from_level'])})"
        subject = f"Step {row['step']}, {row['factor']}={levels}"
        if not is_number(row["delta"]):
            rest = f": {metric_words(row['metric'])} is unknown"
            sentences.append(Sentence("", subject, rest))
            continue
        verdict, share = step_verdict(row), share_words(row["share"])
        why = _undecided(row) if verdict == Verdict.INCONCLUSIVE else verdict
        note = (row.get("notes") or "").split("; ")[0] if not verdict else ""
        rest = f", {change_words(row, count_of(int(row['n_pairs']), 'seed'))}"
        rest += f": {why}" if why else f", {note}" if note else ""
        if verdict == Verdict.WORSE and row["step"] < len(contents.study["factors"]):
            rest += ", although no other remaining change did less harm"
        else:
            rest += f", {share} of the {whole}" if share else ""
        if row["step"] == len(contents.study["factors"]):
            rest += LAST_STEP
        sentences.append(Sentence(verdict, subject, rest))
    return sentences


def _best(contents: ReportContents) -> list[Sentence]:
    """Say what the best of several variants is worth, corrected for its choice."""
    sentences = []
    for row in rows_of(contents.best):
        chosen = f"{row['n_variants']} variants {chosen_words(row)}".rstrip()
        if row["variant"] == BASELINE:
            rest = f" has the best mean of {chosen}"
            return [Sentence("", "The baseline", rest)]
        decimals = decimals_of(row["delta"], row["ci_low"], row["ci_high"])
        size = estimate(row["delta"], row["ci_low"], row["ci_high"], *_seeds(row))
        again = f"; {share_words(row['chosen_again'])} of resamples choose it again"
        rest = (
            f" is the best of {chosen}: difference in {metric_words(row['metric'])} {size}, "
            f"corrected for this choice (uncorrected "
            f"{fixed(row['uncorrected'], decimals, signed=True)}{again})"
        )
        sentences.append(Sentence("", str(row["variant"]), rest))
    return sentences


def _seeds(row: Row) -> list[str]:
    return [count_of(int(row["n_seeds"]), "seed")]


def _undecided(row: Row) -> str:
    if is_number(row["ci_low"]) and not row["ci_low"] <= 0 <= row["ci_high"]:
        return f"not significant after correction for all changes tried, {_p(row, 'corrected')}"
    return "inconclusive, the interval includes 0"


def _measured_steps(contents: ReportContents) -> list[dict[str, Any]]:
    """Return the start of a path and its steps, or nothing if a mean at either end is missing."""
    rows = _rows(contents, PATH_STEPS)
    ends = [row["mean"] for row in (*rows[:1], *rows[-1:])]
    return rows if len(rows) > 1 and all(map(is_number, ends)) else []


def _is_complete(contents: ReportContents) -> bool:
    """Tell whether a path has changed every factor."""
    return len(_rows(contents, PATH_STEPS)) > len(contents.study["factors"])


def _path_name(contents: ReportContents) -> str:
    return "The whole path" if _is_complete(contents) else "The path so far"


def _ends(first: Row, last: Row) -> str:
    decimals = max(_decimals(last), 2)
    return f"from {fixed(first['mean'], decimals)} to {fixed(last['mean'], decimals)}"


def _effects(contents: ReportContents) -> list[Sentence]:
    rows = [
        row
        for row in _rows(contents, EFFECTS)
        if is_number(row["p_adjusted"]) and contents.claims(row)
    ]
    sentences = []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        for kind, write in (("main", _main), ("interaction", _interaction)):
            terms = [row for row in rows if row["metric"] == metric and row["kind"] == kind]
            others = [row for row in terms if not is_significant(row)]
            if len(others) <= MOST_LISTED:
                sentences += [write(contents, row) for row in terms]
            else:
                sentences += [write(contents, row) for row in terms if is_significant(row)]
                sentences.append(_together(kind, metric, others))
    return sentences


def _together(kind: str, metric: str, rows: Sequence[Row]) -> Sentence:
    """Name the effects without significance in one sentence."""
    words = "Main effects" if kind == "main" else "Interactions"
    rest = f" in {metric_words(metric)}: {listed([row['term'] for row in rows])}"
    if is_exploratory(rows[0]):
        return Sentence("", f"{words} without verdict ({TOO_FEW})", rest)
    return Sentence(Verdict.INCONCLUSIVE, f"{words} without significance", rest)


def _main(contents: ReportContents, row: Row) -> Sentence:
    metric, test = metric_words(row["metric"]), _test(row)
    if not is_number(row["delta"]):  # a factor of more than two levels
        levels = ", ".join(map(level_words, contents.study["factors"].get(row["term"], ())))
        subject = f"{row['term']} ({levels})"
        if is_exploratory(row):
            return Sentence("", subject, f": effect on {metric}, {FEW} ({test})")
        if is_significant(row):
            return Sentence("", subject, f" has an effect on {metric} ({test})")
        return Sentence(
            Verdict.INCONCLUSIVE, subject, f" has no significant effect on {metric} ({test})"
        )
    subject = _change(contents, row["term"])
    average = "on average over the levels of the other factors"
    if is_exploratory(row):
        return Sentence("", subject, f": difference in {metric} {_size(row)} {average}, {FEW}")
    if not is_significant(row):
        rest = f" has no significant effect on {metric}: {_size(row)} {average}"
        return Sentence(Verdict.INCONCLUSIVE, subject, rest)
    verdict = better_or_worse(row["metric"], row["delta"])
    end = f": {verdict}" if verdict else ""
    return Sentence(verdict, subject, f" {change_words(row, test)} {average}{end}")


def _interaction(contents: ReportContents, row: Row) -> Sentence:
    metric, term, test = metric_words(row["metric"]), row["term"], _test(row)
    if is_exploratory(row):
        size = f" {_size(row)}" if is_number(row["delta"]) else f" ({test})"
        return Sentence("", term, f": interaction in {metric}{size}, {FEW}")
    if not is_significant(row):
        size = f": {_size(row)}" if is_number(row["delta"]) else f" ({test})"
        return Sentence(
            Verdict.INCONCLUSIVE, term, f" have no significant interaction in {metric}{size}"
        )
    if not is_number(row["delta"]):
        return Sentence("", term, f" interact in {metric} ({test})", significant=True)
    first, second = term.split(TOGETHER)
    if second not in contents.study["factors"]:  # two variants of a list
        rest = f" interact in {metric}: together they change it by {_size(row)} beyond the sum of "
        return Sentence("", term, f"{rest}their deltas", significant=True)
    other = _levels(contents, second)[1]
    rest = (
        f" interact in {metric}: {second}={other} changes the delta of {_change(contents, first)} "
        f"by {_size(row)}; each main effect is only the average of its deltas at both levels of "
        "the other factor"
    )
    return Sentence("", term, rest, significant=True)


def _trends(contents: ReportContents) -> list[Sentence]:
    sentences = []
    for row in filter(contents.claims, _rows(contents, TRENDS)):
        metric, factor = metric_words(row["metric"]), row["factor"]
        levels = str(row["levels"]).split(", ")
        among = (
            f"levels {joined(levels)}"
            if len(levels) <= MOST_LEVELS
            else f"{len(levels):,} levels from {levels[0]} to {levels[-1]}"
        )
        ends = (row["slope"], row["slope_low"], row["slope_high"])
        slope = estimate(*ends, count_of(row["n_blocks"], "seed"), unit=" per unit")
        test = f"{slope}, {among}, Page's trend test {_p(row)}"
        note = f"; {row['notes']}" if row["notes"] else ""
        if is_exploratory(row):
            sentences.append(Sentence("", factor, f": slope of {metric} {test}, {FEW}"))
            continue
        if row["notes"] in UNCERTAIN:
            verb = "increases" if row["rho"] > 0 else "decreases"
            order = f": {metric} {verb} in the order of the levels, slope uncertain"
            rest = f"{order}: {test}{note}"
            sentences.append(Sentence(Verdict.INCONCLUSIVE, factor, rest))
            continue
        if not row["trend"]:
            once = " after correction for the other factors" if row["p"] < 1 - CONFIDENCE else ""
            rest = f": no significant trend of {metric}{once}, slope {test}{note}"
            sentences.append(Sentence(Verdict.INCONCLUSIVE, factor, rest))
            continue
        verdict = _trend_verdict(row)
        verb = "increases" if row["trend"] == "rises" else "decreases"
        rest = f" {verb} {metric}: slope {test}{f': {verdict}' if verdict else ''}{note}"
        sentences.append(Sentence(verdict, f"Raising {factor}", rest))
    return sentences


def _rows(contents: ReportContents, title: str) -> list[dict[str, Any]]:
    return rows_of(contents.tables[title]) if title in contents.tables else []


def _trend_verdict(row: Row) -> str:
    return better_or_worse(row["metric"], 1.0 if row["trend"] == "rises" else -1.0)


def _levels(contents: ReportContents, factor: str) -> tuple[str, str]:
    """Return the baseline's level of a factor of two levels, and the other level."""
    words = [level_words(level) for level in contents.study["factors"][factor]]
    baseline = contents.study.get("baseline", {})
    start = level_words(baseline[factor]) if factor in baseline else words[0]
    return start, next(word for word in words if word != start)


def _change(contents: ReportContents, factor: str) -> str:
    start, other = _levels(contents, factor)
    return f"{factor}={other} (baseline: {start})"


def _decimals(row: Row) -> int:
    return decimals_of(row["delta"], row["ci_low"], row["ci_high"])


def _size(row: Row) -> str:
    return estimate(row["delta"], row["ci_low"], row["ci_high"], _test(row))


def _test(row: Row) -> str:
    """Write the number of seeds, the p value and the share of variance of an effect."""
    seeds = [count_of(int(row["n_blocks"]), "seed")] if is_number(row.get("n_blocks")) else []
    return ", ".join([*seeds, _p(row), f"{share_words(row['share'])} of the variance"])


def _p(row: Row, correction: str = "Holm") -> str:
    return p_words(row["p_adjusted"], correction)
