"""Splits: stratified train, validation and test examples, a function of the seed alone."""

import math
from collections.abc import Mapping

import numpy as np

from cnnzoo.data.dataset import Array, DataError, Indices
from cnnzoo.data.source import Examples
from cnnzoo.folds import count_folds, fold_of
from cnnzoo.runtime.seeding import stream


def interleave(y: Array, *, every_class_first: bool = False) -> Indices:
    """Return an order of the examples in which every prefix is stratified by class.

    The j-th of n examples of a class stands at (j + 1/2) / n of the way. A shorter prefix is part
    of a longer one. Within a class, and for ties of classes, the given order is kept.

    Parameters
    ----------
    y
        Class ids of shape (n,), in random order.
    every_class_first
        Whether one example of every class comes before all others, so that no prefix of at least
        that length lacks a rare class.

    Examples
    --------
    >>> interleave(np.array([0, 0, 0, 0, 1, 1]))
    array([0, 4, 1, 2, 5, 3])
    """
    rank = rank_in_class(y)
    place = (rank + 0.5) / np.bincount(y)[y]
    if every_class_first:
        place[rank == 0] = 0.0
    return np.argsort(place, kind="stable")


def rank_in_class(y: Array) -> Indices:
    """Return the number of examples of the same class before each example.

    Examples
    --------
    >>> rank_in_class(np.array([1, 0, 1, 1]))
    array([0, 0, 1, 2])
    """
    rank = np.empty(len(y), dtype=np.intp)
    rank[np.argsort(y, kind="stable")] = np.concatenate([np.arange(n) for n in np.bincount(y)])
    return rank


def share_of(share: float, count: int) -> int:
    """Return a share of a number of examples, rounded to the nearest whole number (halves up)."""
    return math.floor(share * count + 0.5)


def cut(
    examples: Examples, seed: int, *, validation: float, test: float
) -> dict[str, tuple[str, Indices]]:
    """Return, for train, validation and test, the part of the source and the indices in it.

    The test parts of successive seeds are disjoint as far as they go: with k disjoint parts of
    this size, seed s has part s mod k of an order of the examples that is drawn for s // k. If the
    source defines the test split, the same holds for the validation parts. Otherwise the
    validation part consists of the examples of each class that come just before the test part, so
    that those of successive seeds hardly overlap either.

    Parameters
    ----------
    examples
        Content of the source; splits that it defines are kept.
    seed
        Seed of the trial; its stream "split" is used.
    validation, test
        Shares of the source's train part, for the splits that the source does not define.

    Raises
    ------
    DataError
        If a share leaves a split or a class without examples.
    """
    y, labels = examples.stratified("train")
    cuts = {
        part: share_of(share, len(y))
        for part, share in (("test", test), ("validation", validation))
        if part not in examples.parts
    }
    _check_cuts(examples, cuts, {"test": test, "validation": validation})
    drawn = [(part, count) for part, count in cuts.items() if count]
    held_out = drawn[0][1] if drawn else 0  # of the test part, unless the source defines it
    repetition, fold = fold_of(seed, count_folds(len(y), held_out))
    order = np.random.default_rng(stream(repetition, "split")).permutation(len(y))
    stratified = labels.task == "classification"
    if stratified:
        order = order[interleave(y[order])]
    order = np.roll(order, -fold * held_out)
    held, order = order[:held_out], order[held_out:]
    if stratified:
        order = order[interleave(y[order], every_class_first=True)]
    pieces = {
        part: (part, np.arange(len(split.y)))
        for part, split in examples.parts.items()
        if part != "train"
    }
    pieces |= dict.fromkeys(cuts, ("train", order[:0]))
    for part, count in drawn[1:]:
        order, pieces[part] = order[:-count], ("train", order[-count:])
    if drawn:
        pieces[drawn[0][0]] = ("train", held)
    _check_classes_left(examples, order)
    return {"train": ("train", order)} | pieces


def _check_cuts(examples: Examples, cuts: Mapping[str, int], shares: Mapping[str, float]) -> None:
    y, labels = examples.stratified("train")
    for part, count in cuts.items():
        if shares[part] > 0 and count == 0:
            raise DataError(
                f"`{part}={shares[part]}` of the {len(y)} examples of {examples.name!r} is none; "
                "give a larger share, or 0 to do without."
            )
    if not any(cuts.values()) or labels.task == "regression":
        return
    for class_id, count in enumerate(np.bincount(y)):
        if count == 1:
            raise DataError(
                f"{examples.name!r} has a single example of class "
                f"{labels.class_names[class_id]!r}, which cannot be split; it takes at least 2. "
                "Add examples, leave the class out, or give the splits yourself."
            )


def _check_classes_left(examples: Examples, order: Indices) -> None:
    y, labels = examples.stratified("train")
    lost = np.setdiff1d(y, y[order]) if labels.task == "classification" else y[:0]
    if len(order) == 0 or len(lost):
        of = f" of class {labels.class_names[lost[0]]!r}" if len(lost) else ""
        raise DataError(
            f"`validation` and `test` leave no training example{of} in {examples.name!r}; "
            "give smaller shares."
        )
