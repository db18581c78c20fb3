"""Streams of batches and examples, as Keras, TensorFlow and PyTorch users have them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.data import DataError, load_data
from cnnzoo.data.source import Reading, check_source
from cnnzoo.data.sources import open_source, streams

X = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
Y = np.arange(40) % 2
WHOLE = tf.data.Dataset.from_tensor_slices((X, Y))


def batches(size=7, order=None):
    order = np.arange(40) if order is None else order
    for start in range(0, 40, size):
        places = order[start : start + size]
        yield X[places], Y[places]


class Batches(keras.utils.PyDataset):
    """The examples in batches of 10, as in the guides of Keras."""

    def __len__(self):
        return 4

    def __getitem__(self, place):
        return X[10 * place : 10 * place + 10], Y[10 * place : 10 * place + 10]


class Endless(Batches):
    """Batches without an end."""

    @property
    def num_batches(self):
        return None


class Examples:
    """A data set of examples, as PyTorch and Hugging Face have them."""

    def __len__(self):
        return 40

    def __getitem__(self, place):
        return {"image": X[place], "label": int(Y[place]), "id": place}


STREAMS = {
    "batches": lambda: WHOLE.batch(7),
    "full batches": lambda: WHOLE.batch(8, drop_remainder=True),
    "examples": lambda: WHOLE,
    "unknown length": lambda: WHOLE.filter(lambda x, y: True).batch(9),
    "shuffled": lambda: WHOLE.shuffle(40).batch(7),
    "PyDataset": Batches,
    "generator": batches,
    "data set": Examples,
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams_give_the_same_data_as_arrays(name):
    data = load_data(STREAMS[name](), validation=0, test=0, normalize="none")
    assert data.info.name == "stream"
    assert data.info.input_shape == (8, 8, 1)
    found = sorted(zip(data.train.x.reshape(40, -1).tolist(), data.train.y.tolist(), strict=True))
    assert found == sorted(zip(X.reshape(40, -1).tolist(), Y.tolist(), strict=True))


@given(size=st.integers(1, 40), order=st.permutations(range(40)))
def test_data_depends_on_neither_batches_nor_order(size, order):
    data = load_data(batches(size, np.array(order)))
    expected = load_data(Batches())
    assert data.info.fingerprint == expected.info.fingerprint
    np.testing.assert_array_equal(data.test.x, expected.test.x)


def test_streams_of_splits():
    assert load_data([Batches(), WHOLE.take(6)]).info.sizes == (36, 6, 4)
    assert load_data((Batches(), WHOLE.take(6), WHOLE.skip(8))).info.sizes == (40, 6, 32)
    mixed = load_data({"train": (X, Y), "test": WHOLE.take(6)})
    assert mixed.info.sizes == (36, 4, 6)
    texts = tf.data.Dataset.from_tensor_slices((X, np.array(["dog", "horse"])[Y])).batch(3)
    assert load_data(texts).info.class_names == ("dog", "horse")


def test_images_of_several_sizes_are_resized():
    images = [X[i, : 4 + i % 3] for i in range(40)]
    for spec in ((images, Y), zip(images, Y, strict=True)):
        data = load_data(spec, image_size=6)
        assert data.info.input_shape == (6, 6, 1)
        assert data.info.notes == ("images of 3 sizes resized to 6x6 pixels (bilinear)",)
    with pytest.raises(DataError) as caught:
        load_data((images, Y))
    assert str(caught.value).startswith(
        "The images of 'stream' have 3 sizes (height x width): 4x8 (14), 5x8 (13), 6x8 (13); give "
    )


def test_memory_maps_are_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    examples = check_source(open_source((mapped, Y), Reading()))
    assert np.shares_memory(examples.parts["train"].x, mapped)


def forever():
    while True:
        yield from batches()


def broken():
    yield X[:9], Y[:9]
    raise OSError("disk gone\n(a long trace)")


END = "`data`: expected a stream with an end; got {}. Take the batches of one pass: "
END += "itertools.islice(stream, batches), or dataset.take(batches)."
PAIRS = "`data`: expected elements (x, y), or mappings with 'image', 'label'; got {}. Give pairs, "
PAIRS += "without weights: dataset.map(lambda ...: (x, y))."


@pytest.mark.parametrize(
    ("stream", "sentence"),
    [
        (lambda: WHOLE.batch(7).repeat(), END.format("an endless one")),
        (Endless, END.format("an endless one")),
        (forever, END.format("the same 40 examples again and again")),
        (
            lambda: iter([]),
            "`data`: expected examples; got an empty stream. A generator can be read only once.",
        ),
        (
            broken,
            "`data`: reading the stream failed after 1 elements: OSError: disk gone",
        ),
        (lambda: WHOLE.map(lambda x, y: (x, y, y)).batch(4), PAIRS.format("tuple of 3")),
        (lambda: WHOLE.map(lambda x, y: x).batch(4), PAIRS.format("ndarray")),
        (
            lambda: WHOLE.map(lambda x, y: {"x": x, "y": y}),
            PAIRS.format("a mapping with 'x', 'y'"),
        ),
        (
            lambda: iter([(X[:9], Y[:8]), (X, Y)]),
            "`data`: expected batches (x, y) or examples; got x of shape (9, 8, 8, 1) with y of "
            "shape (8,).",
        ),
        (
            lambda: iter([(X[0], np.eye(8)[0])]),
            "`data`: expected batches or examples; got x of shape (8, 8, 1) with y of shape (8,), "
            "which may be either. Give class ids instead of one-hot labels, or one batch.",
        ),
    ],
)
def test_streams_that_cannot_be_used_are_refused(stream, sentence):
    with pytest.raises(DataError) as caught:
        load_data(stream())
    assert str(caught.value) == sentence


def test_a_stream_of_unknown_length_may_be_too_long(monkeypatch):
    monkeypatch.setattr(streams, "LIMIT", 2**20)
    noise = np.random.default_rng(0)
    with pytest.raises(DataError) as caught:
        load_data((noise.random((64, 8, 8, 1)), Y[:1].repeat(64)) for _ in iter(int, 1))
    assert str(caught.value) == (
        "`data`: expected a stream of known length, or one of up to 1 MiB; got more of unknown "
        "length. Give the length, as a keras.utils.PyDataset or by dataset.apply("
        "tf.data.experimental.assert_cardinality(batches))."
    )


def test_splits_of_other_classes_are_refused():
    first, second = WHOLE.batch(9), WHOLE.batch(9)
    first.class_names, second.class_names = ["cat", "dog"], ["cat", "eel"]
    with pytest.raises(DataError) as caught:
        load_data([first, second])
    assert str(caught.value) == (
        "The split 'validation': expected the classes of train, 'cat', 'dog'; got 'cat', 'eel'."
    )
