"""Engines: each takes a function and trials, and yields a result for every trial as it comes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from ablations.engines.limits import Limits
from ablations.engines.processes import processes
from ablations.engines.serial import serial
from ablations.settings import check_known
from ablations.study import Trial, TrialResult

RunTrial = Callable[[Trial], TrialResult]


class Engine(Protocol):
    """What an engine is called with."""

    def __call__(
        self,
        function: RunTrial,
        trials: Sequence[Trial],
        *,
        stopping: Callable[[], bool],
        limits: Limits | None,
    ) -> Iterator[TrialResult]:
        """Yield a result for each trial, until `stopping` says so."""


ENGINES: dict[str, Engine] = {"processes": processes, "serial": serial}


def get_engine(name: str) -> Engine:
    """Look up an engine.

    Raises
    ------
    StudyError
        If there is none of that name.
    """
    check_known(name, list(ENGINES), "There is no engine")
    return ENGINES[name]
