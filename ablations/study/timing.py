"""The timing of a trial: its process, its start, and the seconds of its phases."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PHASES = ("load", "build", "train", "evaluate", "explain")
"""Phases of a trial: loading its data, building its model, training it, measuring it on the
splits, and the doctor's experiments after the training."""


@dataclass(frozen=True)
class Timing:
    """Process and start of a trial, and the seconds of its phases.

    Parameters
    ----------
    process
        Id of the process.
    started
        Start in seconds since 1970.
    phases
        Seconds by the names of `PHASES`.
    traced
        Whether its model was built for it, so that the training includes the tracing; False if
        the model was a warm one.
    """

    process: int
    started: float
    phases: Mapping[str, float] = field(default_factory=dict)
    traced: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the timing as JSON values."""
        return {
            "process": self.process,
            "started": self.started,
            "phases": dict(self.phases),
            "traced": self.traced,
        }


class Stopwatch:
    """Measures the phases of a trial.

    Attributes
    ----------
    traced
        As of `Timing`.

    Examples
    --------
    >>> watch = Stopwatch()
    >>> with watch.phase("load"):
    ...     numbers = list(range(10))
    >>> watch.timing().phases.keys()
    dict_keys(['load'])
    """

    def __init__(self) -> None:
        self._started, self._phases = time.time(), dict[str, float]()
        self.traced = True

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to a phase, even if it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add seconds to a phase."""
        self._phases[name] = self._phases.get(name, 0.0) + seconds

    def move(self, name: str, other: str, *, leaving: float) -> None:
        """Move the time of a phase beyond some seconds to another phase."""
        more = max(self._phases[name] - leaving, 0.0)
        self._phases[name] -= more
        self.add(other, more)

    def timing(self) -> Timing:
        """Return what was measured."""
        return Timing(os.getpid(), self._started, dict(self._phases), self.traced)
