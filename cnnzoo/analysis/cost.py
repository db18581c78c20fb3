"""What a model costs to run."""

from typing import Any

import keras
import numpy as np

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def macs(model: Any) -> int:
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
    int
        Multiply-accumulate operations.

    Examples
    --------
    >>> import cnnzoo
    >>> macs(cnnzoo.build("simple_cnn")) == 32 * 32 * (3 * 3 * 3 * 16) + 16 * 16 * 16 * 10
    True
    """
    if isinstance(model, keras.Model):
        return sum(macs(layer) for layer in model.layers)
    kernels = [weight for weight in model.weights if weight.name in KERNELS]
    if not kernels:
        return 0
    return sum(int(np.prod(kernel.shape)) for kernel in kernels) * _positions(model)


def _positions(layer: Any) -> int:
    """Count the places where a layer applies its kernel."""
    shape = tuple(layer.output.shape)[1:]
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        return int(np.prod(shape[1:], dtype=int))
    return int(np.prod(shape[:-1], dtype=int))
