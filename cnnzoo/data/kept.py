"""Arrays that are mapped into memory.

A mapped file is shared by all processes that map it, and may be larger than the memory.
"""

import contextlib
import os
from pathlib import Path

import numpy as np

from cnnzoo.data.scaling import Array


def map_array(file: Path) -> Array:
    """Map a ``.npy`` file into memory.

    The map is private and writable, because TensorFlow shares no read-only memory with NumPy;
    nothing writes to it.
    """
    mapped: Array = np.load(file, mmap_mode="c", allow_pickle=False)
    with contextlib.suppress(OSError):  # a read-only cache
        os.utime(file.parent)  # for `keep`
    return mapped
