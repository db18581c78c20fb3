"""Diagnosis of labels that can be memorized and not predicted."""

from cnnzoo.doctor.chance import SHOWN, Constant, chance_of, check_chance
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.overfitting import GAP
from cnnzoo.doctor.record import POOR, Record

HINT = 0.05
"""A validation accuracy that chance reaches in fewer samples hints at skill."""


def check_label_signal(record: Record) -> Finding | None:
    """Return a finding if the model fits the training data and is at chance on validation data.

    The training accuracy must be above chance too: a loss that falls without it, as under a head
    of too few units, tells nothing about the labels. It must be so high that it would show on the
    validation examples.

    Parameters
    ----------
    record
        The record.

    Examples
    --------
    >>> from cnnzoo.doctor.chance import Constant
    >>> guess = Constant(count=500, accuracy=0.1, nll=2.303)
    >>> curves = {"loss": [2.2, 0.3], "accuracy": [0.2, 0.95],
    ...           "val_loss": [2.4, 4.1], "val_accuracy": [0.1, 0.104]}
    >>> record = Record(curves, constant=guess, validation_constant=guess)
    >>> check_label_signal(record).evidence
    'accuracy is 0.95 on the training data, and 0.104 on the 500 validation examples (a constant \
answer: 0.1)'
    """
    constant, name = record.validation_constant, record.accuracy
    if constant is None or not name:
        return None
    validated = record.curve(f"val_{name}")
    if not validated or _is_by_chance(record):
        return None
    if not (record.explained > POOR or _is_memorized(record, validated[-1])):
        return None
    if not _is_without_skill(constant, validated[-1], record.curve(name)[-1]):
        return None
    return CODES["labels-no-signal"].finding(
        f"{name} is {record.curve(name)[-1]:.3g} on the training data, and {validated[-1]:.3g} on "
        f"the {constant.count:,} validation examples (a constant answer: {constant.accuracy:.3g})",
        "Check that inputs and labels are paired (shuffled together, no row dropped from one), in "
        "the validation data first: if the training accuracy of a model fitted to the validation "
        "data is as high, the labels of both splits cannot be predicted",
    )


def _is_without_skill(constant: Constant, validated: float, trained: float) -> bool:
    """Return whether the validation data tell that nothing was learned.

    The accuracy must not even hint at skill, and there must be so many examples that the training
    accuracy would have shown on them. On 18 examples of three classes 12 right answers are more
    than a constant answer has by chance in 0.4% of samples: no proof of skill, but no lack of it.
    """
    n, share = constant.count, constant.accuracy
    return (
        share < 1
        and chance_of(round(validated * n), n, share) > HINT
        and chance_of(round(trained * n), n, share) <= SHOWN
    )


def _is_by_chance(record: Record) -> bool:
    """Return whether the training accuracy is at chance level, as far as the labels are known."""
    accuracy = record.curve(record.accuracy)[-1]
    return (
        record.constant is not None
        and check_chance(record.constant, {"accuracy": accuracy}, "training") is not None
    )


def _is_memorized(record: Record, validated: float) -> bool:
    """Return whether the training data are predicted far better."""
    return record.constant is not None and record.curve(record.accuracy)[-1] - validated > GAP
