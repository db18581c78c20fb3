"""The tuner of a search: KerasTuner's, which trains each configuration with every seed."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras_tuner

from cnnzoo.tuning.execution import Trainer
from cnnzoo.tuning.oracle import mean_metrics
from cnnzoo.tuning.records import STATUSES, Execution, SearchError
from cnnzoo.tuning.writing import read_executions, write_executions, write_json

IDLE = 0.2
"""Seconds until an oracle that has to wait for other trials is asked again."""

STATUS = {ours: theirs for theirs, ours in STATUSES.items() if ours != "unfinished"}
"""What KerasTuner calls how an execution ended."""


class UnrestoredError(SearchError):
    """A process that must train no further trial."""


class SearchTuner(keras_tuner.Tuner):
    """A tuner of KerasTuner that keeps what came of every seed.

    Parameters
    ----------
    oracle
        What proposes configurations.
    trainer
        What trains them.
    seeds
        With which each is trained.
    directory
        The search's own.
    checkpoints
        Whether to save the trained models.
    """

    def __init__(
        self,
        oracle: Any,
        trainer: Trainer,
        seeds: Sequence[int],
        directory: Path,
        *,
        checkpoints: bool = False,
    ) -> None:
        self.trainer, self.seeds, self.checkpoints = trainer, seeds, checkpoints
        super().__init__(
            oracle,
            trainer.hypermodel,
            directory=str(directory.parent),
            project_name=directory.name,
        )

    def search(self, *_: Any, after_each: Callable[[], None] | None = None, **__: Any) -> None:
        """Run the trials that the oracle proposes, until it proposes no more.

        Parameters
        ----------
        after_each
            What to call when a trial has ended.
        """
        while (trial := self.oracle.create_trial(self.tuner_id)).status != "STOPPED":
            if trial.status == "IDLE":
                time.sleep(IDLE)
                continue
            executions = self.run_trial(trial)
            trial.status = STATUS[executions[-1].status]
            if trial.status == "COMPLETED":
                self.oracle.update_trial(trial.trial_id, mean_metrics(executions))
            self.on_trial_end(trial)
            if after_each is not None:
                after_each()

    def run_trial(self, trial: Any, *_: Any, **__: Any) -> list[Execution]:
        """Train a trial with the seeds that it was not trained with yet.

        The first seed that comes to nothing ends it: the mean over the others would flatter.

        Raises
        ------
        UnrestoredError
            Before a training, if the one before it changed this process for good.
        """
        folder = Path(self.get_trial_dir(trial.trial_id))
        executions = read_executions(folder)
        while len(executions) < len(self.seeds) and all(row.status == "done" for row in executions):
            if self.trainer.unrestored:
                raise UnrestoredError(
                    "A trial changed global state that cannot be put back, and in this process the "
                    f"next ones would depend on it: {', '.join(self.trainer.unrestored)}. Call "
                    "`tune` again in a new process to resume, with workers=2 or more, which are "
                    "replaced, or change the builder."
                )
            seed = self.seeds[len(executions)]
            save_to = folder / f"seed{seed}.keras" if self.checkpoints else None
            row = self.trainer.run(trial.hyperparameters, seed, save_to)
            there = read_executions(folder)
            if len(there) > len(executions):  # by another worker, while this one was thought dead
                executions = there
                continue
            executions.append(row)
            write_executions(folder, executions)
        self.trainer.hypermodel.learn(trial.hyperparameters)
        return executions

    def _populate_initial_space(self) -> None:
        if not self._is_worker():  # which is told what to train
            super()._populate_initial_space()

    def save(self) -> None:
        """Write down the state in one piece; workers have none."""
        if not self._is_worker():
            self.oracle.save()
            write_json(self._get_tuner_fname(), self.get_state())

    def _get_tuner_fname(self) -> str:
        # one name, whichever way a search is gone on with
        name = f"{self.tuner_id}.json" if self._is_worker() else "tuner0.json"
        return str(Path(self.project_dir) / name)
