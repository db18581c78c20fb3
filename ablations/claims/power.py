"""Power of claims: the chance of "supported" for the stated effects, from a pilot's contrasts."""

import math
from collections.abc import Mapping

import pandas as pd

from ablations.claims.claim import Claim
from ablations.claims.contrasts import contrast_of
from ablations.claims.verdict import ALPHA, least_blocks
from ablations.results import Results
from ablations.stats.paired_t import POWER, detectable_effect, power
from ablations.stats.pairs import sd_of
from ablations.stats.sample_size import Spread
from ablations.study.errors import StudyError

MOST_SEEDS = 1000
"""Largest number of seeds that is tried."""

COLUMNS = (
    *("claim", "statement", "measure", "study", "margin", "pilot_seeds", "pilot_effect"),
    *("sd", "sd_high", "seeds", "level", "power", "power_low", "power_twice", "power_twice_low"),
    *("detectable", "seeds_needed", "seeds_needed_high", "note"),
)


def claim_power(claim: Claim, pilots: Mapping[str, Results]) -> pd.DataFrame:
    """Return the chance that a claim's hypotheses are supported if their effects are as stated.

    The stated effect is the margin, the smallest contrast that matters. Each hypothesis is tested
    at 0.05 / m for the m hypotheses of the claim, with the number of seed blocks that its study
    declares.

    Parameters
    ----------
    claim
        The claim.
    pilots
        By name of the study, results with other seeds than the study's own, so that the data that
        decide are not those that planned.

    Returns
    -------
    pandas.DataFrame
        One row per hypothesis: ``claim``, ``statement``, ``measure``, ``study``, ``margin``;
        ``pilot_seeds``, the complete seed blocks of the pilot, and its mean contrast
        ``pilot_effect``; ``sd`` of the contrast and ``sd_high``, its upper 80% confidence limit;
        ``seeds`` of the declared study and the ``level`` of the test; ``power`` for an effect of
        the margin and ``power_twice`` for twice the margin; ``detectable``, the smallest effect
        with a power of 80%; ``seeds_needed`` for a power of 80% at the margin, infinite beyond
        1,000; ``note`` on missing or diverged trials. ``power_low``, ``power_twice_low`` and
        ``seeds_needed_high`` are the same for ``sd_high``.

    Raises
    ------
    StudyError
        If there is no pilot of a study, if a pilot shares a seed with its study, or if a
        contrast has fewer than two complete seed blocks.

    References
    ----------
    Browne (1995), "On the use of a pilot sample for sample size determination", Statistics in
    Medicine 14.
    """
    studies = {study.name: study for study in claim.studies}
    count = len(claim.hypotheses)
    rows = []
    for hypothesis in claim.hypotheses:
        name = hypothesis.study or claim.studies[0].name
        if name not in pilots:
            raise StudyError(f"`pilots`: expected a pilot of the study {name} of {claim.id}.")
        seeds = studies[name].seed_blocks
        shared = sorted(set(seeds) & set(pilots[name].trials["seed"]))
        if shared:
            raise StudyError(
                f"`pilots`: expected other seeds than those of the study {name}, because data that "
                f"planned a study cannot test it; both have {', '.join(map(str, shared))}."
            )
        contrast = contrast_of(hypothesis, pilots[name])
        complete = len(contrast.by_block)
        if complete < 2:
            raise StudyError(
                f"`pilots`: expected at least two complete seed blocks of {name} for "
                f"{hypothesis.statement!r}; got {complete}."
            )
        spread = Spread(float(sd_of(contrast.by_block)), complete - 1)
        margin, n = hypothesis.margin, len(seeds)
        rows.append(
            {
                "claim": claim.id,
                "statement": hypothesis.statement,
                "measure": hypothesis.measure,
                "study": name,
                "margin": margin,
                "pilot_seeds": complete,
                "pilot_effect": float(contrast.by_block.mean()),
                "sd": spread.sd,
                "sd_high": spread.high,
                "seeds": n,
                "level": ALPHA / count,
                "power": _power(margin, spread.sd, n, count),
                "power_low": _power(margin, spread.high, n, count),
                "power_twice": _power(2 * margin, spread.sd, n, count),
                "power_twice_low": _power(2 * margin, spread.high, n, count),
                "detectable": spread.sd * detectable_effect(n, ALPHA / count),
                "seeds_needed": seeds_needed(margin, spread.sd, count),
                "seeds_needed_high": seeds_needed(margin, spread.high, count),
                "note": "; ".join(contrast.notes),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def seeds_needed(effect: float, sd: float, hypotheses: int) -> float:
    """Return the number of seed blocks that show an effect with 80% power; infinite beyond 1,000.

    Parameters
    ----------
    effect, sd
        Mean and standard deviation of the contrast.
    hypotheses
        Number of hypotheses of the claim.

    Examples
    --------
    >>> seeds_needed(0.01, 0.01, 1), seeds_needed(0.01, 0.001, 1)
    (10.0, 6.0)
    """
    for n in range(least_blocks(hypotheses), MOST_SEEDS + 1):
        if _power(effect, sd, n, hypotheses) >= POWER:
            return float(n)
    return math.inf


def _power(effect: float, sd: float, n: int, hypotheses: int) -> float:
    """Return the power; 0 for fewer seed blocks than a verdict needs."""
    level = ALPHA / hypotheses
    if n < least_blocks(hypotheses) or effect <= 0:
        return 0.0
    # Without spread the sign-flip p decides; see `ablations.claims.verdict.verdicts_of`.
    return power(effect / sd, n, level) if sd > 0 else float(2.0 ** (1 - n) < level)
