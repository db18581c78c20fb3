"""What a model costs to run."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras

from cnnzoo.analysis.products import Call, UncountedError, operation_products, products

MOST_NAMED = 3
"""Layers that are named where the multiplications of more are missing."""

Counted = tuple[str, int | None, str]
"""The name of a layer or an operation, the multiplications of a call, or why they are missing."""


def macs(model: Any) -> int | None:
    """Count the multiply-accumulates of one forward pass of one example.

    Those of convolutions and matrix products: every weight of a convolution is used once at each
    position of its output (of a transposed one, of its input), every weight of a dense layer once
    for each vector, every weight of a recurrent layer once a step; attention multiplies queries,
    keys and values too. A layer that is used twice counts twice. What works element by element
    (pooling, activations, normalization, resizing, lookups) is left out, as usual (He et al. 2015,
    table 1). Of a layer with its own ``call``, and of a ``Lambda``, the layers and ``keras.ops`` in
    it are counted.

    Parameters
    ----------
    model
        A built ``keras.Model``.

    Returns
    -------
    int or None
        None where a layer's cannot be told; `uncounted` says which and why.

    Examples
    --------
    >>> import cnnzoo
    >>> macs(cnnzoo.build("simple_cnn")) == 32 * 32 * (3 * 3 * 3 * 16) + 16 * 16 * 16 * 10
    True
    """
    counts = [count for _, count, _ in _counted(model)]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def uncounted(model: Any) -> str:
    """Say of which layers the multiply-accumulates cannot be told, and why.

    Returns
    -------
    str
        A phrase; empty where all are known.

    Examples
    --------
    >>> inputs = keras.Input((None, 4))
    >>> uncounted(keras.Model(inputs, keras.layers.LSTM(5, name="lstm")(inputs)))
    '`lstm`: a size of its input or output is open'
    """
    missing = {name: why for name, count, why in _counted(model) if count is None}
    said = [f"`{name}`: {why}" for name, why in missing.items()]
    more = [f"and {len(said) - MOST_NAMED} more layers"] if len(said) > MOST_NAMED else []
    return "; ".join([*said[:MOST_NAMED], *more])


def macs_by_layer(model: Any) -> dict[str, tuple[int | None, str]]:
    """Return by layer the multiply-accumulates of all its calls, or None and why."""
    found: dict[str, tuple[int | None, str]] = {layer.name: (0, "") for layer in model.layers}
    for name, count, why in _counted(model):
        before, known = found.get(name, (0, ""))
        both = None if before is None or count is None else before + count
        found[name] = (both, known or why)
    return found


def count(call: Call) -> int:
    """Return the multiply-accumulates of a call of a layer or a model.

    Raises
    ------
    UncountedError
        If they cannot be told.
    """
    if not isinstance(call.layer, keras.Model | keras.Function):
        return products(call)
    given = keras.tree.flatten(call.inputs)
    shapes = [tuple(one.shape) for one in given if isinstance(one, keras.KerasTensor)]
    total = 0
    for name, one, why in _counted(call.layer, shapes):
        if one is None:
            raise UncountedError(f"of its layer `{name}`, {why}")
        total += one
    return total


def _counted(model: Any, shapes: Sequence[tuple[int | None, ...]] = ()) -> Iterator[Counted]:
    """Yield every call in a model's graph with its multiplications.

    Parameters
    ----------
    model
        A ``keras.Model``.
    shapes
        Of its inputs, if they are others than those it was built with.
    """
    graph = getattr(model, "_functional", None) or model
    nodes = getattr(graph, "_nodes_by_depth", None)
    if nodes is None or not type(model).call.__module__.startswith("keras.src."):
        yield model.name, None, "only functional and sequential models say which calls they make"
        return
    tensors = {id(tensor): tensor for tensor in graph.inputs}
    other = bool(shapes) and any(
        tuple(tensor.shape) != shape for tensor, shape in zip(graph.inputs, shapes, strict=False)
    )
    if other:
        for tensor, shape in zip(graph.inputs, shapes, strict=True):
            tensors[id(tensor)] = keras.KerasTensor(shape, dtype=tensor.dtype)
    for depth in sorted(nodes, reverse=True):
        for node in nodes[depth]:
            if node.is_input:
                continue
            args, kwargs, outputs = node.arguments.args, node.arguments.kwargs, node.outputs
            if other:
                args, kwargs = node.arguments.fill_in(tensors)
                specs = node.operation.compute_output_spec(*args, **kwargs)
                outputs = keras.tree.flatten(specs)
                tensors |= {id(old): new for old, new in zip(node.outputs, outputs, strict=True)}
            yield _counted_call(Call(node.operation, args, outputs, kwargs))


def _counted_call(call: Call) -> Counted:
    try:
        if isinstance(call.layer, keras.Layer):
            return call.layer.name, count(call), ""
        return call.layer.name, operation_products(call), ""
    except UncountedError as error:
        return call.layer.name, None, str(error)
