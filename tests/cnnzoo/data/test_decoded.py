"""Decoded sources in the cache: decoded once, shared, and decoded again after any change."""

import os

import numpy as np
import pytest
from PIL import Image

from cnnzoo.data import decoded, kept, load_data
from cnnzoo.data.scaling import is_mapped
from cnnzoo.data.sources import folder as source


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoded, "SMALL", 0)
    return tmp_path / "cache" / "decoded"


@pytest.fixture
def reads(monkeypatch):
    """Return the list of calls that decoded images."""
    calls = []
    read = source.read_images
    monkeypatch.setattr(source, "read_images", lambda *args: (calls.append(args), read(*args))[1])
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
    read = source.read_images

    def interrupted(*args):
        yield next(read(*args))
        raise KeyboardInterrupt

    monkeypatch.setattr(source, "read_images", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(folder)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    monkeypatch.setattr(source, "read_images", read)
    assert load(folder).info.sizes == (16, 2, 2)


def test_longest_unused_sources_are_removed(tmp_path, reads, monkeypatch, cache):
    folders = [fill(tmp_path / name) for name in ("a", "b", "c")]
    bytes_of_one = 20 * 4 * 6 + 2 * 128 + 20 * 8
    monkeypatch.setattr(kept, "LIMIT", 2 * bytes_of_one)
    for place, folder in enumerate(folders[:2]):
        load(folder)
        newest = max(cache.glob("[!.]*[!k]"), key=lambda path: path.stat().st_ctime_ns)
        os.utime(newest, (place, place))
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
    for split, known in zip(splits(again), splits(first), strict=True):
        np.testing.assert_array_equal(split.x, known.x)
        np.testing.assert_array_equal(split.y, known.y)


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
