"""Arrays in hand: (x, y), or one pair a split."""

from collections.abc import Mapping

from cnnzoo.data.errors import DataError
from cnnzoo.data.source import SPLITS, Source
from cnnzoo.toggle import did_you_mean, listed


def from_arrays(spec: object, name: str = "arrays") -> Source:
    """Take a tuple (x, y), or a mapping like ``{"train": (x, y), "test": (x, y)}``.

    Raises
    ------
    DataError
        If `spec` is neither, or lacks train.
    """
    if not isinstance(spec, Mapping):
        return Source(name, {"train": _pair(spec, "The data")})
    for part in spec:
        if part not in SPLITS:
            near = did_you_mean(str(part), SPLITS, "'")
            raise DataError(f"{name!r} has no split {part!r}{near} The splits: {listed(SPLITS)}.")
    if "train" not in spec:
        raise DataError(f"{name!r} needs a split 'train'; got {listed(spec) or 'none'}.")
    return Source(name, {part: _pair(pair, f"The split {part!r}") for part, pair in spec.items()})


def _pair(pair: object, what: str) -> tuple[object, object]:
    if isinstance(pair, tuple) and len(pair) == 2:
        return pair
    got = type(pair).__name__ + (f" of {len(pair)}" if isinstance(pair, tuple | list) else "")
    raise DataError(
        f"{what} must be a name, a tuple (x, y) or a mapping of splits to such tuples; got {got}."
        if what == "The data"
        else f"{what} must be a tuple (x, y); got {got}."
    )
