"""Trial queue of a study: the pending trials, and which of them a worker runs next."""

from bisect import bisect_left, insort
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from ablations.running.trial import KEPT_MODELS
from ablations.study import Status, Trial, TrialResult
from cnnzoo.engine import Engine, Outcome

SLOW = 20.0
"""Seconds of a trial beside which tracing a model once more, about a second, does not matter."""

SEEDS_AT_ONCE = 5
"""Number of seeds that a worker runs of a variant if it cannot keep the models of all variants."""


class TrialQueue:
    """The pending trials, seed block by seed block.

    All variants run with a seed before the next seed, so that an interrupted study can compare
    them. Two exceptions save the tracing of models. A worker whose variants are through with a
    block begins the next block before it takes over the variant of another worker. If the worker
    cannot keep the models of all variants, it runs `SEEDS_AT_ONCE` seeds of a variant at once,
    unless trials are slow.

    The result of a trial does not depend on the order. The variants wait in the block of their
    first pending seed, in their order, so that a choice does not look at all of them.

    Parameters
    ----------
    trials
        The trials. Within a block, variants are started in this order.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._pending: dict[str, OrderedDict[int, Trial]] = {}
        for trial in sorted(trials, key=lambda trial: trial.seed):
            self._pending.setdefault(trial.variant_key, OrderedDict())[trial.seed] = trial
        self._variants = list(dict.fromkeys(trial.variant_key for trial in trials))
        self._places = {variant: place for place, variant in enumerate(self._variants)}
        self._seeds = sorted({trial.seed for trial in trials})
        self._blocks: dict[int, list[int]] = {seed: [] for seed in self._seeds}
        for place, variant in enumerate(self._variants):
            self._blocks[self._next_seed(variant)].append(place)
        self._kept: dict[int, OrderedDict[str, None]] = defaultdict(OrderedDict)
        self._at_once: dict[int, tuple[str, int]] = {}
        self._slow = False

    def take(self, worker: int) -> Trial | None:
        """Return the next trial for a worker; None if no trial is pending."""
        if not self._pending:
            return None
        variant, left = self._at_once.get(worker, ("", 0))
        if self._slow or not left or variant not in self._pending:
            variant = self._choose(worker)
            crowded = variant not in self._kept[worker] and self._is_full(worker)
            left = SEEDS_AT_ONCE if crowded else 1
        self._at_once[worker] = variant, left - 1
        self._keep(worker, variant)
        return self._pop(variant)

    def learn(self, item: Trial, outcome: Outcome[TrialResult]) -> None:
        """Note whether the trial was slow."""
        self._slow |= outcome.result is not None and outcome.result.seconds >= SLOW

    def _pop(self, variant: str) -> Trial:
        """Remove the first pending trial of a variant, which then waits in a later block."""
        place = self._places[variant]
        seed, trial = self._pending[variant].popitem(last=False)
        del self._blocks[seed][bisect_left(self._blocks[seed], place)]
        if not self._pending[variant]:
            del self._pending[variant]
        else:
            insort(self._blocks[self._next_seed(variant)], place)
        return trial

    def _next_seed(self, variant: str) -> int:
        return next(iter(self._pending[variant]))

    def _choose(self, worker: int) -> str:
        """Return a variant of the first block, of the next one, or of another worker."""
        while not self._blocks[self._seeds[0]]:  # no variant returns to a block
            del self._seeds[0]
        first = self._blocks[self._seeds[0]]
        following = self._seeds[1:2]
        own = sorted(self._places[key] for key in self._kept[worker] if key in self._pending)
        starts = {place: self._next_seed(self._variants[place]) for place in own}
        anywhere = {self._places[key] for kept in self._kept.values() for key in kept}
        choices = chain(
            (place for place in own if starts[place] == self._seeds[0]),
            (place for place in first if place not in anywhere),
            (place for place in own if starts[place] in following),
            first,
        )
        return self._variants[next(choices)]

    def _is_full(self, worker: int) -> bool:
        """Return whether another variant would drop a model that is needed again."""
        kept = self._kept[worker]
        return len(kept) >= KEPT_MODELS and next(iter(kept)) in self._pending

    def _keep(self, worker: int, variant: str) -> None:
        kept = self._kept[worker]
        kept[variant] = None
        kept.move_to_end(variant)
        if len(kept) > KEPT_MODELS:
            kept.popitem(last=False)


def run_trials(
    engine: Engine,
    function: Callable[[Trial], TrialResult],
    trials: Sequence[Trial],
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[TrialResult]:
    """Run trials on an engine in the order of `TrialQueue`, and yield each result as it ends.

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
    for trial, outcome in engine.run(function, TrialQueue(trials), stopping):
        result = outcome.result or TrialResult(trial, Status.FAILED, reason=outcome.reason)
        yield replace(result, machine=outcome.machine) if outcome.machine else result
