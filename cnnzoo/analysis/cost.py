"""What a model costs to run."""

import math
from typing import Any

import keras

from cnnzoo.layers import KERNELS


def macs(model: Any) -> int | None:
    """Count the multiplications of one forward pass of one example.

    Every weight of a convolution is used once at each position of its output, every weight of a
    dense layer once; what has no kernel (pooling, activations, normalization) is left out, as
    usual (He et al. 2015, table 1).

    Parameters
    ----------
    model
        A built ``keras.Model``, or one layer of it.

    Returns
    -------
    int or None
        Multiply-accumulate operations; None where the size of a map is open.

    Examples
    --------
    >>> import cnnzoo
    >>> macs(cnnzoo.build("simple_cnn")) == 32 * 32 * (3 * 3 * 3 * 16) + 16 * 16 * 16 * 10
    True
    """
    if isinstance(model, keras.Model):
        counts = [macs(layer) for layer in model.layers]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None
    kernels = [weight for weight in model.weights if weight.name in KERNELS]
    if not kernels:
        return 0
    sizes = _map_size(model)
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    return sum(int(math.prod(kernel.shape)) for kernel in kernels) * math.prod(known)


def _map_size(layer: Any) -> tuple[int | None, ...]:
    """Return the sizes of the map of places where a layer applies its kernel."""
    shape = tuple(keras.tree.flatten(layer.output)[0].shape)[1:]
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        return shape[1:]
    return shape[:-1]
