"""The calls that a Keras model consists of, in order, with shapes; custom layers are expanded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

KERAS = "keras.src."
"""Prefix of the modules whose ``call`` is known."""

FIRST_ARGUMENTS = ("inputs", "sequences", "query", "x1", "x")
"""Names that Keras gives the first argument of a layer or an operation."""


class GraphError(Exception):
    """Raised if the calls of a model or a layer are unknown; the message says why."""


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer or an operation in a graph.

    Parameters
    ----------
    layer
        The layer, or the operation of ``keras.ops``.
    args, kwargs
        Arguments of the call; tensors are ``keras.KerasTensor``.
    outputs
        Flattened outputs.
    """

    layer: keras.Operation
    args: Sequence[Any]
    outputs: Sequence[Any]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> Any:
        """The first argument, positional or by name."""
        if self.args:
            return self.args[0]
        named = (self.kwargs[name] for name in FIRST_ARGUMENTS if self.kwargs.get(name) is not None)
        return next(named, next(iter(self.kwargs.values())))

    @property
    def tensors(self) -> list[Any]:
        """All symbolic tensors among the arguments."""
        flat = keras.tree.flatten((list(self.args), dict(self.kwargs)))
        return [value for value in flat if is_symbolic(value)]

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape of the first input."""
        return tuple(keras.tree.flatten(self.inputs)[0].shape)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The shape of the first output."""
        return tuple(self.outputs[0].shape)

    def inside(self, layer: keras.Layer, shape: Sequence[int | None]) -> "Call":
        """Return the call of an inner layer with an input of another shape."""
        given = keras.KerasTensor(tuple(shape), dtype=layer.compute_dtype)
        output = keras.KerasTensor(tuple(layer.compute_output_shape(given.shape)))
        return Call(layer, (given,), (output,))


@dataclass(frozen=True)
class Graph:
    """The calls of a model.

    Parameters
    ----------
    inputs, outputs
        The tensors at its ends.
    calls
        The calls between them; each comes after those whose outputs it takes.
    """

    inputs: Sequence[Any]
    outputs: Sequence[Any]
    calls: Sequence[Call]


def graph_of(model: keras.Model, shapes: Sequence[tuple[int | None, ...]] = ()) -> Graph:
    """Return the calls of a functional or sequential model, or of a ``keras.Function``.

    Parameters
    ----------
    model
        A built ``keras.Model``.
    shapes
        Shapes of its inputs, if they differ from those that it was built with.

    Raises
    ------
    GraphError
        If `model` is a subclass of ``keras.Model`` with a custom ``call``, or not built.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    >>> [call.output_shape for call in graph_of(model).calls]
    [(None, 3), (None, 2)]
    >>> [call.output_shape for call in graph_of(model, [(8, 5, 4)]).calls]
    [(8, 5, 3), (8, 5, 2)]
    """
    graph = getattr(model, "_functional", None) or model
    nodes = getattr(graph, "_nodes_by_depth", None)
    if nodes is None or not type(model).call.__module__.startswith(KERAS):
        is_unbuilt = isinstance(model, keras.Sequential) and not model.built
        raise GraphError("it is not built" if is_unbuilt else "its `call` is custom")
    tensors = {id(tensor): tensor for tensor in graph.inputs}
    reshaped = bool(shapes) and any(
        tuple(tensor.shape) != shape for tensor, shape in zip(graph.inputs, shapes, strict=False)
    )
    if reshaped:
        for tensor, shape in zip(graph.inputs, shapes, strict=True):
            tensors[id(tensor)] = keras.KerasTensor(shape, dtype=tensor.dtype)
    inputs = [tensors[id(tensor)] for tensor in graph.inputs]
    calls = []
    for depth in sorted(nodes, reverse=True):
        for node in nodes[depth]:
            if node.is_input:
                continue
            args, kwargs, outputs = node.arguments.args, node.arguments.kwargs, node.outputs
            if reshaped:
                args, kwargs = node.arguments.fill_in(tensors)
                specs = node.operation.compute_output_spec(*args, **kwargs)
                outputs = keras.tree.flatten(specs)
                tensors |= {id(old): new for old, new in zip(node.outputs, outputs, strict=True)}
            calls.append(Call(node.operation, args, outputs, kwargs))
    return Graph(inputs, [tensors.get(id(tensor), tensor) for tensor in graph.outputs], calls)


def refuse_other_models(model: Any, name: str) -> None:
    """Raise TypeError if `model` is no ``keras.Model``; its message begins with `name`."""
    if not isinstance(model, keras.Model):
        received = type(model).__name__
        if isinstance(model, str):
            received = f"{model!r}. Build it first: cnnzoo.build({model!r})"
        raise TypeError(f"`{name}`: expected a keras.Model; got {received}.")


def functional_graph(model: Any, name: str) -> Graph:
    """Return the calls of a model that must be functional or sequential.

    Parameters
    ----------
    model
        The model.
    name
        Public function or parameter that an error names.

    Raises
    ------
    TypeError
        If it is no ``keras.Model``, has a custom ``call`` or is not built.
    """
    refuse_other_models(model, name)
    try:
        return graph_of(model)
    except GraphError as error:
        remedy = "Build it with keras.Model(inputs, outputs)."
        if isinstance(model, keras.Sequential) and not model.built:
            remedy = "Begin it with keras.Input, or call its `build` with a shape."
        raise TypeError(
            f"`{name}`: expected a functional or sequential keras.Model; got `{model.name}`, and "
            f"{error}. {remedy}"
        ) from None


def expand(call: Call) -> keras.Function:
    """Return the layers and operations that a call of a custom layer consists of.

    The inputs of the function are the tensors of the call, in order.

    Raises
    ------
    GraphError
        If the layer's ``call`` accepts no symbolic tensors.
    """
    args, kwargs = keras.tree.map_structure(_unconnected, (tuple(call.args), dict(call.kwargs)))
    inputs = [value for value in keras.tree.flatten((list(args), kwargs)) if is_symbolic(value)]
    inner_layers = call.layer._flatten_layers(include_self=False)
    nodes = [n for layer in inner_layers for n in (layer._inbound_nodes, layer._outbound_nodes)]
    nodes_before = [list(layer_nodes) for layer_nodes in nodes]
    try:
        with keras.StatelessScope():  # `call` may assign to variables
            return keras.Function(inputs, call.layer.call(*args, **kwargs))
    except Exception:  # TensorFlow functions and `add_loss` raise several types
        raise GraphError("its custom `call` accepts no symbolic tensors") from None
    finally:
        for layer_nodes, before in zip(nodes, nodes_before, strict=True):
            layer_nodes[:] = before


def inner_graph(call: Call) -> Graph:
    """Return the calls that a call of a model or of a custom layer consists of.

    Raises
    ------
    GraphError
        If they are unknown.

    Examples
    --------
    >>> half = layers.Lambda(lambda x: x / 2)
    >>> series = keras.KerasTensor((None, 8, 2))
    >>> [inner.layer.name for inner in inner_graph(Call(half, (series,), (half(series),))).calls]
    ['true_divide']
    """
    if is_graph(call.layer) and type(call.layer).call.__module__.startswith(KERAS):
        return graph_of(call.layer, [tuple(tensor.shape) for tensor in call.tensors])
    return graph_of(expand(call))


def is_graph(layer: keras.Operation) -> bool:
    """Return whether a layer is a model with calls of its own."""
    return isinstance(layer, keras.Model | keras.Function)


def is_symbolic(value: object) -> bool:
    """Return whether a value is a tensor of a graph."""
    return isinstance(value, keras.KerasTensor)


def has_keras_call(layer: keras.Operation) -> bool:
    """Return whether a layer's ``call`` is Keras's, even if the layer's class is not.

    Examples
    --------
    >>> has_keras_call(layers.Dense(1)), has_keras_call(layers.Lambda(abs))
    (True, False)
    """
    if isinstance(layer, layers.Lambda):
        return False
    owner = next(kind for kind in type(layer).__mro__ if "call" in vars(kind))
    return owner.__module__.startswith(KERAS)


def _unconnected(value: Any) -> Any:
    """Return a tensor of the same shape that belongs to no graph."""
    symbolic = is_symbolic(value)
    return keras.Input(batch_shape=value.shape, dtype=value.dtype) if symbolic else value
