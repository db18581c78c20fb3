"""Diagnoses of the learning rate: too high or too low, shown by experiments."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.record import Change, Experiment, Record

Losses = Sequence[float] | NDArray[np.float64]
"""Losses of the steps of a short training, in order."""

Better = tuple[float, Losses]
"""Factor of the learning rate at which the loss of a batch falls, and the losses at it."""

LARGE_UPDATE, SMALL_UPDATE = 1e-1, 1e-4
"""Update-to-weight ratios of TheDeepChecker, above and below which steps are unusual."""

USUAL_UPDATE = 1e-3
"""Usual update-to-weight ratio (lecture notes of Stanford's CS231n)."""

LOWER, HIGHER = (0.1, 0.01, 0.001, 0.0001), (10.0, 100.0, 1e3, 1e4, 1e5)
"""Factors of the learning rate that are tried, in order."""

FALLS = 0.1
"""Share of the first loss by which an experiment must lower it to count as falling (own choice)."""

FASTER, TIMES = 0.05, 10.0
"""Share of the first loss by which a higher rate must lower it, and how many times as far as the
rate itself does (own choices)."""

FURTHER = 1.1
"""How many times as far a lower rate must lower the loss as the rate itself does (own choice)."""

FITTED, LEARNS = 0.5, 0.3
"""Share of the reference below which one loss counts as fitted, and share of it that is gone at the
end where a batch is learned (own choices)."""


def check_rate(record: Record) -> Finding | None:
    """Return a finding if another learning rate would lower the loss, and this one does not.

    A copy of the initial model is trained on the probe batch, at the learning rate and at tenths
    or multiples of it. The rate is too high if the loss does not fall at it and falls at a lower
    one; it is too low if weight updates are small and the loss falls many times further at a higher
    one. Without a probe batch the result has no such finding.

    Parameters
    ----------
    record
        The record of a training with a bad or poor result.

    Examples
    --------
    >>> from cnnzoo.doctor.record import LayerState, Measurement, Optimizer
    >>> def experiment(change):
    ...     return [2.3, 9.0] if change.rate > 0.01 else [2.3, 1.1]
    >>> measured = [Measurement(0, 0, 2.3, layers=(LayerState("conv", "Conv2D", update=6.0),))]
    >>> sgd = Optimizer("SGD", rate=1.0)
    >>> record = Record({}, measured=measured, optimizer=sgd, experiment=experiment)
    >>> print(check_rate(record).evidence)
    one update changes the weights by 600% (usually 0.1%), and experiments from the initial \
weights on one batch take the loss from 2.3 to 9 at the learning rate 1, and to 1.1 at 0.01
    """
    if record.experiment is None or record.first is None or not record.optimizer.rate > 0:
        return None
    update, losses = record.first.update, record.experiment(Change())
    code, better = "rate-high", None
    # Large updates may lower the loss of a single batch, and overshoot on others.
    if not update < USUAL_UPDATE and (fall(losses) <= FALLS or update > LARGE_UPDATE):
        constant = record.constant_loss
        reference = min(losses[0], constant) if constant > 0 else losses[0]
        better = find_lower(record.experiment, losses, reference)
    elif 0 < update < USUAL_UPDATE and fall(losses) <= FALLS:  # no rate makes a step of 0
        code, better = "rate-low", find_higher(record.experiment, losses)
    if better is None:
        return None
    rate = record.optimizer.rate
    return CODES[code].finding(
        f"one update changes the weights by {_percent(update)} (usually 0.1%), and experiments "
        f"from the initial weights on one batch take {falls_at(losses, rate, better)}",
        set_rate(rate * better[0]),
    )


def end_of(losses: Losses) -> float:
    """Return the mean of the last three losses after the first; infinite if one was not finite.

    Examples
    --------
    >>> end_of([9.0, 4.0, 3.0, 2.0]), end_of([9.0, 4.0]), end_of([9.0, float("nan")])
    (3.0, 4.0, inf)
    """
    if not np.isfinite(losses).all():
        return math.inf
    return float(np.mean(losses[-min(3, max(len(losses) - 1, 1)) :]))


def fall(losses: Losses) -> float:
    """Return the share of the first loss that is gone at the end; negative if the loss rose.

    Examples
    --------
    >>> fall([2.0, 1.5]), fall([2.0, 5.0]), fall([2.0, float("nan")])
    (0.25, -1.5, -inf)
    """
    first = float(losses[0])
    return (first - end_of(losses)) / abs(first) if first else 0.0


def is_learned(losses: Losses, reference: float) -> bool:
    """Return whether losses end well below a reference.

    Examples
    --------
    >>> is_learned([2.0, 1.3], 2.0), is_learned([9.0, 3.0], 2.0)
    (True, False)
    """
    return end_of(losses) < (1 - LEARNS) * reference or losses[-1] < FITTED * reference


def find_lower(experiment: Experiment, losses: Losses, reference: float) -> Better | None:
    """Return the first lower learning rate at which a batch is learned, if there is one.

    Parameters
    ----------
    experiment
        Function that trains with a change.
    losses
        Losses without one.
    reference
        The first loss, or that of a constant answer if it is lower.
    """
    for factor in LOWER:
        lower = experiment(Change(rate=factor))
        if is_learned(lower, reference) and fall(lower) > FURTHER * fall(losses):
            return factor, lower
    return None


def find_higher(experiment: Experiment, losses: Losses) -> Better | None:
    """Return the first higher learning rate that lowers the loss much further, if there is one."""
    for factor in HIGHER:
        higher = experiment(Change(rate=factor))
        if fall(higher) > max(TIMES * fall(losses), FASTER):
            return factor, higher
    return None


def set_rate(rate: float, name: str = "the learning rate") -> str:
    """Return the remedy that names a learning rate."""
    return f"Set {name} to {rate:.3g}"


def falls_at(losses: Losses, rate: float, better: Better) -> str:
    """Return the end of a sentence: how the loss falls at a learning rate and at a better one."""
    end = (
        f"{end_of(losses):.4g}" if math.isfinite(end_of(losses)) else "a number that is not finite"
    )
    return (
        f"the loss from {losses[0]:.4g} to {end} at the learning rate {rate:.3g}, and to "
        f"{end_of(better[1]):.3g} at {rate * better[0]:.3g}"
    )


def _percent(share: float) -> str:
    return f"{share * 100:.2g}%" if share < 1 else f"{share * 100:,.0f}%"
