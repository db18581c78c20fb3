"""Weights & Biases: an offline run for each trial, which only ``wandb sync`` uploads."""

import shutil
from pathlib import Path

from ablations.export.environment import environment
from ablations.export.tracked_run import TrackedRun
from ablations.study import Status

LOCAL = {"WANDB_ERROR_REPORTING": "false"}
"""Environment variables without which wandb reports its own errors and events over the network."""


def write_run(run: TrackedRun, folder: Path, earlier: Path | None) -> Path:
    """Write a trial as an offline run.

    Parameters
    ----------
    run
        The trial. Its study is the project, its variant the group.
    folder
        Folder in which wandb creates its folder ``wandb``.
    earlier
        Folder of an earlier run of the trial, which is deleted; None if there is none.

    Returns
    -------
    Path
        Folder of the run, ``wandb/offline-run-DATE-ID``.
    """
    if earlier is not None:
        shutil.rmtree(earlier)
    with environment(LOCAL):
        import wandb

        exported = wandb.init(
            project=run.study,
            dir=folder,
            id=run.id,
            name=run.name,
            group=run.variant,
            config={**run.parameters, "status": run.status},
            mode="offline",
            reinit="create_new",  # leaves a run of the caller alone
            settings=wandb.Settings(
                console="off",
                silent=True,
                disable_git=True,
                disable_code=True,
                x_disable_stats=True,  # of this process, which did not train
                x_disable_meta=True,
                x_disable_machine_info=True,
            ),
        )
        for epoch, values in run.steps:
            exported.log(values, step=epoch)
        exported.summary.update({**run.final, **({"reason": run.reason} if run.reason else {})})
        exported.finish(exit_code=int(run.status != Status.DONE))
    return Path(exported.dir).parent
