"""Progress of a search: a live bar on a terminal, plain log lines otherwise."""

from collections.abc import Sequence
from typing import Any

from cnnzoo.runtime.progress import Progress
from cnnzoo.tuning.records import Execution, Objective, TrialStatus


class SearchProgress(Progress):
    """Progress of one search.

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
        super().__init__(trials, shown=shown)
        self.objective = objective
        self._scores: list[float] = []
        self._invalid = 0

    def resume(self, trials: Sequence[Any]) -> None:
        """Count the trials of an earlier run."""
        failed = sum(self._note(trial) for trial in trials)
        self.count_earlier(len(trials), failed=failed)
        if trials:
            self.say(f"Resuming after {len(trials)} trial{'s' * (len(trials) > 1)}.")

    def report(self, trial: Any, executions: Sequence[Execution]) -> None:
        """Count a trial, and print its score or why it failed."""
        seconds = sum(execution.seconds or 0.0 for execution in executions)
        self.count(seconds, failed=self._note(trial))
        if self.live and trial.score is not None:
            return
        outcome = (
            f"{self.objective.name} {trial.score:.4f}"
            if trial.score is not None
            else f"{trial.status.lower()}: {(trial.message or 'unknown reason').rstrip('.')}"
        )
        position = f"{self.completed} of {self.total}" if self.total else f"{self.completed}"
        self.say(
            f"trial {trial.trial_id} ({position}): {outcome}; {seconds:.1f} s; {self.summary()}"
        )

    def summary(self) -> str:
        """Return the best score, and the number of failed and invalid trials."""
        best = min if self.objective.lower else max
        name = self.objective.name
        words = f"best {name} {best(self._scores):.4f}" if self._scores else "no score yet"
        counts = {TrialStatus.FAILED: self.failed, TrialStatus.INVALID: self._invalid}
        return ", ".join([words, *(f"{count} {name}" for name, count in counts.items() if count)])

    def _note(self, trial: Any) -> bool:
        """Keep the score of a trial; return whether the trial failed."""
        if trial.score is not None:
            self._scores.append(trial.score)
            return False
        self._invalid += trial.status == "INVALID"
        return bool(trial.status != "INVALID")
