"""Diagnosis of a gradient that vanishes on its way to the first layers."""

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.record import Record

SMALL, RATIO = 1e-4, 1e-3
"""Norm of the first layer's gradient, and its ratio to that of the last layer, below which the
gradient vanishes (AUTOTRAINER)."""


def check_vanishing(record: Record) -> Finding | None:
    """Return a finding if the first layers get almost no gradient, although the last layer does.

    Parameters
    ----------
    record
        The record of a training with a bad or poor result.

    Examples
    --------
    >>> from cnnzoo.doctor.record import LayerState, Measurement
    >>> layers = [LayerState(f"dense{i}", "Dense", gradient=10.0 ** (i - 6)) for i in range(6)]
    >>> measured = [Measurement(0, 0, 2.3, layers=tuple(layers))]
    >>> check_vanishing(Record({}, measured=measured)).evidence
    'before training the gradient has norm 1e-06 in `dense0` and 0.1 in `dense5`, a ratio of 1e-05'
    """
    for one in record.measured:
        layers = one.weighted
        if len(layers) < 2 or layers[-1].gradient == 0:
            continue
        first, last, ratio = layers[0], layers[-1], one.first_to_last
        # an exact 0 comes from dead units or a cut in the graph
        if 0 < first.gradient < SMALL and ratio < RATIO:
            when = f"after epoch {one.epoch}" if one.step else "before training"
            return CODES["gradient-vanishing"].finding(
                f"{when} the gradient has norm {first.gradient:.2g} in `{first.layer}` and "
                f"{last.gradient:.2g} in `{last.layer}`, a ratio of {ratio:.2g}",
                "Use ReLU or GELU instead of sigmoid or tanh, BatchNormalization between the "
                "layers, skip connections, or fewer layers",
                layer=first.layer,
                epoch=one.epoch or None,
            )
    return None
