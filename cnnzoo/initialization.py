"""Initial weights as a function of a seed and the layers' names, and those names."""

from collections.abc import Iterator
from typing import Any

import keras

from cnnzoo.axes import channels_first
from cnnzoo.seeding import stream


def fresh_names() -> None:
    """Have Keras count layers' names from the start, so that they are the same each time.

    The dtype policy, which Keras forgets with them, stays.
    """
    policy = keras.config.dtype_policy()
    keras.utils.clear_session(free_memory=False)
    keras.config.set_dtype_policy(policy)


def complete(model: Any, input_shape: tuple[int, ...]) -> None:
    """Make the weights of a Sequential without a ``keras.Input``, which has none yet.

    Parameters
    ----------
    model
        A ``keras.Model``; one that has weights stays as it is.
    input_shape
        Of an example, channels last.

    Examples
    --------
    >>> model = keras.Sequential([keras.layers.Dense(2)])
    >>> complete(model, (3,))
    >>> model.input_shape
    (None, 3)
    """
    if isinstance(model, keras.Sequential) and not model.built:
        *sizes, channels = input_shape
        shape = (channels, *sizes) if channels_first() else input_shape
        model.build((None, *shape))


def initialize(model: Any, seed: int) -> None:
    """Set every layer back to its start: weights, statistics and random streams.

    Each layer draws from ``stream(seed, path)``, its path being its name below the model, so
    layers of one name start alike in two models of one seed whatever else the models hold.
    Weights that do not follow from the layers' configurations (pretrained ones) are replaced too:
    name those layers apart or load them afterwards.

    Parameters
    ----------
    model
        A built ``keras.Model`` of any origin.
    seed
        0 is a seed like any other.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])
    >>> initialize(model, 0)
    >>> first = model.get_weights()[0]
    >>> initialize(model, 0)
    >>> bool((model.get_weights()[0] == first).all())
    True
    """
    for path, layer in _walk(model):
        _restart(layer, seed, path)


def restart(model: Any, seed: int) -> None:
    """Set a compiled model back to its start, and its optimizer with it.

    What the model was traced to is kept, so that it trains again without being traced again; it
    then trains to the same weights as a model that was built with the seed.

    Parameters
    ----------
    model
        A compiled ``keras.Model``.
    seed
        As of `initialize`.
    """
    initialize(model, seed)
    optimizer = model.optimizer
    if optimizer.built:
        fresh = type(optimizer).from_config(optimizer.get_config())
        fresh.build(model.trainable_variables)
        for variable, start in zip(optimizer.variables, fresh.variables, strict=True):
            variable.assign(start)
    model.reset_metrics()


def _walk(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the innermost layers with their paths."""
    for layer in model.layers:
        path = f"{prefix}{layer.name}"
        if isinstance(layer, keras.Model):
            yield from _walk(layer, f"{path}/")
        else:
            yield path, layer


def _restart(layer: Any, seed: int, path: str) -> None:
    if not layer.variables:
        return
    # The layer's own class knows how its variables start, so a fresh one is made and copied from.
    config = _seeded(layer.get_config(), seed, path)
    fresh = type(layer).from_config(config)
    fresh.build_from_config(layer.get_build_config() or {})
    for variable, start in zip(layer.variables, fresh.variables, strict=True):
        variable.assign(start)


def _seeded(config: Any, seed: int, path: str) -> Any:
    """Copy a configuration with every seed in it drawn from the stream of its place."""
    if isinstance(config, dict):
        return {
            key: stream(seed, path) if key == "seed" else _seeded(value, seed, f"{path}/{key}")
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return [_seeded(value, seed, f"{path}/{index}") for index, value in enumerate(config)]
    return config
