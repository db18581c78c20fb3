"""Diagnosis of a validation loss that turns, or a large gap to the training data."""

import math

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.record import Record

TURNED, EPOCHS = 1.1, 3
"""Ratio of the validation loss to its best value, and number of epochs that it must exceed it
(SageMaker Debugger)."""

GAP = 0.1
"""Gap between training and validation accuracy (AUTOTRAINER)."""

Z = 3.0
"""Standard errors of the validation accuracy that the gap must exceed."""

KEPT = 0.01
"""Loss of validation accuracy since its best epoch up to which a turn of the loss is a note."""


def check_overfitting(record: Record) -> Finding | None:
    """Return a finding if the validation loss turned while the training loss fell, or for a gap.

    Parameters
    ----------
    record
        The record.

    Examples
    --------
    >>> curves = {"loss": [1.0, 0.02], "accuracy": [0.6, 0.99],
    ...           "val_loss": [1.3, 1.3], "val_accuracy": [0.55, 0.6]}
    >>> check_overfitting(Record(curves)).evidence
    'accuracy is 0.99 on the training and 0.6 on the validation data after epoch 2'
    """
    train, validation = record.curve("loss"), record.curve("val_loss")
    if not validation or len(train) != len(validation):
        return None
    if not all(map(math.isfinite, (*train, *validation))):
        return None
    best = min(range(len(validation)), key=validation.__getitem__)
    last = len(validation) - 1
    is_turned = (
        last - best >= EPOCHS
        and all(loss > TURNED * validation[best] for loss in validation[-EPOCHS:])
        and train[-1] < train[best]
    )
    name = record.accuracy
    gap = limit = math.nan
    kept = False
    if name and f"val_{name}" in record.history:
        training, validated = record.curve(name)[-1], record.curve(f"val_{name}")
        gap, limit = training - validated[-1], GAP
        kept = validated[-1] >= max(validated) - KEPT
        if record.validation_constant is not None:
            share = min(max(validated[-1], 0.0), 1.0)
            error = math.sqrt(share * (1 - share) / record.validation_constant.count)
            limit = max(limit, Z * error)
    has_gap = gap > limit
    if not is_turned and not has_gap:
        return None
    parts = []
    if is_turned:
        parts.append(
            f"the validation loss was lowest after epoch {best + 1} ({validation[best]:.3g}) and "
            f"is {validation[-1]:.3g} after epoch {last + 1}, while the training loss fell from "
            f"{train[best]:.3g} to {train[-1]:.3g}"
        )
    if has_gap:
        parts.append(
            f"{name} is {record.curve(name)[-1]:.3g} on the training and "
            f"{record.curve(f'val_{name}')[-1]:.3g} on the validation data after epoch {last + 1}"
        )
    remedy = "More data or augmentation, dropout, weight decay, or a smaller model"
    if is_turned:
        remedy = f"Stop after epoch {best + 1} (EarlyStopping). {remedy}"
    is_note = not has_gap and kept
    return CODES["overfit"].finding(
        "; ".join(parts),
        remedy,
        severity=Severity.NOTE if is_note else None,
        epoch=best + 1 if is_turned else last + 1,
    )
