"""Diagnosis of a loss that became NaN or infinite."""

import math

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.record import Record

PLACES = {
    "inputs": "the inputs of the probe batch are not finite",
    "output": "the output of `{layer}` is the first that is not finite",
    "weights": "`{layer}` is the first layer whose weights are not finite",
    "gradient": "the gradient of `{layer}` is the first that is not finite",
    "loss": "all outputs of the model are finite, so the loss function makes it",
}

REMEDIES = {
    "inputs": "Remove or replace NaN and infinity in the inputs",
    "loss": "Use the loss with from_logits=True on a linear head, or check the targets for NaN and "
    "for values outside the range of the loss",
}


def check_nonfinite(record: Record) -> Finding | None:
    """Return a finding if the loss became NaN or infinite: when, and in which layer first.

    Parameters
    ----------
    record
        The record.

    Examples
    --------
    >>> from cnnzoo.doctor.record import Broken
    >>> broken = Broken(epoch=2, step=70, layer="conv1", what="output", last_loss=310.0)
    >>> check_nonfinite(Record({}, broken=broken)).evidence
    'the loss was 310 before and is not finite after step 70; the output of `conv1` is the first \
that is not finite'
    """
    broken = record.broken
    losses = record.curve("loss")
    epoch: int | None
    if broken is None:
        bad = [place for place, loss in enumerate(losses) if not math.isfinite(loss)]
        if not bad:
            return None
        epoch, layer, what = bad[0] + 1, "", ""
        before = f"was {losses[bad[0] - 1]:.3g} before and " if bad[0] else ""
        evidence = f"the loss {before}is not finite after epoch {epoch}"
    else:
        epoch, layer, what = broken.epoch, broken.layer, broken.what
        before = (
            f"was {broken.last_loss:.3g} before and " if math.isfinite(broken.last_loss) else ""
        )
        evidence = f"the loss {before}is not finite after step {broken.step:,}"
    if what:
        evidence += f"; {PLACES[what].format(layer=layer)}"
    default = "Lower the learning rate, or clip the gradient with clipnorm=1.0"
    if record.optimizer.name == "" or not record.measured:
        default += "; check the data for NaN and the loss for a logarithm or division of 0"
    return CODES["loss-nonfinite"].finding(
        evidence, REMEDIES.get(what, default), layer=layer, epoch=epoch
    )
