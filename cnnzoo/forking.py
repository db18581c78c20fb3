"""Worker processes that do not run the program's own file again.

Python's ``forkserver`` and ``spawn`` run the main file in every worker, for functions that are
defined there. What workers run here is imported by name, so a script needs no
``if __name__ == "__main__"`` around what it does.
"""

import sys
import threading
from collections.abc import Sequence
from multiprocessing import forkserver, popen_forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any

from cnnzoo.runtime.console import quiet_stderr

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


class WorkerProcess(ForkServerProcess):
    """A process that knows nothing of the main file."""

    @staticmethod
    def _Popen(process_obj: Any) -> _Popen:  # noqa: N802
        return _Popen(process_obj)


class WorkerContext(ForkServerContext):
    """A ``forkserver`` context of `WorkerProcess`."""

    Process = WorkerProcess

    def load(self, modules: Sequence[str]) -> None:
        """Have Keras and modules loaded where workers come from, if that process is not there yet.

        Parameters
        ----------
        modules
            Their names.
        """
        self.set_forkserver_preload(["cnnzoo.lean_keras", *modules])
        with quiet_stderr():
            forkserver.ensure_running()
