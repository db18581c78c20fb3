"""Selection bias: what a variant that results chose is worth in seed blocks that did not choose it.

Losses and values have seed blocks along the first axis and variants along the second one.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ablations.stats.pairs import RESOLUTION, Array
from ablations.study.checks import EXPLORATORY_BELOW

RESAMPLES = 2000
"""Number of bootstrap resamples of seed blocks."""

SEED = 20180


@dataclass(frozen=True)
class HeldOut:
    """The value of a chosen variant in seed blocks that did not choose it.

    Parameters
    ----------
    mean
        Mean over the seed blocks; each block is left out once, and the others choose.
    low, high
        Ends of the interval; NaN if there are too few blocks.
    chosen_again
        Share of bootstrap resamples that choose the same variant as all blocks.
    """

    mean: float
    low: float
    high: float
    chosen_again: float


def lowest(losses: ArrayLike) -> NDArray[np.intp]:
    """Return the place of the lowest loss along the last axis; the first of tied ones.

    Examples
    --------
    >>> int(lowest([0.5, 0.3 + 1e-9, 0.3]))
    1
    """
    values = np.asarray(losses, dtype=float)
    finite = np.where(np.isfinite(values), values, 0.0)
    least = values.min(axis=-1, keepdims=True)
    reach = RESOLUTION * np.abs(finite).max(axis=-1, keepdims=True)
    return np.asarray((values <= least + reach).argmax(axis=-1))


def held_out(losses: ArrayLike, values: ArrayLike, confidence: float = 0.95) -> HeldOut:
    r"""Return the value of the variant with the lowest loss, corrected for its choice.

    The mean of the best of several variants is too good, because the blocks that measure it also
    chose it. So each block is measured with the variant that the other blocks choose:

    .. math:: \frac 1 n \sum_s v_{s,\, b(-s)}, \qquad
              b(-s) = \arg\min_j \sum_{t \ne s} l_{tj}

    This has no bias for the choice by n - 1 blocks. The interval is that of the bootstrap bias
    correction: blocks are resampled, the blocks of a resample choose, the others measure, and the
    interval holds the middle part of these means. It has at least its stated coverage in the
    simulations, because few blocks are left to measure in each resample. With fewer than 6 blocks
    there is no interval.

    Parameters
    ----------
    losses
        What the variant is chosen by; lower is better.
    values
        What is measured, such as deltas to the baseline.
    confidence
        Confidence of the interval.

    References
    ----------
    Tsamardinos, Greasidou and Borboudakis (2018), "Bootstrapping the out-of-sample predictions for
    efficient and accurate cross-validation", Machine Learning 107.

    Examples
    --------
    The second variant is chosen because of the last block; the other blocks prefer the first one.

    >>> losses = np.array([[0.2, 0.3], [0.2, 0.3], [0.2, 0.3], [0.9, 0.3]])
    >>> losses.mean(axis=0).round(3).tolist()
    [0.375, 0.3]
    >>> round(held_out(losses, losses).mean, 3)
    0.45
    """
    by, measured = np.asarray(losses, dtype=float), np.asarray(values, dtype=float)
    blocks = len(by)
    if blocks < 2:
        return HeldOut(np.nan, np.nan, np.nan, np.nan)
    others = (by.sum(axis=0) - by) / (blocks - 1)
    mean = float(measured[np.arange(blocks), lowest(others)].mean())
    weights, left_out = resamples(blocks)
    choices = lowest(weights @ by)
    again = float((choices == lowest(by.mean(axis=0))).mean())
    if blocks < EXPLORATORY_BELOW:
        return HeldOut(mean, np.nan, np.nan, again)
    means = (left_out @ measured)[np.arange(len(choices)), choices]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return HeldOut(mean, float(low), float(high), again)


def luck(losses: ArrayLike, values: ArrayLike) -> float:
    """Return by how much the mean of the variant with the lowest loss is too low by its choice.

    The mean of the chosen variant over all blocks, minus its bootstrap bias correction: the mean
    over resamples of what the chosen variant is in the blocks that are not in the resample.
    NaN for fewer than 2 blocks.

    Examples
    --------
    >>> losses = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.1, 0.0]])
    >>> luck(losses, losses) < -0.1
    True
    >>> luck(losses[:, :1], losses[:, :1])  # nothing is chosen
    0.0
    """
    by, measured = np.asarray(losses, dtype=float), np.asarray(values, dtype=float)
    blocks, variants = by.shape
    if blocks < 2:
        return float("nan")
    if variants == 1:
        return 0.0
    weights, left_out = resamples(blocks)
    choices = lowest(weights @ by)
    # the means of the same blocks of all variants are subtracted, because they vary between
    # resamples and say nothing about the choice
    centred = measured - measured.mean(axis=1, keepdims=True)
    corrected = (left_out @ centred)[np.arange(len(choices)), choices].mean()
    return float(centred[:, lowest(by.mean(axis=0))].mean() - corrected)


@lru_cache(maxsize=64)
def resamples(blocks: int) -> tuple[Array, Array]:
    """Return the weights of the blocks in each resample, and those of the blocks left out.

    Both have one row per resample and one column per block, and their rows sum to 1. A resample
    that leaves no block out is dropped.

    Examples
    --------
    >>> weights, left_out = resamples(10)
    >>> bool(((weights > 0) != (left_out > 0)).all())
    True
    """
    counts = np.random.default_rng(SEED).multinomial(
        blocks, np.full(blocks, 1 / blocks), size=RESAMPLES
    )
    without = counts == 0
    some = without.any(axis=1)
    weights, left_out = counts[some] / blocks, without[some] / without[some].sum(1)[:, None]
    weights.flags.writeable = left_out.flags.writeable = False
    return weights, left_out
