"""The best configurations of a search, as a study can train them again."""

from collections.abc import Mapping
from dataclasses import dataclass

from ablations.study.models import find_builder
from ablations.study.settings import Settings, StudyError
from ablations.study.space import Space
from cnnzoo.toggle import Level
from cnnzoo.tuning.reading.results import SearchResults
from cnnzoo.tuning.records import SearchTrial
from cnnzoo.vocabulary import PURPOSE


@dataclass(frozen=True)
class Contender:
    """A configuration to be trained again.

    Parameters
    ----------
    trial
        The first of the search that tried it.
    levels
        What it set, without what these levels switch off themselves.
    """

    trial: SearchTrial
    levels: Settings


def find_contenders(
    search: SearchResults, model: str, count: int
) -> tuple[Space, tuple[Contender, ...]]:
    """Find the best configurations that are different models.

    KerasTuner gives a hyperparameter that a plain ``if`` switches off a level all the same, so
    that trials may differ by what none of them asks for.

    Parameters
    ----------
    search
        The search.
    model
        As a study names it.
    count
        How many at most.

    Returns
    -------
    Space, tuple of Contender
        What may be set, and the contenders, the winner first.

    Raises
    ------
    SearchError
        If no trial is done.
    StudyError, ToggleError
        If there is no such model, or the search chose what a study cannot set.
    """
    ranked = search.ranked()
    chosen = [_without_purpose(search.levels_of(trial)) for trial in ranked]
    tried, asks = chosen[:count], find_builder(model).asks
    space = Space.of(model, tried)
    found: dict[Settings, Contender] = {}
    for trial, levels in zip(ranked, chosen, strict=True):
        if asks and levels not in tried and any(name not in space for name in levels):
            tried.append(levels)
            space = Space.of(model, tried)  # it may ask for more than the ones before
        known = {n: level for n, level in levels.items() if _is_known(n, space, model)}
        own = Settings(space.effective(known, ()))
        found.setdefault(own, Contender(trial, own))
        if len(found) == count:
            break
    return space, tuple(found.values())


def _without_purpose(levels: Mapping[str, Level]) -> dict[str, Level]:
    """Leave out what a study knows from its data."""
    return {name: level for name, level in levels.items() if name not in PURPOSE}


def _is_known(name: str, space: Space, model: str) -> bool:
    """Return whether a name can be set; what ``build(hp)`` never asks for makes no difference."""
    if name in space:
        return True
    builder = find_builder(model)
    if not builder.asks:
        space.toggle(name)  # says what there is
    if builder.fits:
        raise StudyError(
            f"The search chose `{name}`, which {model!r} asks for in no build, and so in its own "
            "`fit`, which a study does not call: it trains by a Recipe. Search again with "
            f"`{name}` in `build`, or under the name of a toggle of the recipe."
        )
    return False
