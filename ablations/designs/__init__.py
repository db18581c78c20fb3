"""Designs: from factors with levels to the variants of a study."""

from collections.abc import Callable, Mapping

from ablations.designs.factorial import full_factorial
from ablations.designs.layout import Layout
from ablations.designs.single import add_one_in, leave_one_out, one_at_a_time
from ablations.designs.two_level import fractional_factorial, plackett_burman
from ablations.settings import Settings, check_known
from cnnzoo.toggle import Level

Design = Callable[[Mapping[str, tuple[Level, ...]], Settings], Layout]

DESIGNS: dict[str, Design] = {
    "one-at-a-time": one_at_a_time,
    "leave-one-out": leave_one_out,
    "add-one-in": add_one_in,
    "full-factorial": full_factorial,
    "fractional-factorial": fractional_factorial,
    "plackett-burman": plackett_burman,
}
"""By name: from the factors' levels and what the study says of its baseline to the layout."""


def get_design(name: str) -> Design:
    """Look up a design.

    Raises
    ------
    StudyError
        If there is none of that name.
    """
    check_known(name, list(DESIGNS), "There is no design")
    return DESIGNS[name]
