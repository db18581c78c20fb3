"""Start of leave-one-out and add-one-in: which level of a factor is on and which is off."""

import re
from collections.abc import Collection, Mapping

from ablations.designs.layout import Factors, check_two_levels
from ablations.study.errors import StudyError
from cnnzoo.levels import Settings, same
from cnnzoo.toggle import Level, Toggle, listed, toggle_of
from cnnzoo.vocabulary import Shared

STARTS = {"leave-one-out": "on", "add-one-in": "off"}
"""State of all factors in the baseline, by design."""

OFF_WORDS = ("none", "off", "no")

NEGATION = re.compile("(no|not|without|disable|disabled|omit|exclude)_")
"""Prefix of a parameter's name for which True means off, as in ``no_skip``."""

_OFF_BY_NAME = {
    name: toggle.off
    for name, annotation in Shared.__annotations__.items()
    if (toggle := toggle_of(name, annotation)) is not None and toggle.off is not None
}


def switched(
    design: str,
    factors: Factors,
    baseline: Settings,
    toggles: Mapping[str, Toggle],
    declared: Collection[str],
) -> Settings:
    """Return the baseline with all factors on or all factors off, as the design requires.

    The order of the levels has no meaning. A level is off if its toggle declares it (see
    ``Toggle.off``), or if it is False, "none", "off" or "no". If neither level is off, the study's
    baseline decides; without it, the builder's default is on.

    Parameters
    ----------
    design
        "leave-one-out" or "add-one-in".
    factors
        Two levels by factor.
    baseline
        Baseline of the study, completed by the defaults.
    toggles
        Toggles of the factors, by name.
    declared
        Names of the toggles that the study's baseline sets explicitly.

    Raises
    ------
    StudyError
        If a factor does not have two levels, if it is not known which of them is on, or if the
        study's baseline has another level than the design starts with.

    Examples
    --------
    >>> from cnnzoo.vocabulary import Dropout
    >>> factors, toggles = {"dropout": (0.3, 0.0)}, {"dropout": toggle_of("dropout", Dropout)}
    >>> str(switched("leave-one-out", factors, Settings(dropout=0.0), toggles, ()))
    'dropout=0.3'
    """
    check_two_levels(factors, design)
    state = STARTS[design]
    start = dict(baseline)
    for name, levels in factors.items():
        base_level = baseline[name]
        off = off_level(levels, toggles[name])
        if off is None:
            if name in declared:
                continue  # the design checks that it is among the levels
            off = _other(levels, _default_on(design, levels, toggles[name], base_level))
        start[name] = off if state == "off" else _other(levels, off)
        if name in declared and not same(base_level, start[name]):
            raise StudyError(
                f"`{name}`: the design {design} starts with every factor {state}, which is "
                f"{start[name]!r} here; the study's baseline says {base_level!r}. Leave it out of "
                "`baseline`, or give the design one-at-a-time, which starts from any baseline."
            )
    return Settings(start)


def off_level(levels: tuple[Level, ...], toggle: Toggle) -> Level | None:
    """Return which of two levels is off, or None if that is not known.

    Examples
    --------
    >>> off_level(("batch", "none"), Toggle("", name="norm"))
    'none'
    >>> off_level(("max", "average"), Toggle("", name="pool")) is None
    True
    """
    off = [level for level in levels if _is_off(level, toggle)]
    return off[0] if len(off) == 1 else None


def _is_off(level: Level, toggle: Toggle) -> bool:
    if toggle.off is not None:
        return same(level, toggle.off)
    if isinstance(level, bool):
        return level is bool(NEGATION.match(toggle.name))
    if isinstance(level, str):
        return level.lower() in OFF_WORDS
    return toggle.name in _OFF_BY_NAME and level == _OFF_BY_NAME[toggle.name]


def _default_on(design: str, levels: tuple[Level, ...], toggle: Toggle, default: Level) -> Level:
    """Return the default as the level that is on; raise StudyError if it may be off."""
    among = any(same(default, level) for level in levels)
    if among and default != 0:
        return default
    why = "is a number that often means off" if among else "is not among them"
    name, state = toggle.name, STARTS[design]
    example = levels[-1]
    if among:
        example = default if state == "off" else _other(levels, default)
    raise StudyError(
        f"`{name}`: the design {design} starts with every factor {state}; which of "
        f"{listed(levels)} is on is not known, because neither means off (False, 'none') and the "
        f"default, {default!r}, {why}. Give the level that is {state} in `baseline`, as in "
        f"baseline={{{name!r}: {example!r}}}."
    )


def _other(levels: tuple[Level, ...], level: Level) -> Level:
    first, second = levels
    return second if same(first, level) else first
