"""Diagnosis of a model that is too small: both losses level off alike at a high value."""

import math

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.record import Record

LEVEL = 0.02
"""Largest share of the loss that the last epochs may gain where it has levelled off."""

WINDOW = 3
"""Number of last epochs."""

NEAR = 0.05
"""Largest gap between training and validation accuracy."""


def check_capacity(record: Record) -> Finding | None:
    """Return a finding if training and validation level off alike far from a good result.

    Parameters
    ----------
    record
        The record of a training whose result is poor and better than chance.

    Examples
    --------
    >>> curves = {"loss": [1.9, 1.52, 1.51, 1.51, 1.5], "accuracy": [0.4] * 5,
    ...           "val_loss": [1.8, 1.55, 1.54, 1.54, 1.53], "val_accuracy": [0.41] * 5}
    >>> check_capacity(Record(curves)).evidence
    'the training loss levels off at 1.5 (1.52 three epochs before); accuracy is 0.4 on the \
training and 0.41 on the validation data'
    """
    losses = record.curve("loss")
    if len(losses) <= WINDOW or not all(map(math.isfinite, losses)):
        return None
    before = losses[-1 - WINDOW]
    if before - losses[-1] > LEVEL * abs(before) or losses[-1] > 1.05 * min(losses):
        return None
    name = record.accuracy
    validated = record.curve(f"val_{name}") if name else []
    evidence = (
        f"the training loss levels off at {losses[-1]:.3g} ({before:.3g} three epochs before)"
    )
    if validated:
        training = record.curve(name)[-1]
        if training - validated[-1] > NEAR:
            return None
        evidence += (
            f"; {name} is {training:.3g} on the training and {validated[-1]:.3g} on the validation "
            "data"
        )
    return CODES["too-small"].finding(
        evidence,
        "Train with four times the filters or units: if the training loss falls, the model was too "
        "small; if not, check the labels, the inputs and the learning rate",
        epoch=len(losses),
    )
