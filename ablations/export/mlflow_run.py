"""MLflow: a run for each trial in a SQLite database, which ``mlflow ui`` shows."""

import logging
import time
from pathlib import Path
from typing import Any

from ablations.export.environment import environment
from ablations.export.tracked_run import TrackedRun, safe_name
from ablations.study import Status

DATABASE = "mlflow.db"
"""File of the runs. MLflow 3.17 refuses a folder of files as a store."""

LOCAL = {"MLFLOW_DISABLE_TELEMETRY": "true"}
"""Environment variables without which mlflow reports its usage over the network."""

MOST_AT_ONCE = 100
"""Number of values in a batch; MLflow takes 100 parameters."""

MOST_CHARACTERS = 500
"""Number of characters of a parameter that all stores take."""


def write_run(run: TrackedRun, folder: Path, earlier: Path | None) -> Path:
    """Write a trial to the database.

    Parameters
    ----------
    run
        The trial. Its study is the experiment.
    folder
        Folder of the database.
    earlier
        Folder of an earlier run of the trial, which is deleted; None if there is none.

    Returns
    -------
    Path
        Folder of the run's artifacts, with the trial's parameters in ``trial.json``.
    """
    with environment(LOCAL):
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells each step of a new store
        artifacts = folder / "artifacts"
        client = MlflowClient(tracking_uri=f"sqlite:///{folder / DATABASE}")
        if earlier is not None:
            client.delete_run(earlier.name)
        found = client.get_experiment_by_name(run.study)
        place = artifacts.as_uri()
        experiment = found.experiment_id if found else client.create_experiment(run.study, place)
        tags = {"variant": run.variant, "trial": run.key, "data": run.data, "reason": run.reason}
        tags = {name: value for name, value in tags.items() if value}
        id_ = client.create_run(experiment, run_name=run.name, tags=tags).info.run_id
        now = int(1000 * time.time())
        values = [*run.steps, (run.last_epoch, run.final)]
        metrics = [Metric(n, v, now, step) for step, named in values for n, v in named.items()]
        levels = {safe_name(name): str(level) for name, level in run.parameters.items()}
        parameters = [Param(name, level[:MOST_CHARACTERS]) for name, level in levels.items()]
        for some in _batches(metrics):
            client.log_batch(id_, metrics=some)
        for some in _batches(parameters):
            client.log_batch(id_, params=some)
        client.log_dict(id_, dict(run.parameters), "trial.json")
        client.set_terminated(id_, "FINISHED" if run.status == Status.DONE else "FAILED")
    return artifacts / str(id_)


def _batches(values: list[Any]) -> list[list[Any]]:
    return [values[i : i + MOST_AT_ONCE] for i in range(0, len(values), MOST_AT_ONCE)]
