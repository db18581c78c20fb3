"""Multiply-accumulates, compared with the traced operations of TensorFlow and with arithmetic."""

import inspect
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.profiler import profiled_macs
from keras import layers

import cnnzoo
from cnnzoo.analysis.cost import (
    ELEMENTWISE_LAYERS,
    RULES,
    UNCOUNTED_LAYERS,
    macs,
    uncounted,
)

IMAGE, SERIES, VOLUME = (8, 9, 4), (18, 4), (4, 5, 6, 2)


def traced(model):
    """Multiply-accumulates of the operations in the traced graph."""
    inputs = [tf.TensorSpec((1, *one.shape[1:]), one.dtype) for one in model.inputs]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    function = tf.function(lambda given: model(given, training=False), autograph=False)
    return of_graph(function.get_concrete_function(inputs))


def of_graph(function):
    """Sum over the operations that the outputs depend on."""
    waiting, seen, total = [one.op for one in function.outputs], set(), 0
    while waiting:
        operation = waiting.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        waiting += [tensor.op for tensor in operation.inputs]
        assert "While" not in operation.type, f"{operation.name} repeats something: unroll it"
        if "PartitionedCall" in operation.type:
            name = operation.get_attr("f").name
            total += of_graph(operation.graph._get_function(name).graph)
        total += of_operation(operation)
    return total


def of_operation(operation):
    kind = operation.type
    shapes = [tuple(tensor.shape) for tensor in operation.inputs]
    output = tuple(operation.outputs[0].shape) if operation.outputs else ()
    if kind in ("Conv2D", "Conv3D"):
        *window, inner, _ = shapes[1]
        return math.prod(output) * math.prod(window) * inner
    if kind == "DepthwiseConv2dNative":
        return math.prod(output) * math.prod(shapes[1][:2])
    if kind in ("Conv2DBackpropInput", "Conv3DBackpropInputV2"):  # a transposed convolution
        return math.prod(shapes[2][:-1]) * math.prod(shapes[1])
    if kind in ("MatMul", "BatchMatMulV2"):
        flipped = operation.get_attr("transpose_a" if kind == "MatMul" else "adj_x")
        return math.prod(output) * shapes[0][-2 if flipped else -1]
    if kind == "Einsum":
        letters = operation.get_attr("equation").decode().partition("->")[0].split(",")
        sizes = {}
        for names, shape in zip(letters, shapes, strict=True):
            free = "ABCDE"[: len(shape) - len(names.replace("...", ""))]
            sizes |= dict(zip(names.replace("...", free), shape, strict=True))
        return math.prod(sizes.values())
    assert "Conv" not in kind, kind
    return 0


def of_layer(make, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    return keras.Model(inputs, make()(inputs[0] if len(inputs) == 1 else inputs))


LAYERS = {
    "Dense": (lambda: layers.Dense(5), (4,)),
    "Dense of a map": (lambda: layers.Dense(5), IMAGE),
    "EinsumDense": (lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3)), SERIES),
    "EinsumDense of any rank": (lambda: layers.EinsumDense("...c,cd->...d", 5), IMAGE),
    "Conv1D": (lambda: layers.Conv1D(6, 3, strides=2), SERIES),
    "Conv1D causal": (lambda: layers.Conv1D(6, 3, padding="causal", dilation_rate=2), SERIES),
    "Conv2D": (lambda: layers.Conv2D(6, (3, 2), strides=2, padding="same"), IMAGE),
    "Conv2D in groups": (lambda: layers.Conv2D(6, 3, groups=2), IMAGE),
    "Conv3D": (lambda: layers.Conv3D(3, 2, strides=2), VOLUME),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(6, 3, strides=2), SERIES),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(6, 3, strides=2), IMAGE),
    "Conv2DTranspose same": (
        lambda: layers.Conv2DTranspose(6, 3, strides=2, padding="same"),
        IMAGE,
    ),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(3, 2, strides=2), VOLUME),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2), SERIES),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), IMAGE),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(6, 3, depth_multiplier=2), SERIES),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(6, 3, strides=2), IMAGE),
    "SimpleRNN": (lambda: layers.SimpleRNN(5, unroll=True), SERIES),
    "LSTM": (lambda: layers.LSTM(5, unroll=True), SERIES),
    "LSTM of all steps": (lambda: layers.LSTM(5, return_sequences=True, unroll=True), SERIES),
    "GRU": (lambda: layers.GRU(5, unroll=True), SERIES),
    "GRU reset before": (lambda: layers.GRU(5, reset_after=False, unroll=True), SERIES),
    "stacked cells": (
        lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(5)], unroll=True),
        SERIES,
    ),
    "Bidirectional": (lambda: layers.Bidirectional(layers.LSTM(5, unroll=True)), SERIES),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(3, 2, strides=2, unroll=True), (4, 9, 2)),
    "ConvLSTM2D": (
        lambda: layers.ConvLSTM2D(3, 2, padding="same", return_sequences=True, unroll=True),
        (3, 5, 6, 2),
    ),
    "Bidirectional ConvLSTM2D": (
        lambda: layers.Bidirectional(layers.ConvLSTM2D(3, 2, unroll=True)),
        (3, 5, 6, 2),
    ),
    "ConvLSTM3D": (lambda: layers.ConvLSTM3D(2, 2, unroll=True), (2, 3, 4, 5, 2)),
    "SpectralNormalization": (
        lambda: layers.SpectralNormalization(layers.Conv2D(6, 3)),
        IMAGE,
    ),
    "MultiHeadAttention": (
        lambda: lambda x: layers.MultiHeadAttention(3, 5, value_dim=7, output_shape=6)(*x),
        (10, 4),
        (8, 6),
    ),
    "MultiHeadAttention over an axis": (
        lambda: lambda x: layers.MultiHeadAttention(2, 3, attention_axes=2)(x, x),
        (3, 5, 4),
    ),
    "MultiHeadAttention by names": (
        lambda: lambda x: layers.MultiHeadAttention(2, 3)(query=x[0], key=x[1], value=x[1]),
        (10, 4),
        (8, 6),
    ),
    "LSTM by name": (lambda: lambda x: layers.LSTM(5, unroll=True)(sequences=x), SERIES),
    "GroupQueryAttention": (
        lambda: lambda x: layers.GroupQueryAttention(5, 4, 2)(x[0], value=x[1]),
        (10, 6),
        (8, 6),
    ),
    "Attention": (layers.Attention, (10, 4), (8, 4)),
    "Dot": (lambda: layers.Dot(axes=(2, 1)), (6, 4), (4, 5)),
    "Matmul": (lambda: lambda x: keras.ops.matmul(x[0], x[1]), (6, 4), (4, 5)),
    "BatchNormalization": (layers.BatchNormalization, IMAGE),
    "LayerNormalization": (lambda: layers.LayerNormalization(axis=[1, 2, 3]), IMAGE),
    "GroupNormalization": (lambda: layers.GroupNormalization(2), IMAGE),
    "PReLU": (layers.PReLU, IMAGE),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(2), IMAGE),
    "UpSampling2D": (lambda: layers.UpSampling2D(2), IMAGE),
    "Resizing": (lambda: layers.Resizing(5, 5), IMAGE),
    "Embedding": (lambda: layers.Embedding(20, 4), (6,)),
    "ReversibleEmbedding": (lambda: layers.ReversibleEmbedding(20, 4), (6,)),
    "ReversibleEmbedding reversed": (
        lambda: lambda x: (e := layers.ReversibleEmbedding(20, 4))(e(x), reverse=True),
        (6,),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_count_what_tensorflow_traces(name):
    make, *shapes = LAYERS[name]
    model = of_layer(make, *shapes)
    assert uncounted(model) == ""
    assert macs(model) == traced(model)


def test_layers_without_a_traced_count():
    def transposed(strides):
        return of_layer(lambda: layers.Conv2DTranspose(6, 3, strides=strides), IMAGE)

    assert macs(transposed(1)) == macs(transposed(2)) == 8 * 9 * 3 * 3 * 4 * 6
    assert macs(of_layer(lambda: layers.LSTM(5), SERIES)) == 3240 == 18 * 4 * 5 * (4 + 5)
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    distributed = of_layer(lambda: layers.TimeDistributed(inner), SERIES)
    assert macs(distributed) == 18 * (4 * 3 + 3 * 2)
    # sums of tanh(query + key) take a product with the scale each, then the values are weighted
    additive = of_layer(layers.AdditiveAttention, (10, 4), (8, 4))
    assert macs(additive) == 10 * 8 * 4 + 10 * 8 * 4


def test_mobilenet_has_the_published_count():
    # Howard et al. (2017), table 8: 569 million
    assert round(macs(keras.applications.MobileNet(weights=None)) / 1e6) == 569


def test_every_keras_layer_with_weights_has_a_rule():
    kinds = {kind for kind in vars(layers).values() if inspect.isclass(kind)}
    bases = (layers.Layer, layers.Wrapper)
    without = {
        kind.__name__
        for kind in kinds
        if not issubclass(kind, (*RULES, *ELEMENTWISE_LAYERS, *UNCOUNTED_LAYERS))
        and any(
            "add_weight(" in inspect.getsource(one)
            for one in kind.__mro__
            if one.__module__.startswith("keras.src.layers") and one not in bases
        )
    }
    assert without == {"GRUCell", "LSTMCell", "SimpleRNNCell"}  # their RNN counts them


def test_shared_layer_counts_once_per_call():
    inputs = keras.Input(SERIES)
    shared = layers.Dense(4, name="shared")
    model = keras.Model(inputs, shared(shared(inputs)[:, :9]))
    assert macs(model) == traced(model) == (18 + 9) * 4 * 4
    table = cnnzoo.describe(model).set_index("layer")
    assert table["macs"]["shared"] == macs(model)


def test_nested_model_counts_by_the_shapes_of_its_calls():
    inner = of_layer(lambda: layers.Conv2D(6, 3), (None, None, 4))
    assert macs(inner) is None
    inputs = [keras.Input((8, 9, 4)), keras.Input((5, 5, 4))]
    model = keras.Model(inputs, [inner(one) for one in inputs])
    assert macs(model) == traced(model) == (6 * 7 + 3 * 3) * 3 * 3 * 4 * 6
    assert cnnzoo.describe(model)["macs"].sum() == macs(model)
    outer = keras.Sequential([keras.Input((8, 9, 4)), inner, layers.Flatten(), layers.Dense(2)])
    assert macs(outer) == traced(outer)


class Twice(layers.Layer):
    """Multiplies by its weights twice."""

    def build(self, shape):
        self.table = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")

    def call(self, inputs):
        return inputs @ self.table @ self.table

    def compute_output_shape(self, shape):
        return shape


class Scaled(layers.Dense):
    def build(self, shape):
        super().build(shape)
        self.scale = self.add_weight(shape=(self.units,), name="scale")


class Halved(layers.Dense):
    def call(self, inputs):
        return super().call(inputs[:, ::2])


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(4)

    def call(self, inputs):
        return self.dense(self.dense(inputs))


class Counting(layers.Layer):
    """Counts its calls, and has a loss."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", name="calls")

    def call(self, inputs):
        self.calls.assign_add(1.0)
        self.add_loss(keras.ops.mean(inputs))
        return inputs


class Foreign(layers.Layer):
    def call(self, inputs):
        return tf.matmul(inputs, inputs, transpose_b=True)


SYMBOLS = "its custom `call` accepts no symbolic tensors"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (Twice, 2 * 18 * 4 * 4),
        (lambda: Halved(4), 9 * 4 * 4),
        (Block, 2 * 18 * 4 * 4),
        (lambda: layers.TimeDistributed(Twice()), 2 * 18 * 4 * 4),
        (lambda: layers.Lambda(lambda x: keras.ops.matmul(x, x[:, :4])), 18 * 4 * 4),
        (lambda: layers.Lambda(lambda x: x), 0),
    ],
)
def test_custom_call_counts_the_operations_in_it(make, expected):
    model = of_layer(make, SERIES)
    assert macs(model) == expected == traced(model)
    assert macs(model) == expected  # counting changes nothing


def test_counting_changes_no_layer():
    block, counting = Block(), Counting()
    model = of_layer(lambda: lambda x: block(counting(x)), SERIES)
    macs(model)
    assert (float(counting.calls), model.losses) == (0, [])
    assert block.dense._inbound_nodes == block.dense._outbound_nodes == []


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.dense = layers.Dense(4)

    def call(self, inputs):
        return self.dense(self.dense(inputs))


@pytest.mark.parametrize(
    ("make", "shape", "why"),
    [
        (lambda: Foreign(name="one"), SERIES, SYMBOLS),
        (lambda: Counting(name="one"), SERIES, SYMBOLS),
        (lambda: layers.LSTM(5, name="one"), (None, 4), "a size of its input or output is unknown"),
        (
            lambda: layers.STFTSpectrogram(
                frame_length=8, frame_step=4, fft_length=8, mode="real", name="one"
            ),
            (32, 1),
            "layers of its kind are not counted",
        ),
    ],
)
def test_uncounted_layer_is_missing_and_named(make, shape, why):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layers.Dense(2, name="last")(make()(inputs)))
    assert macs(model) is None
    assert uncounted(model).startswith(f"`one`: {why}")
    table = cnnzoo.describe(model).set_index("layer")
    assert np.isnan(table["macs"]["one"])
    assert table["note"]["one"].partition("; receptive_field: ")[0] == f"macs: {why}"


def test_uncounted_operation_is_named():
    model = of_layer(lambda: lambda x: keras.ops.einsum("bij,bkj->bik", *x), (6, 4), (5, 4))
    assert macs(model) is None
    assert uncounted(model).endswith("operations of its kind are not counted")


def test_subclassed_model_is_uncounted():
    model = Subclassed()
    model(np.zeros((1, 4), "float32"))
    assert macs(model) is None
    assert uncounted(model) == (
        "`subclassed`: only functional and sequential models can be counted"
    )


def test_three_of_many_uncounted_layers_are_named():
    inputs = layer = keras.Input((None, 4))
    for name in "abcde":
        layer = layers.LSTM(4, return_sequences=True, name=name)(layer)
    unknown = "a size of its input or output is unknown"
    assert uncounted(keras.Model(inputs, layer)) == (
        f"`a`: {unknown}; `b`: {unknown}; `c`: {unknown}; and 2 more layers"
    )


def test_subclass_with_inherited_call_is_counted():
    assert macs(of_layer(lambda: Scaled(5), (4,))) == 4 * 5


PROFILED = {
    "efficientnet": lambda: cnnzoo.build(
        "efficientnet", depth=1, filters=8, input_shape=(16, 16, 3)
    ),
    "sequence": lambda: cnnzoo.build("sequence", filters=4),
    "MobileNetV3Small": lambda: keras.applications.MobileNetV3Small(
        weights=None, input_shape=(32, 32, 3)
    ),
}


@pytest.mark.parametrize("name", PROFILED)
def test_macs_are_half_of_the_profiled_operations(name):
    model = PROFILED[name]()
    assert macs(model) == profiled_macs(model)
