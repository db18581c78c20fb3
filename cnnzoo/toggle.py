"""Toggles: the named choices that a builder, a recipe or the data offers.

A toggle is declared once, as metadata of an ``Annotated`` alias (`cnnzoo.vocabulary` has the shared
ones). A function takes a toggle by annotating a parameter with the alias; the parameter's default
is the toggle's default. Checks, searches, studies, options, tables and tests read the signature.
"""

import difflib
import functools
import inspect
import math
import numbers
import os
import types
import typing
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cnnzoo.objects import ObjectError, is_plain, object_of, text_of

Level = bool | int | float | str
"""One value of a toggle. ``None``, a tuple, a function or a class has a text as its level."""


class ToggleError(ValueError):
    """Raised for an invalid toggle or value.

    The message gives the toggle, its owner, the allowed values and the value received.
    """


@dataclass(frozen=True, repr=False)
class Toggle:
    """One named choice, with its levels or its range, and its default.

    Parameters
    ----------
    meaning
        Phrase that says what the toggle changes.
    levels
        Allowed values. Omit them for a range, for a ``bool`` and for a ``Literal``, which lists
        them already.
    low, high
        Ends of the range, both included; without `high` the range has no upper end.
    search
        Default range of a search; the whole range if omitted.
    log
        Whether a search samples the range logarithmically.
    when
        Condition: another toggle and its levels at which this toggle has an effect, such as
        ``("pool", ("max",))``.
    joined
        Whether several levels may be given at once, joined by "+".
    paired
        Whether two whole numbers may be given at once, as a tuple or joined by "x": (48, 64) or
        "48x64". The level is the text, or the number if both are equal.
    count_above
        Above this value a whole number is a count and stays an int: 200 examples, not 200.0.
    off
        Level at which the toggle does nothing, such as 0.0 for a strength, if it is neither False
        nor "none".
    fixed
        Whether all variants of a study and all trials of a search share one level, because they
        could not be compared otherwise.
    other_texts
        What other texts are allowed besides the levels, such as "the path of a file"; "" for none.
    objects
        What a custom builder gets instead of a level, by level, such as
        ``{"batch": keras.layers.BatchNormalization, "none": None}``. It gives the levels.
    default
        Default level; a signature that takes the toggle may set another one.
    name, type
        Set when a signature is read. The type ``object`` allows any level. Without levels, ``str``
        allows any text, and a range from ``-math.inf`` any number.
    takes_objects
        Set when a signature is read: whether ``None``, tuples, functions and classes are allowed,
        whose levels are texts such as "(3, 3)" or "module:name".

    Examples
    --------
    >>> size = Toggle("side of the pooling window", levels=(1, 2, 3, 4), name="pool_size", type=int)
    >>> size
    <Toggle pool_size: side of the pooling window: one of 1, 2, 3, 4>
    >>> size.check(3, "downsampling")
    3
    >>> size.check(5, "downsampling")
    Traceback (most recent call last):
    cnnzoo.toggle.ToggleError: `pool_size` of `downsampling` must be one of 1, 2, 3, 4; got 5.
    """

    meaning: str
    levels: tuple[Level, ...] = ()
    low: float | None = None
    high: float | None = None
    search: tuple[float, float] | None = None
    log: bool = False
    when: tuple[str, tuple[Level, ...]] | None = None
    joined: bool = False
    paired: bool = False
    count_above: float | None = None
    off: Level | None = None
    fixed: bool = False
    other_texts: str = ""
    objects: Mapping[str, object] = field(default_factory=dict, hash=False)
    default: Level | None = None
    name: str = ""
    type: type = str
    takes_objects: bool = False

    def __post_init__(self) -> None:
        if self.objects and not self.levels:
            object.__setattr__(self, "levels", tuple(self.objects))

    def __repr__(self) -> str:
        """Say what the toggle changes, what is allowed, when it has an effect, and its default."""
        name = f" {self.name}" if self.name else ""
        only = f"; only where {self.condition}" if self.condition else ""
        default = "" if self.default is None else f"; default {self.default!r}"
        return f"<Toggle{name}: {self.meaning}: {self.allowed}{only}{default}>"

    @property
    def searchable(self) -> bool:
        """Whether a search can explore the toggle without being told its levels or its range."""
        if self.fixed:
            return False
        if self.levels:
            return self.type is not object  # KerasTuner takes levels of one type
        return self.search is not None or (self.low is not None and self.high is not None)

    @property
    def search_range(self) -> tuple[float, float]:
        """Ends of the range that a search explores."""
        if self.search is not None:
            return self.search
        if self.low is None or self.high is None:
            raise TypeError(f"`{self.name}` has no range.")
        return self.low, self.high

    @property
    def allowed(self) -> str:
        """Allowed values in words."""
        if self.levels:
            words = f"one of {listed(self.levels)}"
            if self.other_texts:
                return f"{words} or {self.other_texts}"
            return f"{words}, or several joined by '+'" if self.joined else words
        if self.takes_objects:
            return (
                "a bool, a number, a text, None, a tuple of these, or a function or a class that "
                "can be imported"
            )
        if self.type is object:
            return "a bool, a number or a text"
        if self.type is str:
            return "a text"
        noun = "a whole number" if self.type is int else "a number"
        if self.low == -math.inf:
            return noun
        end = "up" if self.high is None else f"to {self.high:.12g}"
        pair = ", or two from 1 joined by 'x'" if self.paired else ""
        return f"{noun} from {self.low:.12g} {end}{pair}"

    @property
    def condition(self) -> str:
        """Condition under which the toggle has an effect, in words; empty if it always has one."""
        if self.when is None:
            return ""
        parent, levels = self.when
        return f"{parent} is {' or '.join(str(level) for level in levels)}"

    def describe(self, toggles: Mapping[str, "Toggle"]) -> str:
        """Return a phrase: meaning, allowed values and condition among these toggles."""
        only = f"; only where {self.condition}" if self.when_among(toggles) else ""
        return f"{self.meaning}: {self.allowed}{only}"

    def when_among(self, toggles: Mapping[str, "Toggle"]) -> tuple[str, tuple[Level, ...]] | None:
        """Return `when` if the toggle that it names is one of these."""
        return self.when if self.when is not None and self.when[0] in toggles else None

    def check(self, value: object, owner: str) -> Level:
        """Return `value` as a level of this toggle.

        Numbers of NumPy and other libraries become Python numbers, and an int is accepted as a
        float. One of `objects` becomes its level, and an object that `takes_objects` allows its
        text. Nothing else is converted.

        Parameters
        ----------
        value
            Value to check.
        owner
            Name of the builder, recipe or loader that takes the toggle, for the error.

        Raises
        ------
        ToggleError
            If the value is not allowed.
        """
        level = self._converted(value)
        if level is not None and self._allows(level):
            if isinstance(level, str) and not prints(level):
                raise ToggleError(
                    f"`{self.name}` of `{owner}`: expected a text of characters that print; "
                    f"got {value!r}."
                )
            return level
        received = f"{value!r} ({type(value).__name__})" if level is None else f"{value!r}"
        known = [str(known) for known in self.levels] if isinstance(level, str) else []
        end = did_you_mean(str(value), known, quote="'")
        raise ToggleError(f"`{self.name}` of `{owner}` must be {self.allowed}; got {received}{end}")

    def value(self, level: Level) -> object:
        """Return what a builder gets for a level: the object of that name, or the level itself.

        Examples
        --------
        >>> norm = Toggle("normalization", objects={"some": (0, 1), "none": None}, name="norm")
        >>> norm.check(None, "build"), norm.value("none"), norm.value("some")
        ('none', None, (0, 1))
        """
        if isinstance(level, str):
            if level in self.objects:
                return self.objects[level]
            if self.takes_objects:
                return object_of(level)
        return level

    def default_of(self, value: object) -> Level | None:
        """Return the default of a parameter as a level; unchecked, and None if it is no level."""
        return value if isinstance(value, Level) else self._converted(value)

    def parse(self, text: str, owner: str) -> Level:
        """Parse a level from text and check it.

        Examples
        --------
        >>> Toggle("step of the window", low=1, high=8, name="strides", type=int).parse("2", "m")
        2
        >>> any_level = Toggle("unannotated", name="units", type=object)
        >>> [any_level.parse(text, "build") for text in ("16", "0.5", "true", "same")]
        [16, 0.5, True, 'same']
        """
        value: object = text
        try:
            if self.type is bool:
                value = {"true": True, "false": False}[text.lower()]
            elif self.type in (int, float):
                value = self.type(text)
            elif self.type is object:
                value = _read_level(text)
        except (KeyError, ValueError):
            pass  # `check` raises the error
        return self.check(value, owner)

    def _converted(self, value: object) -> Level | None:
        if self.paired and (pair := _pair_of(value)):
            return pair[0] if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"
        for name, each in self.objects.items():
            if value is each or (is_plain(each) and type(value) is type(each) and value == each):
                return name
            if isinstance(value, str) and value not in self.levels and value == _text(each):
                return name
        if isinstance(value, os.PathLike) and self.other_texts:
            return str(os.fspath(value))
        if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
            return bool(value) if self.type in (bool, object) else None
        if self.type is int and isinstance(value, numbers.Integral):
            return int(value)
        if self.type is float and isinstance(value, numbers.Real):
            try:
                number = float(value)
            except OverflowError:  # a whole number of more than 308 digits
                return None
            counted = self.count_above is not None and number > self.count_above
            return int(number) if counted and number.is_integer() else number
        if self.type is str and isinstance(value, str):
            return str(value)
        if self.type is object and isinstance(value, int | float | str):
            return value
        return _text(value) if self.takes_objects else None

    def _allows(self, level: Level) -> bool:
        if self.joined and isinstance(level, str) and "+" in level:
            parts = level.split("+")
            return len(set(parts)) == len(parts) and all(
                part in self.levels and part != "none" for part in parts
            )
        if self.levels and (not self.other_texts or level in self.levels):
            return level in self.levels
        if self.type in (object, str):
            return True
        if self.paired and (pair := _pair_of(level)):
            return all(side and self._allows(side) for side in pair)
        if self.low is None or isinstance(level, str) or level in (math.inf, -math.inf):
            return False
        return self.low <= level and (self.high is None or level <= self.high)


def read_toggles(function: Callable[..., object], *, undeclared: bool = False) -> dict[str, Toggle]:
    """Return the toggles of a function by name, in the order of its signature.

    Parameters
    ----------
    function
        Callable whose parameters are annotated with aliases that contain a `Toggle`.
    undeclared
        Whether parameters without a `Toggle` are toggles too if their default is a bool, a number,
        a text, ``None``, a tuple, or a function or a class. Their levels are those of their type:
        ``bool`` and ``Literal`` list them, ``int`` and ``float`` allow any number, and ``str`` any
        text.

    Examples
    --------
    >>> from typing import Literal
    >>> from cnnzoo.vocabulary import PoolSize
    >>> def tiny(*, pool_size: PoolSize = 2, pool: Literal["max", "average"] = "max"): ...
    >>> read_toggles(tiny)["pool_size"].levels
    (1, 2, 3, 4)
    >>> read_toggles(tiny, undeclared=True)["pool"].levels
    ('max', 'average')
    """
    parameters = inspect.signature(function).parameters
    annotations = {
        name: parameter.annotation
        for name, parameter in parameters.items()
        if parameter.annotation is not parameter.empty
    }
    own = inspect.get_annotations(function)  # a signature made for `help` leaves toggles out
    annotations |= {name: own[name] for name in parameters if name in own}
    hints = typing.get_type_hints(
        types.SimpleNamespace(__annotations__=annotations),
        globalns=_globals_of(function),
        include_extras=True,
    )
    toggles = {}
    for name, parameter in parameters.items():
        hint = hints.get(name)
        toggle = toggle_of(name, hint)
        given = parameter.default is not parameter.empty
        if toggle is None and undeclared and given:
            toggle = _undeclared(name, hint, parameter.default)
        if toggle is not None:
            default = toggle.default_of(parameter.default) if given else toggle.default
            toggles[name] = replace(toggle, default=default)
    return toggles


def _text(value: object) -> str | None:
    """Return the text of an object; None if it has none."""
    try:
        return text_of(value)
    except ObjectError:
        return None


def _globals_of(function: Callable[..., object]) -> dict[str, object]:
    """Return the names that a function's annotations may use."""
    while isinstance(function, functools.partial):
        function = function.func
    names: dict[str, object] = getattr(inspect.unwrap(function), "__globals__", {})
    return names


def toggle_of(name: str, annotation: object) -> Toggle | None:
    """Return the toggle in an annotation, with its name and type, or None."""
    for metadata in getattr(annotation, "__metadata__", ()):
        if isinstance(metadata, Toggle):
            base = typing.get_args(annotation)[0]
            levels = _levels_of(base) or metadata.levels
            if metadata.objects:
                base = str  # their names
            elif not isinstance(base, type):
                base = type(levels[0]) if levels else typing.get_args(base)[0]
            return replace(metadata, name=name, type=base, levels=levels)
    return None


def _pair_of(value: object) -> tuple[int, int] | None:
    """Return two whole numbers that are given as a sequence or joined by "x", or None.

    Examples
    --------
    >>> _pair_of((48, 64)), _pair_of("48x64"), _pair_of("48")
    ((48, 64), (48, 64), None)
    """
    sides: list[typing.Any]
    if isinstance(value, str):
        sides = [*value.split("x")]
        whole = [int(n) for n in sides if n.isascii() and n.isdecimal() and len(n) < 9]
    elif isinstance(value, Sequence):
        sides = [None if isinstance(n, bool) else n for n in value]
        whole = [int(n) for n in sides if isinstance(n, numbers.Integral)]
    else:
        return None
    return (whole[0], whole[1]) if len(sides) == len(whole) == 2 else None


def _undeclared(name: str, annotation: object, default: object) -> Toggle | None:
    """Return the toggle of a parameter that declares none; None if its default is no level."""
    if not isinstance(default, Level):
        if _text(default) is None:
            return None
        return Toggle("a parameter of the builder", name=name, type=object, takes_objects=True)
    base = typing.get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
    levels = _levels_of(base)
    kinds = {type(level) for level in levels}
    kind: typing.Any = kinds.pop() if len(kinds) == 1 else base
    if kind not in (bool, int, float, str):
        kind = object
    any_number = kind in (int, float) and not levels
    low = -math.inf if any_number else None
    return Toggle(
        "a parameter of the builder",
        levels,
        low=low,
        name=name,
        type=kind,
        takes_objects=kind is object and not levels,
    )


def _levels_of(base: object) -> tuple[Level, ...]:
    """Return the levels that a type lists; none if it lists none."""
    if typing.get_origin(base) is typing.Literal:
        return tuple(level for level in typing.get_args(base) if isinstance(level, Level))
    return (False, True) if base is bool else ()


def check_settings(
    toggles: Mapping[str, Toggle], given: Mapping[str, object], owner: str
) -> dict[str, Level]:
    """Check the given levels and complete them with the defaults.

    Parameters
    ----------
    toggles
        Toggles by name.
    given
        Levels by name.
    owner
        Name of the function that takes the toggles, for the error.

    Returns
    -------
    dict
        Level of every toggle.

    Raises
    ------
    ToggleError
        If a name is unknown, a value is not allowed, or a level has no effect because another
        toggle switches it off (its default value is allowed).

    Examples
    --------
    >>> from cnnzoo.vocabulary import Pool, PoolSize
    >>> def net(*, pool: Pool = "max", pool_size: PoolSize = 2): ...
    >>> check_settings(read_toggles(net), {"pool_size": 3}, "net")
    {'pool': 'max', 'pool_size': 3}
    >>> check_settings(read_toggles(net), {"pool": "none", "pool_size": 3}, "net")
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
    cnnzoo.toggle.ToggleError: `pool_size` of `net` has no effect unless pool is max or average; ...
    """
    for name in given:
        if name not in toggles:
            raise ToggleError(
                f"`{owner}` has no toggle `{name}`{did_you_mean(name, toggles)} "
                f"Its toggles: {', '.join(toggles)}."
            )
    settings = {
        name: toggle.check(given.get(name, toggle.default), owner)
        for name, toggle in toggles.items()
    }
    for name in given:
        blocker = switched_off_by(name, toggles, settings)
        if blocker is not None and settings[name] != toggles[name].default:
            raise ToggleError(
                f"`{name}` of `{owner}` has no effect unless {toggles[name].condition}; "
                f"got {name}={settings[name]!r} with {blocker}={settings[blocker]!r}."
            )
    return settings


def switched_off_by(
    name: str, toggles: Mapping[str, Toggle], settings: Mapping[str, Level]
) -> str | None:
    """Return the toggle that switches `name` off, or None."""
    when = toggles[name].when_among(toggles)
    if when is None:
        return None
    parent, levels = when
    if settings[parent] not in levels:
        return parent
    return switched_off_by(parent, toggles, settings)


def _read_level(text: str) -> Level:
    """Return what a text looks like: a bool, a finite number or itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    return text


def prints(text: str) -> bool:
    r"""Tell whether all characters of a text print; spaces of any width do.

    Examples
    --------
    >>> prints("kernel size \u3000"), prints("\x1b[31m"), prints("\ud800")
    (True, False, False)
    """
    return text.isprintable() or all(
        one.isprintable() or unicodedata.category(one) == "Zs" for one in text
    )


def did_you_mean(given: str, known: Collection[str], quote: str = "`") -> str:
    """Return the end of a sentence: a question with the nearest known name, or a full stop.

    Examples
    --------
    >>> did_you_mean("pool_sizes", ["pool_size", "filters"])
    '; did you mean `pool_size`?'
    >>> did_you_mean("bogus", ["pool_size", "filters"])
    '.'
    """
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.6)
    return f"; did you mean {quote}{near[0]}{quote}?" if near else "."


def listed(values: Collection[object]) -> str:
    """Return the values as Python literals, separated by commas.

    Examples
    --------
    >>> listed(("max", "none"))
    "'max', 'none'"
    """
    return ", ".join(repr(value) for value in values)
