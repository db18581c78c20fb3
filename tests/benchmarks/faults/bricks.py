"""Small models of the cases."""

from typing import Any

import keras
from keras import layers

from .case import Run
from .data import Split

SPARSE = "sparse_categorical_crossentropy"
BINARY = "binary_crossentropy"


def run(
    model: keras.Model,
    data: Split,
    loss: Any = SPARSE,
    optimizer: Any = "adam",
    *,
    task: str = "classes",
    metrics: Any = None,
    **fit: Any,
) -> Run:
    """Compile a model and put it together with its data."""
    if metrics is None:
        metrics = [] if task == "numbers" else ["accuracy"]
    model.compile(optimizer, loss, metrics=metrics)
    fit.setdefault("epochs", 5)
    return Run(model, data[0], data[1], fit, task)


def mlp(
    features: int | tuple[int, ...],
    *units: int,
    out: int = 1,
    head: str | None = None,
    activation: str = "relu",
    **dense: Any,
) -> keras.Sequential:
    """Return a stack of dense layers; the last one has the default initialization."""
    shape = features if isinstance(features, tuple) else (features,)
    hidden = [layers.Dense(n, activation=activation, **dense) for n in units]
    flatten = [layers.Flatten()] if len(shape) > 1 else []
    return keras.Sequential(
        [keras.Input(shape), *flatten, *hidden, layers.Dense(out, activation=head)]
    )


def cnn(
    shape: tuple[int, ...],
    *filters: int,
    out: int = 10,
    head: str | None = "softmax",
    activation: str = "relu",
    norm: bool = False,
    momentum: float = 0.9,
    dense: tuple[int, ...] = (),
    pool: int = 2,
    **conv: Any,
) -> keras.Model:
    """Return convolutions, each with a pooling, then dense layers."""
    inputs = x = keras.Input(shape)
    for n in filters:
        x = layers.Conv2D(n, 3, padding="same", **conv)(x)
        if norm:
            x = layers.BatchNormalization(momentum=momentum)(x)
        x = layers.Activation(activation)(x)
        if pool > 1:
            x = layers.MaxPooling2D(pool)(x)
    x = layers.Flatten()(x)
    for n in dense:
        x = layers.Dense(n, activation=activation)(x)
    return keras.Model(inputs, layers.Dense(out, activation=head)(x))


def sequence(
    *filters: int, out: int = 3, head: str | None = "softmax", length: int = 48
) -> keras.Sequential:
    """Return 1-D convolutions over a signal."""
    convolutions = []
    for n in filters:
        convolutions += [
            layers.Conv1D(n, 5, padding="same", activation="relu"),
            layers.MaxPooling1D(2),
        ]
    return keras.Sequential(
        [
            keras.Input((length, 1)),
            *convolutions,
            layers.Flatten(),
            layers.Dense(out, activation=head),
        ]
    )
