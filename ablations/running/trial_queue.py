"""Trial queue of a study: the pending trials, and which of them a worker runs next."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence

from ablations.study import Status, Trial, TrialResult
from cnnzoo.engine import Engine, Outcome

SLOW = 20.0
"""Seconds of a trial beside which tracing a model once more, about a second, does not matter."""

FIRST = 2
"""Number of seeds of each variant that slow studies start with. One seed gives no interval."""


class TrialQueue:
    """The pending trials, by variant.

    A worker keeps to one variant, because it has traced the model of this variant. If trials are
    slow, it leaves the variant after the first seeds until every variant has been started. Then
    there is something to compare early, also if the run is interrupted.

    Parameters
    ----------
    trials
        The trials, in the order in which variants are started.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._queues: OrderedDict[str, deque[Trial]] = OrderedDict()
        self._current: dict[int, str] = {}
        self._taken: Counter[str] = Counter()
        self._slow = False
        for trial in trials:
            self._queues.setdefault(trial.variant_key, deque()).append(trial)

    def take(self, worker: int) -> Trial | None:
        """Return the next trial: of the worker's variant, of one without a worker, or of any."""
        if not self._queues:
            return None
        variant = self._current.get(worker)
        if variant is None or variant not in self._queues or self._must_be_left(variant):
            free = [key for key in self._queues if key not in self._current.values()]
            variant = max(free or self._queues, key=lambda key: len(self._queues[key]))
        self._current[worker] = variant
        self._taken[variant] += 1
        trial = self._queues[variant].popleft()
        if not self._queues[variant]:
            del self._queues[variant]
        return trial

    def learn(self, item: Trial, outcome: Outcome[TrialResult]) -> None:
        """Note whether the trial was slow."""
        self._slow |= outcome.result is not None and outcome.result.seconds >= SLOW

    def _must_be_left(self, variant: str) -> bool:
        has_new = any(not self._taken[key] for key in self._queues)
        return self._slow and has_new and self._taken[variant] >= FIRST


def run_trials(
    engine: Engine,
    function: Callable[[Trial], TrialResult],
    trials: Sequence[Trial],
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[TrialResult]:
    """Run trials on an engine, and yield a result for each as it ends.

    The serial engine runs them in the given order, the others as `TrialQueue` gives them.

    Parameters
    ----------
    engine
        The engine.
    function
        Function that runs one trial.
    trials
        The trials.
    stopping
        Returns whether to start no more trials.

    Yields
    ------
    TrialResult
        With status "failed" and the reason if the function did not return.
    """
    items = trials if engine.name == "serial" else TrialQueue(trials)
    for trial, outcome in engine.run(function, items, stopping):
        yield outcome.result or TrialResult(trial, Status.FAILED, reason=outcome.reason)
