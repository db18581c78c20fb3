"""Initial weights as a function of a seed and the names of the layers."""

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras

from cnnzoo.models.compiled_loss import outputs_of
from cnnzoo.models.image_format import channels_first
from cnnzoo.models.loaded_weights import (
    forget_assignment,
    initializers_of,
    keep_weights,
    loaded_values,
    watch_loading,
)
from cnnzoo.runtime.seeding import stream


def fresh_names() -> None:
    """Restart Keras's counters of layer names, so that each build gives the same names.

    Keras would reset the dtype policy too; it is kept.
    """
    policy = keras.config.dtype_policy()
    keras.utils.clear_session(free_memory=False)
    keras.config.set_dtype_policy(policy)


def complete(model: keras.Model, input_shape: tuple[int, ...]) -> None:
    """Create the weights of a model that does not know its input.

    That is a Sequential model without a ``keras.Input``, or a subclass of ``keras.Model`` with a
    custom ``call``, which is called on a ``keras.Input`` once. If that fails, Keras will create
    its weights in the first step.

    Parameters
    ----------
    model
        A ``keras.Model``; one that knows its input is left unchanged.
    input_shape
        Shape of one example, channels last.

    Examples
    --------
    >>> model = keras.Sequential([keras.layers.Dense(2)])
    >>> complete(model, (3,))
    >>> model.input_shape
    (None, 3)
    """
    *sizes, channels = input_shape
    shape = (channels, *sizes) if channels_first() else input_shape
    if isinstance(model, keras.Sequential):
        if not model.built:
            model.build((None, *shape))
    elif outputs_of(model) is None:
        with contextlib.suppress(Exception):  # any error of a custom `call`
            model(keras.Input(shape))


def build_seeded(
    make: Callable[[], keras.Model], seed: int, input_shape: tuple[int, ...] | None = None
) -> keras.Model:
    """Build a model and draw the weights that its builder only initializes.

    Weights that the builder loads or sets (``load_weights``, ``set_weights``,
    ``Normalization.adapt``, a backbone with ``weights=path``) are kept, also those of a part of a
    layer, and `restart` restores them. All others follow from `seed` and the names of the layers,
    even if the builder passes a seed to an initializer. The global seeds of Python, NumPy and
    Keras are set first, so that values that a builder draws and sets follow from `seed` too.

    Parameters
    ----------
    make
        Function that returns a ``keras.Model``.
    seed
        See `initialize`.
    input_shape
        See `complete`; if left out, a model without weights is not completed.

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
    for _, layer in walk_layers(model):
        watch.keep_loaded(layer)
    initialize(model, seed)
    return model


def keep_pretrained(model: keras.Model) -> None:
    """Mark all weights of a model as loaded, so that `initialize` and `restart` restore them."""
    for _, layer in walk_layers(model):
        keep_weights(layer)


def initialize(model: keras.Model, seed: int) -> None:
    """Reset the weights, statistics and random streams of every layer to their initial values.

    Each layer draws from ``stream(seed, path)``, where the path consists of the names of the
    models around it and its own. So layers with the same path and seed are initialized equally in
    any two models. Weights marked as loaded by `build_seeded` or `keep_pretrained` get their
    loaded values.

    Parameters
    ----------
    model
        Any built ``keras.Model``.
    seed
        Seed of the initial weights and random streams; 0 is a valid seed.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])
    >>> initialize(model, 0)
    >>> first = model.get_weights()[0]
    >>> initialize(model, 0)
    >>> bool((model.get_weights()[0] == first).all())
    True
    """
    for path, layer in walk_layers(model):
        _initialize_layer(layer, seed, path)


def read_statistics(layer: keras.Layer) -> None:
    """Let all `Normalization` in a layer or model use the statistics that are in their weights.

    Keras's layer computes with copies of its weights, which an assignment does not change.

    Parameters
    ----------
    layer
        A built layer or model.

    Examples
    --------
    >>> layer = keras.layers.Normalization()
    >>> layer.build((None, 1))
    >>> for weight, value in zip(layer.weights, ([3.0], [4.0], 0), strict=True):
    ...     _ = weight.assign(value)
    >>> read_statistics(layer)
    >>> layer(keras.ops.ones((1, 1))).numpy().tolist()
    [[-1.0]]
    """
    for each in layer._flatten_layers():
        if isinstance(each, keras.layers.Normalization):
            each.finalize_state()


def restart(model: keras.Model, seed: int) -> None:
    """Reset a compiled model, its optimizer and its metrics for a new training.

    Traced functions are kept. The model trains to the same weights as one that was built with the
    seed.

    Parameters
    ----------
    model
        A compiled ``keras.Model``.
    seed
        See `initialize`.
    """
    initialize(model, seed)
    optimizer = model.optimizer
    if optimizer.built:
        fresh = type(optimizer).from_config(optimizer.get_config())
        fresh.build(model.trainable_variables)
        for variable, initial in zip(optimizer.variables, fresh.variables, strict=True):
            variable.assign(initial)
    model.reset_metrics()


def walk_layers(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, keras.Layer]]:
    """Yield the layers of a model and of the models in it, with their paths."""
    for layer in model.layers:
        path = f"{prefix}{layer.name}"
        if isinstance(layer, keras.Model):
            yield from walk_layers(layer, f"{path}/")
        else:
            yield path, layer


def _initialize_layer(layer: keras.Layer, seed: int, path: str) -> None:
    variables, loaded = layer.variables, loaded_values(layer)
    for index, value in loaded.items():
        variables[index].assign(value)
    if len(loaded) == len(variables):
        return
    before = random.getstate()
    random.seed(stream(seed, path))  # Keras draws missing seeds from it
    try:
        initial = _fresh_values(layer, seed, path)
    finally:
        random.setstate(before)
    for index, variable in enumerate(variables):
        if index not in loaded and initial[index] is not None:
            variable.assign(initial[index])
            forget_assignment(variable)


def _fresh_values(layer: keras.Layer, seed: int, path: str) -> list[Any]:
    """Return the initial values of a layer's variables; None for those that cannot be drawn.

    They are those of a new layer of the same class. If its configuration does not give a layer
    with the same variables, as without a ``get_config``, each variable is drawn anew by the
    initializer that it was created with.
    """
    shapes = [tuple(variable.shape) for variable in layer.variables]
    try:
        fresh = type(layer).from_config(_seeded(layer.get_config(), seed, path))
        _build_like(fresh, layer)
    except Exception:  # any error of a custom layer
        if type(layer).__module__.partition(".")[0] in ("keras", "cnnzoo"):
            raise
    else:
        if [tuple(variable.shape) for variable in fresh.variables] == shapes:
            return list(fresh.variables)
    initializers = initializers_of(layer)
    return [
        _drawn(variable, initializers.get(index), stream(seed, f"{path}/{index}"))
        for index, variable in enumerate(layer.variables)
    ]


def _drawn(variable: keras.Variable, initializer: Any, seed: int) -> Any:
    """Return an initial value of a variable; None if it is unknown how it was created."""
    if variable.path.endswith("seed_generator_state"):
        return keras.ops.convert_to_tensor([seed, 0], variable.dtype)
    if initializer is None:
        return None
    initializer = keras.initializers.get(initializer)
    if hasattr(initializer, "get_config") and "seed" in initializer.get_config():
        initializer = type(initializer).from_config({**initializer.get_config(), "seed": seed})
    return initializer(tuple(variable.shape), dtype=variable.dtype)


def _build_like(fresh: keras.Layer, layer: keras.Layer) -> None:
    """Build a new layer for the input shapes of another with the same configuration."""
    if getattr(type(layer).build, "_is_default", False):
        # the layer has no custom `build`, so its parts have the weights
        for part, built in zip(fresh._layers, layer._layers, strict=True):
            _build_like(part, built)
    else:
        fresh.build_from_config(layer.get_build_config() or {})


def _seeded(config: Any, seed: int, path: str) -> Any:
    """Return a copy of a configuration with every seed in it derived from `seed` and its path."""
    if isinstance(config, dict):
        return {
            key: stream(seed, path) if key == "seed" else _seeded(value, seed, f"{path}/{key}")
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return [_seeded(value, seed, f"{path}/{index}") for index, value in enumerate(config)]
    return config
