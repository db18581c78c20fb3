"""Processes that train: their threads, and how they start."""

import sys
import threading
from multiprocessing import popen_forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any

THREADS = 1
"""Of a trial's own computation. Their number changes the order of sums and with it the last bits
of a result, so it does not depend on how many trials run at a time."""

STEPS_PER_EXECUTION = 25
"""Steps that run without coming back to Python; nothing in a trial happens between them."""

_ONE_AT_A_TIME = threading.Lock()


def fix_threads() -> None:
    """Give TensorFlow `THREADS` threads, and GPU memory only as it grows.

    Raises
    ------
    RuntimeError
        If TensorFlow has computed something in this process before.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


class _Popen(popen_forkserver.Popen):
    def _launch(self, process_obj: Any) -> None:
        with _ONE_AT_A_TIME:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")  # of no file
            try:
                super()._launch(process_obj)  # type: ignore[misc]
            finally:
                sys.modules["__main__"] = main


class _Process(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> _Popen:  # noqa: N802
        return _Popen(process_obj)


class SearchContext(ForkServerContext):
    """A ``forkserver`` context whose processes do not run the program's own file again.

    What they run is imported by name, so a script needs no ``if __name__ == "__main__"``.
    """

    Process = _Process
