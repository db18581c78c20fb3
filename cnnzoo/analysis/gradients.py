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
    _, found = differentiated(lambda *given: (function(*given), ()), tensors)
    return [
        np.zeros(tuple(tensor.shape), "float32") if one is None else keras.ops.convert_to_numpy(one)
        for one, tensor in zip(found, tensors, strict=True)
    ]


def differentiated(
    function: Callable[..., tuple[Any, Any]], tensors: Sequence[Any]
) -> tuple[Any, list[Any]]:
    """Call a function and differentiate a part of its result.

    Parameters
    ----------
    function
        Function of the tensors. It returns a pair: the scalar tensor to differentiate, and any
        other tensors, nested.
    tensors
        Its arguments, of a floating-point type.

    Returns
    -------
    others : nested tensors
        The second part of the result.
    gradients : list of tensors
        One per argument; None, or zeros on JAX, if the scalar does not depend on it.

    Raises
    ------
    ValueError
        If the backend has no automatic differentiation.

    Examples
    --------
    >>> x = keras.ops.convert_to_tensor([1.0, 3.0])
    >>> double, (gradient,) = differentiated(lambda x: (keras.ops.sum(x * x), 2 * x), [x])
    >>> keras.ops.convert_to_numpy(double).tolist(), keras.ops.convert_to_numpy(gradient).tolist()
    ([2.0, 6.0], [2.0, 6.0])
    """
    ways = {"tensorflow": _by_tensorflow, "torch": _by_torch, "jax": _by_jax}
    backend = keras.config.backend()
    if backend not in ways:
        raise ValueError(
            f"`gradients`: expected the Keras backend tensorflow, torch or jax; got {backend!r}."
        )
    return ways[backend](function, tensors)


def _by_tensorflow(
    function: Callable[..., tuple[Any, Any]], tensors: Sequence[Any]
) -> tuple[Any, list[Any]]:
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(tensors)
        result, others = function(*tensors)
    return others, list(tape.gradient(result, [*tensors]))


def _by_torch(
    function: Callable[..., tuple[Any, Any]], tensors: Sequence[Any]
) -> tuple[Any, list[Any]]:
    import torch

    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    with torch.enable_grad():
        result, others = function(*leaves)
        found = torch.autograd.grad(result, leaves, allow_unused=True)
    return keras.tree.map_structure(keras.ops.stop_gradient, others), list(found)


def _by_jax(
    function: Callable[..., tuple[Any, Any]], tensors: Sequence[Any]
) -> tuple[Any, list[Any]]:
    import jax

    places = tuple(range(len(tensors)))
    differentiate = jax.value_and_grad(function, argnums=places, has_aux=True)
    (_, others), found = differentiate(*tensors)
    return others, list(found)
