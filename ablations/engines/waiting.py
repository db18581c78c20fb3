"""The trials to come, and which of them a worker takes next."""

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence

from ablations.study import Trial, TrialResult

SLOW = 20.0
"""Seconds of a trial beside which tracing a model once more does not count: about a second."""

FIRST = 2
"""Seeds of each variant that slow trials begin with: of one there is no interval."""


class Waiting:
    """The trials to come, by variant.

    A worker keeps to a variant, whose model it has traced. Where trials are slow it leaves it once,
    after its first seeds, until every variant has been begun: so there is something to compare
    early, and if the run is ended.

    Parameters
    ----------
    trials
        The trials, in the order in which variants are begun.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._queues: OrderedDict[str, deque[Trial]] = OrderedDict()
        self._warm: dict[int, str] = {}
        self._taken: Counter[str] = Counter()
        self._slow = False
        for trial in trials:
            self._queues.setdefault(trial.variant_key, deque()).append(trial)

    def __bool__(self) -> bool:
        return bool(self._queues)

    def take(self, worker: int) -> Trial:
        """Take the worker's next trial: of its own variant, of one without a worker, of any."""
        own = self._warm.get(worker)
        if own is None or own not in self._queues or self._is_to_be_left(own):
            free = [key for key in self._queues if key not in self._warm.values()]
            own = max(free or self._queues, key=lambda key: len(self._queues[key]))
        self._warm[worker] = own
        self._taken[own] += 1
        trial = self._queues[own].popleft()
        if not self._queues[own]:
            del self._queues[own]
        return trial

    def put_back(self, trial: Trial) -> None:
        """Have a trial tried again."""
        self._queues.setdefault(trial.variant_key, deque()).append(trial)

    def learn(self, result: TrialResult) -> None:
        """See how long a trial took."""
        self._slow |= result.seconds >= SLOW

    def _is_to_be_left(self, variant: str) -> bool:
        new = any(not self._taken[key] for key in self._queues)
        return self._slow and new and self._taken[variant] >= FIRST
