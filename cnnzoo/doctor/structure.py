"""Weak signs in a model's layers that explain a poor result."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import keras
import numpy as np

from cnnzoo.doctor.architecture import (
    check_dropout,
    check_map_sizes,
    check_nonlinearity,
    check_receptive_field,
)
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.plan import Splits, TrainingPlan

TOO_SMALL = "too-small"
"""Code that a fault of the layers explains."""


def explain_by_layers(model: keras.Model, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings of a poor training with the weak signs in the model's layers.

    Layers without a nonlinearity, maps of one pixel, averages of small patches and high dropout
    are notes before training, because models with them may train well. Where the result is poor
    they are warnings, and replace the finding that the model is too small, which they explain.

    Parameters
    ----------
    model
        The trained model.
    findings
        Findings of a training with a poor or bad result.

    Examples
    --------
    >>> hidden, head = keras.layers.Dense(8, name="hidden"), keras.layers.Dense(1)
    >>> model = keras.Sequential([keras.Input((2,)), hidden, head])
    >>> [(finding.code, str(finding.severity)) for finding in explain_by_layers(model, [])]
    [('no-nonlinearity', 'warning')]
    """
    known = {finding.code for finding in findings}
    signs = [sign for sign in _signs(model) if sign.code not in known]
    if not signs:
        return [*findings]
    others = [finding for finding in findings if finding.code != TOO_SMALL]
    return [*others, *(replace(sign, severity=Severity.WARNING) for sign in signs)]


def _signs(model: keras.Model) -> Iterator[Finding]:
    """Yield the first sign of each kind."""
    no_examples = np.zeros((0, *model.input_shape[1:])), np.zeros(0)
    plan = TrainingPlan(model, Splits(*no_examples))
    for check in (check_nonlinearity, check_map_sizes, check_receptive_field, check_dropout):
        yield from [*check(plan)][:1]
