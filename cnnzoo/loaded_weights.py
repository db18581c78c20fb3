"""Weights that a builder loads or sets itself, told from those that it leaves to be drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
from numpy.typing import NDArray

_LOADED: "WeakKeyDictionary[Any, dict[int, NDArray[Any]]]" = WeakKeyDictionary()
"""By layer, the loaded values by their places among the layer's variables."""

_WATCHES: "list[Watch]" = []


class Watch:
    """The weights of layers that are made, and those that are assigned to, while a model is built.

    What a layer assigns to its own weights in its ``build`` is how it initializes them.
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
        if layer is None or layer.built:
            self._assigned[id(variable)] = variable

    def draw(self, variable: Any) -> None:
        """Take in a variable whose value was drawn from a seed after all."""
        self._assigned.pop(id(variable), None)

    def keep_loaded(self, layer: Any) -> None:
        """Keep a layer's weights that were assigned to or are older than the watch.

        Of older ones it is the first value seen, because trials train them.
        """
        kept = _LOADED.setdefault(layer, {})
        weights = {id(variable) for variable in layer.weights}
        for place, variable in enumerate(layer.variables):
            if id(variable) in self._assigned:
                kept[place] = _value(variable)
            elif id(variable) in weights and id(variable) not in self._made:
                kept.setdefault(place, _value(variable))


@contextmanager
def watch_loading() -> Iterator[Watch]:
    """Watch for weights that are loaded or set; those written past Keras are not seen."""
    layers, variables = keras.layers.Layer, keras.Variable
    add_weight, assign, inherited = layers.add_weight, variables.assign, "assign" in vars(variables)
    watch = Watch()

    def add_watched(layer: Any, *args: Any, **kwargs: Any) -> Any:
        variable = add_weight(layer, *args, **kwargs)
        watch.make(layer, variable)
        return variable

    def assign_watched(variable: Any, value: Any) -> Any:
        watch.assign(variable)
        return assign(variable, value)

    layers.add_weight, variables.assign = add_watched, assign_watched
    _WATCHES.append(watch)
    try:
        yield watch
    finally:
        _WATCHES.remove(watch)
        layers.add_weight = add_weight
        if inherited:
            variables.assign = assign
        else:
            del variables.assign


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


def forget_assignment(variable: Any) -> None:
    """Tell that a variable was assigned what was drawn from a seed, which is no loading."""
    for watch in _WATCHES:
        watch.draw(variable)


def _value(variable: Any) -> NDArray[Any]:
    return np.array(variable.numpy())
