"""Levels by toggle, as plain values that neither change nor confuse 1 with True."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cnnzoo.toggle import Level, did_you_mean


class StudyError(ValueError):
    """A study that cannot be run as declared."""


class Settings(Mapping[str, Level]):
    """Levels by toggle: a mapping that neither changes nor confuses 1 with True.

    Examples
    --------
    >>> Settings(pool_size=1) == Settings(pool_size=True)
    False
    >>> str(Settings(pool_size=4, filters=64))
    'pool_size=4, filters=64'
    """

    def __init__(self, levels: Mapping[str, Level] | None = None, /, **more: Level) -> None:
        self._levels = {**(levels or {}), **more}

    def __getitem__(self, name: str) -> Level:
        return self._levels[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._levels)

    def __len__(self) -> int:
        return len(self._levels)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and _canonical(self) == _canonical(other)

    def __hash__(self) -> int:
        return hash(_canonical(self))

    def __repr__(self) -> str:
        return f"Settings({self._levels!r})"

    def __str__(self) -> str:
        return ", ".join(f"{name}={_written(level)}" for name, level in self._levels.items())


def same(level: object, other: object) -> bool:
    """Tell whether two levels are one; 1, True and 1.0 are three."""
    return type(level) is type(other) and level == other


def check_known(name: object, known: Sequence[str], what: str) -> None:
    """Refuse a name that is not among the known ones.

    Raises
    ------
    StudyError
        With the nearest of them.
    """
    if name not in known:
        near = did_you_mean(str(name), known)
        raise StudyError(f"{what} `{name}`{near} Known: {', '.join(known)}.")


def digest(described: Mapping[str, Any]) -> str:
    """Return a short digest of values that JSON can hold, the same in every process."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:20]


def _written(level: Level) -> str:
    """Write a level plainly, but a text that reads like another level in quotes."""
    if isinstance(level, str):
        try:
            float(level)
        except ValueError:
            return repr(level) if level in ("True", "False") else level
        return repr(level)
    return str(level)


def _canonical(settings: Settings) -> str:
    return json.dumps(dict(settings), sort_keys=True)
