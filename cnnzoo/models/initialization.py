"""Initial weights as a function of a seed and the layers' names, and those names."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import keras

from cnnzoo.models.image_format import channels_first
from cnnzoo.models.loaded_weights import (
    forget_assignment,
    keep_weights,
    loaded_values,
    watch_loading,
)
from cnnzoo.runtime.seeding import stream


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


def build_seeded(
    make: Callable[[], Any], seed: int, input_shape: tuple[int, ...] | None = None
) -> Any:
    """Build a model, and draw the weights that its builder leaves freshly initialized.

    Weights that the builder loads or sets itself (``load_weights``, ``set_weights``,
    ``Normalization.adapt``, a backbone with ``weights=path``) stay as they are, also those of a
    part of a layer, and `restart` brings them back. All others follow from `seed` and the
    layers' names, also where the builder gives an initializer a seed: a trial's seed decides.
    Python's, NumPy's and Keras's global seeds are set first, so that what a builder draws itself
    and sets follows from `seed` too.

    Parameters
    ----------
    make
        Returns a ``keras.Model``.
    seed
        As of `initialize`.
    input_shape
        As of `complete`; left out, a model without weights stays without.

    Returns
    -------
    keras.Model

    Examples
    --------
    >>> def make():
    ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    ...     model.layers[0].bias.assign([3.0])
    ...     return model
    >>> first, second = (build_seeded(make, seed).get_weights() for seed in (0, 1))
    >>> bool((first[0] == second[0]).any()), first[1].tolist(), second[1].tolist()
    (False, [3.0], [3.0])
    """
    fresh_names()
    keras.utils.set_random_seed(stream(seed, "building"))
    with watch_loading() as watch:
        model = make()
        if input_shape is not None:
            complete(model, input_shape)
    for _, layer in _walk(model):
        watch.keep_loaded(layer)
    initialize(model, seed)
    return model


def keep_pretrained(model: Any) -> None:
    """Take all weights that a model has for loaded: `initialize` and `restart` bring them back."""
    for _, layer in _walk(model):
        keep_weights(layer)


def initialize(model: Any, seed: int) -> None:
    """Set every layer back to its start: weights, statistics and random streams.

    Each layer draws from ``stream(seed, path)``, its path being its name below the model, so
    layers of one name start alike in two models of one seed whatever else the models hold.
    Weights that `build_seeded` or `keep_pretrained` took for loaded get their loaded values.

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
    variables, loaded = layer.variables, loaded_values(layer)
    for place, value in loaded.items():
        variables[place].assign(value)
    if len(loaded) == len(variables):
        return
    # The layer's own class knows how its variables start, so a fresh one is made and copied from.
    before = random.getstate()
    random.seed(stream(seed, path))  # Keras draws seeds from it where a configuration has none
    try:
        fresh = type(layer).from_config(_seeded(layer.get_config(), seed, path))
        _make_weights(fresh, layer)
    finally:
        random.setstate(before)
    for place, (variable, start) in enumerate(zip(variables, fresh.variables, strict=True)):
        if place not in loaded:
            variable.assign(start)
            forget_assignment(variable)


def _make_weights(fresh: Any, layer: Any) -> None:
    """Build a fresh layer for what another of its configuration was built for."""
    if getattr(type(layer).build, "_is_default", False):
        # without a `build` of its own it has the weights that its parts have
        for part, built in zip(fresh._layers, layer._layers, strict=True):
            _make_weights(part, built)
    else:
        fresh.build_from_config(layer.get_build_config() or {})


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
