"""Diagnoses of the learning rate: too high or too low, shown by experiments."""

import math
from collections.abc import Sequence

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.record import Change, Experiment, Record

LARGE_UPDATE, SMALL_UPDATE = 1e-1, 1e-4
"""Update-to-weight ratios of TheDeepChecker, above and below which steps are unusual."""

USUAL_UPDATE = 1e-3
"""Usual update-to-weight ratio (lecture notes of Stanford's CS231n)."""

LOWER, HIGHER = (0.1, 0.01, 0.001, 0.0001), (10.0, 100.0, 1e3, 1e4, 1e5)
"""Factors of the learning rate that are tried, in order."""

FALLS = 0.1
"""Share of the first loss by which an experiment must lower it to count as falling."""

BETTER = 3.0
"""Ratio of two falls of the loss above which the better rate is named."""

NOTICED = 0.02
"""Share of the first loss by which ten steps that were too small must lower it after a change."""


def check_rate(record: Record) -> Finding | None:
    """Return a finding if another learning rate would lower the loss, and this one does not.

    A copy of the initial model is trained on the probe batch for ten steps, at the learning rate
    and at tenths or multiples of it. The rate is too high if the loss does not fall at it and falls
    at a lower one; it is too low if weight updates are small and the loss falls several times more
    at a higher one. Without a probe batch the result has no such finding.

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
    one update changes the weights by 600% (usually 0.1%), and in experiments from the initial \
weights on one batch the loss goes from 2.3 to 9 at rate 1, and to 1.1 at 0.01
    """
    if record.experiment is None or record.first is None or not record.optimizer.rate > 0:
        return None
    update = record.first.update
    losses = record.experiment(Change())
    finding = None
    if not update < USUAL_UPDATE:
        finding = _too_high(record, record.experiment, losses, update)
    if finding is None and 0 < update < USUAL_UPDATE:  # of a gradient of 0 no rate makes a step
        finding = _too_low(record, record.experiment, losses, update)
    return finding


def fall(losses: Sequence[float]) -> float:
    """Return the share of the first loss by which an experiment lowered it; below 0 if it rose.

    Examples
    --------
    >>> fall([2.0, 1.5]), fall([2.0, 5.0]), fall([2.0, float("nan")])
    (0.25, -1.5, -inf)
    """
    first, last = losses[0], losses[-1]
    if not math.isfinite(last) or not math.isfinite(first):
        return -math.inf
    return (first - last) / abs(first) if first else 0.0


def _too_high(
    record: Record, experiment: Experiment, losses: Sequence[float], update: float
) -> Finding | None:
    # Large updates may lower the loss of a single batch, and overshoot on others.
    if fall(losses) > FALLS and not update > LARGE_UPDATE:
        return None
    for factor in LOWER:
        lower = experiment(Change(rate=factor))
        if fall(lower) > max(FALLS, fall(losses) * 1.1):
            rate = record.optimizer.rate
            return CODES["rate-high"].finding(
                f"one update changes the weights by {_percent(update)} (usually 0.1%), and in "
                "experiments from the initial weights on one batch the loss goes from "
                f"{losses[0]:.3g} to {losses[-1]:.3g} at rate {rate:.3g}, and to {lower[-1]:.3g} "
                f"at {rate * factor:.3g}",
                f"Lower the learning rate to {rate * factor:.3g}",
            )
    return None


def _too_low(
    record: Record, experiment: Experiment, losses: Sequence[float], update: float
) -> Finding | None:
    if fall(losses) > FALLS:
        return None
    best: tuple[float, float, Sequence[float]] | None = None
    for factor in HIGHER:
        higher = experiment(Change(rate=factor))
        gain = fall(higher)
        if gain > max(NOTICED, BETTER * fall(losses)) and (best is None or gain > best[1]):
            best = (factor, gain, higher)
        if gain > FALLS or (best is not None and gain < best[1]):
            break
    if best is None:
        return None
    factor, _, higher = best
    rate = record.optimizer.rate
    return CODES["rate-low"].finding(
        f"one update changes the weights by {_percent(update)} (usually 0.1%), and in experiments "
        f"from the initial weights on one batch the loss goes from {losses[0]:.3g} to "
        f"{losses[-1]:.3g} at rate {rate:.3g}, and to {higher[-1]:.3g} at {rate * factor:.3g}",
        f"Raise the learning rate to {rate * factor:.3g}",
    )


def _percent(share: float) -> str:
    return f"{share * 100:.2g}%" if share < 1 else f"{share * 100:,.0f}%"
