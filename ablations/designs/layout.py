"""Layout, the result of a design, and checks that designs share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ablations.study import Variant
from ablations.study.errors import StudyError
from cnnzoo.levels import Settings, same
from cnnzoo.toggle import Level, listed

Factors = Mapping[str, tuple[Level, ...]]


@dataclass(frozen=True)
class Layout:
    """Plan of a study without its seeds.

    Parameters
    ----------
    baseline
        The baseline's level of every factor.
    variants
        Variants to train, beginning with the baseline.
    aliases
        Effects that the design cannot separate: pairs such as ("a", "b:c") with the correlation of
        their columns, which is 1 or -1 for complete aliases.
    crossed
        True for designs that combine levels of several factors, such as factorials.
    grow
        Function that returns the variants to train next from the losses so far, by name of the
        variant (lower is better). It returns none if the design is complete.
    """

    baseline: Settings
    variants: tuple[Variant, ...]
    aliases: tuple[tuple[str, str, float], ...] = ()
    crossed: bool = False
    grow: Callable[[Mapping[str, float]], tuple[Variant, ...]] = lambda _: ()


def lay_out(baseline: Settings, rows: Iterable[Mapping[str, Level]]) -> tuple[Variant, ...]:
    """Return the variants of rows of levels without duplicates, beginning with the baseline."""
    variants = {Variant(): None}
    for row in rows:
        changes = {n: level for n, level in row.items() if not same(level, baseline[n])}
        variants[Variant(Settings(changes))] = None
    return tuple(variants)


def check_baseline(factors: Factors, baseline: Settings, remedy: str = "Add it") -> None:
    """Check that the baseline's levels are among the levels of the design.

    Parameters
    ----------
    factors, baseline
        Levels of the factors and of the baseline.
    remedy
        Remedy to name in the error, besides another baseline.

    Raises
    ------
    StudyError
        If a level of the baseline is not among the levels.
    """
    for name, levels in factors.items():
        start = baseline[name]
        if not any(same(start, level) for level in levels):
            raise StudyError(
                f"The baseline's level of `{name}`, {start!r}, is not among the study's levels "
                f"{listed(levels)}. {remedy}, or give baseline={{{name!r}: {levels[0]!r}}}."
            )


def check_baseline_of_two(factors: Factors, baseline: Settings) -> None:
    """Check that the baseline's levels are among the two levels of each factor.

    Raises
    ------
    StudyError
        If a level of the baseline is neither of the two.
    """
    check_baseline(factors, baseline, "Replace one of them by it")


def check_two_levels(factors: Factors, design: str) -> None:
    """Check that every factor has two levels.

    Raises
    ------
    StudyError
        If a factor has another number of levels.
    """
    for name, levels in factors.items():
        if len(levels) != 2:
            raise StudyError(
                f"`{name}`: expected two levels, off and on, for the design {design}; got "
                f"{len(levels)}: {listed(levels)}."
            )


def check_different(baseline: Settings, variants: Sequence[Mapping[str, Level]]) -> None:
    """Check that listed variants differ from the baseline and from each other.

    A trial is a function of its configuration and its seed, so all deltas between equal variants
    would be 0.

    Raises
    ------
    StudyError
        If a variant equals the baseline or another variant.
    """
    names = {Variant(): "the baseline"}
    for place, changes in enumerate(variants, start=1):
        row = {n: level for n, level in changes.items() if not same(level, baseline[n])}
        variant = Variant(Settings(dict(sorted(row.items()))))
        if variant in names:
            raise StudyError(
                f"`variants` of a Study: number {place}, {dict(changes)}, is {names[variant]} by "
                "another name. The same configuration and seed give the same numbers, so it would "
                "say nothing: leave it out."
            )
        names[variant] = f"number {place}"
