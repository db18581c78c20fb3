"""What a study's deltas say, in sentences."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablations.report.numbers import (
    decimals_of,
    fixed,
    is_number,
    p_value,
    size_words,
    usual_decimals,
)
from ablations.report.study.contents import ReportContents
from ablations.report.wording import (
    SEE_FINDING,
    Row,
    changes_several,
    comparison,
    metric_words,
    rows_of,
)
from ablations.stats.barring import FEW_PAIRS, NO_VERDICT
from ablations.stats.caveats import ONE_SEED
from ablations.stats.verdicts import Verdict
from ablations.study import Status
from ablations.study.checks import EXPLORATORY_BELOW as SEEDS

SETTLED = (Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT)

MOST_MORE_SEEDS = 100
"""Above this the number of seeds that would settle a verdict is a guess that nobody follows."""

MIGHT_SETTLE = "might settle it"
HOW_LIKELY = (
    "Seeds that might settle a verdict do so in 4 of 5 tries if the effect and the spread are as "
    "they look."
)
"""Said once where sentences give a number of seeds: it is of 80% power."""

FEW = f": {FEW_PAIRS.removeprefix(NO_VERDICT)}"
"""The end of a sentence that says why there is no verdict, where all of them have this one."""


def sentence(row: Row, usual: int | None = None) -> str:
    """Say what one row of the deltas shows.

    Parameters
    ----------
    row
        Of the deltas.
    usual
        The decimals of the other rows.

    Examples
    --------
    >>> sentence(
    ...     {
    ...         "factor": "pool_size", "level": 4, "baseline": 2, "metric": "test_loss",
    ...         "delta": 0.1084, "ci_low": 0.0899, "ci_high": 0.1302, "n_pairs": 10,
    ...         "verdict": "worse",
    ...     }
    ... )
    'pool_size 4 instead of 2 raises test loss by 0.108 [0.090, 0.130] over 10 paired seeds: worse'
    """
    what, metric, verdict = comparison(row), metric_words(row["metric"]), row["verdict"]
    n = int(row["n_pairs"])
    if n == 0:
        return f"{what}: {row.get('notes') or 'no pairs, nothing to compare'} ({metric})"
    delta, low, high = float(row["delta"]), float(row["ci_low"]), float(row["ci_high"])
    if n == 1:
        size = size_words(delta, low, high, usual)
        return f"{what}: {metric} {size} with one seed, which gives neither interval nor verdict"
    seeds = f"over {n} paired seeds"
    if verdict in (Verdict.BETTER, Verdict.WORSE):
        verb = ("raise" if delta > 0 else "lower") + "s" * (not changes_several(row))
        if delta < 0:
            delta, low, high = -delta, -high, -low
        size = size_words(delta, low, high, usual, signed=False)
        return f"{what} {verb} {metric} by {size} {seeds}: {verdict}"
    size = size_words(delta, low, high, usual)
    start = f"{what}: {metric} {size} {seeds}"
    if verdict == Verdict.EQUIVALENT:
        return f"{start}, equivalent: the difference is shown to be within the margin"
    return f"{start}, {verdict or _without_verdict(row)}{_doubt(row, low, high)}"


@dataclass(frozen=True)
class Said:
    """A sentence with what it is about.

    Parameters
    ----------
    verdict
        Of the comparison.
    subject
        Its start: what is compared.
    rest
        What follows, without the period.
    notes
        What must be said beside it, and is not said of all.
    finding
        Whether the doctor has a finding on the variant, which the verdict must not hide.
    size
        Of the delta, to sort by.
    """

    verdict: str
    subject: str
    rest: str
    notes: tuple[str, ...] = ()
    finding: bool = False
    size: float = 0.0

    @property
    def text(self) -> str:
        """The sentence, without the period."""
        return self.subject + self.rest + (f", but {SEE_FINDING}" if self.finding else "")


def summary(contents: ReportContents) -> dict[str, list[Said]]:
    """Return a sentence a comparison, by metric; of variants that did not run in the first only."""
    found: dict[str, list[Said]] = {metric: [] for metric in contents.metrics}
    known = of_all(contents)
    pointed = not all_have_findings(contents)
    all_few = _few(contents)[0] == _few(contents)[1]
    usual = {metric: usual_decimals(contents.deltas_of(metric)) for metric in contents.metrics}
    first = next(iter(contents.metrics), "")
    for row in rows_of(contents.deltas):
        subject, metric = comparison(row), row["metric"]
        undone = contents.undone.get(str(row["variant"]))
        if undone is not None:
            if metric == first:
                found[metric].append(Said(undone.status, subject, f": {undone.why}"))
            continue
        rest = sentence(row, usual[metric]).removeprefix(subject).rstrip(".")
        if all_few:
            rest = rest.removesuffix(FEW)
        notes = tuple(
            note
            for note in contents.notes_of(row)
            if note not in known
            and note not in rest
            and note != ONE_SEED
            and not (all_few and note == FEW_PAIRS)
        )
        finding = pointed and bool(row["verdict"]) and contents.has_finding(row)
        size = abs(row["delta"]) if is_number(row["delta"]) else 0.0
        found[metric].append(Said(str(row["verdict"]), subject, rest, notes, finding, size))
    return found


def how_likely(summary: dict[str, list[Said]]) -> str:
    """Return what must be said of the numbers of seeds in these sentences, if there are any."""
    told = any(MIGHT_SETTLE in said.rest for sentences in summary.values() for said in sentences)
    return HOW_LIKELY if told else ""


def of_all(contents: ReportContents) -> list[str]:
    """Return the notes that all comparisons share, and need only once."""
    rows = _compared(contents)
    if len(rows) < 2:
        return []
    first, *others = (contents.notes_of(row) for row in rows)
    return [note for note in first if all(note in notes for notes in others)]


def all_have_findings(contents: ReportContents) -> bool:
    """Tell whether the doctor has a finding on every variant of several, which is said once."""
    variants = {str(row["variant"]): row for row in _compared(contents)}
    return len(variants) > 1 and all(map(contents.has_finding, variants.values()))


def biggest(contents: ReportContents) -> dict[str, Any] | None:
    """Return the largest delta with a verdict of better or worse, of the first metric with one.

    Of variants without a finding, as long as there are any: what the doctor warns about is no
    effect to show at the top.
    """
    for metric in contents.metrics:
        table = contents.deltas_of(metric)
        shown = rows_of(table[table["verdict"].isin([Verdict.BETTER, Verdict.WORSE])])
        if shown:
            clean = [row for row in shown if not contents.has_finding(row)]
            return max(clean or shown, key=lambda row: abs(row["delta"]))
    return None


def delta_words(row: Row) -> str:
    """Write the delta alone, with its sign.

    Examples
    --------
    >>> delta_words({"metric": "test_accuracy", "delta": 0.02, "ci_low": 0.01, "ci_high": 0.03})
    '+0.020'
    """
    delta, low, high = float(row["delta"]), float(row["ci_low"]), float(row["ci_high"])
    return fixed(delta, decimals_of(delta, low, high), signed=True)


def warnings(contents: ReportContents) -> list[str]:
    """Return what a reader must know before the numbers."""
    said = list(contents.findings)
    few, compared = _few(contents)
    if few:
        which = "All" if few == compared else f"{few:,} of {compared:,}"
        said.append(
            f"{which} comparisons are exploratory, without a verdict: they have fewer than {SEEDS} "
            "paired seeds."
        )
    said += [f"Of every comparison: {note}." for note in of_all(contents) if note != FEW_PAIRS]
    if all_have_findings(contents):
        said.append("On every variant that was compared the doctor has a finding, below.")
    planned = len(contents.trials) - len(contents.with_status(Status.INFEASIBLE))
    for status, words in (
        (Status.FAILED, "failed; what they lack is shown, never filled in."),
        (Status.PENDING, "have not run yet; the numbers may still change."),
    ):
        count = len(contents.with_status(status))
        if count:
            said.append(f"{count:,} of {planned:,} trials {words}")
    return said


def _few(contents: ReportContents) -> tuple[int, int]:
    """Count the comparisons that are exploratory, and all that there are."""
    pairs: pd.Series = contents.deltas["n_pairs"]
    return int(((pairs > 0) & (pairs < SEEDS)).sum()), int((pairs > 0).sum())


def _compared(contents: ReportContents) -> list[dict[str, Any]]:
    return [row for row in rows_of(contents.deltas) if row["n_pairs"] > 1]


def _without_verdict(row: Row) -> str:
    """Say why a comparison of several pairs has no verdict."""
    noted = (row.get("notes") or "").split("; ")
    return next((note for note in noted if note.startswith(NO_VERDICT)), "no verdict")


def _doubt(row: Row, low: float, high: float) -> str:
    if not row["verdict"]:
        return ""
    said = ""
    if is_number(low) and is_number(high):
        if low <= 0 <= high:
            said = ": the interval includes no difference"
        else:
            adjusted = p_value(row.get("p_adjusted"))
            said = ": not shown once corrected for the other comparisons"
            said += f" (adjusted p {adjusted})" if adjusted else ""
    needed = row.get("seeds_needed")
    if is_number(needed) and needed > row["n_pairs"]:
        more = math.ceil(needed - row["n_pairs"])
        count = (
            f"more than {MOST_MORE_SEEDS} more seeds"
            if more > MOST_MORE_SEEDS
            else f"about {more} more seed{'s' * (more > 1)}"
        )
        said += f"; {count} {MIGHT_SETTLE}"
    return said
