"""Arrays and loaded data that are kept under a name."""

import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

from cnnzoo.data import Data, DataError, load_data
from cnnzoo.data.dataset import Split
from cnnzoo.data.given import GivenData, is_given
from cnnzoo.data.load import open_data
from cnnzoo.data.scaling import is_mapped

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 6, 5, 3), dtype=np.uint8)
LABELS = np.array(["cat", "dog", "eel"])[np.arange(60) % 3]


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path))
    return tmp_path


def name_of(data):
    return GivenData(open_data(data))


def assert_equal(first, second):
    for split in ("train", "validation", "test"):
        for one, other in zip(getattr(first, split), getattr(second, split), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.test_indices, second.test_indices)


@pytest.mark.parametrize("test", [None, slice(0, 9)])
def test_kept_arrays_load_as_the_arrays_do(test):
    arrays = (IMAGES, LABELS)
    if test is not None:
        arrays = {"train": arrays, "test": (IMAGES[test], LABELS[test])}
    given = name_of(arrays)
    given.keep()
    options = {"seed": 3, "label_noise": 0.2, "normalize": "standardize"}
    kept, data = load_data(str(given), **options), load_data(arrays, **options)
    assert_equal(kept, data)
    assert is_mapped(kept.train.x.stored)
    assert kept.info.name == given
    assert kept.info.fingerprint == data.info.fingerprint
    assert kept.info.class_names == ("cat", "dog", "eel")


def test_kept_arrays_are_resized_as_the_arrays_are():
    given = name_of((IMAGES, LABELS))
    given.keep()
    options = {"seed": 1, "image_size": "4x8", "interpolation": "area"}
    kept, data = load_data(str(given), **options), load_data((IMAGES, LABELS), **options)
    assert_equal(kept, data)
    assert kept.info.input_shape == (4, 8, 3)
    assert (kept.info.notes, kept.info.fingerprint) == (data.info.notes, data.info.fingerprint)


@pytest.mark.parametrize("normalize", ["unit", "standardize", "none"])
def test_kept_data_have_the_same_splits_for_every_seed(normalize, cache):
    data = load_data((IMAGES, LABELS), seed=7, normalize=normalize)
    given = name_of(data)
    given.keep()
    first, second = (load_data(str(given), seed=seed) for seed in (0, 1))
    assert_equal(first, data)
    assert_equal(second, data)
    assert (first.info.offset, first.info.scale) == (data.info.offset, data.info.scale)
    assert (first.info.held_out.size, first.info.held_out.pool) == (6, 0)
    stored = np.load(next(cache.glob("arrays/*/train_x.npy")), mmap_mode="r")
    assert stored.dtype == np.uint8  # not the four times larger float32
    with pytest.raises(DataError, match=r"^`train_size`: cannot be changed for loaded data"):
        load_data(str(given), train_size=0.5)


def test_data_of_plain_arrays_are_kept():
    loaded = load_data("digits", train_size=50)
    splits = [Split(np.asarray(x), y) for x, y in (loaded.train, loaded.validation, loaded.test)]
    given = name_of(Data(*splits, loaded.info))
    given.keep()
    np.testing.assert_array_equal(load_data(str(given)).train.x, splits[0].x)


def test_name_tells_shape_and_content():
    name = name_of((IMAGES, LABELS))
    assert name.startswith("arrays:60x6x5x3-")
    assert is_given(name)
    assert name == name_of((IMAGES.copy(), LABELS.tolist()))
    changed = IMAGES.copy()
    changed[-1, -1, -1, -1] ^= 1
    assert name not in (name_of((changed, LABELS)), name_of((IMAGES, LABELS[::-1])))
    data = [load_data((IMAGES, LABELS), seed=seed) for seed in (0, 0, 1)]
    names = [name_of(one) for one in data]
    assert names[0] == names[1]
    assert names[2] not in (names[0], name)


def test_pickle_holds_the_name_alone():
    name = name_of((IMAGES, LABELS))
    pickled = pickle.dumps(name)
    assert len(pickled) < 100
    assert type(pickle.loads(pickled)) is str  # noqa: S301


def test_missing_and_damaged_arrays_are_refused(cache):
    given = name_of((IMAGES, LABELS))
    sentence = (
        f"{str(given)!r} is not in {cache / 'arrays'}, where arrays that were given to a study or "
        "a search are kept. Give it the same arrays again."
    )
    with pytest.raises(DataError) as refused:
        load_data(str(given))
    assert str(refused.value) == sentence
    given.keep()
    file = next(cache.glob("arrays/*/train_x.npy"))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError) as refused:
        load_data(str(given))
    assert str(refused.value) == sentence


def test_cache_that_cannot_be_written_is_refused(cache, monkeypatch):
    (cache / "file").touch()
    monkeypatch.setenv("CNNZOO_CACHE", str(cache / "file"))
    with pytest.raises(DataError) as refused:
        name_of((IMAGES, LABELS)).keep()
    assert str(refused.value) == (
        f"`data`: arrays cannot be kept in {cache / 'file' / 'arrays'}: Not a directory. Set "
        "CNNZOO_CACHE to a folder that can be written to, with room for them."
    )


@pytest.mark.parametrize(
    ("name", "label"),
    [(".", ""), ("+++", ""), ("a" * 300, "a" * 40 + "-"), ("my photos", "my-photos-")],
)
def test_name_of_loaded_data_begins_with_a_short_one(name, label):
    loaded = load_data("digits", train_size=50)
    given = name_of(
        Data(loaded.train, loaded.validation, loaded.test, replace(loaded.info, name=name))
    )
    assert re.fullmatch(rf"arrays:{label}\d+x8x8x1-[0-9a-f]{{16}}", given)
    assert is_given(given)
