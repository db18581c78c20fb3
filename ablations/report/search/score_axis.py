"""Scores of a search for its figures: one per trial, their axis, and the order of levels."""

from typing import Any

import pandas as pd

from ablations.report.figure import Spec, quantitative
from ablations.report.numbers import brief, is_number
from ablations.report.search.contents import SearchContents
from cnnzoo.tuning.records import Hyperparameter, TrialStatus

BEST_SHARE = 10
"""One in this many configurations is drawn as one of the best."""

TICKS = ".4~g"
"""Format of the levels on an axis."""

FAR = 3
"""Interquartile ranges beyond the quartile from which bad scores are drawn at the edge."""


def score_axis(contents: SearchContents, scores: list[float]) -> tuple[Spec, str]:
    """Return the axis of the scores, and a sentence if some are drawn at its edge."""
    scale: Spec = {"zero": False, "nice": False, "padding": 10}
    low, middle_low, middle_high, high = pd.Series(scores).quantile([0, 0.25, 0.75, 1])
    reach = FAR * (middle_high - middle_low)
    note = ""
    if contents.lower and high > middle_high + reach > middle_high:
        scale |= {"domainMax": middle_high + reach, "clamp": True}
        note = f" Scores above {brief(middle_high + reach)} are drawn at the edge."
    if not contents.lower and low < middle_low - reach < middle_low:
        scale |= {"domainMin": middle_low - reach, "clamp": True}
        note = f" Scores below {brief(middle_low - reach)} are drawn at the edge."
    if low == high:  # for a single value Vega would label the axis with 0 only
        room = abs(low) / 10 or 1.0
        scale["domain"] = [low - room, low + room]
    title = [contents.objective, contents.hint]
    return quantitative("score", scale=scale, title=title), note


def scored_trials(contents: SearchContents) -> pd.DataFrame:
    """Return one row per trial with its mean score, in the order of the search."""
    trials = contents.trials[contents.trials["status"] == TrialStatus.DONE].dropna(subset="score")
    means = trials.groupby("trial", sort=False)["score"].mean()
    firsts = trials.drop_duplicates("trial").set_index("trial")
    names = dict.fromkeys(contents.trials["trial"])
    place = pd.Series({name: at for at, name in enumerate(names, 1)}, dtype="int64")
    scored = firsts.assign(score=means, place=place.reindex(firsts.index)).reset_index()
    return scored.assign(compared=scored["trial"].isin(contents.compared))


def best_trials(contents: SearchContents, scored: pd.DataFrame) -> set[str]:
    """Return the best tenth of the compared trials, at least one."""
    compared = scored[scored["compared"]].sort_values("score", ascending=contents.lower)
    return set(compared["trial"].head(max(len(compared) // BEST_SHARE, 1)))


def ordered(levels: set[Any], hp: Hyperparameter) -> list[Any]:
    """Return levels in the order of their declaration; numbers by size."""
    if all(map(is_number, levels)):
        return sorted(levels)
    declared = [level for level in hp.levels if level in levels]
    return [*declared, *sorted((level for level in levels if level not in declared), key=str)]
