"""What engines and their clients have in common: queues, outcomes, worker setup, the protocol."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

Item = TypeVar("Item")
Result = TypeVar("Result")
Returned = TypeVar("Returned", covariant=True)
Learned = TypeVar("Learned", contravariant=True)


@dataclass(frozen=True)
class Outcome(Generic[Returned]):
    """How one item ended.

    Parameters
    ----------
    result
        Return value of the function; None if it did not return.
    reason
        Why it did not return, in one line; "" if it did.
    worker_died
        Whether the reason is the death of the worker process.
    machine
        Description of the machine that ran it, if that is not the machine of the caller.
    """

    result: Returned | None = None
    reason: str = ""
    worker_died: bool = False
    machine: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Queue(Protocol[Item, Learned]):
    """Gives the next item as results come in."""

    def take(self, worker: int) -> Item | None:
        """Return the next item for a worker.

        Parameters
        ----------
        worker
            Index of the worker, from 0. A queue may keep related items on one worker.

        Returns
        -------
        Item or None
            None if there is no item now. The worker asks again after the next outcome. The run
            ends when no item is running and no worker gets one.
        """

    def learn(self, item: Item, outcome: Outcome[Learned]) -> None:
        """Receive the outcome of an item. Called before the engine yields it."""


class InOrder(Generic[Item]):
    """A queue that gives items in their order.

    Parameters
    ----------
    items
        The items.

    Examples
    --------
    >>> queue = InOrder(["a", "b"])
    >>> queue.take(0), queue.take(1), queue.take(0)
    ('a', 'b', None)
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = deque(items)

    def take(self, worker: int) -> Item | None:
        """Return the next item, whichever worker asks."""
        return self._items.popleft() if self._items else None

    def learn(self, item: Item, outcome: Outcome[Any]) -> None:
        """Ignore the outcome: the order does not depend on it."""


def as_queue(items: Iterable[Item] | Queue[Item, Any]) -> Queue[Item, Any]:
    """Return a queue as it is, and any other iterable as a queue in its order."""
    return items if isinstance(items, Queue) else InOrder(items)


def do_nothing() -> None:
    """Prepare nothing."""


@dataclass
class Assigned(Generic[Item]):
    """An item on a worker of a parallel engine, and how often it was started."""

    worker: int
    item: Item
    tries: int = 0


@dataclass(frozen=True)
class WorkerSetup:
    """How the processes that run items are prepared, and when they are replaced.

    Parameters
    ----------
    preload
        Names of modules that are imported once, in the process that all workers are forked from.
        Where there is no fork, each worker imports them.
    prepare
        Called in each worker before its first item. It is sent to other processes with all that
        it refers to (`cnnzoo.engine.shipping`), so they need not be able to import it. The serial
        engine calls it in its own process; there a RuntimeError means that it comes too late, and
        is ignored.
    changed_state
        Returns the global state that an item changed for good, from its result. A process with
        changed state must not run another item.
    versions
        Returns what must be the same on every machine, by name: versions of packages and of code.
    modules
        Files of modules and folders of packages that other machines may lack.
    folders
        Names of folders in the cache folder that other machines may lack.
    """

    preload: tuple[str, ...] = ()
    prepare: Callable[[], None] = do_nothing
    changed_state: Callable[[Any], Sequence[str]] = lambda _: ()
    versions: Callable[[], Mapping[str, str]] = dict
    modules: tuple[Path, ...] = ()
    folders: tuple[str, ...] = ()


class ChangedStateError(RuntimeError):
    """Raised by an engine that cannot replace its process, before the next item.

    Parameters
    ----------
    changed_state
        The global state that an item changed for good.
    """

    def __init__(self, changed_state: Sequence[str]) -> None:
        self.changed_state = tuple(changed_state)
        super().__init__(f"Global state was changed for good: {', '.join(changed_state)}.")


class Engine(Protocol):
    """Runs a function on items and yields outcomes as they come. Used in a ``with`` statement."""

    name: str

    def __enter__(self) -> Self:
        """Return the engine."""

    @property
    def notes(self) -> Sequence[str]:
        """Sentences that the user should read before the first item runs."""

    def __exit__(self, *_: object) -> None:
        """Stop all workers, whatever they are running."""

    def load(self) -> None:
        """Start loading what workers need, in the background."""

    def run(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item] | Queue[Item, Result],
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[Item, Outcome[Result]]]:
        """Run a function on items.

        Parameters
        ----------
        function
            Function to call with each item. Other processes must be able to import it.
        items
            The items, or a queue that gives the next item as results come in.
        stopping
            Returns whether to start no more items. It is asked before each start and at least
            once a second. An exception that it raises ends the run.

        Yields
        ------
        item, outcome
            Each item that was started, with its outcome, as it ends. When `stopping` ends the
            run, an item whose worker died and that would be retried is not yielded.
        """
