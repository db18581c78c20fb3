"""Serial engine: one item after the other, in this process."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from cnnzoo.engine.interface import (
    ChangedStateError,
    Item,
    Outcome,
    Queue,
    Result,
    WorkerSetup,
    as_queue,
)
from cnnzoo.engine.limits import Limits
from cnnzoo.runtime.console import without_advice
from cnnzoo.runtime.error_text import reason_of


class Serial:
    """An engine whose only worker is this process, in which limits cannot be enforced.

    Parameters
    ----------
    limits
        Accepted for the same signature as other engines, and ignored.
    setup
        How this process is prepared. Its modules are loaded with the first item.
    """

    name = "serial"
    notes: Sequence[str] = ()

    def __init__(self, limits: Limits, setup: WorkerSetup) -> None:
        self.setup = setup
        self._changed_state: Sequence[str] = ()

    def __enter__(self) -> "Serial":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def load(self) -> None:
        """Load nothing; see `Engine.load`."""

    def run(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item] | Queue[Item, Result],
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[Item, Outcome[Result]]]:
        """Run a function on items, one after the other; see `Engine.run`.

        Raises
        ------
        ChangedStateError
            Before the next item, if an item changed global state for good.
        """
        queue = as_queue(items)
        is_prepared = False
        while not stopping() and (item := queue.take(0)) is not None:
            if self._changed_state:
                raise ChangedStateError(self._changed_state)
            if not is_prepared:
                with contextlib.suppress(RuntimeError):  # TensorFlow has started and stays as it is
                    self.setup.prepare()
                is_prepared = True
            try:
                with without_advice():
                    outcome = Outcome(function(item))
                self._changed_state = self.setup.changed_state(outcome.result)
            except (Exception, SystemExit) as error:  # any error concerns this item only
                outcome = Outcome(reason=reason_of(error))
            queue.learn(item, outcome)
            yield item, outcome
