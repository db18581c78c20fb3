"""Optimizers by level of the toggle ``optimizer``."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "momentum": partial(keras.optimizers.SGD, momentum=0.9),
    "rmsprop": keras.optimizers.RMSprop,
}

DECOUPLED = ("adamw",)
"""Optimizers that decay the weights themselves, so that no penalty is needed.

Loshchilov and Hutter (2019), "Decoupled weight decay regularization".
"""


def make_optimizer(
    name: str, learning_rate: float, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Return a new optimizer.

    Parameters
    ----------
    name
        A level of the toggle ``optimizer``.
    learning_rate
        The learning rate.
    weight_decay
        Decay of the kernels per step, relative to the learning rate; used only by "adamw".

    Returns
    -------
    keras.optimizers.Optimizer

    Examples
    --------
    >>> make_optimizer("momentum", 0.1).momentum
    0.9
    """
    if name not in DECOUPLED:
        return OPTIMIZERS[name](learning_rate=learning_rate)
    optimizer = OPTIMIZERS[name](learning_rate=learning_rate, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
