"""What a declared study may hold: the checks behind `Study`."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ablations.study.settings import StudyError, check_known
from cnnzoo.levels import Settings
from cnnzoo.toggle import Level
from cnnzoo.training.recipe import Recipe

AUTO = "auto"
"""What `Study.seeds` says to have blocks added where a verdict is open."""

EXPLORATORY_BELOW = 6
"""With fewer seeds than this no sign-flip test reaches 5%: 2 / 2**5 is 0.0625."""

MAX_SEEDS = 30
"""How many seed blocks "auto" adds at most, unless a study says otherwise."""

MOST_BLOCKS = 1_000_000
"""How many seed blocks a study may ask for: what it plans is listed trial by trial."""

SEED_BITS = 63
"""Of a seed at most: what SQLite takes for a whole number."""

DESIGN_NAMES = (
    *("one-at-a-time", "leave-one-out", "add-one-in", "full-factorial", "fractional-factorial"),
    *("plackett-burman", "path"),
)
"""The designs that make variants of factors; `ablations.designs` has what makes them."""

LIST = "list"
"""The design whose variants are the user's own."""

METRICS_OF = {
    "classification": ("loss", "accuracy", "macro_f1", "nll"),
    "regression": ("loss", "mae", "rmse"),
}
"""What ``cnnzoo.evaluate`` measures, by task."""

METRICS = tuple(dict.fromkeys(name for names in METRICS_OF.values() for name in names))


def check_model(model: object) -> str:
    """Return the text by which any process finds the model."""
    if isinstance(model, str) and re.fullmatch("[^:]+(:[^:]+)?", model):
        return model
    module, name = getattr(model, "__module__", None), getattr(model, "__qualname__", "<")
    if not callable(model) or module is None or "<" in name:
        raise StudyError(
            "`model` of a Study must be a name of the zoo, 'package.module:function', or a "
            f"function defined at the top of a module; got {model!r}."
        )
    return name if module.startswith("cnnzoo.models.") else f"{module}:{name}"


def check_recipe(recipe: object) -> Recipe:
    """Refuse what is no recipe."""
    if not isinstance(recipe, Recipe):
        raise StudyError(f"`recipe` of a Study must be a Recipe; got {recipe!r}.")
    return recipe


def check_metrics(metrics: object) -> tuple[str, ...]:
    """Return the metrics' names, each a known one."""
    names = (metrics,) if isinstance(metrics, str) else metrics
    if not isinstance(names, Sequence) or not names:
        raise StudyError(
            f"`metrics` of a Study must name at least one of {', '.join(METRICS)}; got {metrics!r}."
        )
    for name in names:
        check_known(name, METRICS, "`metrics` of a Study: there is no metric")
    return tuple(dict.fromkeys(names))


def check_levels(levels: object, field: str) -> Settings:
    """Refuse what is no table of levels by toggle."""
    if not isinstance(levels, Mapping):
        raise StudyError(
            f"`{field}` of a Study must give levels by toggle, as in {{'pool_size': 2}}; got "
            f"{levels!r}."
        )
    plain = {name: _plain(level) for name, level in levels.items()}
    for name, level in plain.items():
        _check_name_of(name, field)
        _check_level(level, name, field)
    return Settings(plain)


def check_variants(variants: object, design: object) -> tuple[Settings, ...]:
    """Refuse variants where the design makes them, and a list of none."""
    if isinstance(variants, str) or not isinstance(variants, Sequence):
        raise StudyError(
            "`variants` of a Study must be a list of levels by toggle, as in "
            f"[{{'pool_size': 2}}]; got {variants!r}."
        )
    if (design == LIST) != bool(variants):
        raise StudyError(
            f"`variants` of a Study go with the design {LIST!r} and with no other; got "
            f"{len(variants)} variants and the design {design!r}."
        )
    return tuple(check_levels(changes, "variants") for changes in variants)


def check_design(design: object) -> str:
    """Refuse what is no design's name."""
    if not isinstance(design, str):
        raise StudyError(f"`design` of a Study must be a text; got {design!r}.")
    check_known(design, [*DESIGN_NAMES, LIST], "There is no design")
    return design


def check_timeout(timeout: Any) -> float:
    """Refuse what is no number of seconds."""
    if not _is_finite(timeout) or timeout < 0:
        raise StudyError(
            "`timeout` of a Study must be a finite number of seconds from 0 up, 0 for never; got "
            f"{timeout!r}."
        )
    return float(timeout)


def check_retries(retries: object) -> int:
    """Refuse what is no count."""
    return check_count(retries, 0, "`retries` of a Study")


def check_count(count: object, least: int, what: str) -> int:
    """Refuse what is no whole number from the least up."""
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise StudyError(f"{what} must be a whole number from {least} up; got {count!r}.")
    return count


def check_margins(margins: Any, metrics: object) -> Settings:
    """Refuse margins of other metrics than the study's, and those that are not above 0."""
    if not isinstance(margins, Mapping):
        raise StudyError(
            "`margins` of a Study must give a margin by metric, as in {'accuracy': 0.005}; got "
            f"{margins!r}."
        )
    for name, margin in margins.items():
        check_known(name, check_metrics(metrics), "`margins` of a Study: the study has no metric")
        if not _is_finite(margin) or margin <= 0:
            raise StudyError(
                f"`margins` of a Study: the margin of {name} must be a finite number above 0; got "
                f"{margin!r}."
            )
    return Settings({name: float(margin) for name, margin in margins.items()})


def check_name(name: object) -> str:
    """Refuse a name that a folder should not have."""
    if not isinstance(name, str) or not re.fullmatch(r"[\w][\w .-]*", name):
        raise StudyError(
            "`name` of a Study must be of letters, digits, '_', '-', '.' and blanks, since its "
            f"folder is called so; got {name!r}."
        )
    return name


def check_factors(factors: object, design: object) -> "Factors":
    """Refuse factors without levels, levels given twice, and levels of other types."""
    if not isinstance(factors, Mapping) or (not factors and design != LIST):
        raise StudyError(
            "`factors` of a Study must name at least one toggle with its levels, as in "
            f"{{'pool_size': [1, 2, 3, 4]}}; got {factors!r}."
        )
    if factors and design == LIST:
        raise StudyError(
            f"`factors` of a Study go with every design but {LIST!r}, whose `variants` say what "
            f"is varied; got {', '.join(map(str, factors))}."
        )
    plain: dict[str, tuple[Level, ...]] = {}
    for name, given in factors.items():
        _check_name_of(name, "factors")
        levels = _plain(given)
        if isinstance(levels, str) or not isinstance(levels, Sequence) or len(levels) == 0:
            raise StudyError(
                f"`factors` of a Study: `{name}` needs a list of levels; got {levels!r}."
            )
        seen: set[str] = set()
        plain[name] = tuple(_plain(level) for level in levels)
        for level in plain[name]:
            _check_level(level, name, "factors")
            if json.dumps(level) in seen:
                raise StudyError(f"`factors` of a Study: `{name}` has the level {level!r} twice.")
            seen.add(json.dumps(level))
    return Factors(plain)


class Factors(Mapping[str, tuple[Level, ...]]):
    """Levels by factor, for a frozen study."""

    def __init__(self, levels: Mapping[str, tuple[Level, ...]]) -> None:
        self._levels = {**levels}

    def __getitem__(self, name: str) -> tuple[Level, ...]:
        return self._levels[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._levels)

    def __len__(self) -> int:
        return len(self._levels)

    def __repr__(self) -> str:
        return repr(self._levels)


def check_seeds(seeds: object) -> tuple[int, ...] | str:
    """Return the seeds: the first so many, the given ones, or "auto"."""
    seeds = _plain(seeds)
    if isinstance(seeds, Sequence) and not isinstance(seeds, str):
        seeds = [_plain(seed) for seed in seeds]
    if seeds == AUTO:
        return AUTO
    if isinstance(seeds, int) and not isinstance(seeds, bool) and 1 <= seeds <= MOST_BLOCKS:
        return tuple(range(seeds))
    if isinstance(seeds, Sequence) and not isinstance(seeds, str) and len(seeds):
        whole = all(
            isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**SEED_BITS
            for seed in seeds
        )
        if whole and len(set(seeds)) == len(seeds):
            return tuple(seeds)
    raise StudyError(
        f"`seeds` of a Study must be how many (1 to {MOST_BLOCKS:,}), different whole numbers from "
        f"0 to below 2**{SEED_BITS}, or 'auto'; got {seeds!r}."
    )


def check_max_seeds(count: object) -> int:
    """Refuse what is no count, or fewer than "auto" begins with."""
    if isinstance(count, bool) or not isinstance(count, int) or count < EXPLORATORY_BELOW:
        raise StudyError(
            f"`max_seeds` of a Study must be a whole number from {EXPLORATORY_BELOW} up, at which "
            f"seeds='auto' looks first; got {count!r}."
        )
    return count


def _plain(value: Any) -> Any:
    """Return what NumPy and pandas hold as Python does, short floats by their shortest text."""
    kind = getattr(value, "dtype", None)
    if kind is not None and kind.kind == "f" and kind.itemsize < 8:
        value = value.astype(str).astype(float)
    return value.tolist() if hasattr(value, "tolist") else value


def _check_name_of(name: object, field: str) -> None:
    if not isinstance(name, str):
        raise StudyError(
            f"`{field}` of a Study: the name of a toggle must be a text; got {name!r}."
        )


def _check_level(level: object, name: str, field: str) -> None:
    if not isinstance(level, bool | int | float | str):
        raise StudyError(
            f"`{field}` of a Study: a level of `{name}` must be a bool, a number or a text; got "
            f"{level!r}."
        )


def _is_finite(number: object) -> bool:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False
    return abs(number) <= sys.float_info.max  # a whole number may be too large for a float
