"""Filters, feature maps and class activation of small models with known weights."""

import base64
import io

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import cnnzoo
from cnnzoo.analysis.class_activation import class_activation
from cnnzoo.analysis.feature_maps import FeatureMaps, InspectionError
from cnnzoo.analysis.filters import filters
from cnnzoo.analysis.tiles import grey, heat, png_url, tiles


@pytest.fixture(scope="module")
def model():
    """A 3x3 mean of channel 0, and a copy of channel 1; logits are their spatial means."""
    inputs = keras.Input((6, 6, 2))
    conv = layers.Conv2D(2, 3, padding="same", use_bias=False, name="conv")
    x = conv(inputs)
    x = layers.ReLU(name="relu")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    outputs = layers.Dense(2, kernel_initializer="identity", name="head")(x)
    model = keras.Model(inputs, outputs, name="known")
    kernel = np.zeros((3, 3, 2, 2))
    kernel[:, :, 0, 0] = 1 / 9
    kernel[1, 1, 1, 1] = 1.0
    conv.set_weights([kernel])
    return model


@pytest.fixture(scope="module")
def image():
    image = np.zeros((6, 6, 2), "float32")
    image[1, 1, 0] = 9.0
    image[4, 3, 1] = 2.0
    return image


def values_of(chart):
    """The rows that a chart of tiles draws."""
    (layer, *_) = chart.to_dict()["layer"]
    data = layer.get("data") or chart.to_dict()["data"]
    return data["values"]


def test_feature_maps_are_the_outputs_of_the_layers(model, image):
    maps = cnnzoo.feature_maps(model, image)
    assert list(maps) == ["conv", "relu", "mean", "head"]
    expected = np.zeros((6, 6))
    expected[:3, :3] = 1.0
    assert np.allclose(maps["conv"][:, :, 0], expected)
    assert np.allclose(maps["conv"][:, :, 1], image[:, :, 1])
    assert np.allclose(maps["head"], [9 / 36, 2 / 36])
    assert repr(maps) == "<FeatureMaps: conv (6, 6, 2), relu (6, 6, 2), mean (2,), head (2,)>"


def test_feature_maps_still_builds_the_model_of_the_zoo():
    assert (
        cnnzoo.feature_maps(filters=2).count_params()
        == cnnzoo.build("feature_maps", filters=2).count_params()
    )


def test_picture_of_feature_maps_has_the_image_and_the_channels(model, image):
    chart = cnnzoo.feature_maps(model, image, ["relu"]).plot()
    assert [row["label"] for row in values_of(chart)] == ["image", "channel 0", "channel 1"]
    assert chart.to_dict()["title"]["text"] == "Feature maps of relu, 2 channels"


def test_most_varied_channels_are_drawn():
    array = np.zeros((2, 2, 5), "float32")
    array[0, 0] = [1, 5, 2, 4, 3]
    chart = FeatureMaps(np.zeros((2, 2, 1)), {"relu": array}).plot(most=2)
    assert [row["label"] for row in values_of(chart)] == ["image", "channel 1", "channel 3"]
    title = chart.to_dict()["title"]["text"]
    assert title == "Feature maps of relu, 2 of 5 channels that vary most"


def test_filters_are_the_kernel_of_the_first_convolution(model):
    found = cnnzoo.filters(model)
    assert (found.layer, found.weights.shape) == ("conv", (3, 3, 2, 2))
    assert np.allclose(found.weights[:, :, 0, 0], 1 / 9)
    title = found.plot().to_dict()["title"]["text"]
    assert title == "2 filters of conv, mean over 2 channels"


def test_filters_of_a_nested_model():
    inner = cnnzoo.build("simple_cnn", name="inner", head="average")
    outer = keras.Sequential([keras.Input((32, 32, 3)), inner])
    assert filters(outer).layer == "inner/stage1_conv"


def test_class_activation_points_to_the_evidence(model, image):
    for label, place in ((0, (1, 1)), (1, (4, 3))):
        found = class_activation(model, image, label, "relu")
        assert found.values.max() == 1.0
        assert found.values[place] == 1.0
        assert found.score == pytest.approx([9 / 36, 2 / 36][label])
    # maps A_k, weights 1/36 for the class's own map and 0 for the other
    first = class_activation(model, image, 0, "conv").values
    expected = np.zeros((6, 6))
    expected[:3, :3] = 1.0
    assert np.allclose(first, expected)


def test_class_activation_chooses_the_predicted_class_and_the_last_map(model, image):
    found = class_activation(model, image)
    assert (found.label, found.layer) == (0, "relu")
    labels = [row["label"] for row in values_of(found.plot())]
    assert labels == ["image", "evidence", "both"]


def test_class_activation_of_a_softmax_head(model, image):
    softmax = layers.Softmax()(model.outputs[0])
    found = class_activation(keras.Model(model.inputs[0], softmax), image, 1, "relu")
    # d log p_1 / d logits = (-p_0, 1 - p_1): the own map counts for, the other one against
    expected = np.zeros((6, 6))
    expected[4, 3] = 1.0
    assert np.allclose(found.values, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("inspect", "sentence"),
    [
        (
            lambda model: cnnzoo.feature_maps(model, np.zeros((5, 6, 2))),
            "`known`: expected images of the shape (6, 6, 2); got (5, 6, 2).",
        ),
        (
            lambda model: cnnzoo.feature_maps(model, np.zeros((3, 6, 6, 2))),
            "`image`: expected one image of the shape (6, 6, 2); got (3, 6, 6, 2).",
        ),
        (
            lambda model: cnnzoo.feature_maps(model, np.zeros((6, 6, 2)), ["rellu"]),
            "`layer`: `known` has no layer `rellu`; did you mean `relu`?",
        ),
        (
            lambda model: cnnzoo.filters(model, "con"),
            "`layer`: `known` has no two-dimensional convolution `con`; did you mean `conv`?",
        ),
        (
            lambda model: class_activation(model, np.zeros((6, 6, 2)), 2),
            "`label`: expected a class from 0 to 1; got 2.",
        ),
        (
            lambda model: class_activation(model, np.zeros((6, 6, 2)), layer="mean"),
            "`known`: expected a layer with maps; those with maps are conv, relu.",
        ),
        (
            lambda _: cnnzoo.filters("downsampling"),
            "`model`: expected a keras.Model; got 'downsampling'. Build it first: "
            "cnnzoo.build('downsampling').",
        ),
        (
            lambda _: cnnzoo.filters(cnnzoo.build("mlp")),
            "`mlp`: expected a model with a convolution; it has none.",
        ),
    ],
)
def test_refusals(model, inspect, sentence):
    with pytest.raises((InspectionError, TypeError)) as caught:
        inspect(model)
    assert str(caught.value) == sentence


def test_subclassed_models_are_refused():
    class Custom(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError) as caught:
        cnnzoo.feature_maps(Custom(name="custom"), np.zeros((2, 2, 1)))
    assert str(caught.value) == (
        "`model`: expected a functional or sequential keras.Model; got `custom`, and its `call` is "
        "custom. Build it with keras.Model(inputs, outputs)."
    )


def test_png_enlarges_without_smoothing():
    encoded = png_url(grey([[0.0, 1.0]]), side=4).partition(",")[2]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    assert pixels[:, :, 0].tolist() == [[0, 0, 255, 255]] * 2


def test_constant_image_is_grey():
    assert grey(np.full((2, 2), 7.0)).tolist() == [[[128] * 3] * 2] * 2
    assert heat([[-1.0, 2.0]]).tolist() == heat([[0.0, 1.0]]).tolist()


def test_tiles_are_laid_out_in_rows():
    rows = values_of(tiles([grey([[0, 1]])] * 3, ["a", "b", "c"], title="t", columns=2))
    assert [(row["x"], row["y"]) for row in rows] == [(54, 69), (162, 69), (54, 189)]
