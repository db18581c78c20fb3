"""By how much the best score of a search was too good."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

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
    over the fresh seeds. Where these are all alike there is none: so few values tell no spread.

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
    from scipy import stats

    name = objective.name.removeprefix("val_")
    known = [split for split in ("validation", "test") if f"{split}_{name}" in trials]
    column = f"{known[0]}_{name}" if known else ""
    names = _variants(trials, len(scores))
    sign = -1.0 if objective.lower else 1.0
    rows = []
    for place, (trial, score) in enumerate(scores.items()):
        variant = names[place]
        own = trials[(trials["variant"] == variant) & (trials["status"] == "done")]
        values = own[column].dropna().astype(float) if column in own else pd.Series(dtype=float)
        count, mean = len(values), float(values.mean()) if len(values) else math.nan
        half = (
            float(stats.t.ppf(0.975, count - 1) * values.std() / math.sqrt(count))
            if count > 1 and values.std() > 0
            else math.nan
        )
        gap = sign * (float(score) - mean)
        ends = (gap - half, gap + half)
        rows.append((place + 1, trial, variant, score, mean, count, gap, *ends, note))
    return pd.DataFrame(rows, columns=COLUMNS)


def _variants(trials: pd.DataFrame, count: int) -> Sequence[str]:
    """Return the variants in their order, the winner being the baseline."""
    others = [name for name in dict.fromkeys(trials["variant"]) if name != BASELINE]
    return [BASELINE, *others][:count]
