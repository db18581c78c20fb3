"""Diagnosis of gradient clipping that leaves almost nothing."""

import math

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.learning_rate import end_of, fall
from cnnzoo.doctor.record import Change, Record

KEPT, SHARE = 0.01, 0.9
"""Share of the gradient that clipping must keep, and share of the measurements that it does not."""

BETTER, NOTICED = 3.0, 0.02
"""How many times as far the loss must fall without clipping, and the least share of the first loss
that it must fall by (own choices)."""

SCALE_FREE = ("Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Lion", "Lamb",
              "Adafactor", "Muon", "Ftrl")  # fmt: skip
"""Optimizers whose updates do not depend on the scale of the gradient."""


def check_clipping(record: Record) -> Finding | None:
    """Return a finding if clipping keeps less than 1% of the gradient in most measurements.

    Optimizers that rescale the gradient, such as Adam, are not affected. If an experiment without
    clipping does not lower the loss further, clipping is not the cause.

    Parameters
    ----------
    record
        The record of a training with a bad or poor result, or of one that has not begun.
    """
    options, measured = record.optimizer.clipping, record.measured
    if not options or not measured or record.optimizer.name in SCALE_FREE:
        return None
    clipped = [one for one in measured if one.kept < KEPT]
    if len(clipped) < SHARE * len(measured):
        return None
    evidence = (
        f"{', '.join(f'{name}={value:g}' for name, value in options.items())} keeps "
        f"{clipped[0].kept:.2g} of a gradient of norm {clipped[0].gradient:.3g}"
    )
    if record.experiment is not None:
        with_clipping, without = (
            list(record.experiment(Change(clipping=clipping))) for clipping in (True, False)
        )
        if fall(without) < max(NOTICED, BETTER * fall(with_clipping)):
            return None
        evidence += (
            f", and experiments on one batch take the loss from {without[0]:.3g} to "
            f"{end_of(with_clipping):.3g}, and to {end_of(without):.3g} without clipping"
        )
    name, norm = next(iter(options)), clipped[0].gradient
    return CODES["gradient-clipped"].finding(
        evidence, f"Remove {name}, or set it to {10 ** math.ceil(math.log10(norm)):g}"
    )
