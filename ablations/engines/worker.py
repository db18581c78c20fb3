"""One worker: a process that runs one trial at a time, and is replaced when it must be."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ablations.study import Trial, TrialResult


class Worker:
    """A pool of one process, started with its first trial.

    Parameters
    ----------
    new_pool
        What makes the pool.
    timeout
        Seconds after which a trial is given up; 0 for never.
    renew_after
        Trials after which the process is replaced; 0 for never.
    """

    def __init__(self, new_pool: Callable[[], Any], timeout: float, renew_after: int) -> None:
        self._new_pool = new_pool
        self._timeout = timeout or None
        self._renew_after = renew_after
        self._pool: Any = None
        self._trials = 0

    def start(
        self, function: Callable[[Trial], TrialResult], trial: Trial
    ) -> "Future[TrialResult]":
        """Start a trial, in a fresh process where it is time for one."""
        if self._trials == self._renew_after:
            self.end()
        while True:
            if self._pool is None:
                self._pool, self._trials = self._new_pool(), 0
            try:
                future: Future[TrialResult] = self._pool.schedule(
                    function, args=(trial,), timeout=self._timeout
                )
            except RuntimeError:  # a process that dies without a trial breaks its pool
                self.end()
            else:
                self._trials += 1
                return future

    @property
    def active(self) -> bool:
        """Whether the trial may still come to its end."""
        return self._pool is not None and self._pool.active

    def stop(self) -> None:
        """Tell the process to end, whatever it is at."""
        if self._pool is not None:
            self._pool.stop()

    def end(self) -> None:
        """Stop the process, and wait until it has ended.

        A process that died may have left a half-written message and a lock behind: what comes
        after it gets a pool of its own too.
        """
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None
