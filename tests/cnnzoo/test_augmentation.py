"""Every augmentation against what it says, in NumPy."""

import colorsys
import itertools

import keras
import numpy as np
import pytest
import scipy.stats

import cnnzoo
from cnnzoo import Recipe, ToggleError
from cnnzoo.augmentation import AUGMENTATIONS, augmenter
from cnnzoo.batches import batch_stream
from cnnzoo.training import check_fit

MIXING = ("cutmix", "mixup")
N = 32
SIDE = 16


def load(x, classes=N, **choices):
    """Data whose examples are all for training; the label of an example is its number."""
    y = np.arange(len(x)) % classes
    return cnnzoo.load_data(
        {"train": (x, y), "validation": (x[:classes], y[:classes]), "test": (x[:1], y[:1])},
        **choices,
    )


def noise(channels=1, n=N, low=1, high=256):
    return np.random.default_rng(0).integers(low, high, (n, SIDE, SIDE, channels)).astype("uint8")


def drawn(names, data, seed=0, batches=1):
    """The same batch changed several times: images in 0..1 and labels."""
    augment = augmenter(names, data.info, seed)
    labels = np.eye(data.info.classes, dtype="float32")[data.train.y]
    results = [augment(data.train.x, labels) for _ in range(batches)]
    images, labels = (
        np.stack([keras.ops.convert_to_numpy(result[part]) for result in results])
        for part in (0, 1)
    )
    return (images[0], labels[0]) if batches == 1 else (images, labels)


def distinct(arrays):
    return len({array.tobytes() for array in arrays})


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
def test_the_same_is_drawn_whatever_the_scale_of_the_pixels(name):
    pixels = []
    for normalize in ("unit", "standardize", "none"):
        data = load(noise(3), normalize=normalize)
        images, _ = drawn(name, data)
        pixels.append(images * np.array(data.info.scale) + np.array(data.info.offset))
    np.testing.assert_allclose(pixels[0], pixels[1], atol=2e-5)
    np.testing.assert_allclose(pixels[0], pixels[2], atol=2e-5)


@pytest.mark.parametrize(("name", "axis"), [("flip", 1), ("vertical_flip", 0)])
def test_a_flip_mirrors_along_one_axis_or_not_at_all(name, axis):
    data = load(noise(3))
    images, _ = drawn(name, data)
    flipped = [
        (after == np.flip(before, axis)).all()
        for before, after in zip(data.train.x, images, strict=True)
    ]
    kept = [(after == before).all() for before, after in zip(data.train.x, images, strict=True)]
    assert all(a != b for a, b in zip(flipped, kept, strict=True))
    assert N // 4 < sum(flipped) < N * 3 // 4


def moved(image, down, right):
    """The image moved by whole pixels, black where it came from."""
    black = np.zeros_like(image)
    height, width = image.shape[:2]
    black[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = image[
        max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return black


def moves_of(before, after, reach):
    """How far each image was moved."""
    steps = range(-reach, reach + 1)
    return [
        next(
            (down, right)
            for down, right in itertools.product(steps, steps)
            if (moved(old, down, right) == new).all()
        )
        for old, new in zip(before, after, strict=True)
    ]


def test_a_crop_moves_each_image_by_up_to_an_eighth_and_fills_with_black():
    data = load(noise(3))
    images, _ = drawn("crop", data)
    moves = moves_of(data.train.x, images, reach=SIDE // 8)
    assert len(set(moves)) > 8
    for axis in (0, 1):
        assert {move[axis] for move in moves} == {-2, -1, 0, 1, 2}


def test_a_crop_of_standardized_images_fills_with_what_black_has_become():
    data = load(noise(3), normalize="standardize")
    images, _ = drawn("crop", data)
    moves = moves_of(load(noise(3)).train.x, drawn("crop", load(noise(3)))[0], reach=2)
    raw = noise(3).astype("float64") / 255
    black = -raw.mean((0, 1, 2)) / raw.std((0, 1, 2))
    filled = [moved(np.ones((SIDE, SIDE)), *move) == 0 for move in moves]
    assert sum(mask.sum() for mask in filled) > SIDE * N
    for image, mask in zip(images, filled, strict=True):
        np.testing.assert_allclose(image[mask], np.tile(black, (mask.sum(), 1)), rtol=1e-5)


def test_cutout_blackens_a_square_of_a_quarter_of_the_area_anywhere():
    data = load(noise(3))
    images, _ = drawn("cutout", data)
    black = (images == 0).all(-1)
    assert (black.sum((1, 2)) == SIDE * SIDE // 4).all()
    corners = set()
    for mask in black:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert len(rows) == len(columns) == SIDE // 2
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        corners.add((rows[0], columns[0]))
    assert len(corners) > N // 2
    np.testing.assert_array_equal(images[~black], data.train.x[~black])


def test_colour_jitter_of_grey_images_changes_brightness_and_contrast_by_up_to_a_fifth():
    data = load(noise(1, low=100, high=156))  # too near the middle to be clipped
    images, _ = drawn("color_jitter", data)
    slopes, shifts = [], []
    for before, after in zip(data.train.x, images, strict=True):
        slope, offset = np.polyfit(before.ravel(), after.ravel(), 1)
        np.testing.assert_allclose(after, slope * before + offset, atol=1e-5)
        slopes.append(slope)
        shifts.append(after.mean() - before.mean())
    assert 0.8 <= min(slopes) < 0.9 < 1.1 < max(slopes) <= 1.2
    assert -0.2 <= min(shifts) < -0.1 < 0.1 < max(shifts) <= 0.2


def test_colour_jitter_of_colours_changes_hue_and_saturation_a_little():
    colours = np.random.default_rng(1).integers(100, 156, (N, 1, 1, 3)).astype("uint8")
    data = load(np.broadcast_to(colours, (N, SIDE, SIDE, 3)))
    images, _ = drawn("color_jitter", data)
    turns, factors = [], []
    for before, after in zip(data.train.x, images, strict=True):
        assert (np.abs(after - after[0, 0]) < 1e-6).all()
        hue, saturation, value = colorsys.rgb_to_hsv(*map(float, before[0, 0]))
        new_hue, new_saturation, new_value = colorsys.rgb_to_hsv(*map(float, after[0, 0]))
        turn = (new_hue - hue + 0.5) % 1 - 0.5
        turns.append(turn)
        # of one colour contrast changes nothing, and brightness leaves max - min as it is
        factors.append(new_saturation * new_value / (saturation * value))
    assert 0.005 < max(np.abs(turns)) <= 0.0501
    assert len({round(turn, 6) for turn in turns}) > N // 2
    # f / (1 - f) of factors f from 0.4 to 0.6
    assert 0.4 / 0.6 - 1e-3 <= min(factors) < 0.8 < 1.2 < max(factors) <= 0.6 / 0.4 + 1e-3


def test_grey_images_of_three_channels_stay_grey_in_colour_jitter():
    data = load(np.repeat(noise(1), 3, axis=-1))
    images, _ = drawn("color_jitter", data)
    assert (np.ptp(images, axis=-1) < 1e-6).all()


def one_value_each():
    """Images of one value each, no two alike: 7 / 255 times their label and 1."""
    values = np.arange(1, N + 1, dtype="uint8") * 7
    return load(np.broadcast_to(values[:, None, None, None], (N, SIDE, SIDE, 1)))


VALUES = (np.arange(1, N + 1, dtype="float32") * 7) / np.float32(255)
"""Of the image of each label."""


def test_mixup_mixes_the_labels_by_the_weights_of_the_images():
    data = one_value_each()
    images, labels = drawn("mixup", data)
    expected = np.broadcast_to((labels @ VALUES)[:, None, None, None], images.shape)
    np.testing.assert_allclose(images, expected, atol=1e-6)
    assert (np.count_nonzero(labels, axis=1) <= 2).all()
    assert distinct(np.round(np.sort(labels, axis=1)[:, -1:], 4)) > N // 4


def test_cutmix_pastes_a_rectangle_and_mixes_the_labels_by_area():
    data = one_value_each()
    images, labels = drawn("cutmix", data)
    for own, image, label in zip(data.train.y, images[..., 0], labels, strict=True):
        partner = max(set(range(N)) - {own}, key=lambda other, label=label: label[other])
        pasted = image == VALUES[partner]
        assert (pasted | (image == VALUES[own])).all()
        if not pasted.any():
            assert label[partner] < 0.05
            continue
        rows, columns = np.flatnonzero(pasted.any(1)), np.flatnonzero(pasted.any(0))
        assert pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        # the area before it is brought to whole pixels, each side off by less than one
        height, width = len(rows), len(columns)
        assert (height - 1) * (width - 1) <= label[partner] * SIDE**2 <= (height + 1) * (width + 1)


@pytest.mark.parametrize(
    ("name", "alpha"),
    [("cutmix", 1.0), ("mixup", 0.2)],  # Yun et al. (2019); Zhang et al. (2018) on ImageNet
)
def test_labels_are_mixed_by_weights_from_the_beta_distribution_of_the_paper(name, alpha):
    data = one_value_each()
    _, labels = drawn(name, data, batches=12)
    own = labels[:, np.arange(N), data.train.y].ravel()
    mixed_with_another = np.sort(labels, axis=-1)[..., -2].ravel() > 0
    weights = own[mixed_with_another]
    assert len(weights) > 5 * N
    statistic = scipy.stats.kstest(weights, scipy.stats.beta(alpha, alpha).cdf).statistic
    assert statistic < 1.36 / len(weights) ** 0.5  # the 5% point


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_image_of_a_batch_has_a_draw_of_its_own(name):
    image = noise(3, n=1)
    data = load(np.repeat(image, N, axis=0))
    images, labels = drawn(name, data)
    if name in MIXING:
        weights = np.sort(labels, axis=1)[:, -1:]
        assert distinct(np.round(weights, 4)) > N // 4
    else:
        assert distinct(images) > (1 if "flip" in name else 8)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_seed_gives_one_stream_whatever_was_drawn_before(name):
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


def test_an_augmentation_added_does_not_change_what_another_draws():
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


# In the stream of batches


def epochs_of(names, data, seed=0, epochs=1):
    labels = np.eye(data.info.classes, dtype="float32")[data.train.y]
    keras.utils.set_random_seed(0)
    batches = batch_stream(data.train.x, labels, data, Recipe(augment=names, batch_size=8), seed)
    return [
        np.concatenate([images for images, _ in batches.as_numpy_iterator()]) for _ in range(epochs)
    ]


def test_the_stream_changes_the_images_of_each_epoch_anew():
    data = load(noise(1))
    whole = "crop+flip+cutout"
    first, second = epochs_of(whole, data, epochs=2)
    again, _ = epochs_of(whole, data, epochs=2)
    (other,) = epochs_of(whole, data, seed=1)
    np.testing.assert_array_equal(first, again)
    assert len({*map(bytes, first), *map(bytes, second), *map(bytes, other)}) == 3 * N


def test_the_order_of_the_examples_does_not_depend_on_their_changes():
    data = one_value_each()
    (plain,), (changed,) = epochs_of("none", data), epochs_of("crop+flip", data)
    middle = SIDE // 2
    np.testing.assert_array_equal(plain[:, middle, middle], changed[:, middle, middle])


ALL_BUT_MIXING = "+".join(name for name in AUGMENTATIONS if name not in MIXING)


def test_images_are_changed_in_full_precision_under_mixed_precision(mixed_precision):
    data = load(noise(3, n=8), classes=8)
    for name in AUGMENTATIONS:
        images, labels = drawn(name, data)
        assert images.dtype == labels.dtype == np.float32
    assert keras.config.dtype_policy().name == "mixed_float16"


def test_images_with_channels_first_get_the_same_changes(request):
    data = load(noise(3))
    (last,) = epochs_of(ALL_BUT_MIXING, data)
    request.getfixturevalue("channels_first")
    (first,) = epochs_of(ALL_BUT_MIXING, data)
    np.testing.assert_allclose(first, np.moveaxis(last, -1, 1), atol=1e-6)
    assert keras.config.image_data_format() == "channels_first"


# Refusals


def refusal(model, data, names) -> str:
    with pytest.raises(ToggleError) as caught:
        check_fit(model, data, Recipe(augment=names))
    return str(caught.value)


def built(data, loss="categorical_crossentropy"):
    shape, classes = data.info.input_shape, data.info.classes
    return cnnzoo.build("mlp", units=1, loss=loss, input_shape=shape, classes=classes)


@pytest.mark.parametrize("names", ["crop", "cutmix+flip"])
def test_sequences_are_refused(names):
    data = load(np.zeros((N, 20, 2), "float32"))
    assert refusal(built(data), data, names) == (
        f"`augment` of `Recipe`: {names} changes images; `arrays` has examples of shape (20, 2). "
        "Give 'none'."
    )


@pytest.mark.parametrize("names", ["mixup", "cutmix", "flip+mixup"])
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "binary_crossentropy"])
def test_mixed_labels_are_refused_where_the_loss_takes_class_ids(names, loss):
    data = load(noise(), classes=2)
    assert refusal(built(data, loss), data, names) == (
        f"`augment` of `Recipe`: {names.split('+')[-1]} mixes labels, which {loss} cannot take. "
        "Build the model with loss='categorical_crossentropy', which is the same loss on labels "
        "that are not mixed."
    )


@pytest.mark.parametrize("names", ["mixup", "crop+cutmix"])
def test_mixed_labels_are_refused_for_a_regression(names):
    x = noise()
    data = cnnzoo.load_data((x, np.linspace(0.1, 0.9, N)))
    assert refusal(built(data, "mse"), data, names) == (
        f"`augment` of `Recipe`: {names.split('+')[-1]} mixes the labels of classes; `arrays` is "
        "a regression."
    )


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", "categorical_hinge", "focal", "mse", "mae", "huber"]
)
def test_mixed_labels_go_with_every_loss_on_one_hot_labels(loss):
    data = load(noise(), classes=2)
    check_fit(built(data, loss), data, Recipe(augment="cutmix+mixup"))
