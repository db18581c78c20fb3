"""Show how a study gets on: a live display in a terminal, plain lines elsewhere."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ablations.study import Trial, TrialResult


def label(trial: Trial) -> str:
    """Name a trial for people."""
    return f"{trial.settings or 'defaults'}, seed {trial.seed}"


def report_epoch(folder: Path, trial: Trial, epoch: int, logs: Mapping[str, Any] | None) -> None:
    """Leave word of a trial's epoch in a folder; losing it loses nothing.

    Files need no lock that a killed process could keep.
    """
    loss = (logs or {}).get("loss")
    word = f"{label(trial)}: epoch {epoch}/{trial.recipe.epochs}"
    word += "" if loss is None else f", loss {float(loss):.4f}"
    scratch = folder / f".{os.getpid()}"
    scratch.write_text(json.dumps(word))
    scratch.replace(folder / f"{os.getpid()}.json")


class Progress:
    """The display of one run.

    Parameters
    ----------
    total
        Trials to run.
    shown
        Whether to show anything.

    Attributes
    ----------
    folder
        Where running trials leave word of their epochs.
    """

    def __init__(self, total: int, *, shown: bool = True) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        self.console = Console(file=sys.stderr, quiet=not shown)
        self.total, self.done, self.failed = total, 0, 0
        self.start = time.monotonic()
        self._temporary = tempfile.TemporaryDirectory(prefix="ablations-")
        self.folder = Path(self._temporary.name)
        columns = (
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("trials, {task.fields[failed]} failed,"),
            TimeElapsedColumn(),
            TextColumn("gone,"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("left"),
        )
        followed = self

        class Display(Bar):
            def get_renderables(self) -> Any:
                yield self.make_tasks_table(self.tasks)
                yield from followed.running()

        self._bar = Display(
            *columns,
            console=self.console,
            refresh_per_second=2,
            disable=not (shown and self.console.is_terminal and total),
        )
        self._task = self._bar.add_task("", total=total, failed=0)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for word in self.folder.glob("*.json"):
            word.unlink(missing_ok=True)
        self._bar.stop()
        self._temporary.cleanup()

    def say(self, message: str) -> None:
        """Print a line."""
        self.console.print(message, highlight=False, markup=False)

    def running(self) -> list[str]:
        """Read how far the running trials are."""
        words = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                words.append(f"  {json.loads(path.read_text())}")
            except (OSError, ValueError):  # being replaced right now
                continue
        return words

    def ended(self, result: TrialResult) -> None:
        """Count a trial, and say why if it failed."""
        failed = result.status != "done"
        self.done += 1
        self.failed += failed
        self._bar.update(self._task, advance=1, failed=self.failed)
        if failed:
            self.say(f"failed: {label(result.trial)}: {result.reason}")
        if self._bar.disable:
            rate = (time.monotonic() - self.start) / self.done
            loss = result.metrics.get("test_loss")
            measured = "" if loss is None else f", test loss {loss:.4f}"
            self.say(
                f"{self.done}/{self.total} {label(result.trial)}{measured}, "
                f"{result.seconds:.1f} s, {rate * (self.total - self.done):.0f} s left"
            )
