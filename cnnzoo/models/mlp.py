"""Multilayer perceptron: a baseline without convolutions."""

from typing import TYPE_CHECKING, Unpack

from cnnzoo.models.registry import register
from cnnzoo.vocabulary import HiddenLayers, Shared, Units

if TYPE_CHECKING:
    import keras


@register("003 step 1", parameters=101_770)
def mlp(*, units: Units = 128, depth: HiddenLayers = 1, **shared: Unpack[Shared]) -> "keras.Model":
    """Multilayer perceptron: dense layers on the flattened input."""
    import keras

    from cnnzoo.models.blocks import Blocks

    net = Blocks(**shared)
    inputs = net.input()
    x = keras.layers.Flatten(name="flatten")(inputs)
    for layer in range(depth):
        x = net.dense(x, units, f"stage{layer + 1}")
    return net.model(inputs, x)
