"""Sizes, pixel scales and input shapes of the backbones."""

import os
import subprocess
import sys
from typing import get_args

import keras
import numpy as np
import pytest
from helpers.transfer_models import backbone_of, build, images

from cnnzoo.models.backbones import BACKBONES, ImageNetPixels
from cnnzoo.toggle import ToggleError
from cnnzoo.vocabulary import Backbone

# Parameters without the top and width of the features, as keras.io/api/applications and the
# summaries that Keras's users publish give them.
PUBLISHED = {
    "mobilenet": (3_228_864, 1024),
    "mobilenet_v2": (2_257_984, 1280),
    "mobilenet_v3_small": (939_120, 576),
    "mobilenet_v3_large": (2_996_352, 960),
    "nasnet_mobile": (4_269_716, 1056),
    "efficientnet_b0": (4_049_571, 1280),
    "efficientnet_v2_b0": (5_919_312, 1280),
    "densenet121": (7_037_504, 1024),
    "resnet50": (23_587_712, 2048),
    "resnet50_v2": (23_564_800, 2048),
    "vgg16": (14_714_688, 512),
    "xception": (20_861_480, 2048),
    "inception_v3": (21_802_784, 2048),
    "inception_resnet_v2": (54_336_736, 1536),
    "convnext_tiny": (27_820_128, 768),
}

# The module of keras.applications whose preprocess_input is meant for the network.
MODULES = {
    "mobilenet_v3_small": "mobilenet_v3",
    "mobilenet_v3_large": "mobilenet_v3",
    "nasnet_mobile": "nasnet",
    "efficientnet_b0": "efficientnet",
    "efficientnet_v2_b0": "efficientnet_v2",
    "densenet121": "densenet",
    "resnet50_v2": "resnet_v2",
    "convnext_tiny": "convnext",
}


class TestTable:
    def test_has_one_entry_per_level(self):
        assert tuple(BACKBONES) == get_args(get_args(Backbone)[0])

    @pytest.mark.parametrize("level", BACKBONES)
    def test_scales_pixels_as_the_keras_module_does(self, level):
        pixels = images(2, (4, 5, 3))
        module = getattr(keras.applications, MODULES.get(level, level))
        expected = module.preprocess_input(pixels * 255)
        found = ImageNetPixels(BACKBONES[level].mode)(pixels)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)

    @pytest.mark.parametrize("level", BACKBONES)
    def test_networks_have_the_published_sizes_at_the_smallest_input(self, level):
        side = BACKBONES[level].min_size
        model = build(backbone=level, input_shape=(side, side, 1), compile=False)
        parameters, width = PUBLISHED[level]
        assert backbone_of(model).count_params() == parameters
        assert backbone_of(model).output_shape == (None, width)
        assert sum(map(np.size, model.trainable_weights)) == (width + 1) * 10
        with pytest.raises(ValueError, match="nput size must be at least"):
            getattr(keras.applications, BACKBONES[level].function)(
                include_top=False, weights=None, input_shape=(side - 1, side, 3)
            )


class TestPixels:
    def test_one_channel_is_repeated_to_three(self):
        gray = images(2, (4, 4, 1))
        colored = np.repeat(gray, 3, axis=-1)
        layer = ImageNetPixels("caffe")
        np.testing.assert_array_equal(layer(gray), layer(colored))

    def test_channels_may_come_first(self):
        pixels = images(2, (4, 5, 3))
        last = np.asarray(ImageNetPixels("torch")(pixels))
        first = ImageNetPixels("torch", data_format="channels_first")
        np.testing.assert_allclose(first(pixels.transpose(0, 3, 1, 2)), last.transpose(0, 3, 1, 2))

    def test_is_restored_from_its_configuration(self):
        layer = ImageNetPixels("tf", data_format="channels_first", name="pixels")
        again = ImageNetPixels.from_config(layer.get_config())
        assert again.get_config() == layer.get_config()

    def test_input_is_not_changed(self):
        pixels = images(2, (4, 5, 3))
        before = pixels.copy()
        ImageNetPixels("tf")(pixels)
        np.testing.assert_array_equal(pixels, before)


class TestShapes:
    @pytest.mark.parametrize("shape", [(32, 32, 2), (64, 3), (32, 32, 4)])
    def test_images_of_other_than_one_or_three_channels_are_refused(self, shape):
        with pytest.raises(ToggleError) as caught:
            build(input_shape=shape)
        assert str(caught.value) == (
            "`input_shape` of `transfer`: expected images, (height, width, channels) with 1 or 3 "
            f"channels; got {shape}."
        )

    def test_size_below_the_minimum_is_refused(self):
        with pytest.raises(ToggleError) as caught:
            build(backbone="inception_v3", input_shape=(96, 74, 3))
        assert str(caught.value) == (
            "`input_shape` of `transfer`: inception_v3 expected images of at least 75x75 pixels; "
            "got 96x74."
        )

    def test_sides_may_differ(self):
        assert build(input_shape=(32, 50, 1), compile=False).input_shape == (None, 32, 50, 1)

    def test_channels_may_come_first(self, channels_first):
        model = build(input_shape=(32, 40, 1), compile=False)
        assert model.input_shape == (None, 1, 32, 40)
        assert backbone_of(model).input_shape == (None, 3, 32, 40)

    def test_networks_for_channels_last_refuse_channels_first(self, channels_first):
        for level in ("convnext_tiny", "nasnet_mobile"):
            with pytest.raises(ToggleError) as caught:
                build(backbone=level)
            assert str(caught.value) == (
                f"`backbone` of `transfer`: {level} does not support the format channels_first."
            )


def test_listing_the_zoo_loads_no_keras():
    code = (
        "import sys, cnnzoo; cnnzoo.toggles('transfer'); cnnzoo.WeightsError; "
        "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
