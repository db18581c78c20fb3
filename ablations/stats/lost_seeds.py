"""Seeds in which one of two trials failed: whether they differ from the seeds of the pairs."""

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from ablations.stats.barring import NO_VERDICT
from ablations.stats.pairs import doubled_ranks, noise_of
from ablations.study import BASELINE, ENDED

LEVEL = 0.2
"""Level of the test on lost seeds.

Few seeds are lost, so at 5% the test would seldom show anything. If failures have nothing to do
with the seeds, it bars a verdict without need in at most one of five comparisons with lost seeds.
Chosen by simulation, see tests/benchmarks/results/statistics.md.
"""

LOST = tuple(
    f"{NO_VERDICT}{failed} failed in seeds that are not like the others"
    for failed in ("the variant", "the baseline")
)
"""Beginnings of the notes of a comparison whose lost seeds differ."""

EXACT_TO = 60
"""Largest number of values for which the exact distribution of the rank sum is computed."""


def rank_sum_p(lost: ArrayLike, kept: ArrayLike) -> float:
    """Return the two-sided p of Wilcoxon's rank-sum test, given the ties.

    Exact for up to 60 values: every choice of the lost ones is equally likely. For more values, a
    normal approximation with the variance of the tied ranks.

    References
    ----------
    Wilcoxon (1945), "Individual comparisons by ranking methods", Biometrics Bull. 1.

    Examples
    --------
    >>> round(rank_sum_p([0.9, 0.8], [0.1, 0.2, 0.3, 0.2]), 4)  # 2 of 15 choices
    0.1333
    """
    first, second = np.asarray(lost, dtype=float), np.asarray(kept, dtype=float)
    if not (len(first) and len(second)):
        return 1.0
    values = np.concatenate([first, second])
    ranks = doubled_ranks(values, noise_of(values))
    count, total, chosen = len(values), int(ranks.sum()), len(first)
    observed = int(ranks[:chosen].sum())
    if count > EXACT_TO:
        share = chosen / count
        squares = float(((ranks - total / count) ** 2).sum())
        spread = math.sqrt(share * (count - chosen) / (count - 1) * squares)
        gap = abs(observed - share * total)
        return float(2 * special.ndtr(-gap / spread)) if spread else 1.0
    # Number of choices by size and sum; sums of up to 60 doubled ranks need no more than 3,661.
    ways = np.zeros((chosen + 1, total + 1))
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : total + 1 - rank].copy()
    chances = ways[chosen] / ways[chosen].sum()
    tails = chances[: observed + 1].sum(), chances[observed:].sum()
    return min(1.0, 2 * float(min(tails)))


def ended_seeds(trials: pd.DataFrame) -> dict[str, set[object]]:
    """Return the seeds of the trials that are done or failed, by variant."""
    ran = trials[trials["status"].isin(ENDED)]
    return {str(name): set(seeds) for name, seeds in ran.groupby("variant")["seed"]}


def notes_of_lost(
    table: pd.DataFrame, variant: str, ran: Mapping[str, Collection[object]]
) -> list[str]:
    """Return why a comparison has no verdict if its lost seeds differ from those of its pairs.

    If a variant failed in some seeds, the values of the baseline in these seeds are compared with
    its values in the seeds of the pairs; and the other way round.

    Parameters
    ----------
    table
        Result of `ablations.stats.pairs.by_seed`.
    variant
        Name of the variant.
    ran
        Result of `ended_seeds`.

    Examples
    --------
    >>> values = [0.2, 0.3, 0.2, 0.3, 0.2, 0.9, 0.8]
    >>> table = pd.DataFrame({"baseline": values, "a": [*values[:5], np.nan, np.nan]})
    >>> print(notes_of_lost(table, "a", {"baseline": range(7), "a": range(7)})[0])
    no verdict: the variant failed in seeds that are not like the others: there the baseline has a
    mean of 0.85, in the 5 seeds of the pairs 0.24 (rank-sum p = 0.095)
    """
    if BASELINE not in table.columns or variant not in table.columns:
        return []
    both_ran = set(ran.get(BASELINE, ())) & set(ran.get(variant, ()))
    tried = table.index.isin(list(both_ran))
    notes = []
    for reason, failed, other, other_words in (
        (LOST[0], variant, BASELINE, "the baseline"),
        (LOST[1], BASELINE, variant, "the variant"),
    ):
        there = np.isfinite(table[other].to_numpy()) & tried
        done = np.isfinite(table[failed].to_numpy())
        values = table[other].to_numpy()
        lost, kept = values[there & ~done], values[there & done]
        p = rank_sum_p(lost, kept)
        if p < LEVEL:
            notes.append(
                f"{reason}: there {other_words} has a mean of {lost.mean():.4g}, in the "
                f"{len(kept)} seeds of the pairs {kept.mean():.4g} (rank-sum p = {p:.2g})"
            )
    return notes
