"""Resizing against TensorFlow and Keras's image loader."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cnnzoo import vocabulary
from cnnzoo.data import DataError, load_data
from cnnzoo.data.resizing import Resize
from cnnzoo.toggle import ToggleError, toggle_of

INTERPOLATIONS = toggle_of("interpolation", vocabulary.Interpolation).levels
SIDE = st.integers(1, 24)
TABLED = {"bicubic": 0.5}  # TensorFlow reads the cubic kernel from a table of 1,024 values


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@given(old=st.tuples(SIDE, SIDE), new=st.tuples(SIDE, SIDE), seed=st.integers(0, 99))
def test_every_interpolation_is_that_of_tensorflow(interpolation, old, new, seed):
    image = np.random.default_rng(seed).integers(0, 256, (*old, 2)).astype(np.float32)
    expected = tf.image.resize(image, new, method=interpolation)
    found = Resize(*new, interpolation)(image)
    np.testing.assert_allclose(found, expected, atol=TABLED.get(interpolation, 0.01))


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_folder_has_the_pixels_of_the_loader_of_keras(interpolation, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i, shape in enumerate([(20, 30, 3), (30, 20, 3), (9, 11), (7, 7, 3)]):
            pixels = rng.integers(0, 256, shape, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    loaded = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(16, 12), interpolation=interpolation, verbose=False
    )
    options = {"image_size": (16, 12), "interpolation": interpolation}
    data = load_data(tmp_path, **options, normalize="none", validation=0, test=0)
    expected = np.concatenate([x for x, _ in loaded.as_numpy_iterator()])
    ours, theirs = (np.array(sorted(x.tolist())) for x in (data.train.x, np.rint(expected)))
    np.testing.assert_allclose(ours, theirs, atol=0 if interpolation == "nearest" else 1)
    assert np.mean(ours != theirs) < 0.01  # halves are rounded either way
    assert data.info.notes == (
        "grey images that got three equal channels: 2 of 8",
        f"images of 4 sizes resized to 16x12 pixels ({interpolation})",
    )
    streamed = load_data(loaded)  # it shuffles, and gives floats
    assert streamed.info.class_names == ("cat", "dog")
    assert streamed.info.fingerprint == load_data(loaded).info.fingerprint


def test_resolution_is_a_toggle_that_leaves_the_fingerprint():
    whole = load_data("digits", normalize="none")
    small = load_data("digits", image_size="4x8", interpolation="area", normalize="none")
    means = whole.train.x.reshape(-1, 4, 2, 8, 1).mean(2)
    np.testing.assert_allclose(small.train.x, means, rtol=1e-6)
    assert small.info.fingerprint == whole.info.fingerprint
    assert small.info.notes == ("images of 8x8 pixels resized to 4x8 pixels (area)",)
    assert load_data("digits", image_size=(8, 8)).info.notes == ()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"image_size": (4, 0)},
            "`image_size` of `load_data` must be a whole number from 0 to 16384, or two from 1 "
            "joined by 'x'; got (4, 0).",
        ),
        (
            {"image_size": "4by4"},
            "`image_size` of `load_data` must be a whole number from 0 to 16384, or two from 1 "
            "joined by 'x'; got '4by4' (str).",
        ),
        (
            {"interpolation": "area"},
            "`interpolation` of `load_data` has no effect unless `image_size` is given; got "
            "'area' with image_size=0.",
        ),
    ],
)
def test_a_size_that_cannot_be_is_refused(options, sentence):
    with pytest.raises(ToggleError) as caught:
        load_data("digits", **options)
    assert str(caught.value) == sentence


def test_sequences_are_not_resized():
    with pytest.raises(DataError) as caught:
        load_data((np.zeros((40, 20, 1)), np.arange(40) % 2), image_size=8)
    assert str(caught.value) == (
        "`image_size`: expected 0 for 'arrays', whose examples are sequences; got 8x8."
    )
