"""Diagnosis of a training loss that rises or jumps from epoch to epoch."""

import itertools

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.record import Record

JUMP = 2.0
"""Ratio of a loss to the best one so far that counts as a jump (TheDeepChecker)."""

DROP, SHARE, EPOCHS = 0.03, 0.2, 5
"""Drop of the training accuracy, and share of the epochs with one, that count as oscillation
(AUTOTRAINER), in a training of at least so many epochs."""

WORSE = 1.2
"""Ratio of the last to the best training loss from which an instability explains a result."""


def check_instability(record: Record) -> Finding | None:
    """Return a finding if the training loss jumped and training ended worse than its best epoch.

    An instability that the training recovered from is no finding.

    Parameters
    ----------
    record
        The record.

    Examples
    --------
    >>> check_instability(Record({"loss": [1.0, 0.4, 1.7, 0.9]})).evidence
    'the training loss was 0.4 after epoch 2, rose to 1.7 by epoch 3 and is 0.9 at the end'
    >>> check_instability(Record({"loss": [1.0, 0.4, 1.7, 0.3]})) is None
    True
    """
    losses = record.curve("loss")
    if len(losses) < 3:
        return None
    best = min(range(len(losses)), key=losses.__getitem__)
    if not losses[-1] > WORSE * losses[best]:
        return None
    worst = max(range(best, len(losses)), key=losses.__getitem__)
    drops = 0
    if record.accuracy and len(losses) >= EPOCHS:
        accuracy = record.curve(record.accuracy)
        drops = sum(b < a - DROP for a, b in itertools.pairwise(accuracy))
    oscillates = drops >= SHARE * len(losses)
    if not (losses[worst] > JUMP * losses[best] or (oscillates and drops)):
        return None
    evidence = (
        f"the training loss was {losses[best]:.3g} after epoch {best + 1}, rose to "
        f"{losses[worst]:.3g} by epoch {worst + 1} and is {losses[-1]:.3g} at the end"
    )
    if oscillates and drops:
        evidence += f"; the accuracy fell by over {DROP * 100:.0f} points in {drops} epochs"
    return CODES["loss-unstable"].finding(
        evidence,
        "Lower the learning rate, or let a schedule lower it towards the end; clip the gradient "
        "with clipnorm=1.0",
        epoch=worst + 1,
    )
