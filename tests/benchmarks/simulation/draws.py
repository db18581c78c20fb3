"""Deltas whose mean is known, from seeds of their own."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

ALPHA = 0.05


def _accuracy(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return (rng.binomial(200, 0.95, shape) - rng.binomial(200, 0.95, shape)) / 200


RESIDUALS = Path(__file__).parents[1] / "data" / "residuals.csv"
"""Written by real_residuals.py."""


@cache
def real_residuals() -> list[Array]:
    """Return the residuals of real trials: per study and metric, one row per variant."""
    table = pd.read_csv(RESIDUALS).groupby(["study", "metric"], sort=False)
    return [rows.drop(columns=["study", "metric", "variant"]).to_numpy(float) for _, rows in table]


@cache
def _real_deltas() -> list[Array]:
    """Return the deltas of each real variant, with mean 0 and a standard deviation of 1."""
    deltas = [one - rows[0] for rows in real_residuals() for one in rows[1:]]
    centred = [one - one.mean() for one in deltas]
    return [one / one.std() for one in centred]


def _real(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw seeds with replacement from one real variant for each sample along the last axis."""
    pool = np.stack(_real_deltas())
    variant = rng.integers(len(pool), size=shape[:-1])
    return pool[variant[..., None], rng.integers(pool.shape[1], size=shape)]


# Name, draw of deltas with mean 0, and what of it is bounded at n = 10.
DISTRIBUTIONS: dict[str, tuple[Draw, str]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), "normal"),
    "t with 3 df": (lambda rng, shape: rng.standard_t(3, shape), "robust"),
    "gamma, shape 4 (skewness 1)": (lambda rng, shape: rng.gamma(4, size=shape) - 4, "robust"),
    "rounded to whole sds": (lambda rng, shape: np.round(rng.normal(size=shape)), "robust"),
    "rounded to 3 levels": (
        lambda rng, shape: np.clip(np.round(rng.normal(size=shape) / 1.5), -1, 1),
        "robust",
    ),
    "accuracies of 200 images": (_accuracy, "robust"),
    "residuals of real studies": (_real, "robust"),
    "exponential (skewness 2)": (lambda rng, shape: rng.exponential(size=shape) - 1, ""),
    "lognormal (skewness 6)": (
        lambda rng, shape: rng.lognormal(size=shape) - math.exp(0.5),
        "",
    ),
}
SKEWED = "lognormal (skewness 6)"
FEW = ("normal", "t with 3 df", "gamma, shape 4 (skewness 1)", "lognormal (skewness 6)")


def rng_of(section: int, *more: int) -> np.random.Generator:
    return np.random.default_rng([20240, section, *more])
