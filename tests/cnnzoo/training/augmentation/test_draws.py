"""Properties of every augmentation and of its random draws."""

import keras
import numpy as np
import pytest
from helpers.augmented import (
    MIXING,
    SIDE,
    N,
    distinct,
    drawn,
    epochs_of,
    load,
    moves_of,
    noise,
    one_value_each,
)

from cnnzoo.training.augmentation import AUGMENTATIONS

# One batch


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("normalize", ["unit", "standardize", "none"])
def test_shape_type_range_and_label_sums_are_kept(name, channels, normalize):
    data = load(noise(channels), normalize=normalize)
    images, labels = drawn(name, data)
    assert images.shape == data.train.x.shape
    assert labels.shape == (N, N)
    assert images.dtype == labels.dtype == np.float32
    pixels = images * np.array(data.info.scale) + np.array(data.info.offset)
    assert pixels.min() > -1e-6
    assert pixels.max() < 1 + 1e-6
    np.testing.assert_allclose(labels.sum(1), 1.0, atol=1e-6)
    assert (np.abs(images - data.train.x) > 1e-3).any()
    if name not in MIXING:
        np.testing.assert_array_equal(labels, np.eye(N)[data.train.y])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_draws_do_not_depend_on_the_pixel_scale(name):
    pixels = []
    for normalize in ("unit", "standardize", "none"):
        data = load(noise(3), normalize=normalize)
        images, _ = drawn(name, data)
        pixels.append(images * np.array(data.info.scale) + np.array(data.info.offset))
    np.testing.assert_allclose(pixels[0], pixels[1], atol=2e-5)
    np.testing.assert_allclose(pixels[0], pixels[2], atol=2e-5)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_image_of_a_batch_has_its_own_draw(name):
    image = noise(3, n=1)
    data = load(np.repeat(image, N, axis=0))
    images, labels = drawn(name, data)
    if name in MIXING:
        weights = np.sort(labels, axis=1)[:, -1:]
        assert distinct(np.round(weights, 4)) > N // 4
    else:
        assert distinct(images) > (1 if "flip" in name else 8)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_stream_is_a_function_of_the_seed(name):
    data = load(noise(3, n=8), classes=8)
    streams = []
    for before, seed in ((1, 0), (2, 0), (2, 1)):
        keras.utils.set_random_seed(before)
        np.random.default_rng().random(before)
        streams.append(drawn(name, data, seed=seed, batches=3))
    for part in (0, 1):
        np.testing.assert_array_equal(streams[0][part], streams[1][part])
    assert (streams[0][0] != streams[2][0]).any()
    assert distinct(streams[0][0]) == 3  # each batch draws anew


def test_augmentations_have_separate_streams():
    data = load(noise(1))
    crops, _ = drawn("crop", data, batches=3)
    flips, _ = drawn("flip", data, batches=3)
    both, _ = drawn("crop+flip", data, batches=3)
    is_flipped = (flips != data.train.x).any((2, 3, 4))
    expected = np.where(is_flipped[..., None, None, None], crops[:, :, :, ::-1], crops)
    np.testing.assert_array_equal(both, expected)
    other_way, _ = drawn("flip+crop", data, batches=3)
    for batch in range(3):
        assert moves_of(flips[batch], other_way[batch], 2) == moves_of(
            data.train.x, crops[batch], 2
        )


def test_augmentation_is_in_full_precision_under_mixed_precision(mixed_precision):
    data = load(noise(3, n=8), classes=8)
    for name in AUGMENTATIONS:
        images, labels = drawn(name, data)
        assert images.dtype == labels.dtype == np.float32
    assert keras.config.dtype_policy().name == "mixed_float16"


# The stream of batches


def test_each_epoch_has_new_draws():
    data = load(noise(1))
    whole = "crop+flip+cutout"
    first, second = epochs_of(whole, data, epochs=2)
    again, _ = epochs_of(whole, data, epochs=2)
    (other,) = epochs_of(whole, data, seed=1)
    np.testing.assert_array_equal(first, again)
    assert len({*map(bytes, first), *map(bytes, second), *map(bytes, other)}) == 3 * N


def test_order_does_not_depend_on_the_augmentation():
    data = one_value_each()
    (plain,), (changed,) = epochs_of("none", data), epochs_of("crop+flip", data)
    middle = SIDE // 2
    np.testing.assert_array_equal(plain[:, middle, middle], changed[:, middle, middle])


ALL_BUT_MIXING = "+".join(name for name in AUGMENTATIONS if name not in MIXING)


def test_channels_first_images_get_the_same_changes(request):
    data = load(noise(3))
    (last,) = epochs_of(ALL_BUT_MIXING, data)
    request.getfixturevalue("channels_first")
    (first,) = epochs_of(ALL_BUT_MIXING, data)
    np.testing.assert_allclose(first, np.moveaxis(last, -1, 1), atol=1e-6)
    assert keras.config.image_data_format() == "channels_first"
