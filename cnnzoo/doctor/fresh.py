"""Whether the weights of a layer are those that its initializer draws."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

MIN_WEIGHTS = 64
"""Number of weights from which on a distribution can be recognized (own choice)."""

KERNELS = {"kernel": "kernel_initializer", "depthwise_kernel": "depthwise_initializer"}
"""Attributes of a layer with its kernel and the initializer of it."""

MAX_ERRORS = 5.0
"""Standard errors by which the deviation of drawn weights differs at most (own choice)."""


def is_fresh(layer: keras.Layer) -> bool | None:
    """Return whether a layer still has initial weights.

    The standard deviation and the largest value of its kernel are compared with those of the
    initializer, and its bias with zeros. Trained weights pass this only if training hardly moved
    them.

    Returns
    -------
    bool or None
        None if the layer has no kernel, an initializer whose distribution is not known here, or
        too few weights.

    Examples
    --------
    >>> layer = keras.layers.Dense(20)
    >>> layer.build((None, 20))
    >>> is_fresh(layer)
    True
    >>> layer.set_weights([layer.get_weights()[0] * 3, layer.get_weights()[1]])
    >>> is_fresh(layer)
    False
    """
    name = next((n for n in KERNELS if getattr(layer, n, None) is not None), None)
    if name is None or isinstance(layer, keras.layers.RNN):
        return None
    kernel = getattr(layer, name)
    initializer = getattr(layer, KERNELS[name], None)
    if initializer is None or math.prod(kernel.shape) < MIN_WEIGHTS:
        return None
    expected = spread_of(initializer, tuple(kernel.shape))
    if expected is None:
        return None
    bias = getattr(layer, "bias", None)
    if bias is not None and _is_zeros(layer.bias_initializer) and np.any(_values(bias)):
        return False
    values = _values(kernel).astype("float64")
    deviation, limit, kurtosis = expected
    error = deviation * math.sqrt((kurtosis - 1) / (4 * values.size))
    within = np.abs(values).max() <= limit * (1 + 1e-6)
    return bool(within and abs(values.std() - deviation) < MAX_ERRORS * error)


def spread_of(initializer: Any, shape: tuple[int, ...]) -> tuple[float, float, float] | None:
    """Return standard deviation, largest value and kurtosis of what an initializer draws.

    Returns
    -------
    tuple or None
        None if its distribution is not known here.

    Examples
    --------
    >>> glorot = keras.initializers.GlorotUniform()
    >>> deviation, limit, kurtosis = spread_of(glorot, (100, 200))  # Glorot and Bengio (2010)
    >>> round(deviation**2 * 150, 6), round(limit**2 * 50, 6), kurtosis
    (1.0, 1.0, 1.8)
    """
    initializers = keras.initializers
    if isinstance(initializer, initializers.VarianceScaling):
        # Keras's own rule for the numbers of inputs and outputs of a unit
        field = math.prod(shape[:-2])
        inputs = shape[-2] * field if len(shape) > 1 else shape[0]
        outputs = shape[-1] * field
        reference = FAN[initializer.mode]((inputs, outputs))
        deviation = math.sqrt(initializer.scale / max(1.0, reference))
        if initializer.distribution == "uniform":
            return deviation, math.sqrt(3) * deviation, 1.8
        if initializer.distribution == "truncated_normal":
            # a normal distribution cut at 2 standard deviations, which has the kurtosis 2.37
            return deviation, 2 * deviation / 0.87962566103423978, 2.37
        return deviation, math.inf, 3.0
    if type(initializer) is initializers.RandomNormal:
        return initializer.stddev, math.inf, 3.0
    if type(initializer) is initializers.TruncatedNormal:
        return initializer.stddev * 0.87962566103423978, 2 * initializer.stddev, 2.37
    if type(initializer) is initializers.RandomUniform and initializer.minval == -(
        initializer.maxval
    ):
        return initializer.maxval / math.sqrt(3), initializer.maxval, 1.8
    return None


FAN: dict[str, Callable[[tuple[int, int]], float]] = {
    "fan_in": lambda numbers: numbers[0],
    "fan_out": lambda numbers: numbers[1],
    "fan_avg": lambda numbers: sum(numbers) / 2,
}
"""Number that the variance is divided by, by mode (He et al. 2015; Glorot and Bengio 2010)."""


def _is_zeros(initializer: Any) -> bool:
    return isinstance(initializer, keras.initializers.Zeros)


def _values(variable: keras.Variable) -> NDArray[Any]:
    return np.asarray(keras.ops.convert_to_numpy(variable), "float32")
