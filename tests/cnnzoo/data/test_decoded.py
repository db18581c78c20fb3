"""Decoded sources in the cache: decoded once, shared, and decoded again after any change."""

import math
import os

import numpy as np
import pytest
from PIL import Image

from cnnzoo.data import DataError, decoded, load_data
from cnnzoo.data.decoding import Decoding
from cnnzoo.data.resizing import Resize
from cnnzoo.data.scaling import is_mapped
from cnnzoo.data.sources import folder as source
from cnnzoo.runtime import files


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoded, "SMALL", 0)
    return tmp_path / "cache" / "decoded"


@pytest.fixture
def reads(monkeypatch):
    """Return the list of decodings, each with its settings.

    Files count as just changed, however long the test takes.
    """
    monkeypatch.setattr(decoded, "UNSETTLED", math.inf)
    calls = []
    decode = Decoding.__iter__
    monkeypatch.setattr(Decoding, "__iter__", lambda self: (calls.append(self), decode(self))[1])
    return calls


def fill(folder, colours=()):
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for i in range(10):
            grey = np.full((4, 6), i, np.uint8)
            pixels = np.stack([grey, grey + 1, grey + 2], -1) if (name, i) in colours else grey
            Image.fromarray(pixels).save(folder / name / f"{i}.bmp")
    return folder


def load(folder, **options):
    return load_data(f"folder:{folder}", normalize="none", **options)


def test_second_load_maps_the_first_ones_file(tmp_path, reads, cache):
    folder = fill(tmp_path / "images")
    first, second = load(folder), load(folder, seed=1)
    assert len(reads) == 1
    assert is_mapped(second.train.x.stored)
    whole = np.sort(np.concatenate([np.asarray(x)[:, 0, 0, 0] for x, _ in splits(second)]))
    np.testing.assert_array_equal(whole, np.repeat(np.arange(10), 2))
    assert first.info.fingerprint == second.info.fingerprint
    files = {path.name for path in cache.rglob("*") if path.is_file()}
    assert {"x.npy", "y.npy"} <= files


def splits(data):
    return data.train, data.validation, data.test


def test_change_of_equal_size_and_time_is_noticed(tmp_path, reads):
    folder = fill(tmp_path / "images")
    load(folder)
    file, other = folder / "cat" / "0.bmp", folder / "cat" / "5.bmp"
    times, size = file.stat(), file.stat().st_size
    content = other.read_bytes()
    assert len(content) == size
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = load(folder)
    assert len(reads) == 2
    values = np.concatenate([np.asarray(x)[:, 0, 0, 0] for x, _ in splits(changed)])
    assert (values == 5).sum() == 3
    assert (values == 0).sum() == 1


def test_grey_images_before_colour_get_three_channels(tmp_path):
    data = load(fill(tmp_path / "images", colours=[("dog", 3)]))
    assert data.info.input_shape == (4, 6, 3)
    pixels = np.concatenate([np.asarray(x)[:, 0, 0] for x, _ in splits(data)])
    expected = [(i, i, i) for i in range(10)] * 2
    expected[13] = (3, 4, 5)
    assert sorted(map(tuple, pixels.tolist())) == sorted(expected)


def test_folder_that_cannot_be_written_is_no_obstacle(tmp_path, reads, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "file" / "cache"))
    folder = fill(tmp_path / "images", colours=[("cat", 9)])
    assert load(folder).info.input_shape == load(folder).info.input_shape == (4, 6, 3)
    assert len(reads) == 2


def test_interrupted_decoding_leaves_nothing_behind(tmp_path, monkeypatch, cache):
    folder = fill(tmp_path / "images")
    decode = Decoding.__iter__

    def interrupted(self):
        yield next(decode(self))
        raise KeyboardInterrupt

    monkeypatch.setattr(Decoding, "__iter__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(folder)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    monkeypatch.setattr(Decoding, "__iter__", decode)
    assert load(folder).info.sizes == (16, 2, 2)


def test_longest_unused_sources_are_removed(tmp_path, reads, monkeypatch, cache):
    folders = [fill(tmp_path / name) for name in ("a", "b", "c")]
    for place, folder in enumerate(folders[:2]):
        load(folder)
        newest = max(cache.glob("[!.]*[!k]"), key=lambda path: path.stat().st_ctime_ns)
        os.utime(newest, (place, place))
    bytes_of_one = sum(file.stat().st_size for file in newest.iterdir())
    monkeypatch.setattr(files, "LIMIT", 2 * bytes_of_one)
    load(folders[0])  # used again, so that the second one is the oldest
    load(folders[2])
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 2
    assert len(reads) == 3
    load(folders[0])
    assert len(reads) == 3
    load(folders[1])
    assert len(reads) == 4


def test_small_sources_are_not_kept(tmp_path, reads, monkeypatch, cache):
    monkeypatch.setattr(decoded, "SMALL", 2**20)
    folder = fill(tmp_path / "images")
    load(folder), load(folder)
    assert len(reads) == 2
    assert not cache.exists()


def test_unchanged_folder_is_not_read_again(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(decoded, "UNSETTLED", 0.0)
    folder = fill(tmp_path / "images")
    (folder / "cat" / "notes.txt").write_text("no image")
    first = load(folder)
    monkeypatch.setattr(source, "_part_folders", lambda *args: pytest.fail("the folder was read"))
    again = load(folder)
    assert (again.info, len(reads)) == (first.info, 1)
    assert again.info.notes == ("files that are not images left out: 1 ('cat/notes.txt')",)
    assert_equal(again, first)


@pytest.mark.parametrize("change", ["add", "remove", "rename", "text"])
def test_changed_folder_is_read_again(change, tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "UNSETTLED", 0.0)
    folder = fill(tmp_path / "images")
    first = load(folder)
    if change == "add":
        Image.fromarray(np.zeros((4, 6), np.uint8)).save(folder / "cat" / "new.bmp")
    elif change == "remove":
        (folder / "dog" / "9.bmp").unlink()
    elif change == "rename":
        (folder / "dog").rename(folder / "wolf")
    else:
        (folder / "cat" / "notes.txt").write_text("no image")
    changed = load(folder)
    assert sum(changed.info.sizes) == {"add": 21, "remove": 19}.get(change, 20)
    assert changed.info.class_names == ("cat", "wolf" if change == "rename" else "dog")
    assert bool(changed.info.notes) == (change == "text")
    assert first.info.notes == ()


def test_each_image_size_is_decoded_once(tmp_path, reads):
    folder = fill(tmp_path / "images", colours=[("dog", 3)])
    Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7)).save(folder / "cat" / "wide.png")
    options = [
        {"image_size": size, "interpolation": way}
        for size in (4, "3x5")
        for way in ("area", "mitchellcubic")
    ]
    first = [load(folder, **chosen) for chosen in options]
    assert len(reads) == 4
    again = [load(folder, **chosen) for chosen in options]
    assert len(reads) == 4
    for one, other in zip(first, again, strict=True):
        assert is_mapped(other.train.x.stored)
        assert_equal(other, one)
    assert len({data.info.fingerprint for data in first}) == 1
    stored = np.stack([np.arange(35, dtype=np.uint8).reshape(5, 7)] * 3, -1)
    for data, chosen in zip(first, options, strict=True):
        wide = Resize.of(chosen["image_size"], chosen["interpolation"])(stored)
        assert any((image == wide).all() for x, _ in splits(data) for image in np.asarray(x))


@pytest.mark.parametrize("unsettled", [0.0, math.inf])
def test_bad_image_that_appears_is_noticed(unsettled, tmp_path, reads, monkeypatch):
    monkeypatch.setattr(decoded, "UNSETTLED", unsettled)
    folder = fill(tmp_path / "images")
    whole = load(folder)
    (folder / "cat" / "broken.png").write_bytes(b"no image")
    (folder / "dog" / "lost.png").symlink_to(tmp_path / "missing.png")
    for _ in range(2):
        with pytest.raises(DataError, match=r"2 images of .* cannot be used"):
            load(folder)
    reads.clear()
    first, second = load(folder, skip_bad=True), load(folder, skip_bad=True)
    assert len(reads) == 1
    assert_equal(second, first)
    assert second.info.notes == (
        "images that cannot be used left out: 2 ('cat/broken.png', 'dog/lost.png')",
    )
    assert second.info.fingerprint == whole.info.fingerprint
    (folder / "cat" / "broken.png").unlink()
    (folder / "dog" / "lost.png").unlink()
    assert load(folder).info == whole.info


def assert_equal(data, expected):
    assert data.info == expected.info
    for split, known in zip(splits(data), splits(expected), strict=True):
        np.testing.assert_array_equal(split.x, known.x)
        np.testing.assert_array_equal(split.y, known.y)
