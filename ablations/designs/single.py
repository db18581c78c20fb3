"""Designs whose variants change a single factor."""

from collections.abc import Mapping

from ablations.study import Settings, StudyError, Variant
from cnnzoo.toggle import Level, listed


def one_at_a_time(factors: Mapping[str, tuple[Level, ...]], baseline: Settings) -> list[Variant]:
    """Change one factor to one other level at a time.

    Raises
    ------
    StudyError
        If the baseline's level of a factor is not among its levels.

    Examples
    --------
    >>> variants = one_at_a_time({"pool_size": (1, 2, 3)}, Settings(pool_size=2))
    >>> [variant.name for variant in variants]
    ['baseline', 'pool_size=1', 'pool_size=3']
    """
    variants = [Variant()]
    for name, levels in factors.items():
        own = baseline[name]
        if own not in levels:
            raise StudyError(
                f"The baseline's level of `{name}`, {own!r}, is not among the study's levels "
                f"{listed(levels)}. Add it, or give baseline={{{name!r}: {levels[0]!r}}}."
            )
        variants += [Variant(Settings({name: level})) for level in levels if level != own]
    return variants
