"""Descriptions of data: splits, classes and sample images."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from cnnzoo.data import load_data
from cnnzoo.data.description import DataDescription, describe_data


def pixels_of(sample):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(sample.png))))


@pytest.mark.parametrize("normalize", ["unit", "standardize", "none"])
def test_samples_show_the_pixels_of_each_class(normalize):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = rng.integers(0, 60, (60, 9, 7, 3), dtype=np.uint8) + 80 * y[:, None, None, None]
    data = load_data((x.astype(np.uint8), y), normalize=normalize)
    described = describe_data("arrays", data)
    assert [sample.label for sample in described.samples] == ["0", "1", "2"]
    shown = {image.tobytes() for image in x.astype(np.uint8)}
    assert all(pixels_of(sample).tobytes() in shown for sample in described.samples)
    assert [int(pixels_of(sample).min() // 80) for sample in described.samples] == [0, 1, 2]
    assert described.counts == {"0": 16, "1": 16, "2": 16}
    assert DataDescription.from_dict(described.to_dict()) == described


def test_large_images_are_thinned_and_sequences_have_none():
    x = np.zeros((40, 150, 100, 1), dtype=np.uint8)
    x[:, ::3, ::3] = 255
    large = describe_data("arrays", load_data((x, np.arange(40) % 2)))
    assert [pixels_of(sample).shape for sample in large.samples] == [(50, 34)] * 2
    assert all((pixels_of(sample) == 255).all() for sample in large.samples)
    assert describe_data("mnist1d", load_data("mnist1d")).samples == ()


def test_regression_has_targets_and_no_classes():
    described = describe_data("rotation", load_data("rotation"))
    assert (described.task, described.classes, described.counts) == ("regression", 1, {})
    assert len(described.samples) == 10
    assert all(-1 <= float(sample.label) <= 1 for sample in described.samples)
