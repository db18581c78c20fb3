"""Small data of the cases: real digits, real tables, and synthetic problems.

Every function returns ((x, y), (x, y)): rows to train on and rows to validate on.
"""

from functools import cache

import numpy as np
from sklearn import datasets

import cnnzoo

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def split(x: np.ndarray, y: np.ndarray, rows: int, held: int = 300, seed: int = 0) -> Split:
    """Shuffle rows and split them."""
    order = np.random.default_rng(seed).permutation(len(x))[: rows + held]
    x, y = x[order].astype("float32"), y[order]
    return (x[:rows], y[:rows]), (x[rows:], y[rows:])


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    data = datasets.load_digits()
    return data.images[..., None] / 16, data.target


def digits(rows: int = 1000, seed: int = 0) -> Split:
    """Return scikit-learn's digits: 8x8x1 from 0 to 1, 10 classes."""
    return split(*_digits(), rows, seed=seed)


@cache
def _mnist() -> tuple[np.ndarray, np.ndarray]:
    x, y = cnnzoo.load_data("mnist5k").train
    return np.asarray(x), np.asarray(y)


def mnist(rows: int = 1000, side: int = 14, seed: int = 0) -> Split:
    """Return MNIST digits from 0 to 1: 28x28x1, or 14x14x1 by averages of 2x2 pixels."""
    x, y = _mnist()
    if side == 14:
        x = x.reshape(-1, 14, 2, 14, 2, 1).mean((2, 4))
    return split(x, y, rows, seed=seed)


def colored(rows: int = 1000, seed: int = 0) -> Split:
    """Return digits of random colors on noise: 8x8x3, 10 classes."""
    rng = np.random.default_rng(seed)
    x, y = _digits()
    tint = rng.uniform(0.3, 1, (len(x), 1, 1, 3))
    return split(x * tint + rng.uniform(0, 0.15, (len(x), 8, 8, 3)), y, rows, seed=seed)


def signed(rows: int = 1200, seed: int = 0) -> Split:
    """Return digits of which half are negatives (times -1), so that no linear map tells them."""
    x, y = _digits()
    sign = np.random.default_rng(seed).choice([-1, 1], (len(x), 1, 1, 1))
    return split(x * sign, y, rows, seed=seed)


def pair(rows: int = 500, first: int = 3, second: int = 8, seed: int = 0) -> Split:
    """Return two of MNIST's digits as classes 0 and 1: 14x14x1."""
    (x, y), (held_x, held_y) = mnist(3600, seed=seed)
    x, y = np.concatenate([x, held_x]), np.concatenate([y, held_y])
    keep = (y == first) | (y == second)
    return split(x[keep], (y[keep] == second).astype("float32"), rows, held=200, seed=seed)


def waves(rows: int = 900, noise: float = 0.4, classes: int = 3, seed: int = 0) -> Split:
    """Return noisy sine, square, sawtooth and triangle waves of random phase: 48x1."""
    rng = np.random.default_rng(seed)
    n = rows + 300
    y = rng.integers(0, classes, n)
    phase = (np.arange(48)[None] * rng.uniform(0.25, 0.35, (n, 1)) + rng.uniform(0, 6, (n, 1))) % (
        2 * np.pi
    )
    saw = phase / np.pi - 1
    shapes = np.stack([np.sin(phase), np.sign(np.sin(phase)), saw, 2 * np.abs(saw) - 1])
    x = shapes[y, np.arange(n)] + noise * rng.normal(size=(n, 48))
    return split(x[..., None], y, rows, seed=seed)


def moons(rows: int = 700, noise: float = 0.15, seed: int = 0) -> Split:
    """Return two moons: 2 features, 2 classes."""
    x, y = datasets.make_moons(rows + 300, noise=noise, random_state=seed)
    return split(x, y.astype("float32"), rows, seed=seed)


def rings(rows: int = 700, seed: int = 0) -> Split:
    """Return two rings: 2 features, 2 classes that no line separates."""
    x, y = datasets.make_circles(rows + 300, noise=0.08, factor=0.5, random_state=seed)
    return split(x, y.astype("float32"), rows, seed=seed)


def xor(rows: int = 700, seed: int = 0) -> Split:
    """Return noisy XOR of two signs: 2 features, 2 classes."""
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 1.0], (rows + 300, 2))
    y = (x[:, 0] * x[:, 1] < 0).astype("float32")
    return split(x + 0.2 * rng.normal(size=x.shape), y, rows, seed=seed)


def tumors(rows: int = 400, *, standardized: bool = True, seed: int = 0) -> Split:
    """Return the breast cancer table: 30 features, 2 classes."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    if standardized:
        x = (x - x.mean(0)) / x.std(0)
    return split(x, y.astype("float32"), rows, held=169, seed=seed)


def wines(rows: int = 120, *, standardized: bool = True, seed: int = 0) -> Split:
    """Return the wine table: 13 features, 3 classes."""
    x, y = datasets.load_wine(return_X_y=True)
    if standardized:
        x = (x - x.mean(0)) / x.std(0)
    return split(x, y, rows, held=58, seed=seed)


def irises(rows: int = 105, seed: int = 0) -> Split:
    """Return the iris table: 4 features, 3 classes."""
    x, y = datasets.load_iris(return_X_y=True)
    return split(x, y, rows, held=45, seed=seed)


def blobs(
    rows: int = 700, features: int = 20, classes: int = 4, spread: float = 2.0, seed: int = 0
) -> Split:
    """Return Gaussian classes."""
    x, y = datasets.make_blobs(
        rows + 300, features, centers=classes, cluster_std=spread, random_state=seed
    )
    return split(x / x.std(0), y, rows, seed=seed)


def line(rows: int = 600, features: int = 8, noise: float = 0.1, seed: int = 0) -> Split:
    """Return a linear function of standard normal features: mean 0, deviation about 1."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows + 200, features))
    w = rng.normal(size=features)
    y = x @ w / np.linalg.norm(w) + noise * rng.normal(size=len(x))
    return split(x, y[:, None].astype("float32"), rows, held=200, seed=seed)


def curve(rows: int = 800, noise: float = 0.05, seed: int = 0) -> Split:
    """Return a smooth nonlinear function of five uniform features (Friedman), standardized."""
    x, y = datasets.make_friedman1(rows + 200, 5, noise=noise, random_state=seed)
    y = (y - y.mean()) / y.std()
    return split(2 * x - 1, y[:, None].astype("float32"), rows, held=200, seed=seed)


def diabetes(rows: int = 320, seed: int = 0) -> Split:
    """Return the diabetes table: 10 features, a number with deviation 1; noisy."""
    x, y = datasets.load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    return split(x / x.std(0), y[:, None].astype("float32"), rows, held=122, seed=seed)


def several(rows: int = 700, seed: int = 0) -> Split:
    """Return rows that have several of five labels at once: 16 features."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows + 300, 16))
    y = (x @ rng.normal(size=(16, 5)) + 1.5 > 0).astype("float32")
    return split(x, y, rows, seed=seed)


def rare(rows: int = 1200, share: float = 0.03, apart: float = 1.3, seed: int = 0) -> Split:
    """Return two overlapping Gaussian classes, of which one is rare: 6 features."""
    rng = np.random.default_rng(seed)
    n = rows + 600
    y = (np.arange(n) < share * n).astype("float32")
    x = rng.normal(size=(n, 6)) + apart * y[:, None] * np.ones(6) / 6**0.5
    return split(x, y, rows, held=600, seed=seed)


def one_hot(data: Split, classes: int) -> Split:
    """Encode labels as rows with a single one."""
    (x, y), (held_x, held_y) = data
    table = np.eye(classes, dtype="float32")
    return (x, table[y.astype(int)]), (held_x, table[held_y.astype(int)])


def flat(data: Split) -> Split:
    """Turn images into rows of pixels."""
    (x, y), (held_x, held_y) = data
    return (x.reshape(len(x), -1), y), (held_x.reshape(len(held_x), -1), held_y)


def inputs(data: Split, change) -> Split:
    """Change the inputs of both splits."""
    (x, y), (held_x, held_y) = data
    return (change(x), y), (change(held_x), held_y)


def targets(data: Split, change) -> Split:
    """Change the targets of both splits."""
    (x, y), (held_x, held_y) = data
    return (x, change(y)), (held_x, change(held_y))
