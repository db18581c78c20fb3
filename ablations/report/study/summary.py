"""Sentences about the deltas of a study, and the warnings before them."""

import math
from typing import Any

from ablations.report.numbers import (
    decimals_of,
    estimate,
    fixed,
    is_number,
    p_words,
    usual_decimals,
)
from ablations.report.page import Sentence
from ablations.report.study.contents import SO_FAR, ReportContents
from ablations.report.study.new_data import reaches_zero
from ablations.report.table import rows_of
from ablations.report.wording import Row, blocks_words, comparison, count_of, metric_words
from ablations.stats.barring import FEW_PAIRS, NO_VERDICT
from ablations.stats.caveats import ONE_SEED
from ablations.stats.verdicts import Verdict
from ablations.study import Status
from ablations.study.checks import EXPLORATORY_BELOW

SETTLED = (Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT)

MOST_MORE_SEEDS = 100
"""More seeds than this are not suggested, because nobody would run them."""

MIGHT_SETTLE = "might settle it"
HOW_LIKELY = (
    "The suggested numbers of seeds have a power of 80% if the true effect and spread equal their "
    "estimates."
)
"""Stands once below the sentences that suggest a number of seeds."""

FEW = f", {FEW_PAIRS}"
"""End of a sentence without a verdict. It is cut if all sentences have this reason."""


def sentence(row: Row, usual: int | None = None) -> str:
    """Say what one row of the deltas shows: the finding, its size, and how sure it is.

    Parameters
    ----------
    row
        A row of the deltas.
    usual
        Decimals of the other rows.

    Examples
    --------
    >>> row = {"factor": "pool_size", "level": 4, "baseline": 2, "metric": "test_loss"}
    >>> row |= {"delta": 0.1084, "ci_low": 0.0899, "ci_high": 0.1302}
    >>> print(sentence(row | {"n_pairs": 10, "verdict": "worse"}))
    pool_size=4 (baseline: 2) increases test loss by 0.108
    (95% CI 0.090 to 0.130, 10 seeds): worse
    """
    variant, metric, verdict = comparison(row), metric_words(row["metric"]), row["verdict"]
    n = int(row["n_pairs"])
    if n == 0:
        return f"{variant}: {row.get('notes') or 'no pairs, nothing to compare'} ({metric})"
    delta, low, high = float(row["delta"]), float(row["ci_low"]), float(row["ci_high"])
    seeds = count_of(n, "seed")
    if verdict in (Verdict.BETTER, Verdict.WORSE):
        but = "; for new data the interval includes 0" if reaches_zero(row) else ""
        return f"{variant} {change_words(row, seeds, usual=usual)}: {verdict}{but}"
    size = estimate(delta, low, high, seeds, usual=usual)
    if verdict == "equivalent":
        return (
            f"{variant} is equivalent to the baseline in {metric}: the difference of {size} is "
            "shown to lie within the margin"
        )
    if verdict:
        return f"{variant} has an inconclusive effect on {metric}: {size}{_doubt(row)}"
    if n == 1:
        return f"{variant}: difference in {metric} {size}, without interval or verdict"
    return f"{variant}: difference in {metric} {size}, {_why_no_verdict(row)}"


def change_words(row: Row, *more: str, usual: int | None = None) -> str:
    """Say by how much a row's metric increases or decreases.

    Examples
    --------
    >>> change_words({"metric": "test_loss", "delta": -0.2, "ci_low": -0.3, "ci_high": -0.1})
    'decreases test loss by 0.20 (95% CI 0.10 to 0.30)'
    """
    delta, low, high = row["delta"], row["ci_low"], row["ci_high"]
    verb = "increases" if delta > 0 else "decreases"
    if delta < 0:
        delta, low, high = -delta, -high, -low
    size = estimate(delta, low, high, *more, usual=usual, signed=False)
    return f"{verb} {metric_words(row['metric'])} by {size}"


def summary(contents: ReportContents) -> dict[str, list[Sentence]]:
    """Return one sentence per comparison, by metric.

    A variant that did not run has one in the first metric only.
    """
    sentences: dict[str, list[Sentence]] = {metric: [] for metric in contents.metrics}
    shared_notes = notes_of_all(contents)
    refer = not all_have_findings(contents)
    few, compared = _few(contents)
    usual = {metric: usual_decimals(contents.deltas_of(metric)) for metric in contents.metrics}
    first = next(iter(contents.metrics), "")
    for row in rows_of(contents.deltas):
        subject, metric = comparison(row), row["metric"]
        unfinished = contents.unfinished.get(str(row["variant"]))
        if unfinished is not None:
            if metric == first:
                sentences[metric].append(
                    Sentence(unfinished.status, subject, f": {unfinished.why}")
                )
            continue
        if metric in contents.secondary:
            sentences[metric].append(_secondary(contents, row, usual[metric]))
            continue
        rest = sentence(row, usual[metric]).removeprefix(subject).rstrip(".")
        if few == compared:
            rest = rest.removesuffix(FEW)
        notes = tuple(
            note
            for note in contents.notes_of(row)
            if note not in (*shared_notes, ONE_SEED)
            and note not in rest
            and not (few == compared and note == FEW_PAIRS)
        )
        finding = refer and bool(row["verdict"]) and contents.has_finding(row)
        size = abs(row["delta"]) if is_number(row["delta"]) else 0.0
        sentences[metric].append(Sentence(str(row["verdict"]), subject, rest, notes, finding, size))
    return sentences


def _secondary(contents: ReportContents, row: Row, usual: int) -> Sentence:
    """Give the size of a delta on a secondary metric, without verdict.

    It has its p only if the study is finished, because p does not hold at repeated looks.
    """
    subject, n = comparison(row), int(row["n_pairs"])
    if n < 2:
        return Sentence("", subject, sentence(row, usual).removeprefix(subject).rstrip("."))
    how_sure = [count_of(n, "seed")]
    if is_number(row["p_adjusted"]) and SO_FAR not in contents.tables:
        how_sure.append(p_words(row["p_adjusted"]))
    size = estimate(row["delta"], row["ci_low"], row["ci_high"], *how_sure, usual=usual)
    missing = [note for note in contents.notes_of(row) if "missing" in note]
    rest = f": difference in {metric_words(row['metric'])} {size}"
    return Sentence("", subject, rest, tuple(missing), size=abs(float(row["delta"])))


def how_likely(sentences: dict[str, list[Sentence]]) -> str:
    """Return the caution on suggested numbers of seeds, if a sentence suggests one."""
    suggested = any(MIGHT_SETTLE in one.rest for many in sentences.values() for one in many)
    return HOW_LIKELY if suggested else ""


def notes_of_all(contents: ReportContents) -> list[str]:
    """Return the notes that all comparisons share; they are given once."""
    rows = _compared(contents)
    if len(rows) < 2:
        return []
    first, *others = (contents.notes_of(row) for row in rows)
    return [note for note in first if all(note in notes for notes in others)]


def all_have_findings(contents: ReportContents) -> bool:
    """Tell whether there are several variants and the doctor has a finding on each."""
    variants = {str(row["variant"]): row for row in _compared(contents)}
    return len(variants) > 1 and all(map(contents.has_finding, variants.values()))


def largest(contents: ReportContents) -> dict[str, Any] | None:
    """Return the largest delta that is better or worse, of the first metric that has one.

    A variant with a finding is returned only if there is no other.
    """
    for metric in contents.metrics:
        if metric in contents.secondary:
            continue
        table = contents.deltas_of(metric)
        settled = rows_of(table[table["verdict"].isin([Verdict.BETTER, Verdict.WORSE])])
        if settled:
            clean = [row for row in settled if not contents.has_finding(row)]
            return max(clean or settled, key=lambda row: abs(row["delta"]))
    return None


def pooled_words(row: Row, pooled: float, count: int) -> str:
    """Say what is left of a delta after partial pooling; "" if it stays the same.

    Parameters
    ----------
    row
        A row of the deltas.
    pooled
        The pooled estimate.
    count
        Number of deltas that this one is the largest of; 1 if it is not the largest.

    Examples
    --------
    >>> row = {"delta": 0.8, "ci_low": 0.3, "ci_high": 1.3}
    >>> pooled_words(row, 0.36, 10), pooled_words(row, 0.7, 1)
    ('shrunk to +0.36 as the largest of 10', 'shrunk to +0.70')
    >>> pooled_words(row, 0.799, 10)
    ''
    """
    decimals = decimals_of(row["delta"], row["ci_low"], row["ci_high"])
    shrunk = fixed(pooled, max(decimals, 2), signed=True)
    if shrunk == fixed(row["delta"], max(decimals, 2), signed=True):
        return ""
    among = f" as the largest of {count:,}" if count > 1 else ""
    return f"shrunk to {shrunk}{among}"


def warnings(contents: ReportContents) -> list[str]:
    """Return what a reader must know before the numbers."""
    texts = list(contents.findings)
    few, compared = _few(contents)
    if few:
        which = "All" if few == compared else f"{few:,} of {compared:,}"
        texts.append(
            f"{which} comparisons have fewer than {EXPLORATORY_BELOW} paired seeds so far."
            if SO_FAR in contents.tables
            else f"{which} comparisons are exploratory and have no verdict: they have fewer than "
            f"{EXPLORATORY_BELOW} paired seeds."
        )
    texts += [f"All comparisons: {note}." for note in notes_of_all(contents) if note != FEW_PAIRS]
    if all_have_findings(contents):
        texts.append("The doctor has a finding on every variant; see Findings below.")
    planned = len(contents.trials) - len(contents.with_status(Status.INFEASIBLE))
    for status, words in (
        (Status.FAILED, "failed. Missing pairs are shown and never filled in."),
        (Status.PENDING, "have not run yet. The numbers may still change."),
    ):
        count = len(contents.with_status(status))
        if count:
            if count == 1:
                words = words.replace("have", "has", 1)
            texts.append(f"{count:,} of {planned:,} trials {words}")
            if status == Status.PENDING:
                texts[-1] += f" {blocks_words(contents.trials)}"
    return texts


def _few(contents: ReportContents) -> tuple[int, int]:
    """Count the exploratory comparisons and all comparisons."""
    pairs = contents.deltas["n_pairs"]
    return int(((pairs > 0) & (pairs < EXPLORATORY_BELOW)).sum()), int((pairs > 0).sum())


def _compared(contents: ReportContents) -> list[dict[str, Any]]:
    return [row for row in rows_of(contents.deltas) if row["n_pairs"] > 1]


def _why_no_verdict(row: Row) -> str:
    notes = (row.get("notes") or "").split("; ")
    return next((note for note in notes if note.startswith(NO_VERDICT)), "no verdict")


def _doubt(row: Row) -> str:
    """Say why a comparison is inconclusive and how many more seeds might settle it."""
    text, low, high = "", row["ci_low"], row["ci_high"]
    if is_number(low) and is_number(high):
        if low <= 0 <= high:
            text = "; the interval includes 0"
        else:
            text = "; not significant after correction for multiple comparisons"
            if is_number(row.get("p_adjusted")):
                text += f", {p_words(row['p_adjusted'])}"
    needed = row.get("seeds_needed")
    if is_number(needed) and needed > row["n_pairs"]:
        more = math.ceil(needed - row["n_pairs"])
        count = (
            f"more than {MOST_MORE_SEEDS} more seeds"
            if more > MOST_MORE_SEEDS
            else f"about {more} more seed{'s' * (more > 1)}"
        )
        text += f"; {count} {MIGHT_SETTLE}"
    return text
