"""Effect of each augmentation on images, compared with NumPy."""

import colorsys

import numpy as np
import pytest
from helpers.augmented import SIDE, N, drawn, load, moved, moves_of, noise


@pytest.mark.parametrize(("name", "axis"), [("flip", 1), ("vertical_flip", 0)])
def test_flip_mirrors_one_axis_or_nothing(name, axis):
    data = load(noise(3))
    images, _ = drawn(name, data)
    flipped = [
        (after == np.flip(before, axis)).all()
        for before, after in zip(data.train.x, images, strict=True)
    ]
    kept = [(after == before).all() for before, after in zip(data.train.x, images, strict=True)]
    assert all(a != b for a, b in zip(flipped, kept, strict=True))
    assert N // 4 < sum(flipped) < N * 3 // 4


def test_crop_shifts_by_at_most_an_eighth():
    data = load(noise(3))
    images, _ = drawn("crop", data)
    moves = moves_of(data.train.x, images, reach=SIDE // 8)
    assert len(set(moves)) > 8
    for axis in (0, 1):
        assert {move[axis] for move in moves} == {-2, -1, 0, 1, 2}


def test_crop_of_standardized_images_fills_with_black():
    data = load(noise(3), normalize="standardize")
    images, _ = drawn("crop", data)
    moves = moves_of(load(noise(3)).train.x, drawn("crop", load(noise(3)))[0], reach=2)
    raw = noise(3).astype("float64") / 255
    black = -raw.mean((0, 1, 2)) / raw.std((0, 1, 2))
    filled = [moved(np.ones((SIDE, SIDE)), *move) == 0 for move in moves]
    assert sum(mask.sum() for mask in filled) > SIDE * N
    for image, mask in zip(images, filled, strict=True):
        np.testing.assert_allclose(image[mask], np.tile(black, (mask.sum(), 1)), rtol=1e-5)


def test_cutout_blackens_a_quarter_of_the_area():
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


def test_color_jitter_of_grey_images_changes_brightness_and_contrast():
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


def test_color_jitter_changes_hue_and_saturation_slightly():
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


def test_color_jitter_keeps_grey_rgb_images_grey():
    data = load(np.repeat(noise(1), 3, axis=-1))
    images, _ = drawn("color_jitter", data)
    assert (np.ptp(images, axis=-1) < 1e-6).all()
