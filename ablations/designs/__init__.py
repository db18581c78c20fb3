"""Designs: from factors with levels to the variants of a study."""

from collections.abc import Callable, Mapping, Sequence

from ablations.designs.factorials import fractional_factorial, full_factorial, plackett_burman
from ablations.designs.layout import Layout, lay_out
from ablations.designs.one_factor import add_one_in, leave_one_out, one_at_a_time
from ablations.designs.path import path
from ablations.study.checks import DESIGN_NAMES, LIST
from ablations.study.settings import check_known
from cnnzoo.levels import Settings
from cnnzoo.toggle import Level

Design = Callable[[Mapping[str, tuple[Level, ...]], Settings], Layout]

DESIGNS: dict[str, Design] = dict(
    zip(
        DESIGN_NAMES,
        (
            *(one_at_a_time, leave_one_out, add_one_in, full_factorial, fractional_factorial),
            *(plackett_burman, path),
        ),
        strict=True,
    )
)
"""By name: from the factors' levels and what the study says of its baseline to the layout."""


def design(
    name: str,
    factors: Mapping[str, tuple[Level, ...]],
    baseline: Settings,
    variants: Sequence[Mapping[str, Level]] = (),
) -> Layout:
    """Lay out a study.

    Parameters
    ----------
    name
        Of the design, or "list" for variants of one's own.
    factors
        Levels by factor.
    baseline
        What the study says of its baseline, completed by the defaults.
    variants
        For "list": the levels that each variant changes.

    Raises
    ------
    StudyError
        If there is no such design, or it does not fit the factors.
    """
    check_known(name, [*DESIGNS, LIST], "There is no design")
    if name == LIST:
        return Layout(baseline, lay_out(baseline, ({**baseline, **row} for row in variants)))
    return DESIGNS[name](factors, baseline)
