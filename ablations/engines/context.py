"""Processes that run trials: how they end."""

from cnnzoo import forking

VANISHED = 256
"""Told in the place of exit code 0; no process can end with it."""


class _Process(forking.WorkerProcess):
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


class WorkerContext(forking.WorkerContext):
    """A context whose processes have died however they end."""

    Process = _Process
