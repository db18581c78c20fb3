"""What a study's design was made to answer: its trends, its effects, or its path, in sentences."""

from collections.abc import Mapping
from typing import Any

from ablations.report.numbers import decimals_of, fixed, is_number, p_value, share_words, size_words
from ablations.report.study.contents import EFFECTS, PATH_STEPS, TRENDS, ReportContents
from ablations.report.study.summary import Said
from ablations.report.study.tables import gets, is_exploratory, is_shown
from ablations.report.wording import better_or_worse, joined, level_words, metric_words, rows_of
from ablations.stats.trends import SLOPE_OPEN, SLOPE_OPPOSED
from ablations.stats.verdicts import Verdict
from ablations.study.checks import EXPLORATORY_BELOW

Row = Mapping[str, Any]

MOST_LISTED = 3
"""Effects that are not shown and have a sentence each; more share one."""

MOST_LEVELS = 8

TOO_FEW = f"fewer than {EXPLORATORY_BELOW} seed blocks"
FEW = f"no verdict with {TOO_FEW}"


def answers(contents: ReportContents) -> list[Said]:
    """Return a sentence a trend, a main effect and an interaction, or a step of a path."""
    return [*_path(contents), *_effects(contents), *_trends(contents)]


def headline(contents: ReportContents) -> dict[str, str] | None:
    """Return the answer that stands at the top: a word, a number, what it means, and its kind."""
    steps = _known_steps(contents)
    if steps:
        first, last = steps[0], steps[-1]
        change = last["mean"] - first["mean"]
        size = fixed(change, _decimals(last), signed=True)
        ends = _ends(first, last)
        count = f"{len(steps) - 1} step" + "s" * (len(steps) > 2)
        return card(
            _path_so_far(contents), size, f"{metric_words(last['metric'])}, {ends}, {count}"
        )
    mains = [
        row for row in _rows(contents, EFFECTS) if row["kind"] == "main" and is_shown(contents, row)
    ]
    sized = [row for row in mains if is_number(row["delta"])]
    if sized:
        row = max(sized, key=lambda row: (row["metric"] == contents.metrics[0], row["share"]))
        verdict = better_or_worse(contents, row["metric"], row["delta"])
        what = f"{metric_words(row['metric'])}, {_change(contents, row['term'])}"
        word = f"Main effect: {verdict}" if verdict else "Main effect"
        return card(word, fixed(row["delta"], _decimals(row), signed=True), what, verdict)
    trends = [row for row in _rows(contents, TRENDS) if row["trend"] and not is_exploratory(row)]
    if trends:
        # a slope that may be none is no number to begin with
        row = next((row for row in trends if not row["notes"]), trends[0])
        decimals = decimals_of(row["slope"], row["slope_low"], row["slope_high"])
        what = f"{metric_words(row['metric'])} per unit of {row['factor']}"
        what += " (its interval includes 0)" if row["notes"] == SLOPE_OPEN else ""
        size = fixed(row["slope"], decimals, signed=True)
        if row["notes"] == SLOPE_OPPOSED:
            what = f"rank correlation of {metric_words(row['metric'])} with {row['factor']}"
            size = fixed(row["rho"], 2, signed=True)
        return card(f"Trend: {row['trend']}", size, what, _of_trend(contents, row))
    return None


def _ends(first: Row, last: Row) -> str:
    decimals = max(_decimals(last), 2)
    return f"from {fixed(first['mean'], decimals)} to {fixed(last['mean'], decimals)}"


def card(word: str, number: str, more: str, kind: str = "") -> dict[str, str]:
    """Return what stands at the top: a word, a number, what it means, and its kind."""
    return {"word": word, "number": number, "more": more, "kind": kind}


def _path(contents: ReportContents) -> list[Said]:
    rows = _rows(contents, PATH_STEPS)
    said = []
    if _known_steps(contents):
        rest = (
            f" takes {metric_words(rows[-1]['metric'])} {_ends(rows[0], rows[-1])}; the deltas of "
            "its steps are optimistic, for the trials that measure them also chose them"
        )
        said.append(Said("", _path_so_far(contents), rest))
    change = "whole change" if _at_its_end(contents) else "change so far"
    for row in rows[1:]:
        changed = (
            f"{row['factor']} {level_words(row['to_level'])} instead of "
            f"{level_words(row['from_level'])}"
        )
        subject = f"Step {row['step']}, {changed}"
        if not is_number(row["delta"]):
            said.append(Said("", subject, f": {metric_words(row['metric'])} is not known"))
            continue
        size, share = _by(row["metric"], row), share_words(row["share"])
        verdict, part = gets(contents, row), f", {share} of the {change}" if share else ""
        noted = (row.get("notes") or "").split("; ")[0] if not verdict else ""
        if verdict == Verdict.WORSE and row["step"] < len(contents.study["factors"]):
            part = ", though no other change that was left did less harm"
        what = _undecided(row) if verdict == Verdict.INCONCLUSIVE else verdict
        end = f": {what}" if what else f", {noted}" if noted else ""
        said.append(Said(verdict, subject, f", {size}{end}{part}"))
    return said


def _undecided(row: Row) -> str:
    if is_number(row["ci_low"]) and not row["ci_low"] <= 0 <= row["ci_high"]:
        return f"not shown once corrected for all the changes tried (p {_p(row)})"
    return "the interval includes no difference"


def _known_steps(contents: ReportContents) -> list[dict[str, Any]]:
    """Return the start of a path and its steps; none where a mean at either end is missing."""
    rows = _rows(contents, PATH_STEPS)
    ends = [row["mean"] for row in (*rows[:1], *rows[-1:])]
    return rows if len(rows) > 1 and all(map(is_number, ends)) else []


def _at_its_end(contents: ReportContents) -> bool:
    """Tell whether a path has changed every factor."""
    return len(_rows(contents, PATH_STEPS)) > len(contents.study["factors"])


def _path_so_far(contents: ReportContents) -> str:
    return "The whole path" if _at_its_end(contents) else "The path so far"


def _effects(contents: ReportContents) -> list[Said]:
    rows = [row for row in _rows(contents, EFFECTS) if is_number(row["p_adjusted"])]
    said = []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        own = [row for row in rows if row["metric"] == metric]
        for kind, write in (("main", _main), ("interaction", _interaction)):
            terms = [row for row in own if row["kind"] == kind]
            open_ones = [row for row in terms if not is_shown(contents, row)]
            each = (
                terms
                if len(open_ones) <= MOST_LISTED
                else [r for r in terms if is_shown(contents, r)]
            )
            said += [write(contents, row) for row in each]
            if len(each) < len(terms):
                names = ", ".join(row["term"] for row in open_ones[:MOST_LEVELS])
                more = f" and {len(open_ones) - MOST_LEVELS:,} more" * (
                    len(open_ones) > MOST_LEVELS
                )
                words = "main effects" if kind == "main" else "interactions"
                few = is_exploratory(open_ones[0])
                verdict, which = (
                    ("", f"without verdict ({TOO_FEW})")
                    if few
                    else (Verdict.INCONCLUSIVE, "that are not shown")
                )
                rest = f" in {metric_words(metric)}: {names}{more}"
                said.append(Said(verdict, f"{words.capitalize()} {which}", rest))
    return said


def _main(contents: ReportContents, row: Row) -> Said:
    metric = metric_words(row["metric"])
    tail = f"p {_p(row)}, {share_words(row['share'])} of the variance"
    if not is_number(row["delta"]):  # of more than two levels
        levels = ", ".join(map(level_words, contents.study["factors"].get(row["term"], ())))
        if is_exploratory(row):
            return Said("", f"{row['term']} ({levels})", f": {metric}, {FEW} ({tail})")
        what = "changes" if is_shown(contents, row) else "is not shown to change"
        verdict = "" if is_shown(contents, row) else Verdict.INCONCLUSIVE
        return Said(verdict, f"{row['term']} ({levels})", f" {what} {metric}: {tail}")
    subject = _change(contents, row["term"])
    over = ", over the levels of the other factors"
    if is_exploratory(row):
        return Said("", subject, f"{over}: {metric} {_size(row)}, {FEW} ({tail})")
    if not is_shown(contents, row):
        rest = f"{over}: {metric} {_size(row)}, not shown ({tail})"
        return Said(Verdict.INCONCLUSIVE, subject, rest)
    verdict = better_or_worse(contents, row["metric"], row["delta"])
    end = f": {verdict}" if verdict else ""
    return Said(verdict, subject, f"{over}, {_by(row['metric'], row)}{end} ({tail})")


def _interaction(contents: ReportContents, row: Row) -> Said:
    metric = metric_words(row["metric"])
    tail = f"p {_p(row)}, {share_words(row['share'])} of the variance"
    if is_exploratory(row):
        size = f" {_size(row)}" if is_number(row["delta"]) else ""
        return Said("", row["term"], f": interaction in {metric}{size}, {FEW} ({tail})")
    if not is_shown(contents, row):
        size = f" ({_size(row)})" if is_number(row["delta"]) else ""
        return Said(
            Verdict.INCONCLUSIVE,
            row["term"],
            f": in {metric} no interaction is shown{size}, {tail}",
        )
    if not is_number(row["delta"]):
        return Said("", row["term"], f" interact in {metric}: {tail}")
    from ablations.stats.contrasts import TOGETHER

    first, second = row["term"].split(TOGETHER)
    other = _levels(contents, second)[1]
    rest = (
        f" interact: {second} {other} moves the delta of {_change(contents, first)} in {metric} by "
        f"{_size(row)} ({tail}); a main effect is only the mean of what it is with either level"
    )
    return Said("", row["term"], rest)


def _trends(contents: ReportContents) -> list[Said]:
    said = []
    for row in _rows(contents, TRENDS):
        metric, factor = metric_words(row["metric"]), row["factor"]
        levels = str(row["levels"]).split(", ")
        among = (
            joined(levels)
            if len(levels) <= MOST_LEVELS
            else f"{len(levels):,} levels from {levels[0]} to {levels[-1]}"
        )
        over = f"{_slope(row)} a unit, over {among} in {row['n_blocks']:,} seed blocks"
        test = f"Page's trend test, p {p_value(row['p_adjusted'])}"
        noted = f"; {row['notes']}" if row["notes"] else ""
        if is_exploratory(row):
            said.append(Said("", factor, f": {metric} {over}, {FEW} ({test})"))
            continue
        if not row["trend"]:
            alone = row["p"] < 1 - contents.confidence
            once = " once corrected for the other factors' trends" if alone else ""
            rest = f": no trend of {metric} is shown{once}, {over} ({test}){noted}"
            said.append(Said(Verdict.INCONCLUSIVE, factor, rest))
            continue
        verdict = _of_trend(contents, row)
        end = f": {verdict}" if verdict else ""
        way = "higher" if row["trend"] == "rises" else "lower"
        rest = f", the {way} the {metric}: {over} ({test}){end}{noted}"
        said.append(Said(verdict, f"The larger {factor}", rest))
    return said


def _rows(contents: ReportContents, title: str) -> list[dict[str, Any]]:
    return rows_of(contents.tables[title]) if title in contents.tables else []


def _of_trend(contents: ReportContents, row: Row) -> str:
    return better_or_worse(contents, row["metric"], 1.0 if row["trend"] == "rises" else -1.0)


def _levels(contents: ReportContents, factor: str) -> tuple[str, str]:
    """Return the baseline's level of a factor of two levels, and the other one, as words."""
    words = [level_words(level) for level in contents.study["factors"][factor]]
    known = contents.study.get("baseline", {})
    own = level_words(known[factor]) if factor in known else words[0]
    return own, next(word for word in words if word != own)


def _change(contents: ReportContents, factor: str) -> str:
    own, other = _levels(contents, factor)
    return f"{factor} {other} instead of {own}"


def _decimals(row: Row) -> int:
    return decimals_of(row["delta"], row["ci_low"], row["ci_high"])


def _size(row: Row) -> str:
    return size_words(row["delta"], row["ci_low"], row["ci_high"])


def _slope(row: Row) -> str:
    return size_words(row["slope"], row["slope_low"], row["slope_high"])


def _by(metric: str, row: Row) -> str:
    verb = "raises" if row["delta"] > 0 else "lowers"
    delta, low, high = row["delta"], row["ci_low"], row["ci_high"]
    if delta < 0:
        delta, low, high = -delta, -high, -low
    size = size_words(delta, low, high, signed=False)
    return f"{verb} {metric_words(metric)} by {size}"


def _p(row: Row) -> str:
    return p_value(row["p_adjusted"])
