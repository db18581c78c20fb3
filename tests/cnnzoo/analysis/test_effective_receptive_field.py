"""Effective receptive fields, compared with the number of paths and with Luo et al. (2016)."""

import json
import math

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo

ONES = {"kernel_initializer": "ones"}


def chain(depth, shape=(33, 33, 1), conv=layers.Conv2D, **options):
    options = {**ONES, "padding": "same", **options}
    parts = [conv(1, 3, **options, name=f"conv{i}") for i in range(depth)]
    return keras.Sequential([keras.Input(shape), *parts])


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_map_counts_the_paths_to_each_pixel(depth):
    field = cnnzoo.effective_receptive_field(chain(depth), images=np.ones((1, 33, 33, 1)))
    paths = np.ones(1)  # trinomial coefficients
    for _ in range(depth):
        paths = np.convolve(paths, np.ones(3))
    expected = np.zeros((33, 33))
    inside = slice(16 - depth, 17 + depth)
    expected[inside, inside] = np.outer(paths, paths) / paths.max() ** 2
    np.testing.assert_allclose(field.map, expected, rtol=1e-5)
    assert field.area == (expected > 0.0455).sum()
    assert field.size == pytest.approx(math.sqrt(field.area))
    assert field.window == ((16 - depth, 16 + depth),) * 2
    assert field.share == pytest.approx(field.area / (2 * depth + 1) ** 2)


def test_radius_of_a_uniform_square():
    field = cnnzoo.effective_receptive_field(chain(1))
    assert field.radius == pytest.approx(math.sqrt(2 * 2 / 3))  # variance of -1, 0, 1, per axis


def test_share_shrinks_with_depth_as_published():
    shares = {}
    for depth in (5, 20):
        field = cnnzoo.effective_receptive_field(chain(depth, shape=(65, 1), conv=layers.Conv1D))
        paths = np.ones(1)
        for _ in range(depth):
            paths = np.convolve(paths, np.ones(3))
        weights, places = paths**2, np.arange(-depth, depth + 1)
        assert field.radius == pytest.approx(np.sqrt(np.average(places**2, weights=weights)))
        shares[depth] = field.share
    assert shares[20] < 0.6 < shares[5]  # Luo et al. (2016), section 2.2: as 1 / sqrt(depth)


def test_no_gradient_lies_outside_of_the_theoretical_field():
    model = cnnzoo.build("downsampling", filters=4, seed=0)
    field = cnnzoo.effective_receptive_field(model, "stage2_conv")
    (top, bottom), (left, right) = field.theoretical.window()
    inside = np.zeros(field.map.shape, bool)
    inside[top : bottom + 1, left : right + 1] = True
    assert field.map.shape == (28, 28)
    assert not field.map[~inside].any()
    assert field.map.max() == 1.0


def test_same_seed_gives_the_same_map():
    model = cnnzoo.build("downsampling", filters=4, seed=0)
    one, same, other = (
        cnnzoo.effective_receptive_field(model, "stage2_conv", seed=seed).map for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_channels_first_map_has_the_axes_of_the_image():
    inputs = keras.Input((2, 9, 7))
    outputs = layers.Permute((3, 1, 2))(
        layers.Conv2D(1, (3, 1), **ONES)(layers.Permute((2, 3, 1))(inputs))
    )
    field = cnnzoo.effective_receptive_field(keras.Model(inputs, outputs))
    assert field.map.shape == (9, 7)
    assert np.argwhere(field.map).tolist() == [[3, 3], [4, 3], [5, 3]]


def test_picture_shows_box_and_map():
    images = np.random.default_rng(0).uniform(size=(2, 12, 10, 3))
    model = chain(2, shape=(12, 10, 3))
    chart = cnnzoo.effective_receptive_field(model, "conv1", images).plot()
    spec = chart.to_dict()
    assert spec["background"] == "transparent"
    image, box = spec["layer"]
    assert image["data"]["values"][0]["url"].startswith("data:image/png;base64,")
    assert box["data"]["values"] == [{"left": 3, "right": 8, "top": 4, "bottom": 9}]
    assert (
        spec["title"]["subtitle"][0] == "Blue: receptive field inside of the input, 5 x 5 pixels."
    )


def test_picture_is_written_to_files(tmp_path):
    field = cnnzoo.effective_receptive_field(chain(1, shape=(9, 1), conv=layers.Conv1D))
    field.plot().save(tmp_path / "field.svg")
    field.plot().save(tmp_path / "field.png")
    assert "What the centre of sequential" in (tmp_path / "field.svg").read_text()
    assert (tmp_path / "field.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(field.plot().to_json())["height"] == 200


def test_picture_of_a_volume_is_refused():
    model = chain(1, shape=(5, 5, 5, 1), conv=layers.Conv3D)
    with pytest.raises(ValueError, match="`plot`") as error:
        cnnzoo.effective_receptive_field(model).plot()
    assert str(error.value) == (
        "`plot`: expected an input with 1 or 2 axes of positions; got 3. Plot slices of `map`."
    )


def test_picture_refuses_an_image_of_another_size():
    field = cnnzoo.effective_receptive_field(chain(1, shape=(9, 8, 1)))
    with pytest.raises(ValueError, match="`image`") as error:
        field.plot(np.zeros((8, 8)))
    assert str(error.value) == "`image`: expected 9x8 pixels; got (8, 8)."


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="`images`") as error:
        cnnzoo.effective_receptive_field(chain(1), images=np.zeros((2, 8, 8, 1)))
    assert str(error.value) == ("`images`: expected shape (batch, 33, 33, 1); got (2, 8, 8, 1).")


def test_unknown_input_size_is_refused():
    with pytest.raises(ValueError, match="one input of known size") as error:
        cnnzoo.effective_receptive_field(chain(1, shape=(None, 33, 1)))
    assert str(error.value) == (
        "`effective_receptive_field`: expected a model with one input of known size; got 1 input, "
        "the first with shape (None, 33, 1). Build the model with an input shape without None."
    )


def test_dead_units_are_refused():
    model = chain(1, shape=(9, 9, 1), activation="relu", bias_initializer="ones")
    model.layers[0].bias.assign([-100.0])
    with pytest.raises(cnnzoo.LayerError) as error:
        cnnzoo.effective_receptive_field(model, "conv0")
    assert str(error.value) == (
        "`layer`: expected gradients from `conv0` to the input; got zeros. Its units may be dead, "
        "or a layer before it may have no gradient."
    )


def test_unknown_layer_gets_the_nearest_name():
    model = chain(1)
    with pytest.raises(cnnzoo.LayerError) as error:
        cnnzoo.effective_receptive_field(model, "conv9")
    assert str(error.value) == (
        f"`layer`: `{model.name}` has no layer `conv9`; did you mean `conv0`?"
    )
