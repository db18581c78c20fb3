"""Trials side by side, each in a worker process that has TensorFlow loaded before it starts."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property, partial
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ablations.engines.context import VANISHED, WorkerContext
from ablations.engines.limits import Limits, failed
from ablations.engines.room import default_workers
from ablations.engines.waiting import Waiting
from ablations.engines.worker import Worker
from ablations.running.trial import prepare_worker
from ablations.study import Status, Trial, TrialResult
from cnnzoo.gpus import count_gpus, find_gpus

PRELOADED = ["cnnzoo.training.train", "ablations.running.trial"]


class Processes:
    """Worker processes that run trials, the seeds of a variant on one worker where possible.

    Each worker is a pool of its own, so that one which dies, for whatever reason, takes one
    trial with it and leaves the others alone.

    Parameters
    ----------
    limits
        Workers, time-out, retries and renewal.
    """

    name = "processes"

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._workers: list[Worker] = []
        self._context = WorkerContext()

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.end()

    def load(self) -> None:
        """Have TensorFlow loaded where workers come from, without waiting for it."""
        self._context.load(PRELOADED)

    def run(
        self,
        function: Callable[[Trial], TrialResult],
        trials: Sequence[Trial],
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[TrialResult]:
        """Run trials, and yield what comes of each as it ends.

        Parameters
        ----------
        function
            What to call with each trial; importable by name.
        trials
            What to run.
        stopping
            Asked before each start: whether to start no more.

        Yields
        ------
        TrialResult
            A trial that ran out of time or tries has failed, with the reason.
        """
        if not trials:
            return
        self.load()
        waiting = Waiting(trials)
        idle = deque(range(min(self._size, len(trials))))
        while len(self._workers) < len(idle):
            self._workers.append(self._new_worker(len(self._workers)))
        running: dict[Future[TrialResult], tuple[int, Trial]] = {}
        tries: dict[Trial, int] = {}
        while True:
            while idle and waiting and not stopping():
                index = idle.popleft()
                trial = waiting.take(index)
                tries[trial] = tries.get(trial, 0) + 1
                running[self._workers[index].start(function, trial)] = (index, trial)
            if not running:
                return
            wait(running, timeout=1, return_when=FIRST_COMPLETED)
            for future in [*running]:
                index, trial = running[future]
                worker = self._workers[index]
                if not future.done() and worker.active:
                    continue
                del running[future]
                idle.append(index)
                error = future.exception() if future.done() else BrokenProcessPool()
                died = isinstance(error, ProcessExpired | BrokenProcessPool)
                if died:
                    worker.end()
                if died and tries[trial] <= self.limits.retries:
                    waiting.put_back(trial)
                elif error is None:
                    result = future.result()
                    if result.unrestored:
                        worker.end()
                    waiting.learn(result)
                    yield result
                else:
                    yield self._failed(trial, error, tries[trial])

    @cached_property
    def _gpus(self) -> list[str]:
        return find_gpus(self._count_gpus)

    @cached_property
    def _size(self) -> int:
        return self.limits.workers or default_workers(len(self._gpus))

    def _count_gpus(self) -> int:
        """Ask a process that has TensorFlow, and ends again, for what it holds of a GPU."""
        with ProcessPool(max_workers=1, context=self._context) as pool:
            try:
                count: int = pool.schedule(count_gpus).result(timeout=120)
            except Exception:  # of whatever kind: a GPU that cannot be counted cannot be used
                count = 0
            pool.stop()
        return count

    def _failed(self, trial: Trial, error: BaseException, tries: int) -> TrialResult:
        if isinstance(error, ProcessExpired | BrokenProcessPool):
            often = f" {tries} times" if tries > 1 else ""
            how = _exit(error)
            last = how and f"{', at last' if often else ''} with {how}"
            reason = f"its worker died{often}{last}"
        elif isinstance(error, TimeoutError) and self.limits.timeout:
            reason = f"took longer than {self.limits.timeout:g} s"
        else:
            return failed(trial, error)
        return TrialResult(trial, Status.FAILED, reason=reason)

    def _new_worker(self, index: int) -> Worker:
        gpu = self._gpus[index % len(self._gpus)] if self._gpus else None
        new_pool = partial(
            ProcessPool,
            max_workers=1,
            initializer=prepare_worker,
            initargs=(self.limits.log, gpu),
            context=self._context,
        )
        return Worker(new_pool, self.limits.timeout, self.limits.renew_after)


def _exit(error: Any) -> str:
    code = getattr(error, "exitcode", None)
    if code is None:  # it died before anything was heard of its trial
        return ""
    return f"signal {-code}" if code < 0 else f"exit code {0 if code == VANISHED else code}"
