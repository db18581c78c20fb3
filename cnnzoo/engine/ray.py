"""Ray engine: items in parallel on the machines of a Ray cluster, or on this one."""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from cnnzoo.engine.interface import Assigned, Item, Outcome, Queue, Result, WorkerSetup, as_queue
from cnnzoo.engine.limits import EngineError, Limits
from cnnzoo.engine.ray_cluster import LOOK_EVERY, Cluster, connected
from cnnzoo.engine.ray_worker import Call, Home, Kit, RayWorker, Report, read_folder
from cnnzoo.engine.shipping import ship, unpack
from cnnzoo.runtime.error_text import reason_of

LOST = "its machine or its Ray worker was lost"
"""Reason of an item that Ray could not run to its end."""


class Ray:
    """Actors of Ray, each of which runs one item at a time in a process of its own.

    Ray places the actors where the CPUs and GPUs of an item are free. The item of a lost machine is
    retried with a new actor. Crashes, time-outs and retries on a machine that lives are those of
    `Processes`.

    Parameters
    ----------
    limits
        Workers, their resources, time-out, retries, renewal and log.
    setup
        How workers are prepared, and when they are replaced.
    address
        Address of a cluster; None for a Ray that starts and ends with the engine, on this machine.

    Raises
    ------
    EngineError
        If what prepares workers cannot be sent to them.
    """

    name = "ray"

    def __init__(self, limits: Limits, setup: WorkerSetup, address: str | None = None) -> None:
        self.limits, self.setup, self.address = limits, setup, address
        self._shipped = ship(setup.prepare), ship(setup.versions)
        self._open = ExitStack()
        self._wanted = 0
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Ray":
        with ExitStack() as opening:
            self._cluster: Cluster = opening.enter_context(
                connected(self.limits, self.address, self.setup.modules)
            )
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._open.close()

    @property
    def notes(self) -> Sequence[str]:
        """Sentences on the cluster, and on who else can use it; see `Engine.notes`."""
        return self._cluster.notes

    def load(self) -> None:
        """Start the first worker; see `Engine.load`."""
        self._workers = self._workers or [self._new_worker()]
        self._workers[0].begin()

    def run(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item] | Queue[Item, Result],
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[Item, Outcome[Result]]]:
        """Run a function on items in parallel; see `Engine.run`.

        Raises
        ------
        EngineError
            If a machine cannot run items, or the cluster is lost.
        """
        import ray

        queue = as_queue(items)
        call = ship(Call(function, self.setup.changed_state))
        asking = deque(range(len(self._workers)))  # workers that ask for an item
        unserved: list[int] = []  # workers that got none, and ask again after the next outcome
        retries: dict[int, Assigned[Item]] = {}
        running: dict[Any, Assigned[Item]] = {}
        looked = -LOOK_EVERY
        while True:
            is_stopping = stopping()
            if time.monotonic() - looked >= LOOK_EVERY:
                looked, before = time.monotonic(), self._wanted
                self._look([run.worker for run in running.values()], unserved)
                asking.extend(self._add_workers())
                if self._wanted != before:
                    asking.extend(unserved)
                    unserved.clear()
            while asking and not is_stopping:
                index = asking.popleft()
                run = None
                if self._has_room(index, retries):
                    run = retries.pop(index, None)
                    if run is None and (item := queue.take(index)) is not None:
                        run = Assigned(index, item)
                if run is None:
                    unserved.append(index)
                    continue
                run.tries += 1
                running[self._workers[index].start(call, run.item)] = run
                is_stopping = stopping()
            if not running:
                if is_stopping or (self._wanted and not retries):
                    return
                time.sleep(LOOK_EVERY)
                continue
            ended, _ = ray.wait([*running], timeout=LOOK_EVERY)
            for reference in ended:
                run = running.pop(reference)
                outcome: Outcome[Result] | None = self._workers[run.worker].outcome_of(reference)
                if outcome is None and run.tries <= self.limits.retries:
                    retries[run.worker] = run
                    self._end(unserved)
                asking.extend([run.worker, *unserved])
                unserved.clear()
                if run.worker in retries:
                    continue
                outcome = outcome or Outcome(reason=LOST, worker_died=True)
                queue.learn(run.item, outcome)
                yield run.item, outcome

    def _look(self, busy: Sequence[int], unserved: Sequence[int]) -> None:
        """Look how many workers the cluster has room for now.

        A worker without an item gives back its CPUs and GPUs if one with an item waits for some:
        its machine was lost, or other programs have taken what there was.
        """
        self._wanted = self._cluster.workers()
        if not all(self._workers[index].is_placed for index in busy):
            self._end(unserved)

    def _end(self, indices: Iterable[int]) -> None:
        for index in indices:
            self._workers[index].end()

    def _add_workers(self) -> range:
        """Add workers that the cluster has room for, and return their places."""
        before = len(self._workers)
        self._workers += [self._new_worker() for _ in range(before, self._wanted)]
        return range(before, len(self._workers))

    def _has_room(self, index: int, retries: Collection[int]) -> bool:
        """Return whether a worker may run an item; end it if the cluster has become too small.

        Workers whose item was lost with their machine go first.
        """
        others = {other for other, worker in enumerate(self._workers) if worker.is_begun}
        others = (others | {*retries}) - {index}
        if len(others) >= self._wanted:
            self._workers[index].end()
        return len(others) < self._wanted

    def _new_worker(self) -> "_Worker":
        return _Worker(self._actor, self._sent, self.limits.log)

    @cached_property
    def _actor(self) -> Any:
        """The class of actors, with what each needs of the cluster."""
        import ray

        return ray.remote(RayWorker).options(
            num_cpus=self.limits.cpus,
            num_gpus=self._cluster.gpus,
            max_restarts=0,  # Ray counts tries on a machine that it has not missed yet
            max_task_retries=0,
        )

    @cached_property
    def _sent(self) -> list[Any]:
        """A reference to the kit, which Ray's object store holds once for all workers."""
        import ray

        names = () if self._cluster.is_local else self.setup.folders
        return [
            ray.put(
                Kit(
                    home=Home.here(
                        self._cluster.home, self._cluster.scratch, self.setup.versions()
                    ),
                    limits=replace(self.limits, log=None),
                    preload=self.setup.preload,
                    prepare=self._shipped[0],
                    versions=self._shipped[1],
                    folders={name: ray.put(read_folder(name)) for name in names},
                )
            )
        ]


class _Worker:
    """An actor, which is created with its first item and again after it has ended.

    Parameters
    ----------
    actor
        Class of the actor.
    sent
        Reference to the kit, in a list so that Ray does not replace it.
    log
        As of `Limits`.
    """

    def __init__(self, actor: Any, sent: Sequence[Any], log: Path | None) -> None:
        self._class, self._sent, self._log = actor, sent, log
        self._actor: Any = None
        self._placed: Any = None

    @property
    def is_begun(self) -> bool:
        """Whether the actor holds CPUs and GPUs, or waits for them."""
        return self._actor is not None

    @property
    def is_placed(self) -> bool:
        """Whether the actor has begun to run on a machine."""
        import ray

        return bool(ray.wait([self._placed], timeout=0)[0])

    def begin(self) -> None:
        """Create the actor unless there is one."""
        if self._actor is None:
            self._actor = self._class.remote()
            self._placed = self._actor.begin.remote(self._sent)

    def start(self, call: bytes, item: object) -> Any:
        """Start an item, and return the reference to its report."""
        self.begin()
        return self._actor.run.remote(self._sent, call, ship(item))

    def outcome_of(self, reference: Any) -> Outcome[Any] | None:
        """Return the outcome of an item that has ended; None if it was lost with its machine.

        Raises
        ------
        EngineError
            If the machine of the actor cannot run items.
        """
        import ray

        try:
            report: Report = ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            return Outcome(reason=reason_of(error.cause))
        except ray.exceptions.RayError:
            self.end()
            return None
        if report.outcome is None:
            raise EngineError(report.refusal)
        if report.log and self._log is not None:
            with suppress(OSError), self._log.open("ab") as file:
                file.write(report.log)
        packed = report.outcome.result
        return replace(report.outcome, result=None if packed is None else unpack(packed))

    def end(self) -> None:
        """End the actor, whatever it is running."""
        import ray

        if self._actor is not None:
            ray.kill(self._actor)
            self._actor = None
