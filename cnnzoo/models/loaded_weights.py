"""Detection of weights that a builder loads or sets, which no seed may replace."""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
from numpy.typing import NDArray

_LOADED: "WeakKeyDictionary[keras.Layer, dict[int, NDArray[Any]]]" = WeakKeyDictionary()
"""Loaded values by layer and by index among the layer's variables."""

_INITIALIZERS: "WeakKeyDictionary[keras.Layer, dict[int, Any]]" = WeakKeyDictionary()
"""Initializers by layer and by index among the layer's variables."""

_WATCHES: "list[Watch]" = []

_LOCK = RLock()
"""Held while Keras's methods are patched, so that threads restore them in the right order."""

WRITERS = ("assign", "_restore_from_tensors")
"""Methods that write a ``keras.Variable``: that of Keras and that of ``tf.train.Checkpoint``."""


class Watch:
    """Records which weights are created and which are assigned while a model is built.

    Assignments of a layer to its own weights in ``__init__`` or ``build`` are initialization.
    """

    def __init__(self) -> None:
        self._created: dict[int, tuple[keras.Layer, keras.Variable]] = {}
        self._initializers: dict[int, Any] = {}
        self._assigned: dict[int, keras.Variable] = {}

    def record_creation(
        self, layer: keras.Layer, variable: keras.Variable, initializer: Any
    ) -> None:
        """Record that a layer creates a weight with an initializer."""
        self._created[id(variable)] = layer, variable
        self._initializers[id(variable)] = initializer

    def record_assignment(self, variable: keras.Variable) -> None:
        """Record that a variable is assigned a value."""
        layer, _ = self._created.get(id(variable), (None, None))
        if layer is None or not _is_initializing(layer):
            self._assigned[id(variable)] = variable

    def forget_assignment(self, variable: keras.Variable) -> None:
        """Forget an assignment, because the value was drawn from a seed."""
        self._assigned.pop(id(variable), None)

    def keep_loaded(self, layer: keras.Layer) -> None:
        """Keep the weights of a layer that were assigned or existed before the watch.

        The latter only if the layer is new, because a trial trains them later.
        """
        is_new = layer not in _LOADED
        loaded = _LOADED.setdefault(layer, {})
        known = _INITIALIZERS.setdefault(layer, {})
        weights = {id(variable) for variable in layer.weights}
        for index, variable in enumerate(layer.variables):
            if id(variable) in self._initializers:
                known[index] = self._initializers[id(variable)]
            existed = id(variable) in weights and id(variable) not in self._created
            if id(variable) in self._assigned or (is_new and existed):
                loaded[index] = _value(variable)


@contextmanager
def watch_loading() -> Iterator[Watch]:
    """Watch for weights that are loaded or set through Keras; other writes are not detected."""
    layers, variables = keras.layers.Layer, keras.Variable
    add_weight = layers.add_weight
    watch = Watch()

    def add_watched(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        variable = add_weight(layer, *args, **kwargs)
        # Keras's default
        default = "glorot_uniform" if "float" in str(variable.dtype) else "zeros"
        watch.record_creation(layer, variable, kwargs.get("initializer") or default)
        return variable

    def watched(write: Callable[..., Any]) -> Callable[..., Any]:
        def write_watched(variable: keras.Variable, *args: Any, **kwargs: Any) -> Any:
            watch.record_assignment(variable)
            return write(variable, *args, **kwargs)

        return write_watched

    with _LOCK, ExitStack() as stack:
        stack.enter_context(_patched(layers, "add_weight", add_watched))
        for name in WRITERS:
            write = getattr(variables, name, None)
            if write is not None:
                stack.enter_context(_patched(variables, name, watched(write)))
        _WATCHES.append(watch)
        stack.callback(_WATCHES.remove, watch)
        yield watch


@contextmanager
def _patched(owner: type, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Replace a method of a class that may inherit it."""
    is_defined, before = name in vars(owner), getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        if is_defined:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def _is_initializing(layer: keras.Layer) -> bool:
    """Return whether a layer's ``__init__`` or ``build`` is running; `built` is unreliable."""
    frame = inspect.currentframe()
    while frame is not None:
        code = frame.f_code
        if (
            code.co_name in ("__init__", "build")
            and code.co_argcount
            and frame.f_locals.get(code.co_varnames[0]) is layer
        ):
            return True
        frame = frame.f_back
    return False


def keep_weights(layer: keras.Layer) -> None:
    """Mark the current weights of a layer as loaded, so that no seed replaces them."""
    weights = {id(variable) for variable in layer.weights}
    _LOADED[layer] = {
        index: _value(variable)
        for index, variable in enumerate(layer.variables)
        if id(variable) in weights
    }


def loaded_values(layer: keras.Layer) -> dict[int, NDArray[Any]]:
    """Return the loaded values of a layer, by index among its variables."""
    return _LOADED.get(layer, {})


def initializers_of(layer: keras.Layer) -> dict[int, Any]:
    """Return what a built layer gave as initializers of its weights, by index of the variable."""
    return _INITIALIZERS.get(layer, {})


def loaded_digest(model: keras.Model) -> str:
    """Return a digest of the weights that the builder of a model loaded or set.

    Parameters
    ----------
    model
        A model from `cnnzoo.models.initialization.build_seeded`.

    Returns
    -------
    str
        12 hexadecimal digits; empty if the builder loaded and set no weights.
    """
    digest, count = hashlib.sha256(), 0
    for number, layer in enumerate(model._flatten_layers(include_self=False)):
        for index, value in sorted(loaded_values(layer).items()):
            digest.update(f"{number} {index} {value.shape} {value.dtype}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
            count += 1
    return digest.hexdigest()[:12] if count else ""


def forget_assignment(variable: keras.Variable) -> None:
    """Do not count the last assignment to a variable as loading, because it was drawn."""
    for watch in _WATCHES:
        watch.forget_assignment(variable)


def _value(variable: keras.Variable) -> NDArray[Any]:
    return np.array(variable.numpy())


def copy_marks(layer: keras.Layer, copy: keras.Layer, values: Mapping[int, NDArray[Any]]) -> None:
    """Mark weights of a copied layer as loaded, as they are in the layer.

    Parameters
    ----------
    layer
        The layer.
    copy
        Its copy, whose variables may have other shapes.
    values
        Values that the copy has from the layer, by index among the copy's variables.
    """
    names = {variable.name: index for index, variable in enumerate(layer.variables)}
    same = len(layer.variables) == len(copy.variables)
    places = {
        index: index if same else names[variable.name]
        for index, variable in enumerate(copy.variables)
        if same or variable.name in names
    }
    loaded, known = loaded_values(layer), initializers_of(layer)
    _LOADED[copy] = {n: values[n] for n in values if places.get(n) in loaded}
    _INITIALIZERS[copy] = {n: known[place] for n, place in places.items() if place in known}
