"""From a search to an ablation: how good its best really is, and which of its choices matter."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ablations.search.counterpart import find_counterpart
from ablations.search.studies import FOLDERS, SearchStudies
from ablations.study import Study
from ablations.study.checks import LIST, check_count, check_model, check_seeds
from ablations.study.settings import StudyError
from ablations.study.space import Space
from cnnzoo.builders import owner_of
from cnnzoo.levels import Settings, same
from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import Level
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.reading.results import SearchResults, open_search
from cnnzoo.tuning.records import SearchTrial
from cnnzoo.vocabulary import PURPOSE


@refuse_unknown
def from_search(
    search: SearchResults | str | Path,
    *,
    seeds: int | Sequence[int] = 10,
    rivals: int = 3,
    model: Any = None,
    data: str | None = None,
    recipe: Recipe | None = None,
    metric: str | None = None,
) -> SearchStudies:
    """Make the studies that say what a search's best is worth.

    The best of many noisy scores is too good on average: the winner was also the luckiest. So the
    winner and its rivals are trained again, on seeds that the search did not use. Then the winner
    is ablated: one choice at a time back to its default, and along the path from the defaults.

    Parameters
    ----------
    search
        The search, or its directory.
    seeds
        How many fresh seeds, from the first that the search did not use; or the seeds themselves.
        If the seeds of the search are unknown, they begin at 1, because `load_data` splits by seed
        0 unless told otherwise.
    rivals
        How many configurations to try again beside the winner, as far as there are.
    model, data, recipe
        As of `Study`; what the search was of, if left out. A search made elsewhere does not say
        it: its model is the ``build(hp)`` that was searched.
    metric
        That the studies compare first; if left out, what measures the same as the search's
        objective, such as "accuracy" for ``val_acc``. Where nothing does, `SearchStudies.note` says
        what is compared, and why it is not known by how much the search's score was too good.

    Returns
    -------
    SearchStudies
        To be run by its method ``run``.

    Raises
    ------
    SearchError, StudyError
        If there is no search, nothing in it is done, or it cannot be studied.
    """
    check_count(rivals, 0, "`rivals` of `from_search`")
    found = search if isinstance(search, SearchResults) else open_search(search)
    found.ranked(1)  # says if there is no winner
    fresh = _fresh(seeds, found.seeds)
    _check_said(found, model, data)
    text = check_model(model if model is not None else found.model)
    space, contenders = find_contenders(found, text, rivals + 1)
    common: dict[str, Any] = {
        "model": text,
        "data": data if data is not None else found.data,
        "recipe": recipe if recipe is not None else Recipe(**found.recipe),
        "seeds": fresh,
    }
    winner, *others = [contender.levels for contender in contenders]
    if not winner:
        raise StudyError(f"The search in {found.directory} chose nothing that a study could set.")
    counterpart = find_counterpart(found, text, common["data"], winner)
    common["metrics"] = list(dict.fromkeys([metric or counterpart.metric, "loss"]))
    if others:
        changes = [_changes(levels, winner) for levels in others]
        base = Study(**common, design=LIST, variants=changes, baseline=winner)
    else:  # nothing to compare the winner with, but its fresh seeds
        own = next(iter(winner))
        base = Study(**common, factors={own: [winner[own]]}, baseline=winner)
    base = replace(base, name=f"{base.name}-search")
    trials = tuple(contender.trial for contender in contenders)
    factors = _factors(base, space, winner, found.hyperparameters)
    if not factors:
        return SearchStudies(found, base, None, None, trials, counterpart)
    kept = {name: level for name, level in winner.items() if name not in factors}
    one, along = (
        replace(
            base,
            design=design,
            factors=factors,
            variants=(),
            baseline=levels,
            name=f"{base.name}-{end}",
        )
        for design, levels, end in (
            ("one-at-a-time", winner, FOLDERS[1]),
            ("path", kept, FOLDERS[2]),
        )
    )
    return SearchStudies(found, base, one, along, trials, counterpart)


def _check_said(search: SearchResults, model: object, data: object) -> None:
    """Refuse a search that does not say what it was of, where nobody else does."""
    if data is None and search.model and not search.data:
        raise StudyError(
            f"The search in {search.directory} was of data that were loaded already "
            f"({search.about_data or 'it does not say which'}), which a study loads again for "
            "each seed. Give `data` as a text that `load_data` takes; arrays can be saved with "
            "numpy.savez, as 'npz:PATH'."
        )
    missing = [
        name
        for name, given, kept in (("model", model, search.model), ("data", data, search.data))
        if given is None and not kept
    ]
    if missing:
        words = " and ".join(f"`{name}`" for name in missing)
        raise StudyError(f"The search in {search.directory} does not say its {words}; give them.")


def _fresh(seeds: object, used: Sequence[int]) -> list[int]:
    """Return seeds that the search has not used, as far as those are known."""
    if isinstance(seeds, int):
        check_count(seeds, 1, "`seeds` of `from_search`")
        start = max(used, default=0) + 1
        return list(range(start, start + seeds))
    try:
        fresh = check_seeds(() if isinstance(seeds, str) else seeds)
    except StudyError:
        raise StudyError(
            "`seeds` of `from_search` must be how many (at least 1), or different whole numbers "
            f"from 0; got {seeds!r}."
        ) from None
    again = sorted({*fresh} & {*used})
    if again:
        raise StudyError(
            f"`seeds` must be others than those of the search; it has used "
            f"{', '.join(map(str, again))} of them."
        )
    return [int(seed) for seed in fresh]


def _changes(levels: Mapping[str, Level], winner: Mapping[str, Level]) -> dict[str, Level]:
    return {n: v for n, v in levels.items() if n not in winner or not same(v, winner[n])}


def _factors(
    study: Study, space: Space, winner: Mapping[str, Level], searched: Sequence[str]
) -> dict[str, list[Level]]:
    """Return the searched toggles that the winner changes: their default, and its level."""
    usual: dict[str, Any] = asdict(study.recipe)
    factors = {}
    for name in searched:
        if name not in winner:
            continue
        toggle = space.toggle(name)
        default = usual.get(name, toggle.default)
        owner = owner_of(name, study.model_name)
        level = toggle.check(winner[name], owner)
        if default is not None and not same(toggle.check(default, owner), level):
            factors[name] = [default, level]
    return factors


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
    tried = chosen[:count]
    space = Space.of(model, tried)
    found: dict[Settings, Contender] = {}
    for trial, levels in zip(ranked, chosen, strict=True):
        new = levels not in tried and any(name not in space for name in levels)
        if space.builder.takes_hp and new:
            tried.append(levels)
            space = Space.of(model, tried)  # it may ask for more than the ones before
        known = {n: level for n, level in levels.items() if _is_known(n, space)}
        own = Settings(space.effective(known, ()))
        found.setdefault(own, Contender(trial, own))
        if len(found) == count:
            break
    return space, tuple(found.values())


def _without_purpose(levels: Mapping[str, Level]) -> dict[str, Level]:
    """Leave out what a study knows from its data."""
    return {name: level for name, level in levels.items() if name not in PURPOSE}


def _is_known(name: str, space: Space) -> bool:
    """Return whether a name can be set; what ``build(hp)`` never asks for makes no difference."""
    if name in space:
        return True
    if not space.builder.takes_hp:
        space.toggle(name)  # says what there is
    if space.builder.has_own_fit:
        raise StudyError(
            f"The search chose `{name}`, which {space.builder.name!r} asks for in no build, and so "
            "in its own `fit`, which a study does not call: it trains by a Recipe. Search again "
            f"with `{name}` in `build`, or under the name of a toggle of the recipe."
        )
    return False
