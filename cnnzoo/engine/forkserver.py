"""Worker processes: forked from a server that has imported Keras or, elsewhere, started anew.

Python's ``forkserver`` and ``spawn`` run the main file again in every worker, for functions that
are defined there. The functions of this package's workers are imported by name, so a script needs
no ``if __name__ == "__main__"``.
"""

import multiprocessing
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from cnnzoo.runtime.console import quiet_stderr

METHOD = "spawn" if sys.platform in ("darwin", "win32") else "forkserver"
"""How worker processes start. Windows has no fork, and on macOS libraries of the system may crash
in a forked process. There each worker imports Keras itself, which takes some seconds."""

REPLACES_0 = 256
"""Replaces exit code 0. No process can end with it."""

_CONTEXT: Any = multiprocessing.get_context(METHOD)
_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def _empty_main() -> Iterator[None]:
    """Hide the main program: it has no file, and IPython's ``%reset`` leaves it no ``__spec__``."""
    with _ONE_AT_A_TIME:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


class WorkerProcess(_CONTEXT.Process):
    """A process that does not import the main file."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        with _empty_main():
            return _CONTEXT.Process._Popen(process_obj)

    @property
    def exitcode(self) -> int | None:
        """Exit code, with `REPLACES_0` instead of 0.

        Pebble (5.2) takes exit code 0 for a worker that has run its number of tasks, and waits
        forever for the result of one that called ``os._exit(0)``. Here workers end only when they
        are stopped or die.
        """
        code: int | None = super().exitcode
        return REPLACES_0 if code == 0 else code

    def terminate(self) -> None:
        """Kill the process, because TensorFlow handles no signal in the middle of a step."""
        self.kill()


class WorkerContext(type(_CONTEXT)):  # type: ignore[misc]
    """A context whose processes are `WorkerProcess`."""

    Process = WorkerProcess


def preload(modules: Sequence[str]) -> None:
    """Start the server and let it import modules in the background.

    A server that is running already does not import more. Where workers are started anew, nothing
    happens.

    Parameters
    ----------
    modules
        Names of the modules.
    """
    if METHOD == "forkserver":
        from multiprocessing import forkserver

        WorkerContext().set_forkserver_preload([*modules])
        with quiet_stderr(), _empty_main():
            forkserver.ensure_running()
