"""What a spec may be: names, prefixes, arrays, archives."""

import os
from pathlib import Path

import numpy as np
import pytest

from cnnzoo.data import DataError, load_data
from cnnzoo.data.sources import full_spec
from cnnzoo.toggle import ToggleError

X = np.arange(80.0).reshape(20, 2, 2, 1)
Y = np.arange(20) % 2
EXPECTED = (
    "`data`: expected 'mnist5k', 'digits', 'rotation', 'mnist1d', 'tfds:NAME', 'folder:PATH', "
    "'npz:PATH', an existing path or arrays (x, y); got "
)

NO_DATA = (
    "`data`: expected a name, a path, a tuple (x, y), a tuple of two of these for train and test, "
    "a stream of batches, or a mapping of splits to them; got {}. A list of batches is a stream as "
    "iter(batches)."
)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("mnist5", EXPECTED + "'mnist5'; did you mean 'mnist5k'?"),
        ("imagenet", EXPECTED + "'imagenet'."),
        ("", EXPECTED + "''."),
        ("tfd:mnist", EXPECTED + "'tfd:mnist'; did you mean 'tfds'?"),
        ("https://x.org/a.npz", EXPECTED + "'https://x.org/a.npz'."),
        (
            None,
            NO_DATA.format("NoneType"),
        ),
        (
            X,
            NO_DATA.format("ndarray"),
        ),
        (
            (X, Y, Y),
            NO_DATA.format("tuple of 3"),
        ),
        (
            {"train": (X, Y), "tset": (X, Y)},
            "'arrays' has no split 'tset'; did you mean 'test'? The splits: 'train', "
            "'validation', 'test'.",
        ),
        ({"test": (X, Y)}, "'arrays' needs a split 'train'; got 'test'."),
        ({}, "'arrays' needs a split 'train'; got none."),
        ([(X, Y), (X, Y)], NO_DATA.format("list of 2")),
        (
            {"train": X},
            "The split 'train': expected a tuple (x, y) or a stream of batches; got ndarray.",
        ),
    ],
)
def test_what_is_no_data_is_refused(spec, sentence):
    with pytest.raises(DataError) as caught:
        load_data(spec)
    assert str(caught.value) == sentence


def test_a_path_needs_no_prefix(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y)
    for path in ("a.npz", "./a.npz", "~/a.npz", Path("a.npz"), Path("~", "a.npz")):
        data = load_data(path)
        assert data.info.name == f"npz:{path}"
        assert data.info.sizes == (16, 2, 2)
    (tmp_path / "digits").mkdir()
    assert full_spec("digits") == "digits"
    assert full_spec(Path("digits")) == "folder:digits"
    with pytest.raises(DataError) as caught:
        load_data(Path("b.npz"))
    assert str(caught.value) == "'b.npz' does not exist; did you mean 'a.npz'?"


def test_an_unknown_choice_is_answered_by_the_nearest():
    with pytest.raises(ToggleError) as caught:
        load_data((X, Y), labelnoise=0.1)
    assert str(caught.value) == (
        "`load_data` takes no `labelnoise`; did you mean `label_noise`? It takes spec, seed, "
        "image_size, interpolation, skip_bad, normalize, train_size, label_noise, "
        "target_outliers, imbalance, validation, test, kind."
    )


def test_archive_of_x_and_y_equals_its_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y, comment="kept out")
    data = load_data(f"npz:{tmp_path / 'a.npz'}")
    arrays = load_data((X, Y))
    assert data.info.fingerprint == arrays.info.fingerprint
    assert data.info.name == f"npz:{tmp_path / 'a.npz'}"
    np.testing.assert_array_equal(data.train.x, arrays.train.x)


def test_an_archive_may_hold_its_splits(tmp_path):
    np.savez_compressed(
        tmp_path / "b.npz",
        x_train=X,
        y_train=Y,
        x_val=X[:4],
        y_val=Y[:4],
        x_test=X[:6],
        y_test=Y[:6],
    )
    data = load_data(f"npz:{tmp_path / 'b.npz'}", normalize="none")
    assert data.info.sizes == (20, 4, 6)
    np.testing.assert_array_equal(data.test.x, X[:6])


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    assert load_data("npz:~/a.npz").info.sizes == (16, 2, 2)


ALLOWED = (
    " An archive holds x and y, or x_train and y_train (optionally with x_val, y_val, "
    "x_test, y_test)."
)


@pytest.mark.parametrize(
    ("arrays", "end"),
    [
        ({"x": X}, " lacks 'y' for train; it holds 'x'." + ALLOWED),
        ({"images": X}, " lacks 'x_train' for train; it holds 'images'." + ALLOWED),
        ({}, " lacks 'x_train' for train; it holds nothing." + ALLOWED),
        (
            {"x_train": X, "y_train": Y, "x_test": X},
            " lacks 'y_test' for test; it holds 'x_train', 'y_train', 'x_test'." + ALLOWED,
        ),
        (
            {"x_train": X, "y_train": Y, "x_val": X, "y_valid": Y},
            " lacks 'y_val' for validation; it holds 'x_train', 'y_train', 'x_val', 'y_valid'."
            + ALLOWED,
        ),
        (
            {"x_train": X, "y_train": Y, "y_test": Y},
            " lacks 'x_test' for test; it holds 'x_train', 'y_train', 'y_test'." + ALLOWED,
        ),
        (
            {"x_train": X, "y_train": Y, "x_tst": X, "y_tst": Y},
            " holds 'x_tst', which has no use; did you mean 'x_test'? It holds x and y, or x_train "
            "and y_train (optionally with x_val, y_val, x_test, y_test).",
        ),
        (
            {"x": X, "y": np.array([{}] * 20)},
            " holds an array of Python objects, which is refused because reading it can run code; "
            "save numbers or strings of one length.",
        ),
    ],
)
def test_an_archive_with_other_contents_is_refused(arrays, end, tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, **arrays)
    with pytest.raises(DataError) as caught:
        load_data(f"npz:{file}")
    assert str(caught.value) == f"'npz:{file}'{end}"


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(DataError) as caught:
        load_data(f"npz:{tmp_path / 'a.npy'}")
    assert str(caught.value) == (
        f"'npz:{tmp_path / 'a.npy'}' is not an .npz archive; read the file and give arrays "
        "(x, y), or write an archive by numpy.savez('data.npz', x=x, y=y)."
    )


def test_what_may_never_end_is_not_read(tmp_path):
    pipe = tmp_path / "a.npz"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/zero", tmp_path):
        with pytest.raises(DataError) as caught:
            load_data(f"npz:{path}")
        assert str(caught.value) == f"'npz:{path}' is not a regular file."


def test_an_archive_with_a_flipped_byte_is_refused(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, x=X, y=Y)
    content = bytearray(file.read_bytes())
    content[400] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_data(f"npz:{file}")
    assert str(caught.value) == f"'npz:{file}' cannot be read: Bad CRC-32 for file 'x.npy'"


def test_a_missing_path_names_its_nearest_neighbour(tmp_path):
    np.savez(tmp_path / "digits.npz", x=X, y=Y)
    with pytest.raises(DataError) as caught:
        load_data(f"npz:{tmp_path}/digit.npz")
    assert str(caught.value) == (
        f"'npz:{tmp_path}/digit.npz' does not exist; did you mean 'digits.npz'?"
    )
    with pytest.raises(DataError) as caught:
        load_data(f"npz:{tmp_path}/digits.npz/deep/er.npz")
    assert str(caught.value) == (
        f"'npz:{tmp_path}/digits.npz/deep/er.npz' does not exist: there is no folder "
        f"'{tmp_path}/digits.npz'."
    )
