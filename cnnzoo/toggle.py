"""Toggles: the named choices that a builder, a recipe or the data offers.

A toggle is declared once, as metadata of an ``Annotated`` alias (`cnnzoo.vocabulary` holds the
shared ones). A signature that uses the alias says who takes the toggle and with which default;
everything else (checks, searches, studies, options, tables, tests) is read from there.
"""

import difflib
import inspect
import math
import numbers
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

Level = bool | int | float | str
"""One value of a toggle. There is no ``None``: a choice that can be absent has a level "none"."""


class ToggleError(ValueError):
    """A choice that cannot be made: where, what is allowed, what came."""


@dataclass(frozen=True)
class Toggle:
    """One named choice, with its levels or its range, and its default.

    Parameters
    ----------
    meaning
        What the toggle changes, in a phrase.
    levels
        The values to choose from. Left out for a range, for a ``bool``, and where the alias is a
        ``Literal``, which already lists them.
    low, high
        The ends of a range, both allowed; without `high` there is no upper end.
    search
        The part of the range that a search explores unless told otherwise; the whole by default.
    log
        Whether the range is explored in equal ratios instead of equal steps.
    when
        The toggle that switches this one on, and its levels that do: ``("pool", ("max",))``.
    joined
        Whether several levels may be given at once, joined by "+".
    count_above
        Above this a whole number is a count, and is kept as one: 200 training examples, not 200.0.
    off
        The level at which the toggle does nothing, such as 0.0 for a strength, if it has one that
        is neither False nor "none".
    default
        The level where nobody chooses; a signature that takes the toggle may set its own.
    name, type
        Filled in when a signature is read; the type ``object`` stands for any level. Without
        levels a ``str`` is any text, and a number from ``-math.inf`` up is any.

    Examples
    --------
    >>> size = Toggle("side of the pooling window", levels=(1, 2, 3, 4), name="pool_size", type=int)
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
    count_above: float | None = None
    off: Level | None = None
    default: Level | None = None
    name: str = ""
    type: type = str

    @property
    def search_range(self) -> tuple[float, float]:
        """The ends of the range that a search explores."""
        if self.low is None or self.high is None:
            raise TypeError(f"`{self.name}` has levels, not a range.")
        return self.search or (self.low, self.high)

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.levels:
            words = f"one of {listed(self.levels)}"
            return f"{words}, or several joined by '+'" if self.joined else words
        if self.type is object:
            return "a bool, a number or a text"
        if self.type is str:
            return "a text"
        noun = "a whole number" if self.type is int else "a number"
        if self.low == -math.inf:
            return noun
        end = "up" if self.high is None else f"to {self.high:.12g}"
        return f"{noun} from {self.low:.12g} {end}"

    @property
    def condition(self) -> str:
        """When the toggle has an effect, in words; empty if always."""
        if self.when is None:
            return ""
        parent, levels = self.when
        return f"{parent} is {' or '.join(str(level) for level in levels)}"

    def describe(self, toggles: Mapping[str, "Toggle"]) -> str:
        """Say what the toggle changes, what is allowed, and when it has an effect among others."""
        only = f"; only where {self.condition}" if self.when_among(toggles) else ""
        return f"{self.meaning}: {self.allowed}{only}"

    def when_among(self, toggles: Mapping[str, "Toggle"]) -> tuple[str, tuple[Level, ...]] | None:
        """Return `when` if the toggle that it names is one of these."""
        return self.when if self.when is not None and self.when[0] in toggles else None

    def check(self, value: object, owner: str) -> Level:
        """Return `value` as a level of this toggle.

        Numbers of NumPy and of other libraries become Python's own, and a whole number is taken
        where a number is asked for; nothing else is converted.

        Parameters
        ----------
        value
            What was given.
        owner
            The builder, recipe or loader that takes the toggle, for the error.

        Raises
        ------
        ToggleError
            If the value is not allowed.
        """
        level = self._converted(value)
        if level is not None and self._allows(level):
            return level
        received = f"{value!r} ({type(value).__name__})" if level is None else f"{value!r}"
        known = [str(known) for known in self.levels] if isinstance(level, str) else []
        end = did_you_mean(str(value), known, quote="'")
        raise ToggleError(f"`{self.name}` of `{owner}` must be {self.allowed}; got {received}{end}")

    def parse(self, text: str, owner: str) -> Level:
        """Read a level from text, as `check` would take it.

        Examples
        --------
        >>> Toggle("step of the window", low=1, high=8, name="strides", type=int).parse("2", "m")
        2
        """
        value: object = text
        try:
            if self.type is bool:
                value = {"true": True, "false": False}[text.lower()]
            elif self.type in (int, float):
                value = self.type(text)
        except (KeyError, ValueError):
            pass  # `check` says what is allowed
        return self.check(value, owner)

    def _converted(self, value: object) -> Level | None:
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
        return None

    def _allows(self, level: Level) -> bool:
        if self.joined and isinstance(level, str) and "+" in level:
            parts = level.split("+")
            return len(set(parts)) == len(parts) and all(
                part in self.levels and part != "none" for part in parts
            )
        if self.levels:
            return level in self.levels
        if self.type in (object, str):
            return True
        if self.low is None or isinstance(level, str) or level in (math.inf, -math.inf):
            return False
        return self.low <= level and (self.high is None or level <= self.high)


def read_toggles(function: Callable[..., object]) -> dict[str, Toggle]:
    """Read the toggles that a function takes, by name, in the order of its signature.

    Parameters
    ----------
    function
        Any callable with parameters annotated by aliases that carry a `Toggle`.

    Examples
    --------
    >>> from cnnzoo.vocabulary import PoolSize
    >>> def tiny(*, pool_size: PoolSize = 2): ...
    >>> read_toggles(tiny)["pool_size"].levels
    (1, 2, 3, 4)
    """
    annotations = {
        name: annotation
        for name, annotation in inspect.get_annotations(function).items()
        if name != "return"  # often a name that only type checkers import
    }
    hints = typing.get_type_hints(
        types.SimpleNamespace(__annotations__=annotations),
        globalns=getattr(inspect.unwrap(function), "__globals__", {}),
        include_extras=True,
    )
    toggles = {}
    for parameter in inspect.signature(function).parameters.values():
        toggle = toggle_of(parameter.name, hints.get(parameter.name))
        if toggle is not None:
            given = parameter.default is not inspect.Parameter.empty
            toggles[parameter.name] = replace(
                toggle, default=parameter.default if given else toggle.default
            )
    return toggles


def toggle_of(name: str, annotation: object) -> Toggle | None:
    """Return the toggle that an annotation carries, completed by its name and type, or None."""
    for metadata in getattr(annotation, "__metadata__", ()):
        if isinstance(metadata, Toggle):
            base = typing.get_args(annotation)[0]
            levels = metadata.levels
            if typing.get_origin(base) is typing.Literal:
                levels = typing.get_args(base)
            elif base is bool:
                levels = (False, True)
            if not isinstance(base, type):
                base = type(levels[0])
            return replace(metadata, name=name, type=base, levels=levels)
    return None


def check_settings(
    toggles: Mapping[str, Toggle], given: Mapping[str, object], owner: str
) -> dict[str, Level]:
    """Complete the given choices by the defaults, after checking every one.

    Parameters
    ----------
    toggles
        What can be chosen.
    given
        The choices made.
    owner
        Who takes the toggles, for the error.

    Returns
    -------
    dict
        A level for every toggle.

    Raises
    ------
    ToggleError
        If a name is unknown, a value is not allowed, or a choice has no effect because another
        one switches it off (giving such a toggle its default value is fine).

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
    """Return the toggle that keeps `name` from having an effect, or None if it has one."""
    when = toggles[name].when_among(toggles)
    if when is None:
        return None
    parent, levels = when
    if settings[parent] not in levels:
        return parent
    return switched_off_by(parent, toggles, settings)


def did_you_mean(given: str, known: Collection[str], quote: str = "`") -> str:
    """End a sentence: by a question that names the nearest of the known, or by a full stop.

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
    """Return the values as they are typed in Python, separated by commas.

    Examples
    --------
    >>> listed(("max", "none"))
    "'max', 'none'"
    """
    return ", ".join(repr(value) for value in values)
