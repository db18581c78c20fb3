"""Mixing of images and labels, compared with NumPy."""

import numpy as np
import pytest
import scipy.stats
from helpers.augmented import VALUES, N, distinct, drawn, load, one_value_each


def test_mixup_mixes_labels_by_the_image_weights():
    data = one_value_each()
    images, labels = drawn("mixup", data)
    expected = np.broadcast_to((labels @ VALUES)[:, None, None, None], images.shape)
    np.testing.assert_allclose(images, expected, atol=1e-6)
    assert (np.count_nonzero(labels, axis=1) <= 2).all()
    assert distinct(np.round(np.sort(labels, axis=1)[:, -1:], 4)) > N // 4


def test_cutmix_mixes_labels_by_the_pasted_area():
    data = one_value_each()
    images, labels = drawn("cutmix", data)
    for own, image, label in zip(data.train.y, images[..., 0], labels, strict=True):
        partner = max(set(range(N)) - {own}, key=lambda other, label=label: label[other])
        pasted = image == VALUES[partner]
        assert (pasted | (image == VALUES[own])).all()
        rows, columns = np.flatnonzero(pasted.any(1)), np.flatnonzero(pasted.any(0))
        if pasted.any():
            assert pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert label[partner] == pasted.mean()


@pytest.mark.parametrize("side", [8, 3])
def test_cutmix_labels_equal_the_share_of_pasted_pixels(side):
    """Section 3.1 of Yun et al. (2019); of two constant images the pixels tell the share."""
    x = np.zeros((64, side, side, 1), "uint8")
    x[1::2] = 255
    data = load(x, classes=2)
    images, labels = drawn("cutmix", data, batches=20)
    shares = images.mean((2, 3, 4))
    assert distinct(np.round(shares, 4).ravel()) > side
    np.testing.assert_allclose(labels[..., 1], shares, atol=1e-6)
    if side == 8:  # whose shares are exact in binary
        np.testing.assert_array_equal(labels[..., 1], shares)


@pytest.mark.parametrize(
    ("name", "alpha"),
    [("cutmix", 1.0), ("mixup", 0.2)],  # Yun et al. (2019); Zhang et al. (2018) on ImageNet
)
def test_mixing_weights_follow_the_papers_beta_distribution(name, alpha):
    data = one_value_each(side=128)  # where whole pixels are near to the drawn area
    _, labels = drawn(name, data, batches=12)
    own = labels[:, np.arange(N), data.train.y].ravel()
    mixed_with_another = np.sort(labels, axis=-1)[..., -2].ravel() > 0
    weights = own[mixed_with_another]
    assert len(weights) > 5 * N
    statistic = scipy.stats.kstest(weights, scipy.stats.beta(alpha, alpha).cdf).statistic
    assert statistic < 1.36 / len(weights) ** 0.5  # the 5% point
