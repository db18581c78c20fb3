"""Gradients of a function of arrays, on every Keras backend."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float32]


def gradients(function: Callable[..., Any], *values: ArrayLike) -> list[Array]:
    """Return the gradients of a scalar function with respect to its arguments.

    Parameters
    ----------
    function
        Function of tensors, written in ``keras.ops``, that returns a scalar tensor.
    *values
        Its arguments; they are converted to float32.

    Returns
    -------
    list of array
        One array per argument, with its shape; zeros if the function does not depend on it.

    Raises
    ------
    ValueError
        If the backend has no automatic differentiation.

    Examples
    --------
    >>> (gradient,) = gradients(lambda x: keras.ops.sum(x * x), [1.0, 3.0])
    >>> gradient.tolist()
    [2.0, 6.0]
    """
    tensors = [keras.ops.convert_to_tensor(np.asarray(value, "float32")) for value in values]
    backend = keras.config.backend()
    if backend == "tensorflow":
        return _of_tensorflow(function, tensors)
    if backend == "torch":
        return _of_torch(function, tensors)
    if backend == "jax":
        import jax

        found = jax.grad(function, argnums=tuple(range(len(tensors))))(*tensors)
        return [np.asarray(one) for one in found]
    raise ValueError(
        f"`gradients`: expected the Keras backend tensorflow, torch or jax; got {backend!r}."
    )


def _of_tensorflow(function: Callable[..., Any], tensors: Sequence[Any]) -> list[Array]:
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(tensors)
        result = function(*tensors)
    zero = tf.UnconnectedGradients.ZERO
    found = tape.gradient(result, tensors, unconnected_gradients=zero)
    return [one.numpy() for one in found]


def _of_torch(function: Callable[..., Any], tensors: Sequence[Any]) -> list[Array]:
    import torch

    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    with torch.enable_grad():
        found = torch.autograd.grad(function(*leaves), leaves, allow_unused=True)
    return [
        np.zeros(tuple(leaf.shape), "float32") if one is None else one.cpu().numpy()
        for one, leaf in zip(found, leaves, strict=True)
    ]
