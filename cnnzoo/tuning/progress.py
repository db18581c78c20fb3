"""Display the progress of a search: a live bar on a terminal, plain log lines otherwise."""

import contextlib
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from cnnzoo.tuning.records import Execution, Objective


class Progress:
    """Progress display of one search.

    Parameters
    ----------
    objective
        The objective.
    trials
        Maximum number of trials, if it is known.
    shown
        Whether to display anything.
    """

    def __init__(self, objective: Objective, trials: int | None, *, shown: bool = True) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.objective, self.trials = objective, trials
        self.console = Console(file=sys.stderr, quiet=not shown)
        self._done = self._failed = self._invalid = 0
        self._best: float | None = None
        self._start = time.monotonic()
        self._bar = Bar(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=trials)
        self._lively = shown and self.console.is_terminal

    def __enter__(self) -> "Progress":
        if self._lively:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            if self._lively:
                self._bar.stop()

    def say(self, message: str) -> None:
        """Print a line."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)

    def resume(self, trials: Sequence[Any]) -> None:
        """Count the trials of an earlier run."""
        for trial in trials:
            self._count(trial)
        if trials:
            self.say(f"Resuming after {self._done} trial{'s' * (self._done > 1)}.")
        self._draw()

    def report(self, trial: Any, executions: Sequence[Execution]) -> None:
        """Display a trial that ended."""
        self._count(trial)
        self._draw()
        if self._lively and trial.score is not None:
            return
        of = f" of {self.trials}" if self.trials else ""
        what = (
            f"{self.objective.name} {trial.score:.4f}"
            if trial.score is not None
            else f"{trial.status.lower()}: {(trial.message or 'unknown reason').rstrip('.')}"
        )
        seconds = sum(execution.seconds or 0.0 for execution in executions)
        self.say(
            f"trial {trial.trial_id} ({self._done}{of}): {what}; {seconds:.1f} s; {self._words()}"
        )

    def _count(self, trial: Any) -> None:
        self._done += 1
        if trial.score is None:
            self._invalid += trial.status == "INVALID"
            self._failed += trial.status != "INVALID"
            return
        better = max if self.objective.direction == "max" else min
        self._best = trial.score if self._best is None else better(self._best, trial.score)

    def _words(self) -> str:
        words = "no score yet" if self._best is None else f"best {self._best:.4f}"
        counts = {"failed": self._failed, "invalid": self._invalid}
        return ", ".join([words, *(f"{count} {name}" for name, count in counts.items() if count)])

    def _draw(self) -> None:
        self._bar.update(self._task, completed=self._done, description=f"trials; {self._words()}")
