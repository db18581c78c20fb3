"""The positions that a layer or an operation reads, by its kind: what receptive fields are made of.

A `Move` says for an axis of the input where it goes in the output and which positions are read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from cnnzoo.analysis.graph import Call
from cnnzoo.analysis.windows import MAX_PERIOD, NOTHING, Reading

SAME = Reading.of_taps([0])
"""Each position reads the position with the same index."""


class Move(NamedTuple):
    """The output axis that an input axis becomes, with the positions that are read.

    Parameters
    ----------
    axis
        Axis of the output; None if the output has no such axis.
    reading
        Positions that are read; None if all are, for every output.
    """

    axis: int | None
    reading: Reading | None = SAME


Plan = Mapping[int, Move]
"""The move of each axis of the input, the batch axis left out."""


class UntracedError(Exception):
    """Raised if the positions that a call reads are unknown; the message says why."""


def plan_of(call: Call) -> Plan:
    """Return the moves of the axes of a call's first input.

    Raises
    ------
    UntracedError
        If they are unknown.

    Examples
    --------
    >>> pool = layers.MaxPooling1D(2)
    >>> series = keras.KerasTensor((None, 8, 3))
    >>> plan_of(Call(pool, (series,), (pool(series),)))[1].reading.table
    array([[0, 1]])
    """
    layer = call.layer
    if isinstance(layer, keras.Layer):
        rule = next((rule for kind, rule in RULES.items() if isinstance(layer, kind)), None)
        if rule is not None:
            return rule(call)
        raise UntracedError("layers of its kind are not traced")
    rule = OPERATIONS.get(type(layer).__name__)
    if rule is None or not type(layer).__module__.startswith("keras.src.ops."):
        raise UntracedError("operations of its kind are not traced")
    return rule(call)


def channel_axis(layer: keras.Operation, rank: int) -> int | None:
    """Return the axis of the channels in a layer's input; None if the layer has none."""
    if not isinstance(layer, SPATIAL_LAYERS):
        return None
    return 1 if getattr(layer, "data_format", "") == "channels_first" else rank - 1


def stay(call: Call) -> Plan:
    """Return the plan of a call that changes no positions."""
    if call.shape[1:] != call.output_shape[1:]:
        raise UntracedError("its output has another shape than its input")
    return _kept(len(call.shape))


def _kept(rank: int) -> dict[int, Move]:
    return {axis: Move(axis) for axis in range(1, rank)}


def _mixed(call: Call, axes: Sequence[int]) -> Plan:
    """Return the plan of a call that mixes all positions of some axes and keeps the others."""
    rank = len(call.shape)
    mixed = {axis % rank for axis in axes}
    return {axis: Move(axis, None if axis in mixed else SAME) for axis in range(1, rank)}


def _spatial(layer: keras.Layer, rank: int) -> Iterator[int]:
    """Yield the axes of a map that are neither batch nor channels."""
    channels = channel_axis(layer, rank)
    return (axis for axis in range(1, rank) if axis != channels)


def _over_positions(call: Call, reading_of: Callable[[int, int], Reading]) -> Plan:
    """Return the plan of a layer with a window on every spatial axis, which mixes the channels.

    ``reading_of`` takes the number of the spatial axis and the axis of the map.
    """
    rank = len(call.shape)
    plan = {axis: Move(axis, None) for axis in range(1, rank)}
    for number, axis in enumerate(_spatial(call.layer, rank)):
        plan[axis] = Move(axis, reading_of(number, axis))
    return plan


def _window(
    length: int | None, size: int, step: int, dilation: int, padding: str, *, zeros: bool
) -> Reading:
    extent = (size - 1) * dilation + 1
    before, after = 0, 0
    if padding == "same":
        outside = length % step if length is not None and length % step else step
        after = max(extent - outside, 0)
        before, after = after // 2, after - after // 2
    elif padding == "causal":
        before = extent - 1
    taps = [tap * dilation - before for tap in range(size)]
    return Reading.of_taps(taps, step, zeros=zeros and before + after > 0)


def _conv(call: Call) -> Plan:
    layer = call.layer

    def reading(number: int, axis: int) -> Reading:
        window = (layer.kernel_size[number], layer.strides[number], layer.dilation_rate[number])
        return _window(call.shape[axis], *window, layer.padding, zeros=True)

    return _over_positions(call, reading)


def _pool(call: Call) -> Plan:
    layer = call.layer

    def reading(number: int, axis: int) -> Reading:
        window = (layer.pool_size[number], layer.strides[number], 1)
        return _window(call.shape[axis], *window, layer.padding, zeros=False)

    return _over_positions(call, reading)


def _global_pool(call: Call) -> Plan:
    rank, keep = len(call.shape), call.layer.keepdims
    channels = channel_axis(call.layer, rank)
    left = channels if keep else 1
    plan = {axis: Move(axis if keep else None, None) for axis in range(1, rank)}
    plan[channels or rank - 1] = Move(left)
    return plan


def _conv_transpose(call: Call) -> Plan:
    layer = call.layer

    def reading(number: int, axis: int) -> Reading:
        size, step = layer.kernel_size[number], layer.strides[number]
        dilation = layer.dilation_rate[number]
        extent, before = (size - 1) * dilation + 1, 0
        if layer.padding == "same":
            outputs, inputs = call.output_shape[axis], call.shape[axis]
            surplus = extent - step
            if outputs is not None and inputs is not None:
                surplus = (inputs - 1) * step + extent - outputs
            before = max(surplus, 0) // 2
        table = np.full((step, size), NOTHING, np.int64)
        for output in range(step):
            for tap in range(size):
                place, rest = divmod(output + before - tap * dilation, step)
                if not rest:
                    table[output, tap] = place
        return Reading(table)

    return _over_positions(call, reading)


def _zero_padding(call: Call) -> Plan:
    amounts = call.layer.padding
    return _over_positions(call, lambda number, _: _shifted(_pair(amounts, number)))


def _shifted(pair: tuple[int, int]) -> Reading:
    return Reading.of_taps([-pair[0]], zeros=any(pair))


def _pair(amounts: Any, number: int) -> tuple[int, int]:
    """Return the amounts before and after on an axis; 1-D layers have one pair."""
    pair = amounts[number] if isinstance(amounts[0], list | tuple) else amounts
    return (int(pair[0]), int(pair[1]))


def _cropping(call: Call) -> Plan:
    cropping = call.layer.cropping
    return _over_positions(call, lambda number, _: Reading.of_taps([_pair(cropping, number)[0]]))


def _center_crop(call: Call) -> Plan:
    def reading(_: int, axis: int) -> Reading:
        inputs, outputs = call.shape[axis], call.output_shape[axis]
        if inputs is None or outputs is None or outputs > inputs:
            raise UntracedError("it resizes images that are too small")
        return Reading.of_taps([(inputs - outputs) // 2])

    return _over_positions(call, reading)


def _up_sampling(call: Call) -> Plan:
    size, method = call.layer.size, getattr(call.layer, "interpolation", "nearest")

    def reading(number: int, _: int) -> Reading:
        factor = int(size if isinstance(size, int) else size[number])
        return _resized(1, factor, method)

    return _over_positions(call, reading)


def _resizing(call: Call) -> Plan:
    layer = call.layer
    if layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        raise UntracedError("it keeps the aspect ratio")

    def reading(_: int, axis: int) -> Reading:
        inputs, outputs = call.shape[axis], call.output_shape[axis]
        if inputs is None or outputs is None:
            raise UntracedError("the size of its input is unknown")
        return _resized(inputs, outputs, layer.interpolation, antialias=layer.antialias)

    return _over_positions(call, reading)


REACH = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}
"""Radius of an interpolation's kernel, in positions of its input."""


def _resized(inputs: int, outputs: int, method: str, *, antialias: bool = False) -> Reading:
    """Return what an interpolation reads, with the centres of the pixels at halves."""
    ratio = Fraction(inputs, outputs)
    step, period = ratio.numerator, ratio.denominator
    if period > MAX_PERIOD:
        raise UntracedError("the sizes of its input and output have no small ratio")
    centres = [(2 * output + 1) * ratio / 2 for output in range(period)]
    if method == "nearest":
        return Reading(np.array([[int(centre)] for centre in centres]), step)
    if method not in REACH:
        raise UntracedError(f"the interpolation {method!r} is not traced")
    scale = max(ratio, Fraction(1)) if antialias else Fraction(1)
    rows = []
    for centre in centres:
        place = centre - Fraction(1, 2)
        near, radius = int(place // 1), int(REACH[method] * scale) + 1
        taps = range(near - radius, near + radius + 1)
        rows.append([tap for tap in taps if _has_weight((tap - place) / scale, REACH[method])])
    width = max(map(len, rows))
    return Reading(np.array([row + [NOTHING] * (width - len(row)) for row in rows]), step)


def _has_weight(distance: Fraction, reach: int) -> bool:
    """Return whether an interpolation's kernel is not 0; cubic and longer ones are at integers."""
    if distance == 0 or reach == 1:
        return abs(distance) < reach
    return abs(distance) < reach and distance.denominator != 1


def _flatten(call: Call) -> Plan:
    return {axis: Move(None, None) for axis in range(1, len(call.shape))}


def _reshape(call: Call) -> Plan:
    return reshaped(call.shape[1:], call.output_shape[1:])


def reshaped(old: Sequence[int | None], new: Sequence[int | None]) -> Plan:
    """Return the plan of a reshape, whose axes are without the batch axis.

    An axis that is kept whole keeps its positions; if all axes become one, it sees all of them.

    Examples
    --------
    >>> moves = reshaped((4, 4, 3), (4, 12))
    Traceback (most recent call last):
    ...
    cnnzoo.analysis.readings.UntracedError: it rearranges positions
    >>> {axis: move.axis for axis, move in reshaped((4, 6), (4, 1, 6)).items()}
    {1: 1, 2: 3}
    """
    if len(new) == 1:
        return {axis: Move(None, None) for axis in range(1, len(old) + 1)}
    if None in old or None in new:
        raise UntracedError("a size of its input is unknown")
    plan: dict[int, Move] = {}
    left = [(axis, size) for axis, size in enumerate(old, 1) if size != 1]
    right = [(axis, size) for axis, size in enumerate(new, 1) if size != 1]
    for axis, size in enumerate(old, 1):
        if size == 1:
            plan[axis] = Move(None)
    if [size for _, size in left] != [size for _, size in right]:
        raise UntracedError("it rearranges positions")
    plan |= {axis: Move(target) for (axis, _), (target, _) in zip(left, right, strict=True)}
    return plan


def _permute(call: Call) -> Plan:
    return {source: Move(target) for target, source in enumerate(call.layer.dims, 1)}


def _dense(call: Call) -> Plan:
    return _mixed(call, [-1])


def _einsum(call: Call) -> Plan:
    inputs, _, rest = call.layer.equation.replace(" ", "").partition(",")
    outputs = rest.partition("->")[2]
    if "..." in inputs:
        if len(call.shape) != len(call.output_shape) or inputs[:-1] != outputs[:-1]:
            raise UntracedError("its equation is not traced")
        return _mixed(call, [-1])
    return {
        axis: Move(outputs.index(name), SAME) if name in outputs else Move(None, None)
        for axis, name in enumerate(inputs)
        if axis
    }


def _along_axis(call: Call) -> Plan:
    axis = call.layer.axis
    return _mixed(call, [axis] if isinstance(axis, int) else list(axis))


def _group_normalization(call: Call) -> Plan:
    return _mixed(call, range(1, len(call.shape)))


def _recurrent(call: Call) -> Plan:
    layer, rank = call.layer, len(call.shape)
    if rank != 3:
        raise UntracedError("recurrent layers over maps are not traced")
    if layer.return_sequences and getattr(layer, "return_state", False):
        raise UntracedError("it returns its states beside a sequence")
    if layer.return_sequences:
        return {1: Move(1, None), 2: Move(2, None)}
    return {1: Move(None, None), 2: Move(1, None)}


def _activation(call: Call) -> Plan:
    if call.layer.activation is keras.activations.softmax:
        return _mixed(call, [-1])
    return stay(call)


# operations of keras.ops


def _reduce(call: Call) -> Plan:
    rank, operation = len(call.shape), call.layer
    given = operation.axis
    axes = range(1, rank) if given is None else [given] if isinstance(given, int) else list(given)
    reduced = {axis % rank for axis in axes}
    if 0 in reduced or given is None:
        raise UntracedError("it mixes examples")
    plan, target = {}, 1
    for axis in range(1, rank):
        if axis in reduced:
            plan[axis] = Move(target if operation.keepdims else None, None)
            target += bool(operation.keepdims)
        else:
            plan[axis] = Move(target)
            target += 1
    return plan


def _transpose(call: Call) -> Plan:
    rank = len(call.shape)
    axes = call.layer.axes or tuple(reversed(range(rank)))
    order = [axis % rank for axis in axes]
    if order[0]:
        raise UntracedError("it moves the batch axis")
    return {source: Move(target) for target, source in enumerate(order) if target}


def _expand_dims(call: Call) -> Plan:
    rank = len(call.output_shape)
    axes = call.layer.axis
    new = {axis % rank for axis in ([axes] if isinstance(axes, int) else axes)}
    kept = [axis for axis in range(rank) if axis not in new]
    return {source: Move(target) for source, target in enumerate(kept) if source}


def _pad(call: Call) -> Plan:
    operation, rank = call.layer, len(call.shape)
    amounts = [tuple(pair) for pair in operation.pad_width]
    amounts = amounts * rank if len(amounts) == 1 else amounts
    if any(amounts[0]):
        raise UntracedError("it pads the batch axis")
    plan = {}
    for axis in range(1, rank):
        before, after = amounts[axis]
        if not (before or after):
            plan[axis] = Move(axis)
        elif operation.mode == "constant":
            plan[axis] = Move(axis, _shifted((before, after)))
        else:
            plan[axis] = Move(axis, _mirrored(call.shape[axis], before, after, operation.mode))
    return plan


def _mirrored(length: int | None, before: int, after: int, mode: Any) -> Reading:
    if length is None:
        raise UntracedError("the size of its input is unknown")
    exact = np.pad(np.arange(length), (before, after), mode)[:, None]
    return Reading(np.array([[-before]]), exact=exact)


def _take(call: Call) -> Plan:
    """Return the plan of ``take`` with constant indices, as padding by repetition uses it."""
    indices = call.args[1] if len(call.args) > 1 else call.kwargs["indices"]
    axis = call.layer.axis
    if axis is None or keras.tree.flatten(call.tensors)[1:] or np.ndim(indices) != 1:
        raise UntracedError("its indices are not traced")
    axis %= len(call.shape)
    length = call.shape[axis]
    exact = np.asarray(indices, np.int64)
    if length is None or not len(exact):
        raise UntracedError("the size of its input is unknown")
    exact = exact % length
    plan = _kept(len(call.shape))
    steady = next((i for i in range(len(exact)) if exact[i] == 0 and 0 not in exact[i + 1 :]), 0)
    inner = exact[steady : steady + length]
    if not np.array_equal(inner, np.arange(len(inner))):
        raise UntracedError("it rearranges positions")
    plan[axis] = Move(axis, Reading(np.array([[-steady]]), exact=exact[:, None]))
    return plan


def _get_item(call: Call) -> Plan:
    key = call.args[1] if len(call.args) > 1 else call.kwargs["key"]
    parts = list(key) if isinstance(key, list | tuple) else [key]
    rank = len(call.shape)
    if Ellipsis in parts:
        place = parts.index(Ellipsis)
        given = sum(part is not None for part in parts) - 1
        parts[place : place + 1] = [slice(None)] * (rank - given)
    plan: dict[int, Move] = {}
    source = target = 0
    for part in parts:
        if part is None:
            target += 1
        elif isinstance(part, int | np.integer):
            plan[source] = Move(None, Reading.of_taps([_index(int(part), call.shape[source])]))
            source += 1
        elif isinstance(part, slice):
            plan[source] = Move(target, _slice(part, call.shape[source]))
            source, target = source + 1, target + 1
        else:
            raise UntracedError("its index is not traced")
    while source < rank:
        plan[source] = Move(target)
        source, target = source + 1, target + 1
    batch = plan.pop(0)
    if batch.axis or batch.reading is None or not batch.reading.is_identity:
        raise UntracedError("it takes some of the examples")
    return plan


def _index(index: int, length: int | None) -> int:
    if index >= 0:
        return index
    if length is None:
        raise UntracedError("the size of its input is unknown")
    return index + length


def _slice(part: slice, length: int | None) -> Reading:
    step = 1 if part.step is None else part.step
    if step < 1:
        raise UntracedError("it reverses positions")
    return Reading.of_taps([_index(part.start or 0, length)], step)


def _split(call: Call) -> Plan:
    """Return the plan of ``split``, which is traced along the axis of the channels only."""
    axis = call.layer.axis % len(call.shape)
    if axis != len(call.shape) - 1:
        raise UntracedError("it splits positions")
    return _kept(len(call.shape))


def _repeat(call: Call) -> Plan:
    operation, rank = call.layer, len(call.shape)
    if operation.axis is None or not isinstance(operation.repeats, int):
        raise UntracedError("its repeats are not traced")
    plan = _kept(rank)
    axis = operation.axis % rank
    plan[axis] = Move(axis, _resized(1, operation.repeats, "nearest"))
    return plan


RULES: dict[Any, Callable[[Call], Plan]] = {
    (layers.SeparableConv1D, layers.SeparableConv2D): _conv,
    (layers.DepthwiseConv1D, layers.DepthwiseConv2D): _conv,
    (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose): _conv_transpose,
    (layers.Conv1D, layers.Conv2D, layers.Conv3D): _conv,
    (layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D): _pool,
    (layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D): _pool,
    (
        layers.GlobalAveragePooling1D,
        layers.GlobalAveragePooling2D,
        layers.GlobalAveragePooling3D,
        layers.GlobalMaxPooling1D,
        layers.GlobalMaxPooling2D,
        layers.GlobalMaxPooling3D,
    ): _global_pool,
    (layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D): _zero_padding,
    (layers.Cropping1D, layers.Cropping2D, layers.Cropping3D): _cropping,
    layers.CenterCrop: _center_crop,
    (layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D): _up_sampling,
    layers.Resizing: _resizing,
    layers.Flatten: _flatten,
    layers.Reshape: _reshape,
    layers.Permute: _permute,
    layers.Dense: _dense,
    layers.EinsumDense: _einsum,
    layers.Embedding: lambda call: _kept(len(call.shape)),
    layers.RepeatVector: lambda _: {1: Move(2)},
    layers.GroupNormalization: _group_normalization,
    (
        layers.LayerNormalization,
        layers.RMSNormalization,
        layers.UnitNormalization,
    ): _along_axis,
    layers.Softmax: _along_axis,
    (layers.RNN, layers.Bidirectional): _recurrent,
    layers.Activation: _activation,
    (
        layers.ActivityRegularization,
        layers.AlphaDropout,
        layers.BatchNormalization,
        layers.Dropout,  # dropout and noise change nothing in inference
        layers.ELU,
        layers.GaussianDropout,
        layers.GaussianNoise,
        layers.Identity,
        layers.LeakyReLU,
        layers.Masking,
        layers.Normalization,
        layers.PReLU,
        layers.ReLU,
        layers.Rescaling,
        layers.SpatialDropout1D,
        layers.SpatialDropout2D,
        layers.SpatialDropout3D,
        layers.RandomBrightness,  # and so does augmentation
        layers.RandomColorDegeneration,
        layers.RandomColorJitter,
        layers.RandomContrast,
        layers.RandomErasing,
        layers.RandomFlip,
        layers.RandomGaussianBlur,
        layers.RandomGrayscale,
        layers.RandomHue,
        layers.RandomPerspective,
        layers.RandomPosterization,
        layers.RandomRotation,
        layers.RandomSaturation,
        layers.RandomSharpness,
        layers.RandomShear,
        layers.RandomTranslation,
        layers.RandomZoom,
    ): stay,
}
"""The function that plans a call, by layer classes; the first that fit are used."""

KNOWN_LAYERS = tuple(
    kind for kinds in RULES for kind in (kinds if isinstance(kinds, tuple) else (kinds,))
)
"""Layers with a rule."""

MERGES = (
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
)
"""Layers that combine several maps position by position."""

ATTENTION = (
    layers.AdditiveAttention,
    layers.Attention,
    layers.GroupQueryAttention,
    layers.MultiHeadAttention,
)
"""Layers whose outputs see all positions of their keys and values."""

SPATIAL_LAYERS = tuple(
    kind
    for kinds, rule in RULES.items()
    if rule in (_conv, _conv_transpose, _pool, _global_pool, _zero_padding, _cropping)
    or rule in (_up_sampling, _resizing, _center_crop)
    for kind in (kinds if isinstance(kinds, tuple) else (kinds,))
)
"""Layers whose input has an axis of channels."""

ELEMENTWISE_OPERATIONS = frozenset(
    {
        "Abs",
        "Absolute",
        "Add",
        "BatchNorm",
        "Cast",
        "Ceil",
        "Celu",
        "Clip",
        "Cos",
        "Divide",
        "DivideNoNan",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "Expm1",
        "Floor",
        "Gelu",
        "Greater",
        "GreaterEqual",
        "HardShrink",
        "HardSigmoid",
        "HardSilu",
        "HardTanh",
        "Identity",
        "LeakyRelu",
        "Less",
        "LessEqual",
        "Log",
        "Log10",
        "Log1p",
        "Log2",
        "LogSigmoid",
        "LogicalAnd",
        "LogicalNot",
        "LogicalOr",
        "Maximum",
        "Minimum",
        "Mod",
        "Multiply",
        "NanToNum",
        "Negative",
        "NotEqual",
        "Power",
        "Reciprocal",
        "Relu",
        "Relu6",
        "Round",
        "Rsqrt",
        "Selu",
        "Sigmoid",
        "Sign",
        "Silu",
        "Sin",
        "SoftShrink",
        "Softplus",
        "Softsign",
        "SparsePlus",
        "SparseSigmoid",
        "Sqrt",
        "Square",
        "Squareplus",
        "StopGradient",
        "Subtract",
        "Tanh",
        "TanhShrink",
        "Threshold",
        "TrueDivide",
        "Where",
    }
)
"""Operations that combine their inputs position by position."""

OPERATIONS: dict[str, Callable[[Call], Plan]] = {
    **dict.fromkeys(
        ("Mean", "Max", "Amax", "Min", "Amin", "Sum", "Prod", "Std", "Var", "Any", "All"), _reduce
    ),
    "Logsumexp": _reduce,
    "Softmax": _along_axis,
    "LogSoftmax": _along_axis,
    "Reshape": _reshape,
    "Squeeze": _reshape,
    "Transpose": _transpose,
    "ExpandDims": _expand_dims,
    "Pad": _pad,
    "Take": _take,
    "GetItem": _get_item,
    "Split": _split,
    "Repeat": _repeat,
}
"""The function that plans a call, by the name of an operation of ``keras.ops``."""
