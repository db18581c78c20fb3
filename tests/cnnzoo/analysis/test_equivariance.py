"""Shift equivariance, against maps that are shifted by hand."""

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo.analysis.feature_maps import InspectionError


def table(model, images, *args, **options):
    return cnnzoo.equivariance(model, images, *args, **options).table


@pytest.fixture(scope="module")
def images():
    """Noise in the middle of an empty image, so that nothing is shifted out."""
    images = np.zeros((3, 16, 16, 2), "float32")
    images[:, 4:10, 4:10] = np.random.default_rng(0).random((3, 6, 6, 2))
    return images


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 2))
    x = layers.Conv2D(3, 3, padding="same", name="conv", bias_initializer="ones")(inputs)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, x, name="small")


def errors(rows, layer, column="error"):
    return dict(
        zip(
            rows.loc[rows["layer"] == layer, "shift"],
            rows.loc[rows["layer"] == layer, column],
            strict=True,
        )
    )


def test_convolution_is_equivariant_and_its_mean_invariant(images):
    inputs = keras.Input((16, 16, 2))
    x = layers.Conv2D(3, 3, padding="same", name="conv", bias_initializer="ones")(inputs)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    rows = table(keras.Model(inputs, x), images, [1, 2, 3])
    assert rows["property"].tolist() == ["equivariance"] * 3 + ["invariance"] * 3
    assert (rows["error"] < 1e-4).all()


def test_pooling_is_equivariant_to_multiples_of_its_stride(model, images):
    found = errors(table(model, images, [1, 2, 3, 4]), "pool")
    assert found[2] < 1e-5
    assert found[4] < 1e-5
    assert found[1] > 0.1
    assert found[3] > 0.1


def test_error_of_a_fraction_of_a_position_by_hand():
    """A stride of 2 samples the odd columns after a shift by 1; interpolation gives their mean."""
    images = np.zeros((1, 8, 8, 1), "float32")
    images[0] = np.arange(8.0)[None, :, None] ** 2 + np.arange(8.0)[:, None, None] ** 2
    conv = layers.Conv2D(1, 1, strides=2, use_bias=False, kernel_initializer="ones", name="conv")
    model = keras.Sequential([keras.Input((8, 8, 1)), conv])
    (row,) = table(model, images, [1]).to_dict("records")
    squares = np.arange(8.0) ** 2
    sampled = squares[0::2]
    moved = np.array([squares[k - 1] for k in (2, 4, 6)])
    expected = np.array([(sampled[k - 1] + sampled[k]) / 2 for k in (1, 2, 3)])
    difference = (moved - expected)[:, None] + (moved - expected)[None]
    reference = expected[:, None] + expected[None] - 2 * sampled.mean()
    assert row["error"] == pytest.approx(np.linalg.norm(difference) / np.linalg.norm(reference))
    assert row["jump"] == 2.0


def test_positions_that_see_padding_are_not_interior():
    generator = np.random.default_rng(0)
    images = generator.random((2, 10, 10, 1)).astype("float32")
    model = keras.Sequential(
        [keras.Input((10, 10, 1)), layers.Conv2D(2, 3, padding="same", name="conv")]
    )
    (row,) = table(model, images, [1]).to_dict("records")
    assert row["error"] > 0.01
    assert row["interior_error"] < 1e-5


def test_circular_shift_of_a_valid_convolution_has_no_border():
    images = np.random.default_rng(0).random((2, 9, 9, 1)).astype("float32")
    model = keras.Sequential([keras.Input((9, 9, 1)), layers.Conv2D(2, 1, name="conv")])
    (row,) = table(model, images, [4], border="wrap").to_dict("records")
    assert row["error"] < 1e-5


def test_flattened_maps_are_not_invariant(images):
    rows = table(cnnzoo.build("mlp", input_shape=(16, 16, 2)), images, [1])
    assert errors(rows, "flatten")[1] > 0.1


def test_picture_has_a_cell_per_layer_and_shift(model, images):
    chart = cnnzoo.equivariance(model, images, [1, 2]).plot().to_dict()
    cells = chart["layer"][0].get("data") or chart["data"]
    assert len(cells["values"]) == 6


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"x": np.zeros((16, 16, 2))},
            "`x`: expected images of the shape (batch, height, width, channels); got (16, 16, 2).",
        ),
        ({"shifts": [16]}, "`shifts`: expected integers from 1 to 15 pixels; got 16."),
        ({"shifts": [1.5]}, "`shifts`: expected integers from 1 to 15 pixels; got 1.5."),
        ({"border": "mirror"}, "`border`: expected 'zeros' or 'wrap'; got 'mirror'."),
        (
            {"x": np.zeros((1, 16, 15, 2))},
            "`small`: expected images of the shape (16, 16, 2); got (16, 15, 2).",
        ),
    ],
)
def test_refusals(model, images, options, sentence):
    with pytest.raises(InspectionError) as caught:
        cnnzoo.equivariance(model, **{"x": images, **options})
    assert str(caught.value) == sentence
