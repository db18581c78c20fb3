"""Process engine: items in parallel, each in a worker process that has loaded Keras."""

import gc
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from importlib import import_module
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from cnnzoo.engine.forkserver import REPLACES_0, WorkerContext, preload
from cnnzoo.engine.interface import Assigned, Item, Outcome, Queue, Result, WorkerSetup, as_queue
from cnnzoo.engine.limits import Limits
from cnnzoo.engine.resources import count_gpus, default_workers, find_gpus
from cnnzoo.engine.shipping import ship, unpack
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.files import CACHE, cache_folder

HIDDEN = "-1"
"""Value of ``CUDA_VISIBLE_DEVICES`` in a process that must not use GPUs."""


class Processes:
    """Worker processes, each of which runs one item at a time.

    Each worker is a pool of its own, so that a worker that dies fails one item and leaves the
    others alone.

    Parameters
    ----------
    limits
        Workers, time-out, retries, renewal and log.
    setup
        How workers are prepared, and when they are replaced.

    Raises
    ------
    EngineError
        If what prepares workers cannot be sent to them.
    """

    name = "processes"
    notes: Sequence[str] = ()

    def __init__(self, limits: Limits, setup: WorkerSetup) -> None:
        self.limits = limits
        self.setup = setup
        self._shipped = ship(setup.prepare)
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.end()

    def load(self) -> None:
        """Start the forkserver, which imports modules in the background; see `Engine.load`."""
        preload(self.setup.preload)

    def run(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item] | Queue[Item, Result],
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[Item, Outcome[Result]]]:
        """Run a function on items in parallel; see `Engine.run`."""
        queue = as_queue(items)
        asking = deque([0])  # workers that ask for an item; the others follow the first item
        unserved: list[int] = []  # workers that got none, and ask again after the next outcome
        retries: dict[int, Assigned[Item]] = {}
        running: dict[Future[Result], Assigned[Item]] = {}
        has_started = False
        while True:
            is_stopping = stopping()
            while asking and not is_stopping:
                index = asking.popleft()
                run = retries.pop(index, None)
                if run is None:
                    item = queue.take(index)
                    if item is None:
                        unserved.append(index)
                        continue
                    run = Assigned(index, item)
                if not has_started:
                    self._start_workers()
                    asking.extend(range(1, len(self._workers)))
                    has_started = True
                run.tries += 1
                running[self._workers[index].start(function, run.item)] = run
                is_stopping = stopping()
            if not running:
                return
            wait(running, timeout=1, return_when=FIRST_COMPLETED)
            for future in [*running]:
                run = running[future]
                worker = self._workers[run.worker]
                if not future.done() and worker.active:
                    continue
                del running[future]
                asking.append(run.worker)
                asking.extend(unserved)
                unserved.clear()
                error = future.exception() if future.done() else BrokenProcessPool()
                worker_died = isinstance(error, ProcessExpired | BrokenProcessPool)
                if worker_died:
                    worker.end()
                if worker_died and run.tries <= self.limits.retries:
                    retries[run.worker] = run
                    continue
                if error is None:
                    outcome = Outcome(future.result())
                    if self.setup.changed_state(outcome.result):
                        worker.end()
                else:
                    outcome = Outcome(
                        reason=self._reason(error, run.tries), worker_died=worker_died
                    )
                queue.learn(run.item, outcome)
                yield run.item, outcome

    @cached_property
    def _gpus(self) -> list[str]:
        return find_gpus(self._count_gpus)

    def _count_gpus(self) -> int:
        """Count GPUs in a process of its own: TensorFlow takes hold of those that it counts."""
        with ProcessPool(max_workers=1, context=WorkerContext()) as pool:
            try:
                count: int = pool.schedule(count_gpus).result(timeout=120)
            except Exception:  # whatever the error, GPUs that cannot be counted cannot be used
                count = 0
            pool.stop()
        return count

    def _start_workers(self) -> None:
        """Create the workers. Their processes start with their first items."""
        self.load()
        gpus = [HIDDEN] if self.limits.gpus == 0 else self._gpus
        count = self.limits.workers or default_workers(
            0 if gpus == [HIDDEN] else len(gpus), self.limits.cpus, self.limits.gpus or 1
        )
        for index in range(len(self._workers), count):
            gpu = gpus[index % len(gpus)] if gpus else None
            self._workers.append(_Worker(self.limits, self.setup.preload, self._shipped, gpu))

    def _reason(self, error: BaseException, tries: int) -> str:
        if isinstance(error, ProcessExpired | BrokenProcessPool):
            times = f" {tries} times" if tries > 1 else ""
            exit_words = _describe_exit(error)
            last = f"{', at last' if times else ''} with {exit_words}" if exit_words else ""
            return f"its worker died{times}{last}"
        if isinstance(error, TimeoutError) and self.limits.timeout:
            return f"took longer than {self.limits.timeout:g} s"
        return reason_of(error)


class _Worker:
    """A pool of one process, which starts with its first item and is replaced when it must be."""

    def __init__(
        self, limits: Limits, preloaded: Sequence[str], shipped: bytes, gpu: str | None
    ) -> None:
        self._limits = limits
        self._arguments = (limits.log, gpu, cache_folder().absolute(), preloaded, shipped)
        self._pool: Any = None
        self._item_count = 0

    def start(self, function: Callable[[Item], Result], item: Item) -> "Future[Result]":
        """Start an item, in a new process if the old one has run its number of items."""
        if self._item_count == self._limits.renew_after:
            self.end()
        while True:
            if self._pool is None:
                self._item_count = 0
                self._pool = ProcessPool(
                    max_workers=1,
                    initializer=_prepare_worker,
                    initargs=self._arguments,
                    context=WorkerContext(),
                )
            try:
                future: Future[Result] = self._pool.schedule(
                    function, args=(item,), timeout=self._limits.timeout or None
                )
            except RuntimeError:  # a process that dies without an item breaks its pool
                self.end()
            else:
                self._item_count += 1
                return future

    @property
    def active(self) -> bool:
        """Whether the item may still end."""
        return self._pool is not None and self._pool.active

    def stop(self) -> None:
        """Tell the process to end, whatever it is running."""
        if self._pool is not None:
            self._pool.stop()

    def end(self) -> None:
        """Stop the process, and wait until it has ended.

        A process that died may have left a half-written message and a locked pipe, so the next
        process gets a new pool.
        """
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None


def _prepare_worker(
    log: Path | None, gpu: str | None, cache: Path, preloaded: Sequence[str], shipped: bytes
) -> None:
    """Set up a worker process.

    Parameters
    ----------
    log
        File to which standard output and standard error are appended.
    gpu
        The only GPU that the process sees, as ``CUDA_VISIBLE_DEVICES`` names it; by default, it
        sees what that variable says.
    cache
        The cache folder of the caller, which may have changed since the forkserver started.
    preloaded
        Names of modules to import. A forked process has them.
    shipped
        `WorkerSetup.prepare`, as `ship` packs it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the calling process handles Ctrl-C
    threading.Thread(target=_end_with_caller, daemon=True).start()
    if log is not None:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    os.environ[CACHE] = str(cache)
    for name in preloaded:
        import_module(name)
    unpack(shipped)()
    gc.freeze()  # the objects of TensorFlow are never garbage, and take long to search


def _end_with_caller() -> None:
    """End this process as soon as the process that asked for it has ended, however it did."""
    caller = parent_process()
    if caller is not None:
        caller.join()
        os._exit(1)


def _describe_exit(error: Any) -> str:
    """Return the signal or the exit code; "" if the worker died before it received its item."""
    code = getattr(error, "exitcode", None)
    if code is None:
        return ""
    return f"signal {-code}" if code < 0 else f"exit code {0 if code == REPLACES_0 else code}"
