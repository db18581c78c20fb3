"""Diagnosis of a weight penalty or decay that outweighs the loss."""

import math

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.learning_rate import fall
from cnnzoo.doctor.record import Change, Record

DECAY = 0.1
"""Share of the weights that decoupled decay may remove per step."""

SOUND = 10.0
"""Ratio of the penalty to the loss up to which a model may be sound: with weight decay, they begin
at 1 to 3 (own choice)."""

FURTHER = 0.05
"""Share of the first loss by which an experiment without penalties must fall further."""


def check_penalty(record: Record) -> Finding | None:
    """Return a finding if penalties or weight decay dominate what is minimized.

    The penalty is larger than the loss that it is added to, or the decay removes more than a
    tenth of the weights per step.

    Parameters
    ----------
    record
        The record of a training with a bad or poor result, or of one that has not begun.

    Examples
    --------
    >>> from cnnzoo.doctor.record import Measurement
    >>> measured = [Measurement(step, 0, loss=2.3, penalty=40.0) for step in (0, 100)]
    >>> check_penalty(Record({}, measured=measured)).evidence
    'the penalty is 40 and the loss without it 2.3 before training; 40 and 2.3 at the end'
    """
    optimizer, first, last = record.optimizer, record.first, record.last
    shrinks = optimizer.rate * optimizer.decay
    if shrinks > DECAY:
        return CODES["penalty-high"].finding(
            f"weight_decay={optimizer.decay:g} at learning rate {optimizer.rate:g} removes "
            f"{shrinks:.0%} of the weights per step",
            f"Lower weight_decay to about {0.01 * optimizer.decay:.1g}",
        )
    if first is None or last is None or not math.inf > first.penalty > first.loss > 0:
        return None
    ratio = first.penalty / first.loss
    evidence = (
        f"the penalty is {first.penalty:.3g} and the loss without it {first.loss:.3g} before "
        "training"
    )
    if last is not first:
        evidence += f"; {last.penalty:.3g} and {last.loss:.3g} at the end"
    confirmed = ratio > SOUND
    if record.experiment is not None:
        within = list(record.experiment(Change()))
        without = list(record.experiment(Change(penalties=False)))
        gained = fall(without) - max(fall(within), 0.0)
        shrunk = math.isfinite(last.penalty) and last.penalty < 0.1 * first.penalty
        if gained < FURTHER and not shrunk:
            return None
        confirmed = True
    return CODES["penalty-high"].finding(
        evidence,
        # to between 1% and 10% of the loss
        "Multiply the penalty (weight_decay, kernel_regularizer) by "
        f"{10.0 ** -math.ceil(math.log10(10 * ratio)):g}",
        severity=Severity.WARNING if confirmed else Severity.NOTE,
    )
