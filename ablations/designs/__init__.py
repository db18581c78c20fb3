"""Designs: from factors with levels to the variants of a study."""

from collections.abc import Callable, Mapping

from ablations.designs.single import one_at_a_time
from ablations.study import Settings, Variant, check_known
from cnnzoo.toggle import Level

Design = Callable[[Mapping[str, tuple[Level, ...]], Settings], list[Variant]]

DESIGNS: dict[str, Design] = {"one-at-a-time": one_at_a_time}
"""By name: from the factors' levels and the baseline to the variants, the baseline first."""


def get_design(name: str) -> Design:
    """Look up a design.

    Raises
    ------
    StudyError
        If there is none of that name.
    """
    check_known(name, list(DESIGNS), "There is no design")
    return DESIGNS[name]
