"""Diagnoses of units that do not respond: dead ReLUs, saturated sigmoid and tanh units."""

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.record import LayerState, Record

DEAD, SATURATED = 0.5, 0.5
"""Shares of the units of a layer from which it is named (SageMaker Debugger, TheDeepChecker;
DeepDiagnosis)."""


def check_dead_units(record: Record) -> Finding | None:
    """Return a finding if most units of a ReLU layer are 0 for the whole probe batch.

    Parameters
    ----------
    record
        The record of a training with a bad or poor result.

    Examples
    --------
    >>> from cnnzoo.doctor.record import Measurement
    >>> states = [LayerState("conv", "Conv2D", gradient=0.0, dead=share) for share in (0.1, 1.0)]
    >>> measured = [Measurement(i, i, 2.3, layers=(one,)) for i, one in enumerate(states)]
    >>> check_dead_units(Record({}, measured=measured)).evidence
    'in `conv` 100% of the units are 0 for all examples of the probe batch (10% before training), \
and the gradient of its weights is 0'
    """
    found = _worst(record, "dead", DEAD)
    if found is None:
        return None
    layer, epoch, before = found
    always = " (so before training)" if epoch == 0 else f" ({before:.0%} before training)"
    evidence = (
        f"in `{layer.layer}` {layer.dead:.0%} of the units are 0 for all examples of the probe "
        f"batch{always}"
    )
    if layer.gradient == 0:
        evidence += ", and the gradient of its weights is 0"
    remedy = (
        "Start from smaller or zero-mean weights and biases of 0, or use activation='leaky_relu'"
        if epoch == 0
        else "Lower the learning rate; or use an activation with a gradient below 0, such as "
        "'leaky_relu' or 'gelu'"
    )
    return CODES["dead-units"].finding(
        evidence,
        remedy,
        severity=Severity.WARNING if layer.dead > 0.9 or layer.gradient == 0 else Severity.NOTE,
        layer=layer.layer,
        epoch=epoch or None,
    )


def check_saturation(record: Record) -> Finding | None:
    """Return a finding if most outputs of a hidden sigmoid or tanh are at the ends of its range.

    Parameters
    ----------
    record
        The record of a training with a bad or poor result.
    """
    found = _worst(record, "saturated", SATURATED)
    if found is None:
        return None
    layer, epoch, before = found
    always = " before training" if epoch == 0 else f" ({before:.0%} before training)"
    return CODES["saturated"].finding(
        f"in `{layer.layer}` {layer.saturated:.0%} of the outputs belong to inputs beyond 5 on "
        f"either side{always}",
        "Scale the inputs and use the default initializer"
        if epoch == 0
        else "Lower the learning rate, or normalize before the activation",
        layer=layer.layer,
        epoch=epoch or None,
    )


def _worst(record: Record, share: str, limit: float) -> tuple[LayerState, int, float] | None:
    """Return the hidden layer with the largest final share, its first epoch and initial share."""
    first, last = record.first, record.measured[-1] if record.measured else None
    if first is None or last is None:
        return None
    # a saturated head is sure of its answers, but a dead one gives none
    layers = last.layers if share == "dead" else last.layers[:-1]
    hidden = [layer for layer in layers if getattr(layer, share) > limit]
    if not hidden:
        return None
    worst = max(hidden, key=lambda layer: getattr(layer, share))
    shares = {
        one.epoch: getattr(layer, share)
        for one in reversed(record.measured)
        for layer in one.layers
        if layer.layer == worst.layer
    }
    epoch = min(epoch for epoch, value in shares.items() if value > limit)
    initial = [getattr(layer, share) for layer in first.layers if layer.layer == worst.layer]
    if initial and initial[0] <= limit:
        epoch = max(epoch, 1)
    return worst, epoch, initial[0] if initial else float("nan")
