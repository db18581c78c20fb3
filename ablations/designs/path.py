"""The ablation path: from one configuration to another by the best single change each step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablations.designs.layout import Factors, Layout, check_two_levels, lay_out
from ablations.study import Variant
from cnnzoo.levels import Settings
from cnnzoo.toggle import Level


@dataclass(frozen=True)
class Step:
    """A change that the path made.

    Parameters
    ----------
    factor
        What was changed.
    variant
        Where that led.
    runner_up
        The factor that would have been next best, and the variant that it would have led to; none
        at the last step, where there is no choice.
    """

    factor: str
    variant: Variant
    runner_up: tuple[str, Variant] | None


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
        tried = _follow(target, losses)[1]
        return tuple(variant for variant in tried if variant.name not in losses)

    first = [{**start, name: level} for name, level in target.items()]
    return Layout(start, lay_out(start, first), grow=grow)


def steps(target: Mapping[str, Level], losses: Mapping[str, float]) -> list[Step]:
    """Return the steps of the path, as far as it is known.

    Parameters
    ----------
    target
        The level of every factor at the path's end.
    losses
        What each variant so far came to, by name, lower being better.
    """
    return _follow(target, losses)[0]


def _follow(
    target: Mapping[str, Level], losses: Mapping[str, float]
) -> tuple[list[Step], Sequence[Variant]]:
    """Follow the path as far as results reach: the steps made, and what is to be tried next."""
    made: list[Step] = []
    while len(made) < len(target):
        done = {step.factor for step in made}
        tried = {name: _variant(target, {*done, name}) for name in target if name not in done}
        if any(variant.name not in losses for variant in tried.values()):
            return made, list(tried.values())
        best, *others = sorted(tried, key=lambda name: losses[tried[name].name])
        made.append(Step(best, tried[best], (others[0], tried[others[0]]) if others else None))
    return made, []


def _variant(target: Mapping[str, Level], names: set[str]) -> Variant:
    # in the order of the factors, so that a set of changes has one name
    return Variant(Settings({name: target[name] for name in target if name in names}))
