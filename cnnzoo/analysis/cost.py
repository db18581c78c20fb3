"""Multiply-accumulates of a model, of its layers and of the calls that it makes of them."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
from keras import layers

from cnnzoo.analysis.graph import (
    Call,
    GraphError,
    graph_of,
    has_keras_call,
    inner_graph,
    is_graph,
)

UNCOUNTED_OPERATIONS = (
    "Conv",
    "ConvTranspose",
    "Correlate",
    "DepthwiseConv",
    "Dot",
    "DotProductAttention",
    "Einsum",
    "Inner",
    "Kron",
    "Matvec",
    "Outer",
    "SeparableConv",
    "Tensordot",
    "Vdot",
)
"""Operations of ``keras.ops`` that multiply and are not counted."""

MAX_NAMED_LAYERS = 3
"""Number of uncounted layers that `uncounted` names."""


class UncountedError(Exception):
    """Raised if the multiply-accumulates of a call are unknown; the message says why."""


class Count(NamedTuple):
    """The multiply-accumulates of one call.

    Parameters
    ----------
    name
        Name of the layer or operation.
    macs
        The number; None if it is unknown.
    reason
        Why the number is unknown; empty if it is known.
    """

    name: str
    macs: int | None
    reason: str = ""


def macs(model: keras.Model) -> int | None:
    """Count the multiply-accumulates of one forward pass of one example.

    Convolutions and matrix products are counted. Every weight of a convolution is used once per
    position of its output (of its input if it is transposed), every weight of a dense layer once
    per vector, every weight of a recurrent layer once per step; attention also multiplies queries,
    keys and values. A layer that is called twice counts twice. Elementwise operations (pooling,
    activations, normalization, resizing, lookups) are left out, as usual (He et al. 2015,
    table 1). For a layer with a custom ``call``, and for a ``Lambda``, the layers and ``keras.ops``
    that it calls are counted.

    Parameters
    ----------
    model
        A built ``keras.Model``.

    Returns
    -------
    int or None
        None if the count of a layer is unknown; `uncounted` gives the layer and the reason.

    Examples
    --------
    >>> import cnnzoo
    >>> macs(cnnzoo.build("simple_cnn")) == 32 * 32 * (3 * 3 * 3 * 16) + 16 * 16 * 16 * 10
    True
    """
    counts = [call.macs for call in _calls(model)]
    known_counts = [count for count in counts if count is not None]
    return sum(known_counts) if len(known_counts) == len(counts) else None


def uncounted(model: keras.Model) -> str:
    """Return which layers have unknown multiply-accumulates, and why.

    Returns
    -------
    str
        A phrase; empty if all counts are known.

    Examples
    --------
    >>> inputs = keras.Input((None, 4))
    >>> uncounted(keras.Model(inputs, keras.layers.LSTM(5, name="lstm")(inputs)))
    '`lstm`: a size of its input or output is unknown'
    """
    missing = {call.name: call.reason for call in _calls(model) if call.macs is None}
    phrases = [f"`{name}`: {reason}" for name, reason in missing.items()]
    named, others = phrases[:MAX_NAMED_LAYERS], len(phrases) - MAX_NAMED_LAYERS
    return "; ".join([*named, f"and {others} more layers"] if others > 0 else named)


def macs_by_layer(model: keras.Model) -> dict[str, Count]:
    """Return the multiply-accumulates of each layer of a model, summed over its calls."""
    totals = {layer.name: Count(layer.name, 0) for layer in model.layers}
    for call in _calls(model):
        total = totals.get(call.name, Count(call.name, 0))
        if total.macs is None or call.macs is None:
            totals[call.name] = Count(call.name, None, total.reason or call.reason)
        else:
            totals[call.name] = Count(call.name, total.macs + call.macs)
    return totals


def count_call(call: Call) -> int:
    """Return the multiply-accumulates of one call of a layer, a model or an operation.

    Raises
    ------
    UncountedError
        If they are unknown.

    Examples
    --------
    >>> sequence = keras.KerasTensor((None, 18, 4))
    >>> lstm = layers.LSTM(5)
    >>> count_call(Call(lstm, (sequence,), (lstm(sequence),)))  # 18 steps of 4 * 5 * (4 + 5)
    3240
    """
    if is_graph(call.layer):
        return _count_inside(call)
    return _count_layer(call) if isinstance(call.layer, keras.Layer) else _count_operation(call)


def _count_inside(call: Call) -> int:
    """Count the calls that a call of a model or of a custom layer consists of."""
    try:
        graph = inner_graph(call)
    except GraphError as error:
        raise UncountedError(str(error)) from None
    total = 0
    for inner in map(_count_or_reason, graph.calls):
        if inner.macs is None:
            raise UncountedError(f"in its layer `{inner.name}`, {inner.reason}")
        total += inner.macs
    return total


def _count_operation(call: Call) -> int:
    name = type(call.layer).__name__
    if name == "Matmul":
        return _size(call.output_shape[1:]) * _size(call.shape[-1:])
    if name in UNCOUNTED_OPERATIONS:
        raise UncountedError("operations of its kind are not counted")
    return 0


def _count_layer(call: Call) -> int:
    layer = call.layer
    if not has_keras_call(layer):
        return _count_inside(call)
    rule = next((rule for kind, rule in RULES.items() if isinstance(layer, kind)), None)
    if rule is not None:
        if getattr(layer, "lora_enabled", False):
            raise UncountedError("it has LoRA weights")
        return rule(call)
    if isinstance(layer, UNCOUNTED_LAYERS):
        raise UncountedError("layers of its kind are not counted")
    if not isinstance(layer, ELEMENTWISE_LAYERS) and any(len(w.shape) > 1 for w in layer.weights):
        raise UncountedError("it is unknown how often it uses its weights")
    return 0


def _calls(model: keras.Model) -> Iterator[Count]:
    """Yield the count of every call in a model's graph."""
    try:
        graph = graph_of(model)
    except GraphError:
        yield Count(model.name, None, "only functional and sequential models can be counted")
        return
    yield from map(_count_or_reason, graph.calls)


def _count_or_reason(call: Call) -> Count:
    try:
        return Count(call.layer.name, count_call(call))
    except UncountedError as error:
        return Count(call.layer.name, None, str(error))


def _size(shape: Sequence[int | None]) -> int:
    known = [side for side in shape if side is not None]
    if len(known) < len(shape):
        raise UncountedError("a size of its input or output is unknown")
    return math.prod(known)


def _weights(*weights: keras.Variable) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _places(layer: keras.Layer, shape: Sequence[int | None]) -> int:
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
    if dots:  # they include the batch axis, unless a letter stands before them
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
    # every weight is used at every position of the input; overlapping outputs are summed
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


def _cell(cell: keras.Layer) -> int:
    """Return the multiply-accumulates of one step."""
    if isinstance(cell, layers.StackedRNNCells) and has_keras_call(cell):
        return sum(map(_cell, cell.cells))
    known_cells = (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell)
    if not (isinstance(cell, known_cells) and has_keras_call(cell)):
        raise UncountedError(f"the cell {type(cell).__name__} is unknown")
    return _weights(cell.kernel, cell.recurrent_kernel)


def _bidirectional(call: Call) -> int:
    directions = (call.layer.forward_layer, call.layer.backward_layer)
    return sum(count_call(call.inside(layer, call.shape)) for layer in directions)


def _time_distributed(call: Call) -> int:
    batch, steps, *rest = call.shape
    return _size([steps]) * count_call(call.inside(call.layer.layer, (batch, *rest)))


def _spectral(call: Call) -> int:
    return count_call(call.inside(call.layer.layer, call.shape))


def _attention_inputs(call: Call) -> tuple[Any, Any, Any]:
    """Return query, key and value, passed as arguments or as a list."""
    listed = isinstance(call.inputs, list | tuple)
    given = list(call.inputs) if listed else [call.inputs, *call.args[1:]]
    given += [call.kwargs[name] for name in ("value", "key") if call.kwargs.get(name) is not None]
    query, value = given[:2]
    return query, value if len(given) < 3 or given[2] is None else given[2], value


def _multi_head(call: Call) -> int:
    layer, (query, key, value) = call.layer, _attention_inputs(call)
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
    layer, (query, key, value) = call.layer, _attention_inputs(call)
    queries, shared = layer.num_query_heads, layer.num_key_value_heads
    inputs = queries * _size(query.shape[1:]) + shared * (
        _size(key.shape[1:]) + _size(value.shape[1:])
    )
    scores = 2 * queries * _size(query.shape[1:-1]) * _size(key.shape[1:-1])
    return int(layer.head_dim * (inputs + scores + queries * _size(call.output_shape[1:])))


def _attention(call: Call) -> int:
    query, key, value = _attention_inputs(call)
    scores = _size(query.shape[1:-1]) * _size(key.shape[1:-1])
    layer, kind = call.layer, layers.Attention
    dots = isinstance(layer, kind) and layer.score_mode == "dot"
    scaled = not isinstance(layer, kind) and layer.use_scale  # a product with the scale vector
    return scores * (_size(query.shape[-1:]) * (dots or scaled) + _size(value.shape[-1:]))


def _dot(call: Call) -> int:
    axes = call.layer.axes
    axis = axes if isinstance(axes, int) else axes[0]
    return _size(call.output_shape[1:]) * _size([call.shape[axis]])


def _reversible(call: Call) -> int:
    reverse = call.kwargs.get("reverse") or (len(call.args) > 1 and call.args[1])
    return _size(call.output_shape[1:]) * _size(call.shape[-1:]) if reverse else 0


RULES: dict[Any, Callable[[Call], int]] = {
    layers.Dense: _dense,
    layers.EinsumDense: _einsum,
    (layers.Conv1D, layers.Conv2D, layers.Conv3D): _conv,
    (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose): _conv_transpose,
    (layers.DepthwiseConv1D, layers.DepthwiseConv2D): _conv,
    (layers.SeparableConv1D, layers.SeparableConv2D): _separable,
    (layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D): _conv_lstm,
    layers.RNN: _recurrent,  # LSTM, GRU and SimpleRNN among others
    layers.Bidirectional: _bidirectional,
    layers.TimeDistributed: _time_distributed,
    layers.SpectralNormalization: _spectral,
    layers.MultiHeadAttention: _multi_head,
    layers.GroupQueryAttention: _grouped_query,
    (layers.Attention, layers.AdditiveAttention): _attention,
    layers.Dot: _dot,
    layers.ReversibleEmbedding: _reversible,
}
"""The function that counts a call, by layer classes; the first that fit are used."""

ELEMENTWISE_LAYERS = (
    layers.BatchNormalization,
    layers.Embedding,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.Normalization,
    layers.PReLU,
    layers.RMSNormalization,
)
"""Layers whose weights are looked up, or scale and shift, whatever their rank."""

UNCOUNTED_LAYERS = (layers.MelSpectrogram, layers.STFTSpectrogram)
"""Layers that multiply and are not counted."""
