"""Changes to the training split: fewer examples, rarer classes, wrong labels or targets.

They are made in this order, each with its own stream of the seed:

1. `imbalance` removes examples of some classes,
2. `train_size` keeps a part of the rest, with the same proportions,
3. `label_noise` replaces labels of the kept examples, or `target_outliers` their targets.
"""

from typing import NoReturn

import numpy as np

from cnnzoo.data.dataset import Array, Indices
from cnnzoo.data.splits import interleave, rank_in_class, share_of
from cnnzoo.runtime.seeding import stream
from cnnzoo.toggle import ToggleError

OUTLIER = 10.0
"""Distance of an outlier from its clean target, in standard deviations of the clean targets."""


def change_classes(
    y: Array,
    classes: int,
    seed: int,
    *,
    imbalance: float = 1.0,
    train_size: float = 1.0,
    label_noise: float = 0.0,
) -> tuple[Indices, Array]:
    """Return the training examples to keep, in order, and their labels.

    Parameters
    ----------
    y
        Class ids of the training split, in random order.
    classes
        Number of classes.
    seed
        Seed of the trial.
    imbalance, train_size, label_noise
        Toggles of `load_data`.

    Returns
    -------
    tuple
        Indices into `y`, and the labels at these indices after the noise.

    Raises
    ------
    ToggleError
        If the training split is too small for the toggles.
    """
    kept = np.arange(len(y)) if imbalance == 1.0 else thin_out(y, imbalance)
    kept = kept[interleave(y[kept], every_class_first=True)]
    kept = kept[: size_of(train_size, len(kept), at_least=len(np.unique(y)))]
    # Drawn for every example, kept or not, so that an example's label does not depend on the
    # other toggles.
    rng = np.random.default_rng(stream(seed, "label_noise"))
    turn, step = rng.random(len(y))[kept], rng.integers(1, classes, len(y))[kept]
    labels = y[kept].copy()
    wrong = np.argsort(turn)[: share_of(label_noise, len(kept))]
    labels[wrong] = (labels[wrong] + step[wrong]) % classes
    return kept, labels


def change_targets(
    y: Array, seed: int, *, train_size: float = 1.0, target_outliers: float = 0.0
) -> Array:
    """Return the targets of the training examples to keep, which are the first ones.

    Parameters
    ----------
    y
        Targets of the training split of a regression, in random order.
    seed
        Seed of the trial.
    train_size, target_outliers
        Toggles of `load_data`.

    Raises
    ------
    ToggleError
        If the training split is too small, or its targets are constant and get outliers.
    """
    size = size_of(train_size, len(y))
    spread = float(y.std(dtype=float))
    if target_outliers and not spread:
        _refuse("target_outliers", "0 for constant targets, which have no spread", target_outliers)
    # Drawn for every example, kept or not, as in `change_classes`.
    rng = np.random.default_rng(stream(seed, "target_outliers"))
    turn, sign = rng.random(len(y))[:size], rng.choice((-1.0, 1.0), len(y))[:size]
    targets = y[:size].copy()
    replaced = np.argsort(turn)[: share_of(target_outliers, size)]
    targets[replaced] += (OUTLIER * spread * sign[replaced]).astype(targets.dtype)
    return targets


def thin_out(y: Array, imbalance: float) -> Indices:
    """Return the examples to keep so that class sizes fall geometrically, in the given order.

    Class k of C, from the most frequent to the rarest (by id where equally frequent), keeps
    ``head * imbalance ** (-k / (C - 1))`` examples, rounded: the long-tailed sets of Cui et al.
    2019, "Class-Balanced Loss Based on Effective Number of Samples", section 5.1. `head` is the
    largest number for which there are enough examples of every class.

    Examples
    --------
    >>> np.bincount(np.repeat([0, 1, 2], 100)[thin_out(np.repeat([0, 1, 2], 100), 4.0)])
    array([100,  50,  25])
    """
    counts = np.bincount(y)
    ranking = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    falling = imbalance ** (-np.arange(len(ranking)) / max(len(ranking) - 1, 1))
    head = float((counts[ranking] / falling).min())
    sizes = np.zeros_like(counts)
    sizes[ranking] = np.floor(head * falling + 0.5)
    if sizes[ranking[-1]] < 1:
        _refuse(
            "imbalance",
            f"at most {2 * head:.12g} for {head:.12g} training examples of the most frequent "
            "class, so that the rarest keeps one",
            imbalance,
        )
    return np.flatnonzero(rank_in_class(y) < sizes[y])


def size_of(train_size: float, available: int, *, at_least: int = 1) -> int:
    """Return the number of training examples that a `train_size` keeps.

    Parameters
    ----------
    train_size
        Share up to 1, or above 1 a number of examples.
    available
        Number of training examples.
    at_least
        Smallest number allowed, so that every class has an example.

    Examples
    --------
    >>> size_of(0.25, 400), size_of(30, 400)
    (100, 30)
    """
    if train_size > 1 and train_size % 1:
        _refuse("train_size", "a share up to 1 or a whole number of examples", train_size)
    size = share_of(train_size, available) if train_size <= 1 else int(train_size)
    if not at_least <= size <= available:
        _refuse(
            "train_size",
            f"a share up to 1 or a number that keeps {at_least} (one per class) to {available} "
            "training examples"
            if at_least > 1
            else f"a share up to 1 or a number that keeps 1 to {available} training examples",
            train_size,
            f", which keeps {size}",
        )
    return size


def _refuse(toggle: str, allowed: str, got: float, why: str = "") -> NoReturn:
    raise ToggleError(f"`{toggle}`: expected {allowed}; got {got:.12g}{why}.")
