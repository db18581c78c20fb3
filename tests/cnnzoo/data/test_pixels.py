"""Normalization against NumPy's own mean and deviation, and pixels that are refused."""

import numpy as np
import pytest

from cnnzoo.data import DataError, load_data

RNG = np.random.default_rng(4)
BYTES = RNG.integers(0, 256, (60, 5, 4, 3), dtype=np.uint8)
Y = np.arange(60) % 2


def whole(x, **options):
    """Everything in the training split, in the order of the source's first pixel values."""
    return load_data((x, Y), validation=0, test=0, **options)


def test_unit_divides_bytes_by_255():
    stored = whole(BYTES, normalize="none").train.x
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(whole(BYTES).train.x, stored / np.float32(255))


def test_unit_leaves_floats_within_0_and_1_as_they_are():
    x = RNG.uniform(0.2, 0.7, (60, 3, 3, 1))
    np.testing.assert_array_equal(whole(x).train.x, whole(x, normalize="none").train.x)


def test_unit_brings_other_numbers_by_the_training_range():
    x = RNG.uniform(-3, 9, (60, 8, 2))
    stored, unit = whole(x, normalize="none").train.x, whole(x).train.x
    np.testing.assert_allclose(
        unit, (stored - stored.min()) / (stored.max() - stored.min()), rtol=1e-5, atol=1e-6
    )
    assert whole(x.astype(int), normalize="none").train.x.dtype == np.float32


def test_standardize_uses_the_training_split_after_its_changes():
    data = load_data((BYTES, Y), normalize="standardize", train_size=11)
    plain = load_data((BYTES, Y), train_size=11)
    mean = plain.train.x.astype(float).mean((0, 1, 2))
    deviation = plain.train.x.astype(float).std((0, 1, 2))
    for split in ("train", "validation", "test"):
        np.testing.assert_allclose(
            getattr(data, split).x,
            (getattr(plain, split).x - mean) / deviation,
            rtol=1e-4,
            atol=1e-5,
        )
    np.testing.assert_allclose(data.info.offset, mean)
    np.testing.assert_allclose(data.info.scale, deviation)
    np.testing.assert_allclose(data.train.x.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(data.train.x.std((0, 1, 2)), 1, rtol=1e-5)


def test_more_examples_than_one_piece_are_standardized_alike():
    x = RNG.integers(0, 256, (2500, 2, 2, 3), dtype=np.uint8)
    data = load_data((x, np.arange(2500) % 5), normalize="standardize", validation=0, test=0)
    np.testing.assert_allclose(data.info.offset, (x / 255).mean((0, 1, 2)))
    np.testing.assert_allclose(data.info.scale, (x / 255).std((0, 1, 2)), rtol=1e-6)


@pytest.mark.parametrize("value", [0.1, 0.0, 7.0, -2.0])
def test_a_constant_channel_becomes_0_when_standardized(value):
    x = RNG.uniform(0, 1, (60, 4, 4, 2))
    x[..., 1] = value
    data = whole(x, normalize="standardize")
    np.testing.assert_allclose(data.train.x[..., 1], 0, atol=1e-6)
    np.testing.assert_allclose(data.train.x[..., 0].std(), 1, rtol=1e-5)


def test_constant_images_are_no_division_by_0():
    np.testing.assert_array_equal(whole(np.full((60, 2, 2, 1), 7.0)).train.x, 0.0)


@pytest.mark.parametrize("normalize", ["unit", "standardize", "none"])
@pytest.mark.parametrize("x", [BYTES, BYTES / 255, BYTES * 3.0 - 50], ids=["bytes", "unit", "any"])
def test_offset_and_scale_restore_the_pixels(x, normalize):
    data = whole(x, normalize=normalize)
    pixels = data.train.x * np.array(data.info.scale) + np.array(data.info.offset)
    np.testing.assert_allclose(pixels, whole(x).train.x, rtol=1e-5, atol=1e-6)


def with_holes():
    x = np.zeros((4, 2, 2, 1))
    x[1, 0, 1, 0] = np.nan
    x[3, 1, 1, 0] = np.inf
    x[2, 0, 0, 0] = 1e300
    return x


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (
            with_holes(),
            "x of 'arrays': expected finite values in float32; got NaN or infinity in 3 of 16, "
            "the first at index (1, 0, 1, 0). Replace or remove them.",
        ),
        (
            np.zeros((4, 3072)),
            "x of 'arrays': expected images or sequences; got rows of 3,072 values. For images of "
            "32x32x3, pass x.reshape(-1, 32, 32, 3) if the three channels of a pixel are "
            "adjacent, or x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) if each channel is stored "
            "as a whole, as in CIFAR's files. For sequences of one channel, pass kind='sequences'.",
        ),
        (
            np.zeros((4, 64)),
            "x of 'arrays': expected images or sequences; got rows of 64 values. For grey images, "
            "give their size with image_size=8. For sequences of one channel, pass "
            "kind='sequences'.",
        ),
        (
            np.zeros((4, 2, 2, 2, 1)),
            "x of 'arrays': expected shape (n, height, width, channels) for images or (n, length, "
            "channels) for sequences; got (4, 2, 2, 2, 1).",
        ),
        (np.zeros((0, 2, 2, 1)), "x of 'arrays' is empty; got shape (0, 2, 2, 1)."),
        (np.zeros((4, 2, 0, 1)), "x of 'arrays' is empty; got shape (4, 2, 0, 1)."),
        (
            np.full((4, 2, 2, 1), "a"),
            "x of 'arrays': expected real numbers; got dtype <U1.",
        ),
        (
            np.full((4, 2, 2, 1), {}),
            "x of 'arrays': expected real numbers; got dtype object.",
        ),
        (
            [[[1, 2], [3]]] * 4,
            "x of 'arrays' cannot be made into one array: setting an array element with a "
            "sequence. The requested array has an inhomogeneous shape after 2 dimensions. The "
            "detected shape was (4, 2) + inhomogeneous part.",
        ),
    ],
)
def test_pixels_that_cannot_be_used_are_refused(x, sentence):
    with pytest.raises(DataError) as caught:
        load_data((x, [0, 1, 0, 1]))
    assert str(caught.value) == sentence


def test_splits_with_examples_of_other_shapes_are_refused():
    small, large = np.zeros((4, 8, 8, 1)), np.zeros((4, 9, 8, 1))
    with pytest.raises(DataError) as caught:
        load_data({"test": (large, [0, 1] * 2), "train": (small, [0, 1] * 2)})
    assert str(caught.value) == (
        "x of 'arrays' (test): expected examples of shape (8, 8, 1) like those of train; "
        "got (9, 8, 1)."
    )


def test_rows_of_known_length_are_images():
    rows = np.random.default_rng(0).integers(0, 256, (40, 784), np.uint8)
    data = load_data((rows, np.arange(40) % 2), validation=0, test=0, normalize="none")
    assert data.info.notes == ("rows of 784 values read as 28x28x1 images",)
    found = data.train.x.reshape(40, -1)
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(rows, axis=0))
    sides = load_data((rows[:, :48], np.arange(40) % 2), image_size=(6, 8)).info
    assert sides.input_shape == (6, 8, 1)
    assert sides.notes == ("rows of 48 values read as 6x8x1 images",)
    assert load_data((rows, np.arange(40) % 2), kind="sequences").info.input_shape == (784, 1)
