"""Labels: class ids, class names, one-hot rows or regression targets, told apart and checked."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from cnnzoo.data.dataset import Array, DataError, OutputInfo, Task
from cnnzoo.data.pixels import to_array
from cnnzoo.data.targets import NAME, Labels, Targets, labels_of
from cnnzoo.toggle import did_you_mean, listed

RESERVED = ("train", "training", "validation", "val", "test")
"""Names that no output has, because the names of metrics begin with those of splits."""


def encode_outputs(
    given: Mapping[str, tuple[str, object, int]], names: tuple[str, ...] = ()
) -> tuple[dict[str, Labels], tuple[OutputInfo, ...]]:
    """Return the labels of every part, of one output or of several, and their descriptions.

    Parameters
    ----------
    given
        For every part: its place (for errors), its labels and their required number. Labels of
        several outputs are a mapping of their names, or a `Targets`.
    names
        Names of the class ids of one output, if the source has them.

    Returns
    -------
    tuple
        Labels by part, and the description of each output. A single output has the name "".

    Raises
    ------
    DataError
        As of `encode_labels`, or if the parts have other outputs.
    """
    outputs = _output_names(given)
    arrays: dict[str, dict[str, Array]] = {part: {} for part in given}
    described = []
    for output in outputs:
        own = {
            part: (f"{where}, output {output!r}", y[output], count)  # type: ignore[index]
            if output
            else (where, y, count)
            for part, (where, y, count) in given.items()
        }
        encoded, class_names = encode_labels(own, () if output else names)
        task: Task = "classification" if class_names else "regression"
        described.append(OutputInfo(output, task, len(class_names) or 1, class_names))
        for part, array in encoded.items():
            arrays[part][output] = array
    return {part: labels_of(each) for part, each in arrays.items()}, tuple(described)


def _output_names(given: Mapping[str, tuple[str, object, int]]) -> tuple[str, ...]:
    """Return the names of the outputs, in the order of train; one empty name for one output."""
    by_part: dict[str, tuple[str, ...]] = {}
    for part, (where, y, count) in given.items():
        if are_outputs(y, count):
            raise DataError(
                f"y of {where}: expected a mapping from the names of the outputs to their labels, "
                f"as in {{'digit': y[0], 'parity': y[1]}}; got {len(y)} arrays without names."
            )
        if not isinstance(y, Mapping | Targets):
            by_part[part] = ("",)
            continue
        by_part[part] = y.names if isinstance(y, Targets) else tuple(y)
        for name in by_part[part]:
            _check_name(name, where)
        if not by_part[part]:
            raise DataError(f"y of {where}: expected labels of at least one output; got none.")
    first = by_part["train"]
    for part, names in by_part.items():
        if set(names) != set(first):
            raise DataError(
                f"y of {given[part][0]}: expected the outputs of train, {_listed(first)}; got "
                f"{_listed(names)}."
            )
    return first


def _check_name(name: object, where: str) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name) or name in RESERVED:
        raise DataError(
            f"y of {where}: expected names of outputs of letters, digits, '_' and '-', other than "
            f"{listed(RESERVED)}; got {name!r}. Metrics are named by them, as in test_digit_loss."
        )


def _listed(names: Iterable[str]) -> str:
    return listed([name or "a single one without a name" for name in names])


def are_outputs(y: Any, count: int) -> TypeGuard[Sequence[Any]]:
    """Return whether labels are a list with an array for each of several outputs.

    Examples
    --------
    >>> are_outputs([np.zeros(5), np.zeros(5)], 5), are_outputs([np.zeros(2), np.zeros(2)], 2)
    (True, False)
    """
    if not isinstance(y, tuple | list) or len(y) in (0, count):
        return False
    return all(len(getattr(one, "shape", ()) or ()) > 0 and len(one) == count for one in y)


def encode_labels(
    given: Mapping[str, tuple[str, object, int]], names: tuple[str, ...] = ()
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Return the labels of every part as int64 class ids or float32 targets.

    Strings become the ids of their sorted names, and one-hot rows the id of their column. If any
    float has a fraction, the labels are regression targets.

    Parameters
    ----------
    given
        For every part: its place (for errors), its labels and their required number.
    names
        Names of the class ids, if the source has them.

    Returns
    -------
    tuple
        Labels by part, and the class names; no names for regression.

    Raises
    ------
    DataError
        If labels are missing, of a wrong shape or kind, or not class ids from 0 without gaps.
    """
    labels = {part: _flat(y, where, count) for part, (where, y, count) in given.items()}
    places = {part: where for part, (where, _, _) in given.items()}
    texts = [part for part, y in labels.items() if y.dtype.kind == "U"]
    if texts and len(texts) < len(labels):
        raise DataError(
            f"The labels of {places[texts[0]]} are strings, those of another split are numbers; "
            "give the same kind everywhere."
        )
    if texts:
        labels, names = _by_name(labels, places)
    elif any(y.dtype.kind == "f" and np.any(y % 1) for y in labels.values()):
        return {part: y.astype(np.float32) for part, y in labels.items()}, ()
    ids = {part: y.astype(np.int64) for part, y in labels.items()}
    for part, y in ids.items():
        _check_not_negative(y, places[part])
    if not names:
        names = tuple(str(i) for i in range(_count_classes(ids, places["train"])))
    if len(names) < 2:
        raise DataError(
            f"{places['train']} has a single class, {names[0]!r}; to tell classes apart takes two."
        )
    return ids, names


def _flat(values: object, where: str, count: int) -> Array:
    """Return labels of shape (count,): strings (dtype U), whole numbers or finite floats."""
    y: Array = to_array(values, f"y of {where}")
    if y.dtype.kind in "OT" and all(isinstance(label, str) for label in y.flat):
        y = y.astype(str)
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "replace")
    if y.dtype.kind not in "Ubuif":
        raise DataError(
            f"y of {where}: expected class ids, class names or targets; got dtype {y.dtype}."
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 0 or len(y) != count:
        got = len(y) if y.ndim else "a single value"
        raise DataError(f"y of {where}: expected one label for each of the {count} x; got {got}.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        bad = ~np.isfinite(y).reshape(len(y), -1).all(axis=1)
        raise DataError(
            f"y of {where}: expected finite labels; got NaN or infinity in {bad.sum()} of {count}, "
            f"the first at index {np.argmax(bad)}."
        )
    if y.ndim == 1:
        return y
    if y.ndim == 2 and y.dtype.kind != "U" and is_one_hot(y):
        ids: Array = np.argmax(y, axis=1)
        return ids
    raise DataError(
        f"y of {where}: expected shape (n,) or one-hot rows of a single 1 and zeros; "
        f"got shape {y.shape}."
    )


def is_one_hot(y: Array) -> bool:
    """Return whether each row has a single 1 and zeros.

    Examples
    --------
    >>> is_one_hot(np.eye(3)), is_one_hot(np.ones((2, 3)))
    (True, False)
    """
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def _by_name(
    labels: Mapping[str, Array], places: Mapping[str, str]
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Return names as ids in sorted order; every name must occur in train."""
    names = np.unique(labels["train"])
    for part, y in labels.items():
        strange = np.setdiff1d(y, names)
        if len(strange):
            name = str(strange[0])
            near = did_you_mean(name, names.tolist(), "'")
            raise DataError(f"{places[part]} has the class {name!r}, which train lacks{near}")
    ids = {part: np.searchsorted(names, y) for part, y in labels.items()}
    return ids, tuple(str(name) for name in names)


def _check_not_negative(y: Array, where: str) -> None:
    negative = y < 0
    if negative.any():
        raise DataError(
            f"y of {where}: expected class ids from 0; got {negative.sum()} negative ones, "
            f"the first {y[negative][0]} at index {np.argmax(negative)}. "
            "(Targets of a regression are floats, at least one of them with a fraction.)"
        )


def _count_classes(ids: Mapping[str, Array], where: str) -> int:
    """Return the number of classes; train must have all of them."""
    seen = np.unique(ids["train"])
    count = max(int(y.max()) for y in ids.values()) + 1
    if len(seen) < count:
        gap = np.flatnonzero(seen != np.arange(len(seen)))
        missing = int(gap[0]) if len(gap) else len(seen)
        raise DataError(
            f"The class ids run to {count - 1}, but {where} has no example of {missing}; ids "
            f"count from 0 without gaps. Train has {listed(seen[:10].tolist())}"
            f"{', ...' if len(seen) > 10 else ''}. "
            "(Targets of a regression are floats, at least one of them with a fraction.)"
        )
    return count
