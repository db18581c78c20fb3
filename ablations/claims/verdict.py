"""The verdict on a claim: intervals of its contrasts, its exact comparisons, and explanations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ablations.claims.claim import Claim, Comparison, Hypothesis, Verdict
from ablations.claims.contrasts import Contrast, contrast_of
from ablations.results import Results
from ablations.stats.barring import NO_VERDICT
from ablations.stats.paired_t import PairedT, paired_t
from ablations.stats.pairs import all_alike
from ablations.study import ENDED
from ablations.study.checks import EXPLORATORY_BELOW
from cnnzoo.doctor.finding import MODES_DIFFER, Severity

ALPHA = 0.05
"""Largest chance of a false verdict on a claim."""

FEW_BLOCKS = f"{NO_VERDICT}fewer than {{}} complete seed blocks"
SMALL = "the effect is smaller than the margin: it is there, but does not matter"
NO_RESULTS = f"{NO_VERDICT}the study {{}} has not run"
ALIKE = "the contrast is the same in all seed blocks: no spread to form an interval from"


@dataclass(frozen=True)
class HypothesisVerdict:
    """What the data say about one hypothesis.

    Parameters
    ----------
    statement, measure, study, margin
        As of `Hypothesis`; with the name of the study.
    effect, sd
        Mean and standard deviation of the contrast over the seed blocks.
    low, high
        Simultaneous 95% interval of the mean contrast: that of one hypothesis at 1 - 0.05 / m for
        the m hypotheses of the claim (Bonferroni). NaN if all contrasts are equal.
    n
        Number of complete seed blocks.
    p
        Two-sided p for a contrast of 0, times m, at most 1. It is below 0.05 if and only if the
        interval excludes 0.
    verdict
        The verdict.
    note
        What to know about it, joined by "; ": missing seed blocks, divergence, an effect that is
        smaller than the margin, why there is none.
    """

    statement: str
    measure: str
    study: str
    effect: float
    sd: float
    low: float
    high: float
    n: int
    p: float
    margin: float
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class Explanation:
    """A finding of the doctor in the trials of a variant that a claim compares.

    Parameters
    ----------
    study, variant, code, name
        Study, variant and finding.
    trials, of
        Number of trials with the finding, and of trials of the variant that ran.
    evidence, remedy
        Evidence of the first of these trials, and the remedy.
    artefact
        Whether the finding says that something else than the claim is at work: the moving averages
        of BatchNormalization.
    """

    study: str
    variant: str
    code: str
    name: str
    trials: int
    of: int
    evidence: str
    remedy: str
    artefact: bool


@dataclass(frozen=True)
class ClaimVerdict:
    """What the data and the exact check say about a claim.

    Parameters
    ----------
    claim
        Id of the claim.
    verdict
        The verdict on the whole claim.
    hypotheses
        Verdicts on its hypotheses, in their order.
    comparisons
        Comparisons of its exact check.
    explanation
        Findings of the doctor, artefacts first, then the most frequent ones.
    """

    claim: str
    verdict: Verdict
    hypotheses: tuple[HypothesisVerdict, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    explanation: tuple[Explanation, ...] = ()


def decide(
    claim: Claim,
    results: Mapping[str, Results] | None = None,
    comparisons: Sequence[Comparison] | None = None,
) -> ClaimVerdict:
    """Return the verdict on a claim.

    A hypothesis is supported if the simultaneous interval of its mean contrast is above 0; else
    contradicted if the interval is below the margin; else inconclusive. It is inconclusive too if
    there are fewer complete seed blocks than `least_blocks`, if its study is not finished, if all
    trials are at chance level, or if trials failed in seeds that are not like the others; see
    `contrast_of` for trials that diverged. The claim is supported if all its hypotheses and
    comparisons are, contradicted if one is, else inconclusive.

    For a claim that is false, because the contrast of one hypothesis is at most 0, the chance of
    "supported" is at most 2.5%. For a claim all of whose contrasts are at least their margins, so
    is the chance of "contradicted".

    Parameters
    ----------
    claim
        The claim.
    results
        Results of its studies by name. Hypotheses of a study that is left out are inconclusive.
    comparisons
        Comparisons of its exact check. If they are left out, a claim with a check is not
        supported.

    Raises
    ------
    StudyError
        If a study has no variant of a cell, or its trials have no such measure.
    """
    opened = results or {}
    rows, contrasts = [], []
    for hypothesis in claim.hypotheses:
        study = hypothesis.study or claim.studies[0].name
        contrast = contrast_of(hypothesis, opened[study]) if study in opened else None
        rows.append(_judge(hypothesis, study, contrast, len(claim.hypotheses)))
        contrasts += [(study, contrast)] if contrast else []
    words = [row.verdict for row in rows]
    words += [
        Verdict.SUPPORTED if comparison.holds else Verdict.CONTRADICTED
        for comparison in comparisons or ()
    ]
    if claim.check and comparisons is None:
        words.append(Verdict.INCONCLUSIVE)
    return ClaimVerdict(
        claim.id,
        overall(words),
        tuple(rows),
        tuple(comparisons or ()),
        _explanation(contrasts, opened),
    )


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on a claim from those on its parts.

    Examples
    --------
    >>> overall(["supported", "inconclusive"])
    'inconclusive'
    """
    words = {Verdict(word) for word in verdicts}
    if Verdict.CONTRADICTED in words:
        return Verdict.CONTRADICTED
    return Verdict.SUPPORTED if words == {Verdict.SUPPORTED} else Verdict.INCONCLUSIVE


def least_blocks(hypotheses: int) -> int:
    """Return the number of complete seed blocks that a verdict on a claim needs.

    Six, as for all verdicts, or 2 m + 2 for m hypotheses: with each further one, the simultaneous
    interval reaches further into the tails of the contrasts, which few seed blocks do not show.
    Chosen by simulation, see tests/benchmarks/results/claims.md.

    Examples
    --------
    >>> [least_blocks(count) for count in (1, 2, 3, 4)]
    [6, 6, 8, 10]
    """
    return max(EXPLORATORY_BELOW, 2 * hypotheses + 2)


def simultaneous(values: ArrayLike, hypotheses: int, noise: ArrayLike = 0.0) -> PairedT:
    """Return the interval and test of contrasts along the last axis, for one of some hypotheses.

    The level is 0.05 over their number (Bonferroni), and p is multiplied by it.

    Examples
    --------
    >>> result = simultaneous([0.1, 0.3, 0.2, 0.2, 0.1, 0.3], 2)
    >>> round(float(result.low), 3), round(float(result.high), 3), round(float(result.p), 4)
    (0.084, 0.316, 0.0055)
    """
    found = paired_t(values, 1 - ALPHA / hypotheses, noise, modified=True)
    p = np.minimum(found.p * hypotheses, 1.0)
    return PairedT(found.delta, found.sd, found.low, found.high, p, found.gamma)


def verdicts_of(
    values: ArrayLike, margin: float, hypotheses: int, noise: ArrayLike = 0.0
) -> NDArray[np.str_]:
    """Return the verdicts on contrasts along the last axis, for one of some hypotheses.

    All are inconclusive for fewer values than `least_blocks`.
    If all contrasts of a sample are equal, there is no interval. Then the sign-flip p of contrasts
    on one side of 0, or of the margin, takes its place.

    Examples
    --------
    >>> above, below = [0.1, 0.3, 0.2, 0.2, 0.1, 0.3], [0.0, 0.1, -0.1, 0.0, -0.1, 0.1]
    >>> verdicts_of([above, below], margin=0.15, hypotheses=2).tolist()
    ['supported', 'contradicted']
    """
    contrasts = np.asarray(values, dtype=float)
    n = contrasts.shape[-1]
    if n < least_blocks(hypotheses):
        return np.full(contrasts.shape[:-1], Verdict.INCONCLUSIVE.value)
    found = simultaneous(contrasts, hypotheses, noise)
    reach = np.broadcast_to(noise, contrasts.shape).mean(axis=-1)
    # One decision by all signs: the interval's ends are NaN, and compare as false, or these.
    sure = (found.sd == 0) & (hypotheses * 2.0 ** (1 - n) < ALPHA)
    supported = (found.low > 0) | (sure & (found.delta > reach))
    contradicted = (found.high < margin) | (sure & (found.delta < margin - reach))
    return np.select(
        [supported, contradicted],
        [Verdict.SUPPORTED.value, Verdict.CONTRADICTED.value],
        Verdict.INCONCLUSIVE.value,
    )


def _judge(
    hypothesis: Hypothesis, study: str, contrast: Contrast | None, hypotheses: int
) -> HypothesisVerdict:
    if contrast is None:
        contrast = Contrast(np.empty(0), np.empty(0), {}, 0, (NO_RESULTS.format(study),))
    values, n = contrast.by_block, len(contrast.by_block)
    found = simultaneous(values, hypotheses, contrast.noise)
    word = Verdict(str(verdicts_of(values, hypothesis.margin, hypotheses, contrast.noise)))
    if contrast.barred or word in contrast.excluded:
        word = Verdict.INCONCLUSIVE
    notes = [*contrast.notes]
    if contrast.missing:
        notes.insert(0, f"{contrast.missing} of {n + contrast.missing} seed blocks are incomplete")
    least = least_blocks(hypotheses)
    if n >= least and all_alike(values, contrast.noise):
        notes.append(ALIKE)
    elif n < least and contrast.variants:
        notes.append(FEW_BLOCKS.format(least))
    if word == Verdict.SUPPORTED and found.high < hypothesis.margin:
        notes.append(SMALL)
    return HypothesisVerdict(
        hypothesis.statement,
        hypothesis.measure,
        study,
        effect=float(found.delta),
        sd=float(found.sd),
        low=float(found.low),
        high=float(found.high),
        n=n,
        p=float(found.p),
        margin=hypothesis.margin,
        verdict=word,
        note="; ".join(notes),
    )


def _explanation(
    contrasts: Iterable[tuple[str, Contrast]], results: Mapping[str, Results]
) -> tuple[Explanation, ...]:
    """Return the findings in the trials of the compared variants; notes are left out."""
    compared = dict.fromkeys(
        (study, variant) for study, contrast in contrasts for variant in contrast.variants
    )
    rows = []
    for study, variant in compared:
        trials, findings = results[study].trials, results[study].findings
        ran = trials[(trials["variant"] == variant) & trials["status"].isin(ENDED)]
        serious = findings[
            (findings["variant"] == variant) & (findings["severity"] != Severity.NOTE)
        ]
        for code, group in serious.groupby("code", sort=False):
            first = group.iloc[0]
            places = [name for name in ("data", "seed") if name in group]
            rows.append(
                Explanation(
                    study,
                    variant,
                    str(code),
                    str(first["name"]),
                    len(group[places].drop_duplicates()),
                    len(ran),
                    str(first["evidence"]),
                    str(first["remedy"]),
                    code == MODES_DIFFER,
                )
            )
    return tuple(sorted(rows, key=lambda row: (not row.artefact, -row.trials / row.of)))
