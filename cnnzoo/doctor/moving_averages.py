"""Whether BatchNormalization's moving averages stand for the data."""

from collections.abc import Iterator
from typing import Any

import keras

from cnnzoo.doctor.finding import Finding

RATIO, DIFFERENCE = 2.0, 0.1
"""How far the loss in inference mode must be above that in training to be found."""

MODES_DIFFER = "modes-differ"
"""The code of a model whose loss in inference is not that in training."""

STARTED = 0.05
"""What the averages must still hold of their start for that to be named as the cause."""


def check_moving_averages(
    model: Any, training_loss: float, inference_loss: float, steps: int
) -> Finding | None:
    """Compare the loss on the training data in both modes of BatchNormalization.

    In training it normalizes by the batch, in inference by averages over the steps so far, which
    start at mean 0 and variance 1. After few steps these still are what they started as, and the
    model fails in inference although training went well (Ioffe and Szegedy 2015, section 3.1).
    After many steps it is the statistics of the last batches that are not those of the averages.

    Parameters
    ----------
    model
        The trained ``keras.Model``.
    training_loss
        Mean over the last epoch.
    inference_loss
        On the same data after it.
    steps
        How many there were.

    Returns
    -------
    Finding or None
        None if the model has no BatchNormalization, or the losses agree.

    Examples
    --------
    >>> import cnnzoo
    >>> model = cnnzoo.build("batch_norm")
    >>> check_moving_averages(model, 0.05, 2.43, 188).evidence[-65:]
    'momentum 0.99 the averages still hold 15% of what they started as'
    >>> check_moving_averages(model, 0.05, 2.43, 2000).name
    "BatchNormalization's moving averages differ from the last batches"
    >>> check_moving_averages(cnnzoo.build("mlp"), 0.05, 2.43, 188) is None
    True
    """
    momenta = [layer.momentum for layer in _batch_norms(model)]
    apart = inference_loss > RATIO * training_loss and inference_loss > training_loss + DIFFERENCE
    if not momenta or not apart:
        return None
    momentum = max(momenta)
    held = momentum**steps
    evidence = (
        f"on the training data the loss is {training_loss:.3g} in training and "
        f"{inference_loss:.3g} in inference, and after {steps} steps at momentum {momentum:g} the "
        "averages"
    )
    if held >= STARTED:
        return Finding(
            MODES_DIFFER,
            "BatchNormalization's moving averages have not converged",
            f"{evidence} still hold {held:.0%} of what they started as",
            "Train longer, or lower norm_momentum",
        )
    return Finding(
        MODES_DIFFER,
        "BatchNormalization's moving averages differ from the last batches",
        f"{evidence} hold less than {STARTED:.0%} of what they started as, so that it is not the "
        "start: weights that still move fast, small batches, or divergence at the end make the "
        "statistics of batches differ from them",
        "Lower the learning rate at the end, take larger batches, or lower norm_momentum",
    )


def _batch_norms(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _batch_norms(layer)
        elif isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            yield layer
