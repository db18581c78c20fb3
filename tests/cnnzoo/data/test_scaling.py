"""Examples that are normalized when they are read, against arrays that NumPy computes at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnnzoo.data import load_data
from cnnzoo.data.scaling import ScaledArray, Scaling, in_parts

RNG = np.random.default_rng(0)
STORED = RNG.integers(0, 256, (9, 5, 4, 3), dtype=np.uint8)
PLACES = np.array([7, 0, 3, 3, 8, 1])
SCALING = Scaling(0.0, 255.0, np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.3, 1.0]))


def expected():
    """Return the examples in float32, one operation after the other."""
    x = STORED[PLACES].astype(np.float32) / np.float32(255)
    return (x - np.float32([0.5, 0.4, 0.3])) / np.float32([0.2, 0.3, 1.0])


@pytest.fixture
def x():
    return ScaledArray(STORED, PLACES, SCALING)


@given(
    index=st.one_of(
        arrays.basic_indices((6, 5, 4, 3), allow_newaxis=True),
        arrays.integer_array_indices((6,)),
        arrays.arrays(bool, (6,)),
        arrays.arrays(bool, (6, 5)),
        st.lists(st.integers(-6, 5), min_size=1),
        st.tuples(arrays.integer_array_indices((6,)), st.integers(0, 4)),
        st.tuples(st.integers(0, 5), st.just([0, 2])),
        st.tuples(st.just([0, 2]), st.just([1, 4])),
    )
)
def test_every_index_reads_what_the_array_has(index):
    read, whole = ScaledArray(STORED, PLACES, SCALING)[index], expected()[index]
    assert read.dtype == np.float32
    assert type(read) in (np.ndarray, np.float32)
    np.testing.assert_array_equal(read, whole)


def test_examples_serve_as_an_array(x):
    whole = expected()
    assert (x.shape, x.ndim, x.size, x.nbytes) == (whole.shape, 4, whole.size, whole.nbytes)
    assert (len(x), x.dtype) == (6, np.float32)
    for computed, known in (
        (np.asarray(x), whole),
        (np.asarray(x, np.float64), whole.astype(np.float64)),
        (1 - x * 2, 1 - whole * 2),
        (x > 0, whole > 0),
        (np.exp(x), np.exp(whole)),
        (x.mean(axis=0), whole.mean(axis=0)),
        (np.concatenate([x, x[:1]]), np.concatenate([whole, whole[:1]])),
        (x.reshape(len(x), -1), whole.reshape(6, -1)),
        (x.T, whole.T),
        (np.stack([*x]), whole),
        (np.concatenate([*in_parts(x, 4)]), whole),
    ):
        np.testing.assert_array_equal(computed, known)
    assert not hasattr(x, "numpy")
    assert not hasattr(x, "__array_interface__")
    with pytest.raises(TypeError, match="does not support item assignment"):
        x[0] = 0
    with pytest.raises(ValueError, match=r"^Examples are normalized when they are read"):
        np.array(x, copy=False)


def test_reading_examples_reads_no_others(x, monkeypatch):
    monkeypatch.setattr(ScaledArray, "_whole", lambda self: pytest.fail("all were read"))
    assert x[2].shape == (5, 4, 3)
    assert x[[1, 2], ..., 0].shape == (2, 5, 4)
    assert x[::2, 1:3].shape == (3, 2, 4, 3)
    assert [len(part) for part in in_parts(x, 4)] == [4, 2]


def test_data_does_not_follow_later_changes_of_the_arrays():
    images, labels = STORED.copy(), np.arange(9) % 3
    data = load_data((images, labels), validation=0.0, test=0.0)
    before = np.asarray(data.train.x)
    images[:] = 0
    np.testing.assert_array_equal(data.train.x, before)


def test_examples_of_a_writable_map_are_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", STORED)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="c")
    data = load_data((mapped, np.arange(9) % 3), validation=0.0, test=0.0)
    assert np.shares_memory(data.train.x.stored, mapped)
