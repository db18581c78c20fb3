"""Settings: levels by toggle that can be compared and hashed."""

import json
from collections.abc import Iterator, Mapping

from cnnzoo.toggle import Level


class Settings(Mapping[str, Level]):
    """Levels by toggle: an immutable mapping in which 1, True and 1.0 differ.

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
        return isinstance(other, Settings) and canonical(self) == canonical(other)

    def __hash__(self) -> int:
        return hash(canonical(self))

    def __repr__(self) -> str:
        return f"Settings({self._levels!r})"

    def __str__(self) -> str:
        return ", ".join(f"{name}={_written(level)}" for name, level in self._levels.items())


def same(level: object, other: object) -> bool:
    """Return whether two levels are equal and of one type.

    Examples
    --------
    >>> same(1, 1), same(1, True)
    (True, False)
    """
    return type(level) is type(other) and level == other


def _written(level: Level) -> str:
    """Return a level as text, with quotes around a str that reads like another level."""
    if isinstance(level, str):
        try:
            float(level)
        except ValueError:
            return repr(level) if level in ("True", "False") else level
        return repr(level)
    return str(level)


def canonical(settings: Settings) -> str:
    """Return settings as JSON with sorted names, the same text for equal settings."""
    return json.dumps(dict(settings), sort_keys=True)
