"""The outcome of a claim: its verdict with what it rests on, what it cost, and in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablations.claims.claim import Claim, Comparison, Verdict
from ablations.claims.verdict import Explanation, HypothesisVerdict, decide
from ablations.report.numbers import brief, size_words
from ablations.report.wording import count_of, data_words, metric_words
from ablations.results import Results
from ablations.study import ENDED, Status

NOT_TESTED = "not tested"
"""In place of a verdict: nothing tested the claim, and the reason is given."""

OUTCOMES = (*map(str, Verdict), NOT_TESTED)

PICTURE = "no number decides this claim; the notebook of document {} shows it as a picture"


@dataclass(frozen=True)
class StudyOutcome:
    """Trials and duration of a study of a claim.

    Parameters
    ----------
    name, data
        Name and data of the study.
    trials, done, failed
        Number of trials that are planned, that are done and that failed.
    seconds
        Sum of the durations of the trials.
    """

    name: str
    data: str
    trials: int
    done: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class ClaimOutcome:
    """Verdict on a claim with its comparisons, hypotheses, studies and findings.

    Parameters
    ----------
    id, name, documents, text
        As of `ablations.claims.claim.Claim`.
    verdict
        Supported, contradicted or inconclusive; or "not tested", with a reason.
    comparisons
        Comparisons of the exact check.
    hypotheses
        Verdicts on the hypotheses.
    studies
        Cost of the studies.
    explanation
        Findings of the doctor: what else than the claim may be at work.
    reason
        Why the claim, or a part of it, was not tested; "" if all was.
    changed
        What has changed between the test of the claim and the last run in its directory: packages,
        code or declarations; "" if nothing has.
    """

    id: str
    name: str
    documents: tuple[str, ...]
    text: str
    verdict: str = NOT_TESTED
    comparisons: tuple[Comparison, ...] = ()
    hypotheses: tuple[HypothesisVerdict, ...] = ()
    studies: tuple[StudyOutcome, ...] = ()
    explanation: tuple[Explanation, ...] = ()
    reason: str = ""
    changed: str = ""

    @property
    def trials(self) -> int:
        """Number of trials that ended."""
        return sum(study.done + study.failed for study in self.studies)

    @property
    def seconds(self) -> float:
        """Sum of the durations of these trials."""
        return sum((study.seconds for study in self.studies), 0.0)

    @property
    def seed_blocks(self) -> int:
        """Smallest number of seed blocks of a hypothesis; 0 if there is no hypothesis."""
        return min((one.n for one in self.hypotheses), default=0)

    @property
    def found(self) -> str:
        """Comparisons and effects as one text, with the reason if a part was not tested."""
        parts = [comparisons_words(self.comparisons)] if self.comparisons else []
        parts += [hypothesis_words(one) for one in self.hypotheses]
        return "; ".join([*parts, *([self.reason] if self.reason else [])])

    @property
    def explained(self) -> str:
        """The findings of the doctor, in words."""
        return " ".join(explanation_words(one) for one in self.explanation)


def outcome_of(
    claim: Claim,
    results: Mapping[str, Results],
    comparisons: Sequence[Comparison] | None,
    reason: str = "",
) -> ClaimOutcome:
    """Return the outcome of a claim.

    Parameters
    ----------
    claim
        The claim.
    results
        Results of its studies, by name; those that could not run are left out.
    comparisons
        Comparisons of its exact check; None if there are none.
    reason
        Why a part of the claim was not tested; "" if all was.

    Raises
    ------
    StudyError
        If the results do not have what the claim's hypotheses need.
    """
    decided = decide(claim, results, comparisons)
    tested = comparisons is not None or bool(results)
    if not tested and not reason:
        reason = PICTURE.format(claim.documents[0])
    return ClaimOutcome(
        claim.id,
        claim.name,
        claim.documents,
        claim.text,
        str(decided.verdict) if tested else NOT_TESTED,
        decided.comparisons,
        decided.hypotheses if tested else (),
        tuple(_study_outcome(name, one) for name, one in results.items()),
        decided.explanation,
        reason,
    )


def hypothesis_words(one: HypothesisVerdict) -> str:
    """Write a hypothesis with its effect, interval and number of seed blocks.

    Examples
    --------
    >>> one = HypothesisVerdict("it grows", "test_loss", "s", 0.2, 0.1, 0.1, 0.3, 6, 0.01, 0, "")
    >>> hypothesis_words(one)
    'it grows: test loss +0.20 [0.10, 0.30], n = 6'
    """
    if math.isnan(one.effect):
        return f"{one.statement}: {one.note or 'no effect is known'}"
    sizes = size_words(one.effect, one.low, one.high)
    return f"{one.statement}: {metric_words(one.measure)} {sizes}, n = {one.n}"


def comparisons_words(comparisons: Sequence[Comparison]) -> str:
    """Count the comparisons that hold, and write out those that do not.

    Examples
    --------
    >>> comparisons_words([Comparison("size", 31, 31), Comparison("weights", 9, 10)])
    '1 of 2 exact comparisons hold (weights: expected 9, computed 10)'
    """
    holding = sum(one.holds for one in comparisons)
    count = count_of(len(comparisons), "exact comparison")
    text = f"{holding} of {count} hold{'s' * (len(comparisons) == 1)}"
    wrong = [
        f"{one.statement}: expected {brief(one.expected)}, computed {brief(one.computed)}"
        for one in comparisons
        if not one.holds
    ]
    return f"{text} ({'; '.join(wrong)})" if wrong else text


def explanation_words(one: Explanation) -> str:
    """Write a finding with its variant and number of trials, as sentences.

    Examples
    --------
    >>> explanation_words(Explanation("s", "v", "c", "Too wide", 2, 6, "8 units", "Trim", False))
    'v of s (2 of 6 trials): Too wide: 8 units. Trim.'
    """
    words = f"{one.variant} of {one.study} ({one.trials} of {count_of(one.of, 'trial')})"
    return f"{words}: {one.name}: {one.evidence}. {one.remedy}."


def _study_outcome(name: str, results: Results) -> StudyOutcome:
    trials = results.trials
    feasible = trials[trials["status"] != Status.INFEASIBLE]
    ended = trials[trials["status"].isin(ENDED)]
    return StudyOutcome(
        name,
        data_words(results.study.data),
        len(feasible),
        int((trials["status"] == Status.DONE).sum()),
        int((trials["status"] == Status.FAILED).sum()),
        float(ended["seconds"].sum()),
    )
