"""One trial after the other, in this process."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from ablations.engines.limits import Limits, failed
from ablations.study import Trial, TrialResult
from ablations.study.settings import StudyError
from cnnzoo.runtime.console import without_advice
from cnnzoo.runtime.determinism import fix_arithmetic


class Serial:
    """The process itself, which has no one to hold to limits.

    Parameters
    ----------
    limits
        Taken for the sake of the other engines, and not used.
    """

    name = "serial"

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._unrestored: Sequence[str] = ()

    def __enter__(self) -> "Serial":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def load(self) -> None:
        """Load nothing: what trials need comes with the first of them."""

    def run(
        self,
        function: Callable[[Trial], TrialResult],
        trials: Sequence[Trial],
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[TrialResult]:
        """Run the trials in order, and yield what comes of each.

        Raises
        ------
        StudyError
            Before the next trial, if one changed this process for good.
        """
        if trials:
            # where TensorFlow has started already it goes on as it does; the context says so
            with contextlib.suppress(RuntimeError):
                fix_arithmetic()
        for trial in trials:
            if stopping():
                return
            if self._unrestored:
                raise StudyError(
                    "A trial changed global state that cannot be put back, and in this process the "
                    f"next trials would depend on it: {', '.join(self._unrestored)}. Run the study "
                    "with engine='processes', which replaces the process, or change the builder."
                )
            try:
                with without_advice():
                    result = function(trial)
            except (Exception, SystemExit) as error:  # whatever it was, it is one trial's
                result = failed(trial, error)
            self._unrestored = result.unrestored
            yield result
