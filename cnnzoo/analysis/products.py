"""Multiply-accumulates of one call of a Keras layer, from the shapes of the call."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

OPEN = "a size of its input or output is open"

KERAS = "keras.src."
"""The modules whose ``call`` is known."""

FIRST = ("inputs", "sequences", "query", "x1", "x")
"""Names that Keras gives the first argument of a layer or an operation."""

PRODUCTS = (
    *("Conv", "ConvTranspose", "Correlate", "DepthwiseConv", "Dot", "DotProductAttention"),
    *("Einsum", "Inner", "Kron", "Matvec", "Outer", "SeparableConv", "Tensordot", "Vdot"),
)
"""Operations of ``keras.ops`` that multiply and are not counted here."""


class UncountedError(Exception):
    """The multiplications of a call cannot be told; the message says why."""


@dataclass(frozen=True)
class Call:
    """One call of a layer in a graph.

    Parameters
    ----------
    layer
        The layer.
    args, kwargs
        What it is called with; tensors are ``keras.KerasTensor``.
    outputs
        Its flattened outputs.
    """

    layer: Any
    args: Sequence[Any]
    outputs: Sequence[Any]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> Any:
        """The first argument, by place or by name."""
        if self.args:
            return self.args[0]
        named = (self.kwargs[name] for name in FIRST if self.kwargs.get(name) is not None)
        return next(named, next(iter(self.kwargs.values())))

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape of the first input."""
        return tuple(keras.tree.flatten(self.inputs)[0].shape)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The shape of the first output."""
        return tuple(self.outputs[0].shape)

    def inside(self, layer: Any, shape: Sequence[int | None]) -> "Call":
        """Return the call of a layer that this one holds, with an input of another shape."""
        given = keras.KerasTensor(tuple(shape), dtype=layer.compute_dtype)
        output = keras.KerasTensor(tuple(layer.compute_output_shape(given.shape)))
        return Call(layer, (given,), (output,))


def products(call: Call) -> int:
    """Return the multiply-accumulates of one call of a layer for one example.

    Raises
    ------
    UncountedError
        If they cannot be told.

    Examples
    --------
    >>> given = keras.KerasTensor((None, 18, 4))
    >>> lstm = layers.LSTM(5)
    >>> products(Call(lstm, (given,), (lstm(given),)))  # 18 steps of 4 * 5 * (4 + 5)
    3240
    """
    layer = call.layer
    if isinstance(layer, layers.Lambda) or not _has_keras_call(layer):
        return _followed(call)
    rule = next((rule for kind, rule in RULES.items() if isinstance(layer, kind)), None)
    if rule is not None:
        if getattr(layer, "lora_enabled", False):
            raise UncountedError("it has LoRA weights")
        return rule(call)
    if isinstance(layer, UNCOUNTED):
        raise UncountedError("layers of its kind are not counted")
    if not isinstance(layer, ELEMENTWISE) and any(len(w.shape) > 1 for w in layer.weights):
        raise UncountedError("how often it uses its weights is not known")
    return 0


def _followed(call: Call) -> int:
    """Count the layers and operations that a layer's own ``call`` is made of."""
    from cnnzoo.analysis.cost import count

    args, kwargs = keras.tree.map_structure(_fresh, (call.args, dict(call.kwargs)))
    inputs = [one for one in keras.tree.flatten((args, kwargs)) if _is_symbolic(one)]
    inner = _inner_layers(call.layer)
    nodes = [list(nodes) for one in inner for nodes in (one._inbound_nodes, one._outbound_nodes)]
    try:
        with keras.StatelessScope():  # it may set variables
            graph = keras.Function(inputs, call.layer.call(*args, **kwargs))
        return count(Call(graph, (inputs,), graph.outputs))
    except UncountedError:
        raise
    except Exception:  # functions of TensorFlow refuse them, and so does `add_loss`
        raise UncountedError("its own `call` takes no symbolic tensors") from None
    finally:
        places = (one for layer in inner for one in (layer._inbound_nodes, layer._outbound_nodes))
        for place, before in zip(places, nodes, strict=True):
            place[:] = before


def _fresh(value: Any) -> Any:
    """Return a tensor of the same shape that is in no graph."""
    symbolic = _is_symbolic(value)
    return keras.Input(batch_shape=value.shape, dtype=value.dtype) if symbolic else value


def _is_symbolic(value: Any) -> bool:
    return isinstance(value, keras.KerasTensor)


def operation_products(call: Call) -> int:
    """Return the multiply-accumulates of one call of an operation of ``keras.ops``.

    Raises
    ------
    UncountedError
        If they cannot be told.
    """
    name = type(call.layer).__name__
    if name == "Matmul":
        return _size(call.output_shape[1:]) * _size(call.shape[-1:])
    if name in PRODUCTS:
        raise UncountedError("operations of its kind are not counted")
    return 0


def _size(shape: Sequence[int | None]) -> int:
    known = [side for side in shape if side is not None]
    if len(known) < len(shape):
        raise UncountedError(OPEN)
    return math.prod(known)


def _weights(*weights: Any) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _places(layer: Any, shape: Sequence[int | None]) -> int:
    """Return the number of positions of a map."""
    first = layer.data_format == "channels_first"
    return _size(shape[2:] if first else shape[1:-1])


def _dense(call: Call) -> int:
    return _weights(call.layer.kernel) * _size(call.shape[1:-1])


def _einsum(call: Call) -> int:
    inputs, kernel = call.layer.equation.replace(" ", "").partition("->")[0].split(",")
    shape = call.shape[1:]
    sizes = dict(zip(kernel, call.layer.kernel.shape, strict=True))
    start, dots, end = inputs.partition("...")
    if dots:  # the batch is among them, unless a letter stands before
        head = start[1:]
        free = shape[len(head) : len(shape) - len(end)]
        sizes |= dict(zip(head, shape, strict=False))
        sizes |= dict(zip(end, shape[len(shape) - len(end) :], strict=True))
    else:
        free = ()
        sizes |= dict(zip(inputs[1:], shape, strict=True))
    return _size([*sizes.values(), *free])


def _conv(call: Call) -> int:
    return _weights(call.layer.kernel) * _places(call.layer, call.output_shape)


def _conv_transpose(call: Call) -> int:
    # every weight meets every position of the input, and what falls together is added
    return _weights(call.layer.kernel) * _places(call.layer, call.shape)


def _separable(call: Call) -> int:
    kernels = _weights(call.layer.depthwise_kernel, call.layer.pointwise_kernel)
    return kernels * _places(call.layer, call.output_shape)


def _conv_lstm(call: Call) -> int:
    layer, cell = call.layer, call.layer.cell
    steps, output = _size(call.shape[1:2]), call.output_shape
    if layer.return_sequences:
        output = (output[0], *output[2:])
    return steps * _weights(cell.kernel, cell.recurrent_kernel) * _places(cell, output)


def _recurrent(call: Call) -> int:
    return _size(call.shape[1:2]) * _cell(call.layer.cell)


def _cell(cell: Any) -> int:
    """Return the multiply-accumulates of a step."""
    if isinstance(cell, layers.StackedRNNCells) and _has_keras_call(cell):
        return sum(map(_cell, cell.cells))
    known = (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell)
    if not (isinstance(cell, known) and _has_keras_call(cell)):
        raise UncountedError(f"the cell {type(cell).__name__} is not known")
    return _weights(cell.kernel, cell.recurrent_kernel)


def _bidirectional(call: Call) -> int:
    both = (call.layer.forward_layer, call.layer.backward_layer)
    return sum(products(call.inside(layer, call.shape)) for layer in both)


def _time_distributed(call: Call) -> int:
    from cnnzoo.analysis.cost import count

    batch, steps, *rest = call.shape
    return _size([steps]) * count(call.inside(call.layer.layer, (batch, *rest)))


def _spectral(call: Call) -> int:
    from cnnzoo.analysis.cost import count

    return count(call.inside(call.layer.layer, call.shape))


def _attended(call: Call) -> tuple[Any, Any, Any]:
    """Return query, key and value, given as arguments or as a list."""
    listed = isinstance(call.inputs, list | tuple)
    given = list(call.inputs) if listed else [call.inputs, *call.args[1:]]
    given += [call.kwargs[name] for name in ("value", "key") if call.kwargs.get(name) is not None]
    query, value = given[:2]
    return query, value if len(given) < 3 or given[2] is None else given[2], value


def _multi_head(call: Call) -> int:
    layer, (query, key, value) = call.layer, _attended(call)
    heads, key_dim = layer.num_heads, layer.key_dim
    value_dim = layer.get_config()["value_dim"] or key_dim
    axes = [axis % len(query.shape) for axis in layer.get_config()["attention_axes"] or ()]
    others = [s for axis, s in enumerate(query.shape[1:-1], 1) if axes and axis not in axes]
    inputs = (
        _size(query.shape[1:]) * key_dim
        + _size(key.shape[1:]) * key_dim
        + _size(value.shape[1:]) * value_dim
    )
    scores = _size(query.shape[1:-1]) * (_size(key.shape[1:-1]) // _size(others))
    given = _size(call.output_shape[1:]) * value_dim
    return int(heads * (inputs + scores * (key_dim + value_dim) + given))


def _grouped_query(call: Call) -> int:
    layer, (query, key, value) = call.layer, _attended(call)
    queries, shared = layer.num_query_heads, layer.num_key_value_heads
    inputs = queries * _size(query.shape[1:]) + shared * (
        _size(key.shape[1:]) + _size(value.shape[1:])
    )
    scores = 2 * queries * _size(query.shape[1:-1]) * _size(key.shape[1:-1])
    return int(layer.head_dim * (inputs + scores + queries * _size(call.output_shape[1:])))


def _attention(call: Call) -> int:
    query, key, value = _attended(call)
    scores = _size(query.shape[1:-1]) * _size(key.shape[1:-1])
    kind, own = layers.Attention, call.layer
    dots = isinstance(own, kind) and own.score_mode == "dot"
    scaled = not isinstance(own, kind) and own.use_scale  # a product with the vector of scales
    return scores * (_size(query.shape[-1:]) * (dots or scaled) + _size(value.shape[-1:]))


def _dot(call: Call) -> int:
    axes = call.layer.axes
    axis = axes if isinstance(axes, int) else axes[0]
    return _size(call.output_shape[1:]) * _size([call.shape[axis]])


def _reversible(call: Call) -> int:
    reverse = call.kwargs.get("reverse") or (len(call.args) > 1 and call.args[1])
    return _size(call.output_shape[1:]) * _size(call.shape[-1:]) if reverse else 0


_convolutions = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_transposed = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)

RULES: dict[Any, Callable[[Call], int]] = {
    layers.Dense: _dense,
    layers.EinsumDense: _einsum,
    **dict.fromkeys(_convolutions, _conv),
    **dict.fromkeys(_transposed, _conv_transpose),
    **dict.fromkeys((layers.DepthwiseConv1D, layers.DepthwiseConv2D), _conv),
    **dict.fromkeys((layers.SeparableConv1D, layers.SeparableConv2D), _separable),
    **dict.fromkeys((layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D), _conv_lstm),
    layers.RNN: _recurrent,  # LSTM, GRU and SimpleRNN among others
    layers.Bidirectional: _bidirectional,
    layers.TimeDistributed: _time_distributed,
    layers.SpectralNormalization: _spectral,
    layers.MultiHeadAttention: _multi_head,
    layers.GroupQueryAttention: _grouped_query,
    layers.Attention: _attention,
    layers.AdditiveAttention: _attention,
    layers.Dot: _dot,
    layers.ReversibleEmbedding: _reversible,
}
"""By kind of layer; the first that fits a layer counts it."""

ELEMENTWISE = (
    *(layers.BatchNormalization, layers.GroupNormalization, layers.LayerNormalization),
    *(layers.Embedding, layers.Normalization, layers.PReLU, layers.RMSNormalization),
)
"""Layers whose weights, of whatever rank, are looked up, or scale and shift."""

UNCOUNTED = (layers.MelSpectrogram, layers.STFTSpectrogram)
"""Layers that multiply and are not counted here."""


def _has_keras_call(layer: Any) -> bool:
    """Tell whether a layer's ``call`` is Keras's own, also where its class is not."""
    owner = next(kind for kind in type(layer).__mro__ if "call" in vars(kind))
    return owner.__module__.startswith(KERAS)


def _inner_layers(layer: Any) -> list[Any]:
    return list(layer._flatten_layers(include_self=False))
