"""Show how a study gets on: a live display in a terminal, plain lines elsewhere."""

import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd

from ablations.results.analysis import codes_of, comparable, loss_kinds, measured
from ablations.results.rules import compare
from ablations.store import Planned
from ablations.study import Status, Study, Trial, TrialResult

REDRAW_AFTER = 2.0
"""Seconds between two tables of deltas."""


class Progress:
    """The display of one run.

    Parameters
    ----------
    study
        What is run.
    shown
        Whether to show anything.

    Attributes
    ----------
    folder
        Where running trials leave word of their epochs.
    """

    def __init__(self, study: Study, *, shown: bool = True) -> None:
        from rich.console import Console
        from rich.live import Live

        self.study = study
        self.console = Console(file=sys.stderr, quiet=not shown)
        self.folder = Path(tempfile.mkdtemp(prefix="ablations-"))
        self._total = self._done = self._failed = 0
        self._start = time.monotonic()
        self._began: float | None = None
        self._rows: dict[str, dict[str, Any]] = {}
        self._deltas: Any = ""
        self._drawn = 0.0
        self._told: set[str] = set()
        self._status = ""
        self._live = Live(
            console=self.console,
            get_renderable=self._render,
            refresh_per_second=2,
            transient=True,
        )
        self._lively = shown and self.console.is_terminal

    def __enter__(self) -> "Progress":
        if self._lively:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            if self._lively:
                self._live.stop()
        # a worker that is being stopped may still write there
        shutil.rmtree(self.folder, ignore_errors=True)

    def say(self, message: str) -> None:
        """Print a line."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)

    def say_once(self, message: str) -> None:
        """Print a line, unless it is empty or was printed before."""
        if message and message not in self._told:
            self._told.add(message)
            self.say(message)

    def say_briefly(self, message: str) -> None:
        """Show a line in the live display until there is more to show."""
        self._status = message

    def expect(
        self,
        rows: Iterable[tuple[Planned, Trial]],
        stored: Mapping[str, Mapping[str, Any]],
        trials: Sequence[Trial],
    ) -> None:
        """Take in what is planned, what is stored, and what is about to run."""
        begun = bool(self._rows)
        self._total += len(trials)
        self._status = ""
        self._rows = {}
        for row, trial in rows:
            known = stored.get(row.key, {})
            self._rows[row.key] = {
                **vars(row),
                "name": f"{row.variant}, seed {row.seed}",
                "epochs": trial.recipe.epochs,
                "status": Status.INFEASIBLE
                if row.infeasible
                else known.get("status", Status.PENDING),
                "reason": row.infeasible or known.get("reason", ""),
                **known.get("metrics", {}),
                "loss": known.get("loss"),
                "codes": codes_of(known.get("findings", ())),
            }
        tried = {trial.key for trial in trials}
        failed = [
            row["reason"]
            for key, row in self._rows.items()
            if row["status"] == Status.FAILED and key not in tried
        ]
        if failed and not begun:
            from ablations.report.wording import failure_words

            self.say(f"Of an earlier run: {failure_words(failed)}")
        for row, _ in rows:
            if row.infeasible:
                self.say_once(f"cannot be built: {row.variant}: {row.infeasible}")

    def ended(self, result: TrialResult) -> None:
        """Count a trial, and say why if it failed."""
        row = self._rows[result.trial.key]
        row.update(status=result.status, reason=result.reason, **result.metrics, loss=result.loss)
        row["codes"] = codes_of(map(asdict, result.findings))
        self._done += 1
        if self._began is None:  # the workers' start is paid once, not by every trial
            self._began = max(time.monotonic() - result.seconds, self._start)
        if result.status != Status.DONE:
            self._failed += 1
            line = f"{self._done}/{self._total} {row['name']}: failed: {result.reason}"
            self.say(f"{line}{self._left()}" if not self._lively else line)
        if self._lively:
            self._tabulate()
        if self._lively or result.status != Status.DONE:
            return
        measured = "".join(
            f", test {metric} {result.metrics[f'test_{metric}']:.4f}"
            for metric in self.study.metrics
            if f"test_{metric}" in result.metrics
        )
        self.say(
            f"{self._done}/{self._total} {row['name']}{measured}, {result.seconds:.1f} s"
            f"{self._left()}"
        )

    def _left(self) -> str:
        if not self._done or self._done >= self._total:
            return ""
        seconds = 60 / self._rate() * (self._total - self._done)
        return f", {clock(seconds)} left"

    def _rate(self) -> float:
        """Return how many trials end in a minute."""
        began = self._start if self._began is None else self._began
        return self._done / max(time.monotonic() - began, 1e-9) * 60

    def _tabulate(self) -> None:
        """Work out the deltas so far, but not at every trial of a fast study."""
        if time.monotonic() - self._drawn < REDRAW_AFTER:
            return
        from ablations.report.study.terminal import deltas_table
        from ablations.report.wording import metric_words

        trials = pd.DataFrame(list(self._rows.values()))
        rows = [(row["variant"], row["changes"], row["loss"]) for row in self._rows.values()]
        kinds = loss_kinds(self.study.baseline, rows)
        (metric,) = comparable([f"test_{self.study.metrics[0]}"], kinds, measured(trials))
        if metric in trials:
            deltas = compare(self.study.to_dict(), trials, [metric], kinds)
            self._deltas = deltas_table(deltas, trials, f"{metric_words(metric)}: deltas so far")
        self._drawn = time.monotonic()

    def _render(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if not self._total:
            return Text(self._status)
        line = Table.grid(padding=(0, 1))
        line.add_row(
            ProgressBar(total=self._total, completed=self._done, width=24),
            f"{self._done}/{self._total} trials, {self._failed} failed, {self._rate():.1f} a minute"
            f"{self._left()}",
        )
        return Group(line, *(Text(f"  {word}") for word in self._running()), self._deltas)

    def _running(self) -> list[str]:
        """Read how far the running trials are."""
        words = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                word = json.loads(path.read_text())
            except (OSError, ValueError):  # being replaced right now
                continue
            row = self._rows.get(word["key"], {"status": ""})
            if row["status"] == Status.PENDING:
                words.append(
                    f"{row['name']}: epoch {word['epoch']}/{row['epochs']}, loss {word['loss']:.4f}"
                )
        return words


def clock(seconds: float) -> str:
    """Write a time as minutes and seconds, with hours where there are any.

    Examples
    --------
    >>> clock(59.7), clock(125), clock(7384)
    ('1:00', '2:05', '2:03:04')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
