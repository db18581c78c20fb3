"""Optimizers by level of the toggle ``optimizer``, and those of saved models."""

import json
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

OF_TORCH = "keras.src.backend.torch.optimizers"
"""Package of the optimizers that Keras uses instead of its own if torch is the backend."""

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


def is_of_torch(optimizer: Any) -> bool:
    """Return whether an optimizer can only update the variables of torch."""
    return any(kind.__module__.startswith(OF_TORCH) for kind in type(optimizer).__mro__)


def replaced_optimizers(config: str) -> dict[str, type]:
    """Return Keras's own optimizers for those of torch that a saved model names.

    Parameters
    ----------
    config
        The ``config.json`` of a ``.keras`` file.

    Returns
    -------
    dict
        Classes by the name in the file, as ``custom_objects`` of ``keras.saving.load_model``. With
        the backend torch, Keras makes its optimizers of torch from them.

    Examples
    --------
    >>> saved = {"module": f"{OF_TORCH}.torch_sgd", "class_name": "SGD", "registered_name": "SGD"}
    >>> replaced_optimizers(json.dumps({"compile_config": {"optimizer": saved}}))["SGD"].__module__
    'keras.src.optimizers.sgd'
    """
    names = set()

    def collect(part: dict[str, Any]) -> dict[str, Any]:
        if str(part.get("module")).startswith(OF_TORCH):
            names.add(part["class_name"])
        return part

    json.loads(config, object_hook=collect)
    return {name: getattr(keras.optimizers, name) for name in names}
