"""Progress of a study: a live table of deltas on a terminal, plain log lines otherwise."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import RenderableType
from rich.text import Text

from ablations.results.rules import (
    comparable,
    compare,
    loss_kinds,
    measured,
    running_verdicts,
)
from ablations.results.trials import losses_of_plan, trials_table
from ablations.running.expected_time import ExpectedTime
from ablations.stats.several_data import over_data
from ablations.store import Plan, Planned, StoredResults
from ablations.study import Status, Study, Trial, TrialResult
from cnnzoo.runtime.progress import Progress
from cnnzoo.training.metric_names import column_of

QUIET_FOR = 60.0
"""Seconds without a line after which the state of the running trials is printed."""

REDRAW_AFTER = 2.0
"""Seconds between two tables of deltas, at least."""

REDRAW_SHARE = 50
"""So many times as long as a table took is the time until the next one, in a large study."""


class StudyProgress(Progress):
    """Progress of a run.

    Parameters
    ----------
    study
        The study.
    shown, clock
        As for `Progress`.

    Attributes
    ----------
    folder
        Folder in which running trials report their epochs.
    """

    def __init__(
        self, study: Study, *, shown: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(shown=shown, clock=clock)
        self.study = study
        self.folder = Path(tempfile.mkdtemp(prefix="ablations-"))
        self._rows: dict[str, tuple[Planned, Trial]] = {}
        self._plan, self._results = Plan(), StoredResults()
        self._deltas: RenderableType = ""
        self._redraw = float("-inf")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        # a worker that is being stopped may still write there
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_round(
        self,
        rows: Sequence[tuple[Planned, Trial]],
        stored: StoredResults,
        trials: Sequence[Trial],
    ) -> None:
        """Take over the plan, the stored results and the trials that are about to run."""
        first_round = not self._rows
        self.expect(len(trials))
        self._rows = {row.key: (row, trial) for row, trial in rows}
        self._plan, self._results = Plan(row for row, _ in rows), stored
        self._results.forget(trial.key for trial in trials)
        reasons = [
            stored[key].reason
            for key, status in stored.statuses.items()
            if status == Status.FAILED and key in self._rows
        ]
        if reasons and first_round:
            from ablations.report.wording import failure_words

            self.say(f"In an earlier run, {failure_words(reasons)}")
        for row in self._plan.variants:
            if row.infeasible:
                self.say_once(f"cannot be built: {row.variant}: {row.infeasible}")

    def expect_times(self, times: Sequence[ExpectedTime], workers: int) -> None:
        """Say how long the trials that are about to run will take, and what that is from."""
        from ablations.report.plan import time_lines

        seconds = [(time.seconds, time.seconds_from) for time in times]
        known = [one for one, _ in seconds if one]
        self.expected_rate = 60 * workers * len(known) / sum(known) if known else 0.0
        if seconds:
            for line in time_lines(seconds, workers):
                self.say_once(line)

    def ended(self, result: TrialResult) -> None:
        """Count a trial, and print its metrics or why it failed."""
        self._results.add(result)
        failed = result.status != Status.DONE
        self.count(result.seconds, failed=failed)
        if self.live:
            self._tabulate()
        if self.live and not failed:
            return
        from ablations.report.wording import metric_words

        columns = map(column_of, self.study.metrics)
        values = {name: result.metrics.get(name) for name in columns}
        outcome = (
            f": failed: {result.reason}"
            if failed
            else "".join(
                f", {metric_words(name)} {value:.4f}"
                for name, value in values.items()
                if value is not None
            )
            + f", {result.seconds:.1f} s"
        )
        name = _name(self._rows[result.trial.key][0])
        self.say(f"{self.position()} {name}{outcome}{self.time_left()}")

    def beat(self) -> None:
        """Print the running trials and the rate if no line was printed for a minute.

        Only without a live display, so that a log shows early how long the study takes.
        """
        if self.live or self._clock() - self._last_line < QUIET_FOR:
            return
        running = "; ".join(self._running()) or "no epoch is completed"
        self.say(
            f"{self.position()} trials, {self.rate():.2g} per minute{self.time_left()}; {running}"
        )

    def under_way(self) -> float:
        """Return how much of the running trials is completed, by epochs."""
        return sum(epoch / trial.recipe.epochs for _, trial, epoch, _ in self._reports())

    def details(self) -> list[RenderableType]:
        """Return the epochs of the running trials, and the deltas so far."""
        return [*(Text(f"  {line}") for line in self._running()), self._deltas]

    def _tabulate(self) -> None:
        """Compute the deltas so far, at most every few seconds."""
        if self._clock() < self._redraw:
            return
        from ablations.report.study.terminal import Printed, short_deltas
        from ablations.report.wording import metric_words

        start = self._clock()
        trials = trials_table(self._plan, self._results, self.study.metrics)
        if "data" in trials:
            trials = over_data(trials)
        kinds = loss_kinds(self.study.baseline, losses_of_plan(self._plan, self._results))
        (metric,) = comparable([column_of(self.study.metrics[0])], kinds, measured(trials))
        if trials[metric].notna().any():
            deltas = compare(self.study, trials, [metric], kinds)
            title = f"{metric_words(metric)}: deltas so far"
            by_now = running_verdicts(self.study, trials, metric)
            self._deltas = Printed(short_deltas(deltas, trials, title, by_now))
        end = self._clock()
        self._redraw = end + max(REDRAW_AFTER, REDRAW_SHARE * (end - start))

    def _running(self) -> list[str]:
        """Return the epoch of each running trial in words."""
        return [
            f"{_name(row)}: epoch {epoch}/{trial.recipe.epochs}, loss {loss:.4f}"
            for row, trial, epoch, loss in self._reports()
        ]

    def _reports(self) -> Iterator[tuple[Planned, Trial, int, float]]:
        """Read the epochs and losses of the running trials, each trial once."""
        reports = {}
        for path in sorted(self.folder.glob("*.json")):
            try:
                report = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # the file is being replaced
                continue
            key = report["key"]
            if key in self._rows and key not in self._results:
                reports[key] = (*self._rows[key], int(report["epoch"]), float(report["loss"]))
        yield from reports.values()


def _name(row: Planned) -> str:
    return f"{row.variant}, seed {row.seed}"
