"""Engines as parameters of tests. Ray is left out where it is not installed."""

from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from cnnzoo.engine import ENGINES, Limits
from cnnzoo.engine.ray_cluster import connected

NEEDS_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")

EVERY_ENGINE = [
    pytest.param(name, marks=NEEDS_RAY if name == "ray" else ()) for name in sorted(ENGINES)
]
"""Parameters of a test that all engines must pass."""

PARALLEL = [
    pytest.param("processes"),
    pytest.param("ray", marks=NEEDS_RAY),
]
"""Parameters of a test of engines with worker processes."""


@contextmanager
def one_ray(engine, workers=3):
    """Keep one local Ray for all engines that start in this block, if they are of Ray."""
    if engine != "ray":
        yield
        return
    with connected(Limits(workers=workers), None, ()):
        yield
