"""Trials side by side, each in a worker process that has TensorFlow loaded before it starts."""

import os
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from ablations.engines.context import WorkerContext
from ablations.engines.limits import Limits, failed
from ablations.study import Trial, TrialResult
from ablations.trial import prepare_worker
from cnnzoo.console import quiet_stderr

MEMORY_A_WORKER = 1.5 * 2**30
"""Bytes that a worker with TensorFlow and a small model may come to need."""

PRELOADED = ["tensorflow", "keras", "cnnzoo.training", "ablations.trial"]


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
        self._gpus = count_gpus()
        self._size = limits.workers or default_workers(self._gpus)
        self._pools: list[Any] = []
        self._context = WorkerContext()
        self._context.set_forkserver_preload(PRELOADED)
        with quiet_stderr():
            forkserver.ensure_running()

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.stop()
        for pool in self._pools:
            pool.join()

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
        waiting = _Waiting(trials)
        workers = min(self._size, len(trials))
        while len(self._pools) < workers:
            self._pools.append(self._new_pool(len(self._pools)))
        idle = deque(range(workers))
        running: dict[Future[TrialResult], tuple[int, Trial]] = {}
        tries: dict[Trial, int] = {}
        while True:
            while idle and waiting and not stopping():
                index = idle.popleft()
                trial = waiting.take(index)
                tries[trial] = tries.get(trial, 0) + 1
                running[self._start(index, function, trial)] = (index, trial)
            if not running:
                return
            wait(running, timeout=1, return_when=FIRST_COMPLETED)
            for future in [*running]:
                index, trial = running[future]
                if not future.done() and self._pools[index].active:
                    continue
                del running[future]
                idle.append(index)
                result = self._outcome(future, trial, tries[trial])
                if result is None:
                    waiting.put_back(trial)
                else:
                    yield result

    def _start(
        self, index: int, function: Callable[[Trial], TrialResult], trial: Trial
    ) -> "Future[TrialResult]":
        while True:
            try:
                future: Future[TrialResult] = self._pools[index].schedule(
                    function, args=(trial,), timeout=self.limits.timeout or None
                )
            except RuntimeError:  # a worker that dies without a trial breaks its pool
                self._pools[index].stop()
                self._pools[index].join()
                self._pools[index] = self._new_pool(index)
            else:
                return future

    def _outcome(
        self, future: "Future[TrialResult]", trial: Trial, tries: int
    ) -> TrialResult | None:
        """Return what came of a trial, or None if it is to be tried again."""
        from pebble import ProcessExpired

        error = future.exception() if future.done() else BrokenProcessPool()
        if error is None:
            return future.result()
        if isinstance(error, ProcessExpired | BrokenProcessPool):
            if tries <= self.limits.retries:
                return None
            often = f" {tries} times" if tries > 1 else ""
            how = _exit(error)
            last = how and f"{', at last' if often else ''} with {how}"
            reason = f"its worker died{often}{last}"
        elif isinstance(error, TimeoutError) and self.limits.timeout:
            reason = f"took longer than {self.limits.timeout:g} s"
        else:
            return failed(trial, error)
        return TrialResult(trial, "failed", reason=reason)

    def _new_pool(self, index: int) -> Any:
        from pebble import ProcessPool

        return ProcessPool(
            max_workers=1,
            max_tasks=self.limits.renew_after,
            initializer=prepare_worker,
            initargs=(self.limits.log, index % self._gpus if self._gpus else None),
            context=self._context,
        )


class _Waiting:
    """The trials to come, by variant."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._queues: OrderedDict[str, deque[Trial]] = OrderedDict()
        self._warm: dict[int, str] = {}
        for trial in trials:
            self._queues.setdefault(trial.variant_key, deque()).append(trial)

    def __bool__(self) -> bool:
        return bool(self._queues)

    def take(self, worker: int) -> Trial:
        """Take the worker's next trial: of its own variant, of one without a worker, of any."""
        own = self._warm.get(worker)
        if own is None or own not in self._queues:
            free = [key for key in self._queues if key not in self._warm.values()]
            own = max(free or self._queues, key=lambda key: len(self._queues[key]))
        self._warm[worker] = own
        trial = self._queues[own].popleft()
        if not self._queues[own]:
            del self._queues[own]
        return trial

    def put_back(self, trial: Trial) -> None:
        """Have a trial tried again."""
        self._queues.setdefault(trial.variant_key, deque()).append(trial)


def default_workers(gpus: int = 0) -> int:
    """Return one worker a GPU or, without any, a core, as far as memory goes."""
    if gpus:
        return gpus
    cores = len(os.sched_getaffinity(0))
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores, int(available / MEMORY_A_WORKER)))


def count_gpus() -> int:
    """Count NVIDIA's GPUs without loading anything."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([device for device in visible.split(",") if device.strip() not in ("", "-1")])
    devices = Path("/proc/driver/nvidia/gpus")
    return len(list(devices.iterdir())) if devices.is_dir() else 0


def _exit(error: Any) -> str:
    code = getattr(error, "exitcode", None)
    if code is None:  # it died before anything was heard of its trial
        return ""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
