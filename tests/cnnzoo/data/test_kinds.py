"""Images and sequences told apart, and the layouts in which Keras gives both."""

import numpy as np
import pytest

from cnnzoo.data import DataError, load_data

RNG = np.random.default_rng(8)
Y = np.arange(20) % 2
STORED = "In an .npz archive, `kind` may be stored beside x."


def filled(shape, dtype):
    return (np.arange(20 * np.prod(shape)) % 251).astype(dtype).reshape(20, *shape)


def refusal(spec, **options):
    with pytest.raises(DataError) as caught:
        load_data(spec, **options)
    return str(caught.value)


def as_keras_gives(shape, labels):
    """What a function of keras.datasets returns: bytes, the training and the test pair."""
    return tuple(
        (RNG.integers(0, 256, (n, *shape), np.uint8), (np.arange(n) % 2).reshape(n, *labels))
        for n in (20, 6)
    )


@pytest.mark.parametrize(
    ("shape", "labels", "input_shape"),
    [((28, 28), (), (28, 28, 1)), ((32, 32, 3), (1,), (32, 32, 3))],
    ids=["mnist", "cifar10"],
)
def test_tuples_of_keras_datasets_load_as_they_come(shape, labels, input_shape):
    train, test = as_keras_gives(shape, labels)
    data = load_data((train, test), normalize="none")
    assert data.info.input_shape == input_shape
    assert data.info.sizes == (18, 2, 6)
    np.testing.assert_array_equal(data.test.x, test[0].reshape(6, *input_shape))
    np.testing.assert_array_equal(data.test.y, test[1].ravel())


def test_an_archive_of_keras_datasets_loads_as_it_is(tmp_path):
    train, test = as_keras_gives((28, 28), ())
    np.savez(
        tmp_path / "mnist.npz", x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1]
    )
    stored, given = load_data(f"npz:{tmp_path}/mnist.npz"), load_data((train, test))
    assert stored.info.input_shape == (28, 28, 1)
    assert stored.info.fingerprint == given.info.fingerprint


def test_two_examples_in_tuples_are_no_splits():
    x = tuple(np.full((2, 2, 1), value) for value in (0.0, 1.0))
    data = load_data((x, (0, 1)), validation=0, test=0)
    assert data.info.sizes == (2, 0, 0)


@pytest.mark.parametrize(
    ("shape", "dtype", "input_shape"),
    [
        ((28, 28), "uint8", (28, 28, 1)),
        ((8, 8, 1), "float32", (8, 8, 1)),
        ((8, 8, 8), "float32", (8, 8, 8)),
        ((40, 1), "float32", (40, 1)),
        ((40, 4), "uint8", (40, 4)),
        ((4, 4), "uint8", (4, 4)),
        ((128, 9), "float32", (128, 9)),
        ((1014, 70), "uint8", (1014, 70)),
        ((50, 300), "float32", (50, 300)),
    ],
)
def test_clear_shapes_are_read_as_what_they_are(shape, dtype, input_shape):
    assert load_data((filled(shape, dtype), Y)).info.input_shape == input_shape


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((28, 28), "float32"), ((28, 28), "int64"), ((28, 20), "uint8"), ((32, 200), "uint8")],
)
def test_what_may_be_either_is_asked_for(shape, dtype):
    x = filled(shape, dtype)
    assert refusal((x, Y)) == (
        f"x of 'arrays': expected images or sequences; got examples of shape {shape}, which "
        "may be either. Load them with cnnzoo.load_data(..., kind='images') or kind='sequences', "
        f"or give grey images a last axis: x[..., None]. {STORED}"
    )
    images, sequences = load_data((x, Y), kind="images"), load_data((x, Y), kind="sequences")
    assert images.info.fingerprint == load_data((x[..., None], Y)).info.fingerprint
    assert images.info.input_shape == (*shape, 1)
    assert sequences.info.input_shape == shape
    assert str(sequences.info).startswith(f"arrays: {shape[0]}x{shape[1]} sequences")


def test_every_split_is_what_train_is():
    x = filled((28, 28), "uint8")
    data = load_data({"train": (x, Y), "valid": (x[..., None], Y), "Test": (x / 255, Y)})
    assert data.validation.x.shape == data.test.x.shape == (20, 28, 28, 1)


def test_sequences_of_one_channel_may_leave_it_out():
    x = filled((30,), "float32")
    assert load_data((x, Y), kind="sequences").info.input_shape == (30, 1)


@pytest.mark.parametrize(
    ("spec", "kind", "sentence"),
    [
        (
            (filled((2, 2, 1), "uint8"), Y),
            "sequences",
            "x of 'arrays': expected shape (n, length, channels) for sequences; got (20, 2, 2, 1).",
        ),
        ("digits", "sequences", "'digits' has images; leave out kind='sequences'."),
        (
            (filled((28, 28), "uint8"), Y),
            "image",
            "`kind`: expected 'images', 'sequences' or None; got 'image'; did you mean 'images'?",
        ),
        (
            load_data((filled((2, 2, 1), "uint8"), Y)),
            "images",
            "`kind`: cannot be changed for loaded data; got 'images'. Pass what the data was "
            "loaded from.",
        ),
    ],
)
def test_a_kind_that_does_not_fit_is_refused(spec, kind, sentence):
    assert refusal(spec, kind=kind) == sentence


def test_an_archive_may_say_its_kind(tmp_path):
    x = filled((28, 20), "float32")
    np.savez(tmp_path / "a.npz", x=x, y=Y, kind="sequences")
    assert load_data(f"npz:{tmp_path}/a.npz").info.input_shape == (28, 20)
    np.savez(tmp_path / "a.npz", x=x, y=Y, kind="image")
    assert refusal(f"npz:{tmp_path}/a.npz") == (
        f"`kind` in 'npz:{tmp_path}/a.npz': expected one of 'images', 'sequences'; got 'image'; "
        "did you mean 'images'?"
    )
    np.savez(tmp_path / "a.npz", x=x[..., None], y=Y, kind=Y)
    info = load_data(f"npz:{tmp_path}/a.npz").info
    assert (info.input_shape, info.notes) == ((28, 20, 1), ("arrays left out: 'kind'",))


@pytest.mark.parametrize(
    ("shape", "kind", "order"),
    [
        ((3, 32, 32), "images", "0, 2, 3, 1"),
        ((1, 40), "sequences", "0, 2, 1"),
        ((3, 128), "sequences", "0, 2, 1"),
    ],
)
def test_channels_first_are_asked_for(shape, kind, order):
    x = filled(shape, "float32")
    assert refusal((x, Y)) == (
        f"x of 'arrays': expected channels last; got examples of shape {shape}, which look like "
        f"{kind} with channels first. Move the channels with x.transpose({order}), or load x "
        f"unchanged with kind='{kind}'. {STORED}"
    )
    assert load_data((x, Y), kind=kind).info.input_shape == shape


@pytest.mark.parametrize(
    ("shape", "dtype", "fingerprint"),
    # of the version before `kind`
    [
        ((4, 2), "float32", "db11e40c664f1508"),
        ((45, 9), "float32", "981fbccc3f42bd53"),
        ((60, 12), "uint8", "28fe6cddd8447656"),
        ((6, 6, 1), "uint8", "6b5322d4c5972a58"),
    ],
)
def test_fingerprints_of_clear_arrays_stay_as_they_were(shape, dtype, fingerprint):
    assert load_data((filled(shape, dtype), Y)).info.fingerprint[:16] == fingerprint
