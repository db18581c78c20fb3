"""Progress of trials: a live display on a terminal, plain log lines otherwise."""

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text


class Progress:
    """Progress of trials, on stderr. Subclasses override `summary`, `details` and `under_way`.

    Parameters
    ----------
    total
        Number of trials; None if it is unknown.
    shown
        Whether to show anything.
    clock
        Function that returns the time in seconds.

    Attributes
    ----------
    live
        Whether there is a live display, because stderr is a terminal.
    completed, failed
        Number of trials that ended, and of those that failed.
    expected_rate
        Trials per minute that are expected before the first is measured; 0 if unknown.

    Examples
    --------
    >>> with Progress(3, shown=False) as progress:
    ...     progress.count(seconds=1.5)
    ...     progress.position()
    '1/3'
    """

    def __init__(
        self,
        total: int | None = None,
        *,
        shown: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = Console(file=sys.stderr, quiet=not shown)
        self.live = shown and self.console.is_terminal
        self.total = total
        self.completed = self.failed = 0
        self.expected_rate = 0.0
        self._clock = clock
        self._earlier = 0
        self._start = self._last_line = clock()
        self._first_start: float | None = None
        self._messages: set[str] = set()
        self._status = ""
        self._display: Live | None = None

    def __enter__(self) -> Self:
        if self.live:
            self._display = Live(
                console=self.console,
                get_renderable=self.render,
                refresh_per_second=2,
                transient=True,
            )
            self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            if self._display is not None:
                self._display.stop()

    def say(self, message: str) -> None:
        """Print a line."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)
        self._last_line = self._clock()

    def say_once(self, message: str) -> None:
        """Print a line unless it is empty or was printed before."""
        if message and message not in self._messages:
            self._messages.add(message)
            self.say(message)

    def show_status(self, message: str) -> None:
        """Show a message in the live display until the first trials are expected."""
        self._status = message

    def expect(self, count: int) -> None:
        """Add trials to the total."""
        if self.total is None:  # what came before was no trial
            self._start = self._clock()
        self.total = (self.total or 0) + count

    def count_earlier(self, count: int, *, failed: int = 0) -> None:
        """Count trials that ended in an earlier run, which do not affect the rate."""
        self._earlier += count
        self.completed += count
        self.failed += failed

    def count(self, seconds: float, *, failed: bool = False) -> None:
        """Count a trial that ended after so many seconds."""
        self.completed += 1
        self.failed += failed
        if self._first_start is None:  # leaves out the start of the workers
            self._first_start = max(self._clock() - seconds, self._start)

    def position(self) -> str:
        """Return the number of trials that ended, with the total if it is known."""
        return f"{self.completed}/{self.total}" if self.total else f"{self.completed}"

    def rate(self) -> float:
        """Return the number of trials per minute, running trials by their completed part."""
        start = self._start if self._first_start is None else self._first_start
        return 60 * self._worked_off() / max(self._clock() - start, 1e-9)

    def time_left(self) -> str:
        """Return the remaining time, such as ", 0:30 left"; empty if it is unknown."""
        remaining = (self.total or 0) - self._earlier - self._worked_off()
        rate = self.rate() or self.expected_rate
        if remaining <= 0 or not rate:
            return ""
        return f", {duration(60 * remaining / rate)} left"

    def under_way(self) -> float:
        """Return how much of the running trials is completed, in trials; 0 if it is unknown."""
        return 0.0

    def _worked_off(self) -> float:
        return self.completed - self._earlier + self.under_way()

    def summary(self) -> str:
        """Return the results so far in a few words, for the live display."""
        return f"{self.failed} failed"

    def details(self) -> Sequence[RenderableType]:
        """Return what the live display shows below the progress bar."""
        return ()

    def render(self) -> RenderableType:
        """Return the content of the live display."""
        if not self.total and not self.completed:
            return Text(self._status)
        words = f"{self.position()} trials, {self.summary()}, {self.rate():.1f} per minute"
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=self.total, completed=self.completed, width=24)
        line.add_row(bar, f"{words}{self.time_left()}")
        return Group(line, *self.details())


def duration(seconds: float) -> str:
    """Format a duration as minutes and seconds, or as hours, minutes and seconds.

    Examples
    --------
    >>> duration(59.7), duration(125), duration(7384)
    ('1:00', '2:05', '2:03:04')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
