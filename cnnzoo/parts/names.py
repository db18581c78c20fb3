"""Names of parts and of operations on them, without loading Keras."""

from collections.abc import Mapping

from cnnzoo.toggle import Level, Toggle, ToggleError, did_you_mean

KEEP = "keep"
"""Level of a part that is not changed."""

OPERATIONS = {
    "remove": "replaced by identity, or by the smallest substitute that keeps the shape",
    "linear": "its activations become identity",
    "no_norm": "its normalization layers become identity",
    "no_skip": "its shortcut is cut",
    "no_bias": "its layers have no bias",
    "freeze": "kept at its initial weights",
    "shuffle": "its loaded weights are permuted and kept",
    "halve": "half as wide",
    "double": "twice as wide",
}
"""What can be done to a part, by name, in words."""

PREFIX = "part:"
"""Beginning of a factor that is a part; no parameter of a builder can have such a name."""

LEVELS = ("blocks", "branches", "layers")
"""Sizes of parts, the largest first."""


class PartError(ToggleError):
    """Raised if a model has no such part, or the part cannot be changed so."""


def factor_of(part: str) -> str:
    """Return the name of the factor of a part.

    Examples
    --------
    >>> factor_of("block2")
    'part:block2'
    """
    return f"{PREFIX}{part}"


def is_part(factor: str) -> bool:
    """Return whether a factor is a part of the model.

    Examples
    --------
    >>> is_part("part:block2"), is_part("filters")
    (True, False)
    """
    return factor.startswith(PREFIX)


def part_toggle(factor: str) -> Toggle:
    """Return the toggle of a part, whose levels are the operations.

    Examples
    --------
    >>> toggle = part_toggle("part:block2")
    >>> toggle.default, toggle.levels[:3]
    ('keep', ('keep', 'remove', 'linear'))
    """
    meaning = f"operation on the part {factor.removeprefix(PREFIX)} of the model"
    return Toggle(meaning, (KEEP, *OPERATIONS), default=KEEP, name=factor)


def part_toggles(factors: Mapping[str, object]) -> dict[str, Toggle]:
    """Return the toggles of those factors that are parts."""
    return {factor: part_toggle(factor) for factor in factors if is_part(factor)}


def split_levels(levels: Mapping[str, Level]) -> tuple[dict[str, Level], dict[str, str]]:
    """Split levels into those of toggles, and the operations by part, without parts to keep.

    Examples
    --------
    >>> split_levels({"filters": 8, "part:block2": "remove", "part:block3": "keep"})
    ({'filters': 8}, {'block2': 'remove'})
    """
    operations = {
        name.removeprefix(PREFIX): str(level)
        for name, level in levels.items()
        if is_part(name) and level != KEEP
    }
    return {name: level for name, level in levels.items() if not is_part(name)}, operations


def permutes(levels: Mapping[str, Level]) -> bool:
    """Return whether levels permute weights, which restarting a model with a seed does not.

    Examples
    --------
    >>> permutes({"filters": 8, "part:block2": "shuffle"})
    True
    """
    return "shuffle" in split_levels(levels)[1].values()


def check_operation(operation: object) -> str:
    """Return the name of an operation.

    Raises
    ------
    PartError
        If there is none of that name.
    """
    if isinstance(operation, str) and operation in OPERATIONS:
        return operation
    end = did_you_mean(str(operation), OPERATIONS)
    raise PartError(
        f"`ops`: expected operations out of {', '.join(OPERATIONS)}; got {operation!r}{end}"
    )
