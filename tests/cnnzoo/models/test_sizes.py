"""Sizes that do not fit are refused at their layer, with the largest that fits."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnzoo
from cnnzoo.toggle import ToggleError


@pytest.mark.parametrize(
    ("model", "given", "sentence"),
    [
        (
            "loss_choice",
            {"input_shape": (4, 4, 1), "pool_size": 3, "kernel_size": 1},
            "`stage2_pool` of `loss_choice`: pool_size=3 does not fit a map of 1x1; "
            "at most 1 fits.",
        ),
        (
            "simple_cnn",
            {"input_shape": (9, 3, 1), "pool_size": 4},
            "`stage1_pool` of `simple_cnn`: pool_size=4 does not fit a map of 9x3; at most 3 fits.",
        ),
        (
            "downsampling",
            {"input_shape": (5, 7, 1), "kernel_size": 6},
            "`stage1_conv` of `downsampling`: kernel_size=6 does not fit a map of 5x7 with "
            "padding='valid'; at most 5 fits.",
        ),
        (
            "simple_cnn",
            {"input_shape": (4, 6, 1), "kernel_size": 8},
            "`stage1_conv` of `simple_cnn`: kernel_size=8 does not fit a map of 4x6 with "
            "padding='same'; at most 7 fits.",
        ),
        (
            "feature_maps",
            {"input_shape": (8, 8, 1), "dilation": 4, "name": "mine"},
            "`stage1_conv` of `mine`: kernel_size=3 with dilation=4 does not fit a map of 8x8 "
            "with padding='valid'; at most 2 fits.",
        ),
        (
            "depthwise_separable",
            {"input_shape": (2, 2, 3), "kernel_size": 5},
            "`stage1_depthwise` of `depthwise_separable`: kernel_size=5 does not fit a map of 2x2 "
            "with padding='same'; at most 3 fits.",
        ),
        (
            "sequence",
            {"input_shape": (3, 2), "padding": "valid"},
            "`stage1_conv` of `sequence`: kernel_size=5 does not fit a map of 3 with "
            "padding='valid'; at most 3 fits.",
        ),
        (
            "conv_stack",
            {"dilation": 2},
            "`stage1_conv` of `conv_stack`: expected strides=1 or dilation=1; got strides=2 and "
            "dilation=2.",
        ),
        (
            "classic",
            {"filters": 2049, "growth": 8.0, "kernel_size": 1},
            "`stage2_conv` of `classic`: expected 1 to 16384 channels; got 16392. Change filters, "
            "growth or depth.",
        ),
        (
            "classic",
            {"filters": 1, "growth": 0.25},
            "`stage2_conv` of `classic`: expected 1 to 16384 channels; got 0. Change filters, "
            "growth or depth.",
        ),
        (
            "vgg",
            {"input_shape": (16, 16, 1), "filters": 1, "kernel_size": 1},
            "`stage5_pool` of `vgg`: pool_size=2 does not fit a map of 1x1; at most 1 fits.",
        ),
        (
            "mobilenet",
            {"input_shape": (16, 16, 1), "filters": 1},
            "`block13_spatial_depthwise` of `mobilenet`: kernel_size=3 does not fit a map of 1x1 "
            "with padding='same'; at most 1 fits.",
        ),
    ],
)
def test_size_that_does_not_fit_is_refused_at_its_layer(model, given, sentence):
    with pytest.raises(ToggleError) as caught:
        cnnzoo.build(model, compile=False, **given)
    assert str(caught.value) == sentence


@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    kernel_size=st.integers(1, 31),
    dilation=st.integers(1, 4),
    padding=st.sampled_from(["valid", "same"]),
)
@settings(max_examples=60)
def test_suggested_kernel_size_is_the_largest_that_fits(
    height, width, kernel_size, dilation, padding
):
    def build(size):
        return cnnzoo.build(
            "feature_maps",
            input_shape=(height, width, 1),
            depth=1,
            filters=1,
            kernel_size=size,
            dilation=dilation,
            padding=padding,
            compile=False,
        )

    try:
        build(kernel_size)
    except ToggleError as error:
        fits = int(re.search(r"at most (\d+) fits", str(error))[1])
        assert 1 <= fits < kernel_size
        build(fits)
        with pytest.raises(ToggleError):
            build(fits + 1)


@given(size=st.integers(1, 6), kernel_size=st.integers(1, 12), padding=st.just("same"))
@settings(max_examples=30)
def test_refused_kernel_has_taps_that_only_see_padding(size, kernel_size, padding):
    positions = np.arange(size)[:, None] + np.arange(kernel_size)[None] - (kernel_size - 1) // 2
    every_tap_sees = ((positions >= 0) & (positions < size)).any(axis=0).all()
    arguments = {"input_shape": (size, 1), "depth": 1, "filters": 1, "compile": False}
    if every_tap_sees:
        cnnzoo.build("feature_maps", kernel_size=kernel_size, padding=padding, **arguments)
    else:
        with pytest.raises(ToggleError):
            cnnzoo.build("feature_maps", kernel_size=kernel_size, padding=padding, **arguments)
