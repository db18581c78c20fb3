"""Folds: test parts of successive seeds that are disjoint, as in repeated cross-validation."""

from dataclasses import dataclass


def fold_of(seed: int, folds: int) -> tuple[int, int]:
    """Return the repetition that a seed belongs to, and its fold of this repetition.

    A repetition orders all examples anew. Its folds are disjoint parts of this order.

    Examples
    --------
    >>> [fold_of(seed, folds=3) for seed in (0, 1, 2, 3)]
    [(0, 0), (0, 1), (0, 2), (1, 0)]
    """
    return divmod(seed, folds)


def count_folds(examples: int, held_out: int) -> int:
    """Return the number of disjoint parts of a size that the examples have, at least 1.

    Examples
    --------
    >>> count_folds(103, 10), count_folds(10, 6), count_folds(10, 0)
    (10, 1, 1)
    """
    return max(1, examples // held_out) if held_out else 1


@dataclass(frozen=True)
class HeldOut:
    """The test split of a data set: its size, and what the seeds draw it from.

    Parameters
    ----------
    size
        Number of test examples.
    pool
        Number of examples from which each seed draws its splits; 0 if the source defines the test
        split, which is then the same for every seed.
    train
        Number of training examples of each seed, before toggles such as `train_size` change them.

    Examples
    --------
    >>> HeldOut(size=500, pool=5000, train=4000).folds
    10
    """

    size: int
    pool: int
    train: int

    @property
    def is_fixed(self) -> bool:
        """True if every seed has the same test examples."""
        return self.pool == 0

    @property
    def folds(self) -> int:
        """Number of successive seeds, from a multiple of it, whose test parts are disjoint."""
        return count_folds(self.pool, self.size)
