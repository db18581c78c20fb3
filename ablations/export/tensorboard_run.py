"""TensorBoard: an event file for each trial, with curves, results and hyperparameters."""

import itertools
import os
import shutil
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from ablations.export.tracked_run import OF_FOLDERS, TrackedRun, safe_name

FIRST_RECORD = "brain.Event:2"
"""Format of event files; TensorBoard expects it in the first record."""


def write_run(run: TrackedRun, folder: Path, earlier: Path | None) -> Path:
    """Write the event file of a trial.

    Parameters
    ----------
    run
        The trial.
    folder
        Folder that TensorBoard is started with.
    earlier
        Folder of an earlier run of the trial, which is deleted; None if there is none.

    Returns
    -------
    Path
        Folder of the trial: ``STUDY/VARIANT, seed SEED``, which TensorBoard shows as its name. If
        a trial of another study has this name, a number follows.
    """
    place = earlier or _place_for(
        run.id, folder / safe_name(run.study) / safe_name(run.name, OF_FOLDERS)
    )
    scratch = place.with_name(f".{place.name}")  # TensorBoard sees whole files only
    for old in (scratch, place):  # of an interrupted export, or an earlier result
        shutil.rmtree(old, ignore_errors=True)
    scratch.mkdir(parents=True)
    start = time.time()
    number = f"{int(start):010d}"
    with (scratch / f"events.out.tfevents.{number}.{os.getpid()}.{run.id}").open("wb") as file:
        writer = RecordWriter(file)
        for event in (
            Event(wall_time=start, file_version=FIRST_RECORD),
            Event(wall_time=start, summary=_hyperparameters(run, start)),
            *(Event(wall_time=start, step=step, summary=_scalars(v)) for step, v in run.steps),
            Event(wall_time=start, step=run.last_epoch, summary=_scalars(run.final)),
        ):
            writer.write(event.SerializeToString())
    scratch.replace(place)
    return place


def _place_for(run_id: str, place: Path) -> Path:
    """Return a folder that holds no other trial, with a number behind its name if it must be."""
    numbers = itertools.count(2)
    own = place
    while own.exists() and not any(own.glob(f"events.out.tfevents.*.{run_id}")):
        own = place.with_name(f"{place.name} ({next(numbers)})")
    return own


def _hyperparameters(run: TrackedRun, start: float) -> Summary:
    values = {
        name: level if isinstance(level, bool | int | float) else str(level)
        for name, level in {**run.parameters, "status": run.status}.items()
    }
    return hparams_pb(values, trial_id=run.id, start_time_secs=start)


def _scalars(values: dict[str, float]) -> Summary:
    return Summary(
        value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
    )
