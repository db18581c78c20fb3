"""The ablation path: from one configuration to another by the best single change each step."""

from collections.abc import Mapping, Sequence

from ablations.designs.layout import Factors, Layout, check_two_levels, lay_out
from ablations.settings import Settings
from ablations.study import Variant
from cnnzoo.toggle import Level


def path(factors: Factors, baseline: Settings) -> Layout:
    """Change one factor after the other, each time the one that helps most.

    Fawcett and Hoos (2016), "Analysing differences between algorithm configurations through
    ablation". Which changes are tried next depends on the results of the last ones.

    Parameters
    ----------
    factors
        Two levels by factor: the start's, then the target's.
    baseline
        Replaced by every factor's first level.

    Raises
    ------
    StudyError
        If a factor does not have two levels.

    Examples
    --------
    >>> layout = path({"skip": (False, True), "pool": ("max", "none")}, Settings())
    >>> [variant.name for variant in layout.variants]
    ['baseline', 'skip=True', 'pool=none']
    >>> [variant.name for variant in layout.grow({"skip=True": -0.2, "pool=none": 0.1})]
    ['skip=True, pool=none']
    """
    check_two_levels(factors, "path")
    start = Settings({**baseline, **{name: levels[0] for name, levels in factors.items()}})
    target = {name: levels[1] for name, levels in factors.items()}

    def grow(losses: Mapping[str, float]) -> tuple[Variant, ...]:
        return tuple(variant for variant in _step(target, losses)[1] if variant.name not in losses)

    first = [{**start, name: level} for name, level in target.items()]
    return Layout(start, lay_out(start, first), grow=grow)


def steps(target: Mapping[str, Level], losses: Mapping[str, float]) -> list[str]:
    """Return the factors in the order in which the path changes them, as far as it is known."""
    return list(_step(target, losses)[0])


def _step(
    target: Mapping[str, Level], losses: Mapping[str, float]
) -> tuple[dict[str, Level], Sequence[Variant]]:
    """Follow the path as far as results reach: the changes made, and those to be tried next."""
    made: dict[str, Level] = {}
    while len(made) < len(target):
        tried = {name: _variant(target, {*made, name}) for name in target if name not in made}
        if any(variant.name not in losses for variant in tried.values()):
            return made, list(tried.values())
        best = min(tried, key=lambda name: losses[tried[name].name])
        made[best] = target[best]
    return made, []


def _variant(target: Mapping[str, Level], names: set[str]) -> Variant:
    # in the order of the factors, so that a set of changes has one name
    return Variant(Settings({name: target[name] for name in target if name in names}))
