"""Schedule the trials of a search: ask the oracle for trials, run their seeds, report to it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo.engine import Outcome
from cnnzoo.tuning.hypermodel import ZooHyperModel, merge_hyperparameters
from cnnzoo.tuning.records import (
    STATUSES,
    Execution,
    SearchError,
    TrialStatus,
    read_executions,
    trial_folder,
    write_executions,
)
from cnnzoo.tuning.trainer import Plan, SeedResult, SeedRun

STATUS: dict[TrialStatus, str] = {ours: theirs for theirs, ours in STATUSES.items()}
"""KerasTuner's name of a status, by the status of an execution."""

MAX_DEATHS = 3
"""Number of trials that may end by the death of a worker before any trial has returned a result.
With more of them the cause is not a configuration."""

IDLE = 0.2
"""Seconds until an oracle that waits for something other than a trial is asked again."""


@dataclass
class _OpenTrial:
    """A trial that is running, with its executions so far and what its build declared last."""

    trial: Any
    folder: Path
    executions: list[Execution]
    declared: Any = None


class TrialScheduler:
    """The queue of a search: an oracle proposes trials, whose seeds run one after the other.

    All seeds of a trial run on one worker, which keeps the compiled model. Each score is written
    to a file as soon as it is there. The first seed without a score ends its trial, because the
    mean over the other seeds would be too good.

    Parameters
    ----------
    oracle
        The oracle, as `make_resumable` returns it.
    hypermodel
        Hypermodel in this process, which knows what a custom ``build(hp)`` declares.
    plan
        What is trained.
    report
        Called with each trial that ends, and its executions.
    log
        Log of the workers, for an error message.
    """

    def __init__(
        self,
        oracle: Any,
        hypermodel: ZooHyperModel,
        plan: Plan,
        report: Callable[[Any, Sequence[Execution]], None],
        log: Path,
    ) -> None:
        self._oracle, self._hypermodel, self._plan = oracle, hypermodel, plan
        self._report, self._log = report, log
        self._open: dict[int, _OpenTrial] = {}
        self._deaths = 0
        self._has_result = False

    def take(self, worker: int) -> SeedRun | None:
        """Return the next seed of the worker's trial, or the first seed of a new trial."""
        if worker not in self._open and not self._begin(worker):
            return None
        running = self._open[worker]
        seed = self._plan.seeds[len(running.executions)]
        save_to = running.folder / f"seed{seed}.keras" if self._plan.checkpoints else None
        trial = running.trial
        return SeedRun(trial.trial_id, dict(trial.hyperparameters.values), seed, save_to)

    def learn(self, item: SeedRun, outcome: Outcome[SeedResult]) -> None:
        """Write the execution of a seed, and end its trial if it was the last one.

        Raises
        ------
        SearchError
            If workers die from the beginning.
        """
        worker, running = next(
            (worker, running)
            for worker, running in self._open.items()
            if running.trial.trial_id == item.trial
        )
        if outcome.result is not None:
            self._has_result = True
            execution = outcome.result.execution
            running.declared = outcome.result.declared
        else:
            execution = Execution(
                TrialStatus.FAILED, seed=item.seed, reason=outcome.reason, seconds=0.0, epochs=0
            )
            self._deaths += outcome.worker_died
        running.executions.append(execution)
        write_executions(running.folder, running.executions)
        if self._is_over(running.executions):
            del self._open[worker]
            self._end(running)
        if self._deaths >= MAX_DEATHS and not self._has_result:
            raise SearchError(
                f"`workers`: the first {self._deaths} trials failed because their worker died, "
                f"the last one because {outcome.reason}. See {self._log} for the cause."
            )

    def _begin(self, worker: int) -> bool:
        """Ask the oracle for a trial of a worker; return whether there is one now."""
        while True:
            trial = self._oracle.create_trial(f"worker{worker}")
            if trial.status == "IDLE" and not self._open:  # never by KerasTuner's own oracles
                time.sleep(IDLE)
                continue
            if trial.status != "RUNNING":
                return False
            folder = trial_folder(self._plan.directory, trial.trial_id)
            running = _OpenTrial(trial, folder, read_executions(folder))
            if not self._is_over(running.executions):
                self._open[worker] = running
                return True
            # The last run was killed after the last seed of this trial. If that failed, the build
            # may have killed its worker.
            if running.executions[-1].status != TrialStatus.FAILED:
                running.declared = self._hypermodel.declare_by_building(trial.hyperparameters)
            self._end(running)

    def _is_over(self, executions: Sequence[Execution]) -> bool:
        has_failed = any(execution.status != TrialStatus.DONE for execution in executions)
        return has_failed or len(executions) == len(self._plan.seeds)

    def _end(self, running: _OpenTrial) -> None:
        """Tell the oracle how a trial ended."""
        trial, executions = running.trial, running.executions
        if running.declared is not None:
            merge_hyperparameters(trial.hyperparameters, running.declared)
        trial.status = STATUS[executions[-1].status]
        trial.message = executions[-1].reason or None
        is_complete = trial.status == "COMPLETED"
        self._oracle.end_with_metrics(trial, mean_metrics(executions) if is_complete else {})
        self._report(trial, executions)


def mean_metrics(executions: Sequence[Execution]) -> dict[str, float]:
    """Return the mean over the executions of each metric that all of them have.

    Examples
    --------
    >>> done = TrialStatus.DONE
    >>> mean_metrics([Execution(done, metrics={"val_loss": loss}) for loss in (1.0, 2.0)])
    {'val_loss': 1.5}
    """
    names = list(executions[0].metrics) if executions else []
    return {
        name: float(np.mean([execution.metrics[name] for execution in executions]))
        for name in names
        if all(name in execution.metrics for execution in executions)
    }
