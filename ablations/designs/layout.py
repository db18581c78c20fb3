"""What a design gives: the baseline's levels and the variants."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ablations.study import Variant
from ablations.study.settings import StudyError
from cnnzoo.levels import Settings, same
from cnnzoo.toggle import Level, listed

Factors = Mapping[str, tuple[Level, ...]]


@dataclass(frozen=True)
class Layout:
    """The plan of a study but for its seeds.

    Parameters
    ----------
    baseline
        The baseline's level of every factor.
    variants
        What is trained, the baseline first, all against the baseline.
    aliases
        Effects that the design cannot tell apart, or not wholly: pairs such as ("a", "b:c") with
        the correlation of their columns, 1 or -1 where they are one and the same.
    crossed
        Whether factors are set against each other, as in a factorial.
    grow
        From what each variant so far came to, by name, lower being better, to the variants to be
        tried next; none when the design is complete.
    """

    baseline: Settings
    variants: tuple[Variant, ...]
    aliases: tuple[tuple[str, str, float], ...] = ()
    crossed: bool = False
    grow: Callable[[Mapping[str, float]], tuple[Variant, ...]] = lambda _: ()


def lay_out(baseline: Settings, rows: Iterable[Mapping[str, Level]]) -> tuple[Variant, ...]:
    """Turn rows of levels into variants, the baseline first and each only once."""
    variants = {Variant(): None}
    for row in rows:
        changes = {n: level for n, level in row.items() if not same(level, baseline[n])}
        variants[Variant(Settings(changes))] = None
    return tuple(variants)


def check_baseline(factors: Factors, baseline: Settings, remedy: str = "Add it") -> None:
    """Refuse a baseline that is not among the levels of the design.

    Parameters
    ----------
    factors, baseline
        The factors' levels and the baseline's.
    remedy
        What would mend it besides another baseline.

    Raises
    ------
    StudyError
        With what would mend it.
    """
    for name, levels in factors.items():
        own = baseline[name]
        if not any(same(own, level) for level in levels):
            raise StudyError(
                f"The baseline's level of `{name}`, {own!r}, is not among the study's levels "
                f"{listed(levels)}. {remedy}, or give baseline={{{name!r}: {levels[0]!r}}}."
            )


def check_baseline_of_two(factors: Factors, baseline: Settings) -> None:
    """Refuse a baseline that is neither of the two levels of a factor.

    Raises
    ------
    StudyError
        As `check_baseline`.
    """
    check_baseline(factors, baseline, "Replace one of them by it")


def check_two_levels(factors: Factors, design: str) -> None:
    """Refuse factors that do not have two levels, off and on.

    Raises
    ------
    StudyError
        With the factor and its levels.
    """
    for name, levels in factors.items():
        if len(levels) != 2:
            raise StudyError(
                f"The design {design} takes two levels a factor, off and on; `{name}` has "
                f"{len(levels)}: {listed(levels)}."
            )


def check_different(baseline: Settings, variants: Sequence[Mapping[str, Level]]) -> None:
    """Refuse listed variants that are the baseline, or one another, by another name.

    A trial is a function of its configuration and its seed, so their deltas would all be 0.

    Raises
    ------
    StudyError
        With the variant, and what it is the same as.
    """
    known = {Variant(): "the baseline"}
    for place, changes in enumerate(variants, start=1):
        row = {n: level for n, level in changes.items() if not same(level, baseline[n])}
        variant = Variant(Settings(dict(sorted(row.items()))))
        if variant in known:
            raise StudyError(
                f"`variants` of a Study: number {place}, {dict(changes)}, is {known[variant]} by "
                "another name. The same configuration and seed give the same numbers, so it would "
                "say nothing: leave it out."
            )
        known[variant] = f"number {place}"
