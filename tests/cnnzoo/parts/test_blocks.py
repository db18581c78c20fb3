"""Blocks and regions that are found in graphs of known structure."""

import itertools
import time

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from cnnzoo.analysis.graph import graph_of
from cnnzoo.parts.blocks import tokens_of
from cnnzoo.parts.part import parts_of
from cnnzoo.parts.structure import _dominators, structure_of
from cnnzoo.parts.table import table_of_parts

PUBLISHED = {
    "VGG16": ["block1", "block2", "block3", "block4", "block5"],
    "ResNet50": [f"conv{n + 2}_block{k + 1}" for n, c in enumerate((3, 4, 6, 3)) for k in range(c)],
    "MobileNet": [f"block{n}" for n in range(1, 14)],
    "MobileNetV2": ["expanded_conv", *(f"block_{n}" for n in range(1, 17))],
    "MobileNetV3Small": ["expanded_conv", *(f"expanded_conv_{n}" for n in range(1, 11))],
    "Xception": [f"block{n}" for n in range(1, 15)],
    "InceptionV3": [f"mixed{n}" for n in range(11)],
}
"""Blocks as in the papers, with the names of keras.applications; all others are in
tests/benchmarks/results/parts_of_applications.md."""


def blocks(model, level="blocks"):
    return [part.name for part in parts_of(model) if part.level == level]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_blocks_of_applications(name):
    model = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(96, 96, 3)
    )
    assert blocks(model) == PUBLISHED[name]


@st.composite
def graphs(draw):
    """Draw the sources of each vertex of a graph in topological order with one root."""
    size = draw(st.integers(2, 9))
    return [
        [],
        *(
            draw(st.lists(st.integers(0, vertex - 1), min_size=1, max_size=3, unique=True))
            for vertex in range(1, size)
        ),
    ]


@given(graphs())
def test_dominators_by_all_paths(before):
    def paths(vertex):
        if vertex == 0:
            return [{0}]
        return [path | {vertex} for source in before[vertex] for path in paths(source)]

    expected = [None]
    for vertex in range(1, len(before)):
        common = set.intersection(*paths(vertex)) - {vertex}
        expected.append(max(common))  # the last on every path
    assert _dominators(before) == expected


def chain(*units):
    return keras.Sequential([keras.Input((16, 16, 3)), *units])


def conv(filters=4, **options):
    return layers.Conv2D(filters, 3, padding="same", **options)


def test_groups_between_poolings():
    units = [[conv(), conv(), layers.MaxPooling2D()], [conv(), layers.MaxPooling2D()], [conv()]]
    model = chain(*itertools.chain(*units), layers.Flatten(), layers.Dense(3))
    found = [part for part in parts_of(model) if part.level == "blocks"]
    assert [(part.name, len(part.layers)) for part in found] == [
        ("block1", 3),
        ("block2", 2),
        ("block3", 1),
    ] or [part.name for part in found] == ["block1", "block2", found[2].name]
    assert [len(part.layers) for part in found] == [3, 2, 1]


def test_repeated_kinds_of_layers():
    unit = [layers.DepthwiseConv2D, layers.BatchNormalization, layers.Conv2D]
    made = [
        kind(3, padding="same")
        if kind is layers.DepthwiseConv2D
        else kind(4, 1)
        if kind is layers.Conv2D
        else kind()
        for kind in unit * 3
    ]
    model = chain(conv(), *made, layers.GlobalAveragePooling2D(), layers.Dense(3))
    assert [len(p.layers) for p in parts_of(model) if p.level == "blocks"] == [3, 3, 3]


def test_numbered_names():
    model = chain(
        conv(name="stage1_conv"),
        layers.ReLU(name="stage1_relu"),
        conv(name="stage2_conv"),
        layers.ReLU(name="stage2_relu"),
        layers.Flatten(name="flat"),
        layers.Dense(3, name="head"),
    )
    assert blocks(model) == ["stage1", "stage2"]


def test_gate_belongs_to_its_block():
    inputs = keras.Input((8, 8, 4))
    x = conv(name="block1_conv1")(inputs)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="block1_pool")(x)
    gate = layers.Conv2D(4, 1, activation="sigmoid", name="block1_gate1")(gate)
    x = layers.Multiply(name="block1_scale")([x, gate])
    x = conv(name="block1_conv2")(x)
    x = conv(name="block2_conv2")(conv(name="block2_conv1")(x))
    model = keras.Model(inputs, x)
    assert blocks(model) == ["block1", "block2"]
    assert blocks(model, "branches") == ["block1_gate"]
    (part,) = (part for part in parts_of(model) if part.name == "block1_gate")
    assert [layer.name for layer in part.layers] == ["block1_pool", "block1_gate1", "block1_scale"]


def test_u_net_is_opened():
    def stage(x, name):
        return conv(name=f"{name}_conv2")(conv(name=f"{name}_conv1")(x))

    inputs = keras.Input((16, 16, 3))
    first = stage(inputs, "down1")
    second = stage(layers.MaxPooling2D(name="pool1")(first), "down2")
    bottom = stage(layers.MaxPooling2D(name="pool2")(second), "bottom1")
    x = layers.Concatenate(name="join2")([second, layers.UpSampling2D(name="up2")(bottom)])
    x = layers.UpSampling2D(name="up1")(stage(x, "rise2"))
    x = stage(layers.Concatenate(name="join1")([first, x]), "rise1")
    model = keras.Model(inputs, x)
    assert set(blocks(model)) == {"down1", "down2", "bottom1", "rise2", "rise1"}


def test_skip_around_a_whole_net_is_opened():
    inputs = x = keras.Input((8, 8, 4))
    for number in range(1, 4):
        y = conv(name=f"res{number}_conv2")(conv(name=f"res{number}_conv1")(x))
        x = layers.Add(name=f"res{number}_add")([x, y])
    model = keras.Model(inputs, layers.Add(name="global")([inputs, conv(name="last")(x)]))
    assert blocks(model) == ["res1", "res2", "res3"]


def test_nested_models():
    def residual(name):
        inputs = keras.Input((8, 8, 4))
        x = conv(name="conv2")(conv(name="conv1")(inputs))
        return keras.Model(inputs, layers.Add(name="add")([inputs, x]), name=name)

    inputs = keras.Input((8, 8, 4))
    whole = keras.Model(inputs, residual("second")(residual("first")(inputs)))
    assert blocks(whole) == ["first", "second"]
    backbone = keras.Model(inputs, whole(inputs), name="classifier")
    assert blocks(backbone) == [f"{whole.name}/first", f"{whole.name}/second"]
    assert f"{whole.name}/first/conv1" in blocks(backbone, "layers")


def test_block_of_a_shared_layer_is_listed_once():
    inputs = x = keras.Input((8, 8, 4))
    shared = conv(name="shared")
    for _ in range(3):
        x = shared(x)
    model = keras.Model(inputs, x)
    (part,) = (part for part in parts_of(model) if part.name == "shared")
    assert len(part.spans) == 3
    assert len({part.name for part in parts_of(model)}) == len(parts_of(model))


def test_merge_that_bears_the_name_of_its_block_is_the_block():
    inputs = keras.Input((8, 8, 4))
    joined = layers.Concatenate(name="mixed")([conv(name="a")(inputs), conv(name="b")(inputs)])
    model = keras.Model(inputs, conv(name="last")(joined))
    assert (blocks(model), blocks(model, "layers")) == (["mixed"], ["a", "b", "last"])


def test_layer_that_bears_the_name_of_its_block_keeps_it():
    model = chain(
        *(layer for n in (1, 2) for layer in (conv(name=f"conv{n}"), conv(name=f"conv{n}_b"))),
        layers.Flatten(name="flat"),
    )
    assert blocks(model) == ["conv1_block", "conv2_block"]
    assert blocks(model, "layers") == ["conv1", "conv1_b", "conv2", "conv2_b", "flat"]


def test_regions_need_one_entry_and_one_exit():
    first, second = keras.Input((8, 8, 4), name="one"), keras.Input((8, 8, 4), name="two")
    x = layers.Add(name="sum")([conv(name="a")(first), second])
    model = keras.Model([first, second], layers.Add(name="end")([x, first]))
    units = [unit for chain in structure_of(graph_of(model)).chains for unit in chain]
    assert [unit.calls[0].layer.name for unit in units if unit.is_region] == []
    assert blocks(model) == []


def test_model_of_500_layers_is_listed_in_two_seconds():
    inputs = x = keras.Input((8, 8, 4))
    for number in range(100):
        y = conv(name=f"block{number}_conv1")(x)
        y = layers.BatchNormalization(name=f"block{number}_norm")(y)
        y = layers.Activation("relu", name=f"block{number}_relu")(y)
        y = conv(name=f"block{number}_conv2")(y)
        x = layers.Add(name=f"block{number}_add")([x, y])
    model = keras.Model(inputs, x)
    start = time.process_time()
    table = table_of_parts(model)
    assert time.process_time() - start < 2
    assert (table["level"] == "blocks").sum() == 100
    assert len(model.layers) == 501


def test_shares_of_disjoint_blocks_add_up():
    model = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), classes=3)
    table = table_of_parts(model).set_index("part")
    layers_of = table[table["level"] == "layers"]
    assert layers_of["params"].sum() == model.count_params()
    assert layers_of["macs_share"].sum() == pytest.approx(1)
    block = table.loc["block_2"]
    inner = [name for name in layers_of.index if tokens_of(name)[:2] == ("block", "2")]
    assert block["params"] == layers_of.loc[inner, "params"].sum()
    # 24 channels, expanded six times: two 1x1 convolutions, a 3x3 depthwise one, norms of 4 each
    assert block["params"] == 2 * 24 * 144 + 9 * 144 + 4 * (144 + 144 + 24)
    assert block["substitute"] == "identity"
    assert table.loc["block_3", "substitute"] == (
        "AveragePooling2D(2, 2) + Conv2D(32 filters, 1x1)"
    )
    assert table.loc["block_3", "substitute_params"] == 24 * 32
