"""Which GPUs there are for processes that train: each of those sees one."""

import os
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""One of them is there where there is a driver of NVIDIA's: on Linux, and on Windows's Linux."""


def count_gpus() -> int:
    """Count the GPUs that TensorFlow can use: none, for one that was built without CUDA."""
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


def find_gpus(count: Callable[[], int]) -> list[str]:
    """Return the GPUs to use, each as ``CUDA_VISIBLE_DEVICES`` names it.

    Parameters
    ----------
    count
        What tells how many TensorFlow can use; only called where there may be some.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = None if visible is None else _named(visible)
    if named == [] or not any(driver.exists() for driver in DRIVERS):
        return []
    usable = count()
    return [str(index) for index in range(usable)] if named is None else named[:usable]


def _named(visible: str) -> list[str]:
    """Read the variable as CUDA does, for which the list ends before what is no GPU."""
    names = map(str.strip, visible.split(","))
    return list(takewhile(lambda name: name and not name.startswith("-"), names))
