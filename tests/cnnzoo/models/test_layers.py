"""Custom Keras layers."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from cnnzoo.models.layers import BorderPadding, ZeroPadShortcut

NUMPY_MODES = {"reflect": "reflect", "replicate": "edge"}


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def called(layer, x: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))


def channels_moved(x: np.ndarray) -> np.ndarray:
    """From channels last to channels first."""
    return np.moveaxis(x, -1, 1)


@st.composite
def maps_with_borders(draw):
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    amounts = [(draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))) for size in sizes]
    return sizes, amounts


@given(
    case=maps_with_borders(),
    mode=st.sampled_from(["reflect", "replicate"]),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
)
def test_borders_equal_numpy_pad(case, mode, data_format):
    sizes, amounts = case
    x = values(2, *sizes, 3)
    expected = np.pad(x, [(0, 0), *amounts, (0, 0)], mode=NUMPY_MODES[mode])
    if data_format == "channels_first":
        x, expected = channels_moved(x), channels_moved(expected)
    layer = BorderPadding(amounts, mode, data_format=data_format)
    np.testing.assert_array_equal(called(layer, x), expected)


@given(
    size=st.integers(1, 4), before=st.integers(0, 9), after=st.integers(0, 9)
)  # fmt: skip
def test_replicated_borders_may_be_wider_than_the_map(size, before, after):
    x = values(1, size, 2)
    padded = called(BorderPadding([(before, after)], "replicate"), x)
    expected = np.pad(x, [(0, 0), (before, after), (0, 0)], mode="edge")
    np.testing.assert_array_equal(padded, expected)


@given(
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    channels=st.integers(1, 5),
    filters=st.integers(1, 7),
    strides=st.integers(1, 3),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
)
def test_shortcut_keeps_positions_and_pads_channels(sizes, channels, filters, strides, data_format):
    x = values(2, *sizes, channels)
    expected = np.zeros((2, *[-(-size // strides) for size in sizes], filters), "float32")
    for position in np.ndindex(*expected.shape[1:-1]):
        source = tuple(strides * index for index in position)
        for channel in range(min(channels, filters)):
            expected[(slice(None), *position, channel)] = x[(slice(None), *source, channel)]
    if data_format == "channels_first":
        x, expected = channels_moved(x), channels_moved(expected)
    layer = ZeroPadShortcut(filters, strides, data_format=data_format)
    np.testing.assert_array_equal(called(layer, x), expected)


@given(size=st.integers(1, 9), strides=st.integers(1, 3), kernel_size=st.integers(1, 5))
@settings(max_examples=25)
def test_shortcut_has_the_size_of_the_convolution(size, strides, kernel_size):
    inputs = keras.Input((size, size, 2))
    bridged = keras.layers.Conv2D(4, kernel_size, strides=strides, padding="same")(inputs)
    assert ZeroPadShortcut(4, strides)(inputs).shape == bridged.shape


LAYERS = [
    BorderPadding([(1, 2), (0, 1)], "reflect", name="border"),
    BorderPadding([(1, 2), (0, 1)], "replicate", data_format="channels_first", name="border"),
    ZeroPadShortcut(5, 2, name="shortcut"),
    ZeroPadShortcut(1, 1, data_format="channels_first", name="shortcut"),
]


@pytest.mark.parametrize("layer", LAYERS)
class TestEveryLayer:
    def test_is_restored_from_its_configuration(self, layer):
        back = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert type(back) is type(layer)
        assert back.get_config() == layer.get_config()
        x = values(1, 4, 4, 4)
        np.testing.assert_array_equal(called(back, x), called(layer, x))

    def test_keeps_its_data_format(self, layer, channels_first):
        back = type(layer).from_config(layer.get_config())
        assert back.data_format == layer.data_format

    def test_has_no_weights(self, layer):
        layer(keras.Input((4, 4, 4)))
        assert layer.count_params() == 0

    def test_symbolic_shape_equals_the_computed_one(self, layer):
        symbolic = layer(keras.Input((4, 4, 4))).shape
        assert symbolic == (None, *called(layer, values(1, 4, 4, 4)).shape[1:])


def test_default_data_format_is_that_of_keras(channels_first):
    assert BorderPadding([(1, 1)], "reflect").data_format == "channels_first"
    assert ZeroPadShortcut(2).data_format == "channels_first"
    assert ZeroPadShortcut(2, data_format="channels_last").data_format == "channels_last"
