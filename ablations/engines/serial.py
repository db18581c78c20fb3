"""One trial after the other, in this process."""

from collections.abc import Callable, Iterator, Sequence

from ablations.engines.limits import Limits
from ablations.study import Trial, TrialResult


def serial(
    function: Callable[[Trial], TrialResult],
    trials: Sequence[Trial],
    *,
    stopping: Callable[[], bool] = lambda: False,
    limits: Limits | None = None,  # noqa: ARG001 - there is no one to hold to them
) -> Iterator[TrialResult]:
    """Run the trials in order, checking before each whether to stop; limits do not apply."""
    for trial in trials:
        if stopping():
            return
        yield function(trial)
