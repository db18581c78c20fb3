"""Weights that a builder loads or sets itself, told from those that it leaves to be drawn."""

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
from numpy.typing import NDArray

_LOADED: "WeakKeyDictionary[Any, dict[int, NDArray[Any]]]" = WeakKeyDictionary()
"""By layer, the loaded values by their places among the layer's variables."""

_WATCHES: "list[Watch]" = []

_LOCK = RLock()
"""Held while Keras's methods are replaced, so that threads restore them in the right order."""

WRITERS = ("assign", "_restore_from_tensors")
"""Methods that write a ``keras.Variable``: Keras's, and what ``tf.train.Checkpoint`` calls."""


class Watch:
    """The weights of layers that are made, and those that are assigned to, while a model is built.

    What a layer assigns to its own weights in its ``__init__`` or ``build`` is how it initializes
    them.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, Any]] = {}
        self._assigned: dict[int, Any] = {}

    def make(self, layer: Any, variable: Any) -> None:
        """Take in a weight that a layer makes."""
        self._made[id(variable)] = layer, variable

    def assign(self, variable: Any) -> None:
        """Take in a variable that gets another value."""
        layer, _ = self._made.get(id(variable), (None, None))
        if layer is None or not _is_initializing(layer):
            self._assigned[id(variable)] = variable

    def draw(self, variable: Any) -> None:
        """Take in a variable whose value was drawn from a seed after all."""
        self._assigned.pop(id(variable), None)

    def keep_loaded(self, layer: Any) -> None:
        """Keep a layer's weights that were assigned to or are older than the watch.

        Older ones only of a layer that is seen for the first time: later, a trial has trained them.
        """
        first = layer not in _LOADED
        kept = _LOADED.setdefault(layer, {})
        weights = {id(variable) for variable in layer.weights}
        for place, variable in enumerate(layer.variables):
            older = id(variable) in weights and id(variable) not in self._made
            if id(variable) in self._assigned or (first and older):
                kept[place] = _value(variable)


@contextmanager
def watch_loading() -> Iterator[Watch]:
    """Watch for weights that are loaded or set; those written past Keras are not seen."""
    layers, variables = keras.layers.Layer, keras.Variable
    add_weight = layers.add_weight
    watch = Watch()

    def add_watched(layer: Any, *args: Any, **kwargs: Any) -> Any:
        variable = add_weight(layer, *args, **kwargs)
        watch.make(layer, variable)
        return variable

    def watched(write: Callable[..., Any]) -> Callable[..., Any]:
        def write_watched(variable: Any, *args: Any, **kwargs: Any) -> Any:
            watch.assign(variable)
            return write(variable, *args, **kwargs)

        return write_watched

    with _LOCK, ExitStack() as stack:
        stack.enter_context(_replaced(layers, "add_weight", add_watched))
        for name in WRITERS:
            write = getattr(variables, name, None)
            if write is not None:
                stack.enter_context(_replaced(variables, name, watched(write)))
        _WATCHES.append(watch)
        stack.callback(_WATCHES.remove, watch)
        yield watch


@contextmanager
def _replaced(owner: type, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Replace a method of a class, which may inherit it."""
    own, before = name in vars(owner), getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def _is_initializing(layer: Any) -> bool:
    """Tell whether a layer's ``__init__`` or ``build`` is running; `built` is not set reliably."""
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


def keep_weights(layer: Any) -> None:
    """Take the weights that a layer has for loaded: no seed replaces them."""
    weights = {id(variable) for variable in layer.weights}
    _LOADED[layer] = {
        place: _value(variable)
        for place, variable in enumerate(layer.variables)
        if id(variable) in weights
    }


def loaded_values(layer: Any) -> dict[int, NDArray[Any]]:
    """Return the loaded values of a layer, by their places among its variables."""
    return _LOADED.get(layer, {})


def loaded_digest(model: Any) -> str:
    """Return a digest of the weights of a model that its builder loaded or set.

    Parameters
    ----------
    model
        From `cnnzoo.models.initialization.build_seeded`.

    Returns
    -------
    str
        12 hexadecimal digits; "" if the builder left all weights to be drawn.
    """
    digest, count = hashlib.sha256(), 0
    for number, layer in enumerate(model._flatten_layers(include_self=False)):
        for place, value in sorted(loaded_values(layer).items()):
            digest.update(f"{number} {place} {value.shape} {value.dtype}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
            count += 1
    return digest.hexdigest()[:12] if count else ""


def forget_assignment(variable: Any) -> None:
    """Tell that a variable was assigned what was drawn from a seed, which is no loading."""
    for watch in _WATCHES:
        watch.draw(variable)


def _value(variable: Any) -> NDArray[Any]:
    return np.array(variable.numpy())
