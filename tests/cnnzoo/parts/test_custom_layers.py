"""Blocks that are custom layers, whose calls are code, and backbones of KerasHub."""

import keras
import numpy as np
import pytest
from keras import layers

import ablations
from cnnzoo.parts.ablated import ablated


class Residual(layers.Layer):
    """A residual block as a custom layer."""

    def __init__(self, channels, **options):
        super().__init__(**options)
        self.first = layers.Conv2D(channels, 3, padding="same", activation="relu")
        self.second = layers.Conv2D(channels, 3, padding="same")

    def build(self, shape):
        self.first.build(shape)
        self.second.build((*shape[:-1], self.first.filters))

    def call(self, x):
        return x + self.second(self.first(x))


class Scaled(layers.Layer):
    """A custom layer with one kernel inside."""

    def __init__(self, **options):
        super().__init__(**options)
        self.conv = layers.Conv2D(4, 1)

    def build(self, shape):
        self.conv.build(shape)

    def call(self, x):
        return 2 * self.conv(x)


def stacked():
    inputs = keras.Input((8, 8, 1))
    x = Scaled(name="stem")(inputs)
    for number in (1, 2):
        x = Residual(4, name=f"stage1_block{number}")(x)
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(inputs, layers.Dense(3, name="head")(x))


def test_custom_layers_with_several_kernels_are_blocks():
    table = ablations.parts(stacked()).set_index("part")
    blocks = table[table["level"] == "blocks"]
    assert blocks["kind"].to_dict() == {"stage1_block1": "Residual", "stage1_block2": "Residual"}
    assert blocks["operations"].tolist() == [("remove", "freeze", "shuffle")] * 2
    reason = "it is one layer with a custom `call`, which is code"
    refused = ("linear", "no_norm", "no_skip", "no_bias", "halve", "double")
    assert blocks.loc["stage1_block1", "note"] == "; ".join(f"{op}: {reason}" for op in refused)
    assert table.loc["stem", "level"] == "layers"


def test_removed_custom_layer_leaves_the_others():
    model = stacked()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    shorter = ablated(model, {"stage1_block1": "remove"})
    expected = x
    for name in ("stem", "stage1_block2", "pooled", "head"):
        expected = model.get_layer(name)(expected)
    assert np.array(shorter(x)) == pytest.approx(np.array(expected), abs=1e-6)


def backbones():
    """Yield backbones of KerasHub, built without weights, with the number of their blocks."""
    hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    stages = {"stackwise_num_blocks": [1, 2], "stackwise_num_strides": [1, 2]}
    yield (
        hub.models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[3],
            stackwise_num_filters=[64, 64],
            **stages,
            block_type="basic_block",
            image_shape=(32, 32, 3),
        ),
        {"residual": 3},
    )
    yield (
        hub.models.DenseNetBackbone(stackwise_num_repeats=[2, 3], image_shape=(32, 32, 3)),
        {"dense": 5},
    )
    yield (
        hub.models.EfficientNetBackbone(
            stackwise_width_coefficients=[1.0, 1.0],
            stackwise_depth_coefficients=[1.0, 1.0],
            stackwise_kernel_sizes=[3, 3],
            stackwise_num_repeats=[1, 2],
            stackwise_input_filters=[8, 8],
            stackwise_output_filters=[8, 16],
            stackwise_expansion_ratios=[1, 4],
            stackwise_strides=[1, 2],
            stackwise_squeeze_and_excite_ratios=[0, 0.25],
            stackwise_block_types=["fused", "unfused"],
            image_shape=(32, 32, 3),
        ),
        {"FusedMBConvBlock": 1, "MBConvBlock": 2},
    )
    yield (
        hub.models.ViTBackbone(
            image_shape=(32, 32, 3),
            patch_size=8,
            num_layers=2,
            num_heads=2,
            hidden_dim=16,
            mlp_dim=32,
        ),
        {"ViTEncoder": 1},
    )


def test_blocks_of_kerashub():
    for model, kinds in backbones():
        table = ablations.parts(model)
        blocks = table[table["level"] == "blocks"]
        assert blocks["kind"].value_counts().to_dict() == kinds
        assert blocks["note"].str.len().gt(0).all()
