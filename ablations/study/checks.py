"""Checks of the values that a `Study` declares. Each returns the value as the study keeps it."""

import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ablations.study.errors import StudyError, check_known
from cnnzoo.data.dataset import DataError
from cnnzoo.data.given import GivenData, outputs_of
from cnnzoo.data.load import give
from cnnzoo.data.resizing import RESIZED
from cnnzoo.data.source import Examples
from cnnzoo.data.sources import full_spec
from cnnzoo.levels import Settings
from cnnzoo.model_paths import ModelPath, is_builder, is_keras_model, path_of
from cnnzoo.objects import ObjectError, text_of
from cnnzoo.parts.names import (
    LEVELS,
    OPERATIONS,
    PartError,
    check_operation,
    factor_of,
    is_part,
)
from cnnzoo.toggle import Level, ToggleError, did_you_mean, listed, prints
from cnnzoo.training.metric_names import column_of, name_of, validation_column_of
from cnnzoo.training.metric_texts import of_every_output, read_metrics
from cnnzoo.training.recipe import Recipe

AUTO = "auto"
"""Value of `Study.seeds` that adds seed blocks while a verdict is open."""

EXPLORATORY_BELOW = 6
"""Number of seeds below which no sign-flip test can reach 5%: 2 / 2**5 is 0.0625."""

MAX_SEEDS = 30
"""Default maximum number of seed blocks of "auto"."""

MOST_BLOCKS = 1_000_000
"""Maximum number of seed blocks of a study, because its plan lists every trial."""

SEED_BITS = 63
"""Maximum size of a seed, the largest whole number that SQLite can store."""

PATH = "path"
"""Design whose variants follow from results."""

DESIGN_NAMES = (
    "one-at-a-time",
    "leave-one-out",
    "add-one-in",
    "full-factorial",
    "fractional-factorial",
    "plackett-burman",
    PATH,
)
"""Designs that make variants of factors; `ablations.designs` implements them."""

LIST = "list"
"""Design whose variants the user lists."""

PAIRS, PROGRESSIVE = "pairs", "progressive"

DEFAULT_OPS = ("remove",)
"""Operations of a study of parts that names none."""

PART_DESIGNS = (PAIRS, PROGRESSIVE)
"""Designs whose variants change several parts of a model by one operation."""

DESIGNS_OF_SEVERAL_DATA = ("one-at-a-time", "leave-one-out", "add-one-in", LIST)
"""Designs that may have several data sets."""


def check_model(model: object) -> str:
    """Return the text that the model is stored as; see `cnnzoo.model_paths.path_of`."""
    if is_keras_model(model):
        from cnnzoo.given_model import given_model

        try:
            return given_model(model)
        except ToggleError as error:
            raise StudyError(str(error)) from error
    if isinstance(model, str):
        is_allowed = re.fullmatch("[^:]+(:[^:]+)?", model) is not None
    else:
        is_allowed = is_builder(model)
    if not is_allowed:
        raise StudyError(
            "`model`: expected the name of a zoo model, 'package.module:function', a function, an "
            f"object with a method `build`, or a keras.Model; got {model!r}."
        )
    path = path_of(model)
    is_of_zoo = path.startswith("cnnzoo.models.") and not isinstance(path, ModelPath)
    return path.rpartition(":")[2] if is_of_zoo else path


def check_data(
    data: Any, baseline: Settings, varied: Mapping[str, Sequence[Level]]
) -> str | tuple[str, ...]:
    """Return the data spec, or several different ones.

    Paths get their prefix, and arrays and loaded data a name. The baseline, or the first level
    that varies, gives the size at which images of several sizes are checked.
    """
    first = {name: level for name, levels in varied.items() if (level := next(iter(levels), None))}
    settings = {**first, **baseline}
    is_several = isinstance(data, list) or (
        isinstance(data, tuple) and all(isinstance(spec, str | os.PathLike) for spec in data)
    )
    if not is_several:
        return _spec_of(data, settings, varied)
    specs = tuple(_spec_of(each, settings, varied) for each in data)
    if not specs:
        raise StudyError("`data`: expected at least one data set; got none.")
    if len(set(specs)) < len(specs):
        raise StudyError(f"`data`: expected different data sets; got {list(specs)}.")
    return specs[0] if len(specs) == 1 else specs


def _spec_of(data: object, settings: Mapping[str, Level], varied: Collection[str]) -> str:
    """Return the text by which any process finds the data."""
    try:
        spec = full_spec(data)
        return spec if isinstance(spec, str) else give(spec, settings, varied)
    except DataError as error:
        raise StudyError(str(error)) from error


def check_several_data(data: object, design: str, seeds: object) -> None:
    """Check that several data sets are studied by a design that does not depend on results."""
    if isinstance(data, str) or (design in DESIGNS_OF_SEVERAL_DATA and seeds != AUTO):
        return
    raise StudyError(
        "`data`: expected one data set, because several need a fixed number of seeds and one of "
        f"the designs {', '.join(DESIGNS_OF_SEVERAL_DATA)}; got {design} with "
        f"{'seeds ' + repr(AUTO) if seeds == AUTO else 'fixed seeds'}."
    )


def check_sizes(data: str | Sequence[str], varied: Iterable[str]) -> None:
    """Check that the size of images does not vary if they had several and were read once."""
    for spec in (data,) if isinstance(data, str) else data:
        content = spec.content if isinstance(spec, GivenData) and not spec.images else None
        for note in content.notes if isinstance(content, Examples) else ():
            if RESIZED in note and {"image_size", "interpolation"} & {*varied}:
                raise StudyError(
                    "`image_size` and `interpolation`: expected one level for a stream of images "
                    f"of several sizes, because it is read once ({note}). Give a list of the "
                    "images."
                )


def check_recipe(recipe: object) -> Recipe:
    """Return the recipe."""
    if not isinstance(recipe, Recipe):
        raise StudyError(f"`recipe`: expected a Recipe; got {recipe!r}.")
    return recipe


def check_metrics(metrics: object, data: str | Sequence[str]) -> tuple[str, ...]:
    """Return the texts of the metrics, each once.

    Of data with several outputs, "accuracy" stands for the accuracy of each that has one.
    """
    known = [outputs_of(spec) for spec in ((data,) if isinstance(data, str) else data)]
    outputs = next((each for each in known if each), () if None not in known else None)
    names = None if outputs is None else [output.name for output in outputs]
    try:
        texts = of_every_output(read_metrics(metrics, names), outputs or ())
    except ToggleError as error:
        raise StudyError(str(error)) from error
    if not texts:
        raise StudyError(
            f"`metrics`: expected at least one metric, such as loss or accuracy; got {metrics!r}."
        )
    return texts


def check_deciding_metric(metrics: Sequence[str], design: str, seeds: object) -> None:
    """Check that the first metric has a validation split, if results decide what is run."""
    if validation_column_of(column_of(metrics[0])) is None and (design == PATH or seeds == AUTO):
        what = f"the design {PATH!r}" if design == PATH else f"seeds={AUTO!r}"
        raise StudyError(
            f"`metrics`: expected a metric of the validation split first, such as loss, because it "
            f"decides what {what} runs next; got {metrics[0]}, which has no value on it."
        )


def check_levels(levels: object, field: str) -> Settings:
    """Return levels by toggle."""
    if not isinstance(levels, Mapping):
        raise StudyError(
            f"`{field}`: expected levels by toggle, as in {{'pool_size': 2}}; got {levels!r}."
        )
    return Settings({_name(name, field): _level(levels[name], name, field) for name in levels})


def check_variants(variants: object, design: object, parts: object) -> tuple[Settings, ...]:
    """Return the listed variants. The design "list" needs some, all others make their own.

    Those that a design of parts made are kept with its name, in place of the parts.
    """
    if isinstance(variants, str) or not isinstance(variants, Sequence):
        raise StudyError(
            "`variants`: expected a list of levels by toggle, as in [{'pool_size': 2}]; got "
            f"{variants!r}."
        )
    of_parts = design in PART_DESIGNS and not parts
    if not of_parts and (design == LIST) != bool(variants):
        raise StudyError(
            f"`variants`: expected with the design {LIST!r} and with no other; got "
            f"{len(variants)} variants and the design {design!r}."
        )
    checked = tuple(check_levels(changes, "variants") for changes in variants)
    others = [name for changes in checked for name in changes if not is_part(name)]
    if of_parts and others:
        raise StudyError(
            f"`variants`: expected parts such as '{factor_of('NAME')}' with the design "
            f"{design!r}; got {others[0]!r}."
        )
    return checked


def check_design(design: object) -> str:
    """Return the name of the design."""
    if not isinstance(design, str):
        raise StudyError(f"`design`: expected a str; got {design!r}.")
    check_known(design, [*DESIGN_NAMES, LIST, *PART_DESIGNS], "There is no design")
    return design


def check_timeout(timeout: Any) -> float:
    """Return the number of seconds."""
    if not _is_finite(timeout) or timeout < 0:
        raise StudyError(
            f"`timeout`: expected a finite number of seconds, or 0 for no limit; got {timeout!r}."
        )
    return float(timeout)


def check_count(count: object, least: int, name: str) -> int:
    """Return a whole number that is at least `least`."""
    if isinstance(count, int) and not isinstance(count, bool) and count >= least:
        return count
    raise StudyError(f"{name}: expected a whole number from {least} up; got {count!r}.")


def check_margins(margins: Any, metrics: Sequence[str]) -> Settings:
    """Return the margins by name of the study's metrics."""
    if not isinstance(margins, Mapping):
        raise StudyError(
            f"`margins`: expected margins by metric, as in {{'accuracy': 0.005}}; got {margins!r}."
        )
    names = {text: name_of(text) for text in metrics}
    known = names | {name: name for name in names.values()}
    for name, margin in margins.items():
        check_known(name, list(known), "`margins`: the study has no metric")
        if not _is_finite(margin) or margin <= 0:
            raise StudyError(
                f"`margins`: expected a finite number above 0 for {name}; got {margin!r}."
            )
    return Settings({known[name]: float(margin) for name, margin in margins.items()})


def check_name(name: object) -> str:
    """Return the name of the study, which is also the name of its folder."""
    if not isinstance(name, str) or not re.fullmatch(r"[\w][\w .-]*", name):
        raise StudyError(
            "`name`: expected letters, digits, '_', '-', '.' and spaces, because a folder gets "
            f"this name; got {name!r}."
        )
    return name


def check_parts(
    parts: object, design: str, factors: object, variants: Collection[Settings]
) -> str | tuple[str, ...]:
    """Return the level of the parts, or their names; () for a study without parts."""
    named = isinstance(parts, Sequence) and all(isinstance(name, str) and name for name in parts)
    if isinstance(parts, str) and parts not in LEVELS:
        end = did_you_mean(parts, LEVELS, quote="'")
        raise StudyError(
            f"`parts`: expected {listed(LEVELS)} or a list of names of parts; got {parts!r}{end}"
        )
    if not named:
        raise StudyError(
            f"`parts`: expected {listed(LEVELS)} or a list of names of parts; got {parts!r}."
        )
    if not (parts or variants) and design in PART_DESIGNS:
        raise StudyError(f"`parts`: expected parts for the design {design!r}; got none.")
    if parts and design == LIST:
        raise StudyError(
            f"`parts`: expected none with the design {LIST!r}, whose `variants` name parts as "
            f"'{factor_of('NAME')}'; got {parts!r}."
        )
    if factors and design in PART_DESIGNS:
        raise StudyError(f"`factors`: expected none with the design {design!r}; got {factors!r}.")
    if isinstance(parts, str):
        return parts
    return tuple(dict.fromkeys(parts))  # type: ignore[call-overload]


def check_ops(ops: object, parts: object, design: str) -> tuple[str, ...]:
    """Return the operations on parts, each once."""
    if not isinstance(ops, Sequence) or isinstance(ops, str) or not ops:
        raise StudyError(
            f"`ops`: expected a list of operations out of {', '.join(OPERATIONS)}; got {ops!r}."
        )
    try:
        checked = tuple(dict.fromkeys(map(check_operation, ops)))
    except PartError as error:
        raise StudyError(str(error)) from error
    if not parts and checked != DEFAULT_OPS:
        raise StudyError(
            "`ops`: expected with `parts`, the parts that they change; got "
            f"{listed(checked)} and no parts."
        )
    if parts and len(checked) > 1 and design in (*PART_DESIGNS, "add-one-in"):
        raise StudyError(
            f"`ops`: expected one operation with the design {design!r}; got {listed(checked)}."
        )
    return checked


def check_factors(factors: object, design: object, parts: object = ()) -> "Factors":
    """Return the factors with their levels, each level once."""
    if not isinstance(factors, Mapping) or not (
        factors or parts or design in (LIST, *PART_DESIGNS)
    ):
        raise StudyError(
            "`factors`: expected at least one toggle with its levels, as in "
            f"{{'pool_size': [1, 2, 3, 4]}}; got {factors!r}."
        )
    if factors and design == LIST:
        raise StudyError(
            f"`factors`: expected none with the design {LIST!r}, whose `variants` list what "
            f"varies; got {', '.join(map(str, factors))}."
        )
    return Factors({_name(name, "factors"): _factor(name, factors[name]) for name in factors})


def _factor(name: str, given: object) -> tuple[Level, ...]:
    values = _plain(given)
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) == 0:
        raise StudyError(f"`factors`: expected a list of levels of `{name}`; got {values!r}.")
    levels = tuple(_level(value, name, "factors") for value in values)
    written = [json.dumps(level) for level in levels]  # which tells 1, True and 1.0 apart
    for place, level in enumerate(levels):
        if written[place] in written[:place]:
            raise StudyError(
                f"`factors`: expected different levels of `{name}`; got {level!r} twice."
            )
    return levels


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
    """Return the seeds, from 0 up if only their number is given, or "auto"."""
    given = _plain(seeds)
    if given == AUTO:
        return AUTO
    if _is_whole(given, 1, MOST_BLOCKS):
        return tuple(range(given))
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given):
        chosen = tuple(_plain(seed) for seed in given)
        whole = all(_is_whole(seed, 0, 2**SEED_BITS - 1) for seed in chosen)
        if whole and len(set(chosen)) == len(chosen):
            return chosen
    raise StudyError(
        f"`seeds`: expected a number of seeds (1 to {MOST_BLOCKS:,}), a list of different whole "
        f"numbers from 0 to below 2**{SEED_BITS}, or 'auto'; got {seeds!r}."
    )


def _plain(value: Any) -> Any:
    """Return a value of NumPy or pandas as Python's, short floats by their shortest text."""
    if isinstance(value, type):  # whose attributes are not those of a value
        return value
    kind = getattr(value, "dtype", None)
    if kind is not None and kind.kind == "f" and kind.itemsize < 8:
        value = value.astype(str).astype(float)
    return value.tolist() if hasattr(value, "tolist") else value


def _name(name: object, field: str) -> str:
    if not isinstance(name, str):
        raise StudyError(f"`{field}`: expected a str as name of a toggle; got {name!r}.")
    return name


def _level(value: object, name: str, field: str) -> Level:
    level = _plain(value)
    if isinstance(level, str) and not prints(level):
        raise StudyError(
            f"`{field}`: expected a text of characters that print as level of `{name}`; "
            f"got {level!r}."
        )
    if isinstance(level, bool | int | float | str):
        return level
    try:
        return text_of(level)
    except ObjectError:
        raise StudyError(
            f"`{field}`: expected a bool, a number, a str, None, a tuple of these, or a function "
            f"or class that can be imported as level of `{name}`; got {level!r}. Give other "
            "objects names by `objects` of a cnnzoo.Toggle of the builder."
        ) from None


def _is_whole(number: Any, low: int, high: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and low <= number <= high


def _is_finite(number: object) -> bool:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False
    return abs(number) <= sys.float_info.max  # a whole number may be too large for a float
