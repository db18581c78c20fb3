"""What mixes images mixes their labels alike, in NumPy."""

import numpy as np
import pytest
import scipy.stats
from augmented import SIDE, VALUES, N, distinct, drawn, one_value_each


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
