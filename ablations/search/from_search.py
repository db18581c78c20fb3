"""From a search to studies of how good its winner is, and which of its choices matter."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ablations.search.counterpart import find_counterpart
from ablations.search.studies import FOLDERS, SearchStudies
from ablations.study import Study
from ablations.study.checks import LIST, check_count, check_model, check_seeds
from ablations.study.errors import StudyError
from ablations.study.space import Space
from cnnzoo.levels import Settings, same
from cnnzoo.shared_toggles import owner_of
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
    """Make studies of how good a search's winner is, and which of its choices matter.

    The best of many noisy scores is too good on average, because the winner was also lucky. So
    the winner and its rivals, chosen by the scores of the search, are trained again on seeds that
    the search did not use. Then the winner is ablated: one choice at a time is set to its default,
    and a path leads from the defaults to the winner. In these studies validation metrics choose
    and test metrics measure.

    Parameters
    ----------
    search
        The search, or its directory.
    seeds
        Number of fresh seeds, from the first that the search did not use; or the seeds themselves.
        If the seeds of the search are unknown, they start at 1, because `load_data` splits by seed
        0 by default.
    rivals
        Maximum number of configurations to train again beside the winner.
    model, data, recipe
        As for `Study`; those of the search if left out. A search made elsewhere does not store
        them: its model is the ``build(hp)`` that was searched.
    metric
        First metric of the studies. If left out, the metric that measures the same as the search's
        objective, such as "accuracy" for ``val_acc``. If there is none, `SearchStudies.note` says
        which metric is compared, and why the optimism of the search is unknown.

    Returns
    -------
    SearchStudies
        The studies, to be run by their method ``run``.

    Raises
    ------
    SearchError, StudyError
        If there is no search, no trial of it is done, or it cannot be studied.
    """
    check_count(rivals, 0, "`rivals` of `from_search`")
    results = search if isinstance(search, SearchResults) else open_search(search)
    results.ranked(1)  # raises if there is no winner
    fresh = _fresh(seeds, results.seeds)
    _check_known(results, model, data)
    model_name = check_model(model if model is not None else results.model)
    space, contenders = find_contenders(results, model_name, rivals + 1)
    winner, *others = [contender.levels for contender in contenders]
    if not winner:
        raise StudyError(f"The search in {results.directory} chose nothing that a study could set.")
    data_name = data if data is not None else results.data
    counterpart = find_counterpart(results, model_name, data_name, winner)
    name = next(iter(winner))
    rivals_study = Study(
        model_name,
        data_name,
        # without rivals, a factor of one level
        factors={} if others else {name: [winner[name]]},
        baseline=winner,
        design=LIST if others else "one-at-a-time",
        variants=[_changes(levels, winner) for levels in others],
        seeds=fresh,
        recipe=recipe if recipe is not None else Recipe(**results.recipe),
        metrics=[metric or counterpart.metric, "loss"],
    )
    rivals_study = replace(rivals_study, name=f"{rivals_study.name}-search")
    trials = tuple(contender.trial for contender in contenders)
    factors = _factors(rivals_study, space, winner, results.hyperparameters)
    if not factors:
        return SearchStudies(results, rivals_study, None, None, trials, counterpart)
    start = {name: level for name, level in winner.items() if name not in factors}
    one_at_a_time, path = (
        replace(
            rivals_study,
            design=design,
            factors=factors,
            variants=(),
            baseline=baseline,
            name=f"{rivals_study.name}-{folder}",
        )
        for design, baseline, folder in (
            ("one-at-a-time", winner, FOLDERS[1]),
            ("path", start, FOLDERS[2]),
        )
    )
    return SearchStudies(results, rivals_study, one_at_a_time, path, trials, counterpart)


def _check_known(search: SearchResults, model: object, data: object) -> None:
    """Raise StudyError if neither the search nor the caller names the model and the data."""
    if data is None and search.model and not search.data:
        raise StudyError(
            f"`data`: expected the data of the search in {search.directory}, which used arrays or "
            f"loaded data ({search.about_data or 'unknown'}) and does not store them; got none."
        )
    missing = [
        name
        for name, given, kept in (("model", model, search.model), ("data", data, search.data))
        if given is None and not kept
    ]
    if missing:
        words = " and ".join(f"`{name}`" for name in missing)
        raise StudyError(f"The search in {search.directory} does not store {words}; give them.")


def _fresh(seeds: object, used: Sequence[int]) -> list[int]:
    """Return seeds that the search has not used, as far as its seeds are known."""
    if isinstance(seeds, int):
        check_count(seeds, 1, "`seeds` of `from_search`")
        start = max(used, default=0) + 1
        return list(range(start, start + seeds))
    try:
        fresh = check_seeds(() if isinstance(seeds, str) else seeds)
    except StudyError:
        raise StudyError(
            "`seeds`: expected a number of seeds (at least 1), or different whole numbers from 0; "
            f"got {seeds!r}."
        ) from None
    again = sorted({*fresh} & {*used})
    if again:
        raise StudyError(
            "`seeds`: expected seeds that the search has not used; got "
            f"{', '.join(map(str, again))}, which it has used."
        )
    return [int(seed) for seed in fresh]


def _changes(levels: Mapping[str, Level], winner: Mapping[str, Level]) -> dict[str, Level]:
    return {n: v for n, v in levels.items() if n not in winner or not same(v, winner[n])}


def _factors(
    study: Study, space: Space, winner: Mapping[str, Level], searched: Sequence[str]
) -> dict[str, list[Level]]:
    """Return the default and the winner's level of each searched toggle that the winner changes."""
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
    """A configuration to train again.

    Parameters
    ----------
    trial
        First trial of the search with this configuration.
    levels
        Its levels, without those that the others make inactive.
    """

    trial: SearchTrial
    levels: Settings


def find_contenders(
    search: SearchResults, model: str, count: int
) -> tuple[Space, tuple[Contender, ...]]:
    """Find the best configurations that are different models.

    KerasTuner gives a level to every hyperparameter, so trials may differ by hyperparameters that
    a plain ``if`` leaves out. Such trials are one configuration.

    Returns
    -------
    Space, tuple of Contender
        The toggles that may be set, and at most so many contenders, the winner first.

    Raises
    ------
    SearchError
        If no trial is done.
    StudyError, ToggleError
        If there is no such model, or the search chose something that a study cannot set.
    """
    ranked = search.ranked()
    # A study knows the levels of PURPOSE from its data.
    chosen = [
        {name: level for name, level in search.levels_of(trial).items() if name not in PURPOSE}
        for trial in ranked
    ]
    tried = chosen[:count]
    space = Space.of(model, tried)
    contenders: dict[Settings, Contender] = {}
    for trial, levels in zip(ranked, chosen, strict=True):
        new = levels not in tried and any(name not in space for name in levels)
        if space.builder.takes_hp and new:
            tried.append(levels)
            space = Space.of(model, tried)  # it may ask for further hyperparameters
        known = {n: level for n, level in levels.items() if _is_known(n, space)}
        settings = Settings(space.effective(known, ()))
        contenders.setdefault(settings, Contender(trial, settings))
        if len(contenders) == count:
            break
    return space, tuple(contenders.values())


def _is_known(name: str, space: Space) -> bool:
    """Return whether a study can set a name; names that ``build(hp)`` ignores are ignored."""
    if name in space:
        return True
    if not space.builder.takes_hp:
        space.toggle(name)  # raises with the known names
    if space.builder.own_fit is not None:
        raise StudyError(
            f"The search chose `{name}`, which {space.builder.name!r} asks for in its own `fit` "
            f"only, where a study cannot set it. Search again with `{name}` in `build`."
        )
    return False
