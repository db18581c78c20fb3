"""Check for moving averages of BatchNormalization that do not represent the data."""

from collections.abc import Iterator

import keras

from cnnzoo.doctor.finding import MODES_DIFFER, Finding

RATIO, DIFFERENCE = 2.0, 0.1
"""Ratio and difference by which the inference loss must exceed the training loss."""

INITIAL_SHARE = 0.05
"""Share of the initial values in the averages from which those are named as the cause."""

LOWER_MOMENTUM = "lower the momentum of BatchNormalization (`norm_momentum` in the zoo)"
"""Remedy for averages that follow too slowly."""


def check_moving_averages(
    model: keras.Model, training_loss: float, inference_loss: float, steps: int
) -> Finding | None:
    """Compare the loss on the training data in both modes of BatchNormalization.

    In training it normalizes by the batch statistics, in inference by averages over the steps so
    far, which start at mean 0 and variance 1. After few steps the averages are still close to
    their initial values, and the model fails in inference although training succeeded (Ioffe and
    Szegedy 2015, section 3.1). After many steps the statistics of the last batches differ from the
    averages.

    Parameters
    ----------
    model
        The trained ``keras.Model``.
    training_loss
        Mean loss over the last epoch.
    inference_loss
        Loss on the same data after the last epoch.
    steps
        Number of training steps.

    Returns
    -------
    Finding or None
        None if the model has no BatchNormalization, or the losses agree.

    Examples
    --------
    >>> import cnnzoo
    >>> model = cnnzoo.build("batch_norm")
    >>> check_moving_averages(model, 0.05, 2.43, 188).evidence[-65:]
    'momentum 0.99 the averages still hold 15% of their initial values'
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
    if held >= INITIAL_SHARE:
        return Finding(
            MODES_DIFFER,
            "BatchNormalization's moving averages have not converged",
            f"{evidence} still hold {held:.0%} of their initial values",
            f"Train longer, or {LOWER_MOMENTUM}",
        )
    return Finding(
        MODES_DIFFER,
        "BatchNormalization's moving averages differ from the last batches",
        f"{evidence} hold less than {INITIAL_SHARE:.0%} of their initial values, so those are not "
        "the cause: large weight updates, small batches or divergence at the end make the batch "
        "statistics differ from the averages",
        f"Lower the learning rate at the end, use larger batches, or {LOWER_MOMENTUM}",
    )


def _batch_norms(model: keras.Model) -> Iterator[keras.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _batch_norms(layer)
        elif isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            yield layer
