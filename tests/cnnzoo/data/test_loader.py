"""The loader of trials: sources are read once, and forgotten by use."""

import numpy as np
import pytest

from cnnzoo.data import DataError, load_data
from cnnzoo.data import loader as module
from cnnzoo.data.loader import Loader
from cnnzoo.data.source import Reading


def test_loaded_data_are_those_of_load_data():
    loader, toggles = Loader(), {"train_size": 50, "label_noise": 0.5}
    for seed in (0, 1):
        data = loader.load("digits", seed, toggles)
        expected = load_data("digits", seed=seed, **toggles)
        for split in ("train", "validation", "test"):
            for got, known in zip(getattr(data, split), getattr(expected, split), strict=True):
                np.testing.assert_array_equal(got, known)
        assert data.info == expected.info


def test_sources_are_read_again_only_after_clear(monkeypatch):
    opened = []
    monkeypatch.setattr(module, "open_data", lambda spec, reading: (opened.append(spec), spec)[1])
    monkeypatch.setattr(module, "load_data", lambda spec, seed, **toggles: (spec, seed))
    loader = Loader()
    for seed in range(20):
        assert loader.load("digits", seed, {}) == ("digits", seed)
    loader.clear()
    loader.load("digits", 0, {})
    assert opened == ["digits", "digits"]


def test_least_recently_used_source_is_forgotten_first(monkeypatch):
    arrays = {name: (np.full((20, 8, 8, 1), 0.5), np.arange(20) % 2) for name in "abcd"}
    monkeypatch.setattr(module, "KEPT_BYTES", 2 * 20 * 64 * 4)
    loader = Loader()
    first = loader.load(arrays["a"], 0, {})
    loader.load(arrays["b"], 0, {})
    loader.load(arrays["a"], 1, {})
    loader.load(arrays["c"], 0, {})
    loader.load(arrays["d"], 0, {})  # beside which three are over the bound
    assert loader.load(arrays["a"], 0, {}) is first
    assert loader.load(arrays["a"], 1, {}).train.x.stored is first.train.x.stored
    assert list(loader._sources) == [(id(arrays[name]), Reading()) for name in "cda"]


def test_each_size_of_a_source_is_that_of_load_data():
    x = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1)).astype(np.uint8)
    loader, arrays = Loader(), (x, np.arange(20) % 2)
    for size, way in ((4, "mitchellcubic"), (6, "area"), (4, "mitchellcubic"), (0, "bilinear")):
        toggles = {"image_size": size, "interpolation": way, "train_size": 0.5}
        data, expected = loader.load(arrays, 1, toggles), load_data(arrays, seed=1, **toggles)
        np.testing.assert_array_equal(data.train.x, expected.train.x)
        assert data.info == expected.info


def test_loaded_data_stay_as_they_are():
    data = load_data("digits")
    assert Loader().load(data, 5, {}) is data
    with pytest.raises(DataError, match="`image_size`: cannot be changed for loaded data; got 4"):
        Loader().load(data, 5, {"image_size": 4})
