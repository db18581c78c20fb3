"""Diagnose a training from its record: what went wrong first, then what explains it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cnnzoo.doctor.capacity import check_capacity
from cnnzoo.doctor.chance_curves import (
    check_curves_chance,
    check_curves_divergence,
    check_metric_chance,
)
from cnnzoo.doctor.clipping import check_clipping
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.instability import check_instability
from cnnzoo.doctor.label_signal import check_label_signal
from cnnzoo.doctor.learning_rate import check_rate
from cnnzoo.doctor.nonfinite import check_nonfinite
from cnnzoo.doctor.overfitting import check_overfitting
from cnnzoo.doctor.penalty import check_penalty
from cnnzoo.doctor.record import Record, is_bad
from cnnzoo.doctor.stopping import check_stopping
from cnnzoo.doctor.units import check_dead_units, check_saturation
from cnnzoo.doctor.vanishing import check_vanishing

RESULTS = (check_nonfinite, check_metric_chance, check_instability)
"""Diagnoses that tell of a bad result."""

CAUSES = (
    check_label_signal,
    check_clipping,
    check_rate,
    check_penalty,
    check_dead_units,
    check_saturation,
    check_vanishing,
)
"""Diagnoses that explain a bad or poor result, and are not said without one."""

ROOTS = {"rate-high", "rate-low", "gradient-clipped", "penalty-high"}
"""Causes that an experiment or arithmetic has shown."""

SYMPTOMS = {"dead-units", "saturated", "gradient-vanishing"}
"""States of layers, which another cause may have led to during the training."""


def diagnose_record(
    record: Record, known: Sequence[Finding] = (), *, evaluated: bool = False
) -> list[Finding]:
    """Return the findings of a training: its results, their causes, and weaknesses.

    A cause is looked for only if there is something to explain: a result at chance level, a loss
    that is not finite, unstable or diverged, or training data of which less than half is
    explained.

    Parameters
    ----------
    record
        The record of the training.
    known
        Findings that are already known, from an evaluation of the trained model. Their codes are
        not given a second time.
    evaluated
        Whether they come from an evaluation, so that the curves need not tell whether the model is
        at chance level or diverged.

    Returns
    -------
    list of Finding
        The known findings, and the others.

    Examples
    --------
    >>> curves = {"loss": [1.0, 0.02], "accuracy": [0.6, 0.99],
    ...           "val_loss": [1.3, 1.3], "val_accuracy": [0.55, 0.6]}
    >>> [finding.code for finding in diagnose_record(Record(curves))]
    ['overfit']
    """
    findings = list(known)
    _add(findings, (check(record) for check in RESULTS))
    if not evaluated:
        _add(findings, [check_curves_divergence(record)])
    if not evaluated and not is_bad(findings):
        _add(findings, [check_curves_chance(record)])
    bad = is_bad(findings)
    if bad or record.is_poor:
        _add(findings, (check(record) for check in CAUSES))
        findings = _consequences(findings)
    elif (unpredictable := check_label_signal(record)) is not None:
        findings.append(unpredictable)
    codes = {finding.code for finding in findings}
    # where the modes differ, accuracies of training and validation have different causes
    if not codes & {"loss-nonfinite", "diverged", "labels-no-signal", "modes-differ"}:
        _add(findings, [check_overfitting(record)])
    if not bad and not codes & {"rate-low"}:
        stopping = check_stopping(record)
        _add(findings, [stopping])
        if stopping is None and record.is_poor and len(codes) == 0:
            _add(findings, [check_capacity(record)])
    return findings


def _consequences(findings: list[Finding]) -> list[Finding]:
    """Make states of layers notes if they came up in training and another cause is shown."""
    if not ROOTS & {finding.code for finding in findings}:
        return findings
    return [
        replace(one, severity=Severity.NOTE)
        if one.code in SYMPTOMS and one.epoch is not None
        else one
        for one in findings
    ]


def _add(findings: list[Finding], more: Iterable[Finding | None]) -> None:
    codes = {finding.code for finding in findings}
    findings += [one for one in more if one is not None and one.code not in codes]
