"""Arrays in hand: (x, y), or one pair a split."""

from collections.abc import Mapping

from cnnzoo.data.errors import DataError
from cnnzoo.data.source import SPLIT_NAMES, SPLITS, Source, by_split, split_of
from cnnzoo.toggle import did_you_mean, listed


def from_arrays(spec: object, name: str = "arrays") -> Source:
    """Take a tuple (x, y), a mapping like ``{"train": (x, y), "test": (x, y)}``, or two tuples.

    Two tuples are the train and test pairs that ``keras.datasets`` loads.

    Raises
    ------
    DataError
        If `spec` is none of these, or lacks train.
    """
    if _is_two_pairs(spec):
        spec = dict(zip(("train", "test"), spec, strict=True))  # type: ignore[call-overload]
    if not isinstance(spec, Mapping):
        return Source(name, {"train": _pair(spec, "The data")})
    for part in spec:
        if split_of(str(part)) is None:
            near = did_you_mean(str(part), SPLIT_NAMES, "'")
            raise DataError(f"{name!r} has no split {part!r}{near} The splits: {listed(SPLITS)}.")
    keys = by_split(spec, name)
    if "train" not in keys:
        raise DataError(f"{name!r} needs a split 'train'; got {listed(spec) or 'none'}.")
    return Source(
        name, {part: _pair(spec[key], f"The split {key!r}") for part, key in keys.items()}
    )


def _is_two_pairs(spec: object) -> bool:
    """Tell ((x, y), (x, y)) from (x, y) where x and y are tuples of two examples."""
    return (
        isinstance(spec, tuple)
        and len(spec) == 2
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in spec)
        and all(isinstance(v, list) or getattr(v, "ndim", 0) > 0 for pair in spec for v in pair)
    )


def _pair(pair: object, what: str) -> tuple[object, object]:
    if isinstance(pair, tuple) and len(pair) == 2:
        return pair
    got = type(pair).__name__ + (f" of {len(pair)}" if isinstance(pair, tuple | list) else "")
    raise DataError(
        f"{what} must be a name, a tuple (x, y), a tuple of two of these for train and test, or a "
        f"mapping of splits to them; got {got}."
        if what == "The data"
        else f"{what} must be a tuple (x, y); got {got}."
    )
