"""Ablation path: from one configuration to another, by the best single change at each step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablations.designs.layout import Factors, Layout, check_two_levels, lay_out
from ablations.study import Variant
from cnnzoo.levels import Settings
from cnnzoo.toggle import Level


@dataclass(frozen=True)
class Step:
    """One step of the path.

    Parameters
    ----------
    factor
        Factor that was changed.
    variant
        Variant after the change.
    runner_up
        Factor of the second-best change and the variant that it leads to; None for the last step,
        which has no choice.
    """

    factor: str
    variant: Variant
    runner_up: tuple[str, Variant] | None


def path(factors: Factors, baseline: Settings) -> Layout:
    """Change one factor after the other, at each step the one that helps most.

    Fawcett and Hoos (2016), "Analysing differences between algorithm configurations through
    ablation". The variants of a step depend on the results of the step before, on the validation
    split if there is one.

    Parameters
    ----------
    factors
        Two levels by factor: the start's, then the target's.
    baseline
        Levels of everything else; the factors start at their first level.

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
    """Return the steps of the path that the losses determine.

    Parameters
    ----------
    target
        Level of every factor at the end of the path.
    losses
        Losses of the variants so far, by name; lower is better.
    """
    return _follow(target, losses)[0]


def _follow(
    target: Mapping[str, Level], losses: Mapping[str, float]
) -> tuple[list[Step], Sequence[Variant]]:
    """Return the steps that the losses determine and the variants to train for the next one."""
    path_steps: list[Step] = []
    while len(path_steps) < len(target):
        changed = {step.factor for step in path_steps}
        tried = {name: _variant(target, {*changed, name}) for name in target if name not in changed}
        if any(variant.name not in losses for variant in tried.values()):
            return path_steps, list(tried.values())
        best, *others = sorted(tried, key=lambda name: losses[tried[name].name])
        runner_up = (others[0], tried[others[0]]) if others else None
        path_steps.append(Step(best, tried[best], runner_up))
    return path_steps, []


def _variant(target: Mapping[str, Level], names: set[str]) -> Variant:
    # In the order of the factors, so each set of changes has one name.
    return Variant(Settings({name: target[name] for name in target if name in names}))
