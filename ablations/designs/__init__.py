"""Designs: from factors with levels to the variants of a study."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ablations.designs.factorials import fractional_factorial, full_factorial, plackett_burman
from ablations.designs.layout import Layout, lay_out
from ablations.designs.one_factor import add_one_in, leave_one_out, one_at_a_time
from ablations.designs.path import path
from ablations.study.checks import DESIGN_NAMES, LIST, PART_DESIGNS
from ablations.study.errors import check_known
from cnnzoo.levels import Settings
from cnnzoo.toggle import Level


class Design(Protocol):
    """Makes the variants of a study from its factors."""

    def __call__(self, levels: Mapping[str, tuple[Level, ...]], baseline: Settings, /) -> Layout:
        """Return the layout.

        Parameters
        ----------
        levels
            Levels by factor.
        baseline
            Levels that the study sets in its baseline.
        """


MAKERS: tuple[Design, ...] = (
    one_at_a_time,
    leave_one_out,
    add_one_in,
    full_factorial,
    fractional_factorial,
    plackett_burman,
    path,
)

DESIGNS: dict[str, Design] = dict(zip(DESIGN_NAMES, MAKERS, strict=True))
"""Designs by name."""


def design(
    name: str,
    factors: Mapping[str, tuple[Level, ...]],
    baseline: Settings,
    variants: Sequence[Mapping[str, Level]] = (),
) -> Layout:
    """Return the layout of a study.

    Parameters
    ----------
    name
        Name of the design; "list", "pairs" or "progressive" for listed variants.
    factors
        Levels by factor.
    baseline
        Baseline of the study, completed by the defaults.
    variants
        For these: the levels that each variant changes.

    Raises
    ------
    StudyError
        If the design does not exist or does not fit the factors.
    """
    check_known(name, [*DESIGNS, LIST, *PART_DESIGNS], "There is no design")
    if name not in DESIGNS:
        return Layout(baseline, lay_out(baseline, ({**baseline, **row} for row in variants)))
    return DESIGNS[name](factors, baseline)
