"""Worker processes that do not run the program's own file again.

Python's ``forkserver`` and ``spawn`` run the main file in every worker, for functions that are
defined there. What workers run here is imported by name, so a script needs no
``if __name__ == "__main__"`` around its study.
"""

import sys
import threading
from multiprocessing import popen_forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any

_ONE_AT_A_TIME = threading.Lock()


class _Popen(popen_forkserver.Popen):
    def _launch(self, process_obj: Any) -> None:
        with _ONE_AT_A_TIME:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")  # of no file
            try:
                super()._launch(process_obj)  # type: ignore[misc]
            finally:
                sys.modules["__main__"] = main


VANISHED = 256
"""Told in the place of exit code 0; no process can end with it."""


class _Process(ForkServerProcess):
    @property
    def exitcode(self) -> int | None:
        """Exit code, by which no end is in good order.

        Pebble takes 0 for that of a worker which has done enough trials, and would wait for ever
        for the one that called ``os._exit(0)``. Workers here end when they are stopped or die.
        """
        code = super().exitcode
        return VANISHED if code == 0 else code

    def terminate(self) -> None:
        """End at once: in the middle of a step TensorFlow lets no signal be handled."""
        self.kill()

    @staticmethod
    def _Popen(process_obj: Any) -> _Popen:  # noqa: N802
        return _Popen(process_obj)


class WorkerContext(ForkServerContext):
    """A ``forkserver`` context whose processes know nothing of the main file."""

    Process = _Process
