"""Width and effect of the padded borders."""

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import ops

import cnnzoo


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    kernel_size=st.integers(1, 7),
    strides=st.integers(1, 3),
    dilation=st.integers(1, 3),
)
@settings(max_examples=60)
def test_borders_are_as_wide_as_keras_same_padding(height, width, kernel_size, strides, dilation):
    assume(strides == 1 or dilation == 1)
    assume((kernel_size - 1) * dilation + 1 <= 2 * min(height, width) - 1)
    model = cnnzoo.build(
        "conv_stack",
        input_shape=(height, width, 1),
        depth=1,
        filters=1,
        kernel_size=kernel_size,
        strides=strides,
        dilation=dilation,
        padding="same",
        padding_mode="reflect",
        compile=False,
    )
    padding = [layer.amounts for layer in model.layers if layer.name == "stage1_conv_padding"]
    amounts = padding[0] if padding else [(0, 0), (0, 0)]

    x = np.random.default_rng(0).normal(size=(1, height, width, 1)).astype("float32")
    kernel = np.random.default_rng(1).normal(size=(kernel_size, kernel_size, 1, 1))
    kernel = kernel.astype("float32")
    options = {"strides": strides, "dilation_rate": dilation}
    zeros = np.pad(x, [(0, 0), *amounts, (0, 0)])
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.conv(zeros, kernel, padding="valid", **options)),
        ops.convert_to_numpy(ops.conv(x, kernel, padding="same", **options)),
        rtol=1e-4,
        atol=1e-5,
    )
    assert model.get_layer("stage1_conv").output.shape[1:3] == (
        -(-height // strides),
        -(-width // strides),
    )


@pytest.mark.parametrize("conv", ["standard", "separable"])
@pytest.mark.parametrize(("mode", "numpys"), [("reflect", "reflect"), ("replicate", "edge")])
def test_padding_mode_changes_only_the_border(mode, numpys, conv):
    arguments = {
        "input_shape": (6, 5, 2),
        "filters": 3,
        "kernel_size": 3,
        "conv": conv,
        "seed": 0,
        "compile": False,
    }
    zeros = cnnzoo.build("simple_cnn", **arguments)
    other = cnnzoo.build("simple_cnn", padding_mode=mode, **arguments)
    role = "stage1_conv" if conv == "standard" else "stage1_depthwise"
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 2)).astype("float32")
    first = keras.Model(zeros.input, zeros.get_layer(role).output)(x)
    second = keras.Model(other.input, other.get_layer(role).output)(x)
    first, second = ops.convert_to_numpy(first), ops.convert_to_numpy(second)
    np.testing.assert_allclose(first[:, 1:-1, 1:-1], second[:, 1:-1, 1:-1], rtol=1e-5, atol=1e-6)
    assert (np.abs(first - second)[:, 0] > 1e-4).any()
    wide = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode=numpys)
    layer = other.get_layer(role)
    by_hand = ops.convert_to_numpy(layer(ops.convert_to_tensor(wide)))
    np.testing.assert_allclose(second, by_hand, rtol=1e-5, atol=1e-6)


def test_kernel_of_one_pixel_needs_no_border():
    model = cnnzoo.build("simple_cnn", kernel_size=1, padding_mode="reflect", filters=1)
    assert "BorderPadding" not in [type(layer).__name__ for layer in model.layers]
