"""Claims in the terminal: the list, one claim in full, and outcomes."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ablations.claims.catalogue import claims
from ablations.claims.claim import RULE, Claim, Hypothesis
from ablations.claims.listing import count_trials, factor_words
from ablations.claims.times import duration_words
from ablations.report.numbers import CI, MINUS, bracket, brief, decimals_of, fixed
from ablations.report.wording import count_of, data_words, metric_words, seed_words, settings_words
from ablations.study import BASELINE, Study
from cnnzoo.runtime.console import table

if TYPE_CHECKING:
    from ablations.claims.outcome import ClaimOutcome
    from ablations.claims.results import ClaimsResults
    from ablations.claims.verdict import HypothesisVerdict

WIDE = 120
"""Width in characters from which the list has columns for names and data."""


def claims_table(listed: pd.DataFrame, width: int) -> Any:
    """Return the list of claims as a table of rich, for a terminal of some width.

    Parameters
    ----------
    listed
        As returned by `ablations.list_claims`.
    width
        Width in characters.
    """
    wide = width >= WIDE
    rows = [
        (
            row.id,
            *((row.name, row.document, row.data) if wide else (row.document,)),
            f"{row.trials:,}" if row.trials else "",
            duration_words(row.seconds) if row.trials else "",
            "\n".join(_tests(claims()[row.id], row.claim if wide else f"{row.name}: {row.claim}")),
        )
        for row in listed.itertuples(index=False)
    ]
    names = ("id", "name", "document", "data") if wide else ("id", "doc.")
    columns = (*names, "trials", "time", "claim, and what tests it")
    return table(columns, rows, right=("trials", "time"))


def _tests(claim: Claim, first: str) -> Iterator[str]:
    """Yield the text of a claim and a line for each of its tests."""
    yield first
    if claim.check:
        yield f"- exact check {claim.check}"
    for study in claim.studies:
        baseline = f"; baseline {settings_words(study.baseline)}" if study.baseline else ""
        yield f"- study {study.name}: {factor_words(study)}{baseline}"
    if not claim.check and not claim.studies:
        yield f"- a picture. {claim.data_needed}".rstrip()


def claim_lines(claim: Claim, seconds: dict[str, float], workers: int) -> Iterator[str]:
    """Yield the lines that describe a claim in full.

    Parameters
    ----------
    claim
        The claim.
    seconds
        Expected seconds of a trial on this machine, by study.
    workers
        Number of parallel trials, for the duration of a study.
    """
    yield f"{claim.id} {claim.name} (document {', '.join(claim.documents)})"
    yield f"{claim.text}."
    if claim.data_needed:
        yield f"Data: {claim.data_needed.rstrip('.')}."
    if claim.fixed_data:
        yield "Its data cannot be replaced by --data."
    if claim.check:
        yield f"Exact check: {claim.check}."
    for study in claim.studies:
        yield ""
        yield from _study_lines(study, seconds.get(study.name, math.nan), workers)
    for number, hypothesis in enumerate(claim.hypotheses, 1):
        yield ""
        yield from _hypothesis_lines(number, hypothesis, claim)
    yield ""
    yield f"Rule: {RULE}"
    if claim.quick:
        yield f"A quick run changes {settings_words(claim.quick)}."
    if not claim.check and not claim.studies:
        document = claim.documents[0]
        yield f"No number decides this claim; the notebook of document {document} shows it."


def _study_lines(study: Study, seconds: float, workers: int) -> Iterator[str]:
    yield f"Study {study.name}"
    recipe = study.recipe
    trials = count_trials(study)
    yield f"  model {study.model_name}, data {data_words(study.data)}, design {study.design}"
    yield f"  factors: {factor_words(study)}"
    yield f"  baseline: {settings_words(study.baseline) or 'the defaults'}"
    yield f"  seeds: {seed_words(study.to_dict())}; epochs: {recipe.epochs}"
    yield f"  {count_of(trials, 'trial')}, about {duration_words(seconds * trials / workers)}"


def _hypothesis_lines(number: int, hypothesis: Hypothesis, claim: Claim) -> Iterator[str]:
    study = hypothesis.study or claim.studies[0].name
    yield f"Hypothesis {number}: {hypothesis.statement}"
    yield f"  measure: {metric_words(hypothesis.measure)} in the study {study}"
    yield f"  contrast, positive if the claim is right: {contrast_words(hypothesis)}"
    yield f"  margin: {hypothesis.margin:g}"


def contrast_words(hypothesis: Hypothesis) -> str:
    """Write the contrast of a hypothesis, without variants of weight 0.

    Examples
    --------
    >>> from ablations.claims.claim import higher
    >>> contrast_words(higher("it rises", "test_loss", {"pool_size": 4}))
    '+ 1 x (pool_size=4) \N{MINUS SIGN} 1 x (baseline)'
    """
    terms = [
        f"{'+' if weight > 0 else MINUS} {brief(abs(weight))} x ({cell or BASELINE})"
        for cell, weight in hypothesis.weights
        if weight
    ]
    if hypothesis.constant:
        sign = MINUS if hypothesis.constant > 0 else "+"
        terms.append(f"{sign} {brief(abs(hypothesis.constant))}")
    return " ".join(terms)


def hypotheses_table(hypotheses: Sequence["HypothesisVerdict"], title: str = "") -> Any:
    """Return hypotheses with effect, interval, number of seed blocks and verdict."""
    rows = []
    for one in hypotheses:
        decimals = decimals_of(one.effect, one.low, one.high)
        rows.append(
            (
                fixed(one.effect, decimals, signed=True),
                bracket(one.low, one.high, decimals),
                one.n,
                one.verdict,
                f"{one.statement} ({metric_words(one.measure)}, {one.study})",
            )
        )
    columns = ("effect", CI, "n", "verdict", "hypothesis")
    return table(columns, rows, right=("effect", CI, "n"), title=title)


def outcome_lines(outcome: "ClaimOutcome") -> Iterator[str]:
    """Yield the lines on an outcome that no table holds: comparisons, notes and findings."""
    from ablations.claims.outcome import explanation_words

    for one in outcome.comparisons:
        sign = "=" if one.holds else "differs from"
        yield f"{one.statement}: {brief(one.computed)} {sign} {brief(one.expected)}"
    for hypothesis in outcome.hypotheses:
        if hypothesis.note:
            yield f"{hypothesis.statement}: {hypothesis.note}."
    if outcome.reason:
        yield f"{outcome.reason[:1].upper()}{outcome.reason[1:].rstrip('.')}."
    for finding in outcome.explanation:
        yield explanation_words(finding)


def outcomes_table(results: "ClaimsResults") -> Any:
    """Return one row per claim with its verdict, number of seed blocks and what was found."""
    rows = [
        (one.id, one.verdict, one.seed_blocks or "", f"{one.trials:,}", f"{one.text}. {one.found}")
        for one in results.outcomes
    ]
    columns = ("id", "verdict", "n", "trials", "claim, and what was found")
    return table(columns, rows, right=("n", "trials"))
