"""The tuner of a search: KerasTuner's, which trains each configuration with every seed."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras_tuner

from cnnzoo.tuning.execution import Trainer
from cnnzoo.tuning.oracle import mean_metrics
from cnnzoo.tuning.records import Execution
from cnnzoo.tuning.stored import STATUSES
from cnnzoo.tuning.writing import read_executions, write_executions, write_json

IDLE = 0.2
"""Seconds until an oracle that has to wait for other trials is asked again."""

STATUS = {ours: theirs for theirs, ours in STATUSES.items() if ours != "unfinished"}
"""What KerasTuner calls how an execution ended."""


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

    def search(self, *_: Any, **__: Any) -> None:
        """Run the trials that the oracle proposes, until it proposes no more."""
        while (trial := self.oracle.create_trial(self.tuner_id)).status != "STOPPED":
            if trial.status == "IDLE":
                time.sleep(IDLE)
                continue
            executions = self.run_trial(trial)
            trial.status = STATUS[executions[-1].status]
            if trial.status == "COMPLETED":
                self.oracle.update_trial(trial.trial_id, mean_metrics(executions))
            self.on_trial_end(trial)

    def run_trial(self, trial: Any, *_: Any, **__: Any) -> list[Execution]:
        """Train a trial with the seeds that it was not trained with yet.

        The first seed that comes to nothing ends it: the mean over the others would flatter.
        """
        folder = Path(self.get_trial_dir(trial.trial_id))
        executions = read_executions(folder)
        hp = trial.hyperparameters
        for seed in self.seeds[len(executions) :]:
            if executions and executions[-1].status != "done":
                break
            executions.append(
                self.trainer.run(
                    self.trainer.hypermodel.space.read(hp),
                    seed,
                    # Hyperband's; it also names a trial to go on from, of which no weights are
                    # kept: from the start, the score hangs on the configuration and seeds alone
                    epochs=hp.values.get("tuner/epochs"),
                    save_to=folder / f"seed{seed}.keras" if self.checkpoints else None,
                )
            )
            write_executions(folder, executions)
        return executions

    def save(self) -> None:
        """Write down the state in one piece; workers have none."""
        if not self._is_worker():
            self.oracle.save()
            write_json(self._get_tuner_fname(), self.get_state())

    def _get_tuner_fname(self) -> str:
        # one name, whichever way a search is gone on with
        name = f"{self.tuner_id}.json" if self._is_worker() else "tuner0.json"
        return str(Path(self.project_dir) / name)
