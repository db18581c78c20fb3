"""What the figures of a search share: its scores, their axis, the order of levels."""

from typing import Any

import pandas as pd

from ablations.report.figure import Spec
from ablations.report.numbers import brief, is_number
from ablations.report.search.contents import SearchContents
from cnnzoo.tuning.records import Hyperparameter

FAR = 3
"""Interquartile ranges beyond the quartile after which bad scores are drawn at the edge."""


def where(test: str) -> Spec:
    """Return what keeps a layer to some of the rows."""
    return {"transform": [{"filter": test}]}


def score_axis(contents: SearchContents, scores: list[float]) -> tuple[Spec, str]:
    """Return the axis of scores, and what to say where it leaves some out."""
    scale: Spec = {"zero": False, "nice": False, "padding": 10}
    low, middle_low, middle_high, high = pd.Series(scores).quantile([0, 0.25, 0.75, 1])
    reach = FAR * (middle_high - middle_low)
    said = ""
    if contents.lower and high > middle_high + reach > middle_high:
        scale |= {"domainMax": middle_high + reach, "clamp": True}
        said = f" Scores above {brief(middle_high + reach)} are drawn at the edge."
    if not contents.lower and low < middle_low - reach < middle_low:
        scale |= {"domainMin": middle_low - reach, "clamp": True}
        said = f" Scores below {brief(middle_low - reach)} are drawn at the edge."
    if low == high:  # of a single value Vega makes an axis that says 0
        room = abs(low) / 10 or 1.0
        scale["domain"] = [low - room, low + room]
    axis = {"field": "score", "type": "quantitative", "scale": scale}
    return {**axis, "title": [contents.objective, contents.hint]}, said


def scored_trials(contents: SearchContents) -> pd.DataFrame:
    """Return a row a trial with the mean of its scores, in the order of the search."""
    trials = contents.trials[contents.trials["status"] == "done"].dropna(subset="score")
    means = trials.groupby("trial", sort=False)["score"].mean()
    firsts = trials.drop_duplicates("trial").set_index("trial")
    names = dict.fromkeys(contents.trials["trial"])
    place = pd.Series({name: at + 1 for at, name in enumerate(names)}, dtype="int64")
    scored = firsts.assign(score=means, place=place.reindex(firsts.index)).reset_index()
    return scored.assign(compared=scored["trial"].isin(contents.compared))


def ordered(levels: set[Any], hp: Hyperparameter) -> list[Any]:
    """Return levels in the order of their declaration, numbers by size."""
    if all(map(is_number, levels)):
        return sorted(levels)
    declared = [level for level in hp.levels if level in levels]
    return [*declared, *sorted((level for level in levels if level not in declared), key=str)]
