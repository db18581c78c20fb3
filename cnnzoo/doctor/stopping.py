"""Diagnosis of a training that ended while the losses still fell."""

import math

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.record import POOR, Record

GAIN = 0.05
"""Share of the remaining loss that the last epoch must have gained."""


def check_stopping(record: Record) -> Finding | None:
    """Return a finding if training ended early: by a wrong early stopping, or while losses fell.

    It is a note if the model explains most of the training data.

    Parameters
    ----------
    record
        The record.

    Examples
    --------
    >>> from cnnzoo.doctor.record import EarlyStop
    >>> curves = {"loss": [1.0, 0.8, 0.6], "val_loss": [1.1, 0.9, 0.7]}
    >>> check_stopping(Record(curves, epochs=3)).evidence
    'in the last epoch the training loss fell from 0.8 to 0.6 and the validation loss from 0.9 to \
0.7'
    >>> stop = EarlyStop("val_loss", mode="max", patience=2, stopped=3)
    >>> check_stopping(Record(curves, epochs=50, early_stop=stop)).severity
    'error'
    """
    train, validation = record.curve("loss"), record.curve("val_loss")
    if not train or not all(map(math.isfinite, (*train, *validation))):
        return None
    stop = record.early_stop
    if stop is not None and "loss" in stop.monitor and stop.mode == "max":
        return CODES["stopped-early"].finding(
            f"EarlyStopping waits for {stop.monitor!r} to rise (mode='max'), and training ended "
            f"after epoch {len(train)} of {record.epochs}",
            "Give EarlyStopping mode='min'",
            severity=Severity.ERROR,
            epoch=len(train),
        )
    if len(train) < 2 or not _falls(train) or (validation and not _falls(validation)):
        return None
    evidence = f"in the last epoch the training loss fell from {train[-2]:.3g} to {train[-1]:.3g}"
    if validation:
        evidence += f" and the validation loss from {validation[-2]:.3g} to {validation[-1]:.3g}"
    remedy, is_poor = "Train for more epochs", record.is_poor
    if stop is not None and stop.stopped:
        is_poor = record.explained < POOR  # whatever the accuracy is, this was not meant
        evidence += (
            f", and EarlyStopping ended the training after epoch {stop.stopped} "
            f"(patience={stop.patience}, min_delta={stop.min_delta:g})"
        )
        remedy = "Raise patience of EarlyStopping, or lower min_delta"
    return CODES["stopped-early"].finding(
        evidence,
        remedy,
        severity=Severity.WARNING if is_poor else Severity.NOTE,
        epoch=len(train),
    )


def _falls(losses: list[float]) -> bool:
    return losses[-1] <= min(losses) and losses[-2] - losses[-1] > GAIN * abs(losses[-2])
