"""Checks of the curves: chance level, a metric that does not follow the loss, divergence."""

import math

from cnnzoo.doctor.chance import DIVERGED_RATIO, check_chance
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.record import Record

FALLEN = 0.5
"""Share of the loss of a constant answer below which a classifier must have learned something."""

PERFECT = 0.05
"""Share of the loss of a constant answer below which the loss counts as perfect."""


def check_curves_chance(record: Record) -> Finding | None:
    """Return a finding if the last epoch is no better than a constant answer.

    The validation data are compared if their labels are known, else the training data.

    Parameters
    ----------
    record
        The record.

    Examples
    --------
    >>> from cnnzoo.doctor.chance import Constant
    >>> constant = Constant(count=1000, accuracy=0.1, nll=2.303)
    >>> curves = {"loss": [2.4, 2.31], "accuracy": [0.1, 0.11]}
    >>> check_curves_chance(Record(curves, constant=constant)).evidence
    'on the 1,000 training examples accuracy is 0.11 (a constant answer: 0.1) and nll 2.31 (2.3)'
    """
    losses = record.curve("loss")
    if record.is_weighted and losses:  # the accuracy may be below that of the largest class
        start = record.first.loss if record.first is not None else losses[0]
        if losses[-1] < FALLEN * start:
            return None
    for prefix, constant, split in (
        ("val_", record.validation_constant, "validation"),
        ("", record.constant, "training"),
    ):
        if constant is None:
            continue
        metrics = _last_metrics(record, prefix)
        if metrics:
            return check_chance(constant, metrics, split)
    return None


def check_metric_chance(record: Record) -> Finding | None:
    """Return a finding if the accuracy stays at chance level although the loss falls.

    Then the metric does not measure what the loss minimizes. On Keras's TensorFlow backend even a
    softmax over one unit trains to a perfect loss, because the loss is computed from the logits.

    Parameters
    ----------
    record
        The record.

    Examples
    --------
    >>> from cnnzoo.doctor.chance import Constant
    >>> constant = Constant(count=1000, accuracy=0.5, nll=0.693)
    >>> curves = {"loss": [0.4, 0.001], "accuracy": [0.5, 0.5]}
    >>> check_metric_chance(Record(curves, constant=constant)).name
    'Perfect loss at chance accuracy'
    """
    constant, losses = record.constant, record.curve("loss")
    if record.is_weighted:
        return None
    if constant is None or not record.accuracy or not losses or not constant.nll > 0:
        return None
    accuracy = record.curve(record.accuracy)[-1]
    only_accuracy = {"accuracy": accuracy, "macro_f1": 0.0}
    at_chance = check_chance(constant, only_accuracy, "training") is not None
    start = record.first.loss if record.first is not None else losses[0]
    share = losses[-1] / (constant.nll if record.is_likelihood else start)
    if not at_chance or not share < FALLEN:
        return None
    perfect = record.is_likelihood and share < PERFECT
    return CODES["at-chance"].finding(
        f"the training loss fell to {losses[-1]:.3g}"
        + (f" (a constant answer: {constant.nll:.3g})" if record.is_likelihood else "")
        + f", and {record.accuracy} is {accuracy:.3g} (a constant answer: {constant.accuracy:.3g})",
        "The metric does not measure what the loss minimizes: compare the number of output units "
        "and the last activation with the labels, and name the metric for them, such as "
        "'binary_accuracy' or 'sparse_categorical_accuracy'",
        name="Perfect loss at chance accuracy"
        if perfect
        else "Accuracy at chance level although the loss falls",
    )


def check_curves_divergence(record: Record) -> Finding | None:
    """Return a finding if the loss is far above that of a constant answer.

    Parameters
    ----------
    record
        The record.

    Examples
    --------
    >>> from cnnzoo.doctor.chance import Constant
    >>> constant = Constant(count=1000, accuracy=0.1, nll=2.303)
    >>> check_curves_divergence(Record({"loss": [3e5, 2e5]}, constant=constant)).evidence
    'the training loss is 2e+05 after epoch 2, where a constant answer has 2.3'
    """
    losses, constant_loss = record.curve("loss"), record.constant_loss
    if not losses or not math.isfinite(losses[-1]) or not constant_loss > 0:
        return None
    limit = DIVERGED_RATIO * constant_loss
    if record.is_square:  # a model starts near the answer 0, which may be far from the mean
        start = record.first.loss if record.first is not None else losses[0]
        limit = DIVERGED_RATIO * max(constant_loss, start)
    else:
        limit = max(limit, DIVERGED_RATIO)
    if losses[-1] <= limit:
        return None
    return CODES["diverged"].finding(
        f"the training loss is {losses[-1]:.3g} after epoch {len(losses)}, where a constant "
        f"answer has {constant_loss:.3g}",
        "Lower the learning rate",
    )


def _last_metrics(record: Record, prefix: str) -> dict[str, float]:
    """Return the metrics that `check_chance` compares, after the last epoch."""
    losses = record.curve(f"{prefix}loss")
    if record.is_square:
        return {"rmse": math.sqrt(max(losses[-1], 0.0))} if losses else {}
    accuracies = record.curve(f"{prefix}{record.accuracy}") if record.accuracy else []
    metrics = {"accuracy": accuracies[-1]} if accuracies else {}
    if metrics and losses and record.is_likelihood:
        metrics["nll"] = losses[-1]
    return metrics
