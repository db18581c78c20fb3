"""By how much the best score of a search was too good."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ablations.stats.pairs import noise_of
from ablations.stats.shared_blocks import shared_blocks
from ablations.stats.student import paired_t
from ablations.study import BASELINE

if TYPE_CHECKING:
    from cnnzoo.tuning.records import Objective

COLUMNS = (
    *("rank", "trial", "variant", "search_score", "fresh_mean", "seeds"),
    *("optimism", "ci_low", "ci_high", "note"),
)


def optimism(
    trials: pd.DataFrame, scores: pd.Series, objective: "Objective", note: str = ""
) -> pd.DataFrame:
    """Set scores of a search against means over fresh seeds.

    The search's score is taken as the number that it is; the interval is Student's, of the mean
    over the fresh seeds that all configurations share, so that none is ahead for having failed
    where it is hard. Where these are all alike there is none: so few values tell no spread.

    Parameters
    ----------
    trials
        As `ablations.Results.trials` of the study that tried the configurations again; its
        variants are in the order of the scores, the baseline being the first.
    scores
        The search's, by trial, the best first.
    objective
        Of the search, by the name of the study's metric. Where the trials measure it neither on
        the validation nor on the test split, there is nothing to set the scores against.
    note
        Why there is nothing, for the last column.

    Returns
    -------
    pandas.DataFrame
        As `ablations.SearchAblation.optimism`.
    """
    name = objective.name.removeprefix("val_")
    known = [split for split in ("validation", "test") if f"{split}_{name}" in trials]
    column = f"{known[0]}_{name}" if known else ""
    table = shared_blocks(trials, column).table if column else pd.DataFrame()
    names = _variants(trials, len(scores))
    sign = -1.0 if objective.lower else 1.0
    rows = []
    for place, (trial, score) in enumerate(scores.items()):
        values = table[names[place]].to_numpy() if names[place] in table else np.empty(0)
        gap = paired_t(sign * (float(score) - values), noise=noise_of(values, score))
        mean = float(values.mean()) if len(values) else math.nan
        numbers = (mean, len(values), float(gap.delta), float(gap.low), float(gap.high))
        rows.append((place + 1, trial, names[place], score, *numbers, note))
    return pd.DataFrame(rows, columns=COLUMNS)


def _variants(trials: pd.DataFrame, count: int) -> Sequence[str]:
    """Return the variants in their order, the winner being the baseline."""
    others = [name for name in dict.fromkeys(trials["variant"]) if name != BASELINE]
    return [BASELINE, *others][:count]
