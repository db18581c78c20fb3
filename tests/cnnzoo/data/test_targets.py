"""Labels of several outputs: read from arrays, splits and streams, kept, split and described."""

import json

import numpy as np
import pytest
from helpers.two_heads import COUNT, images, labels, stripes
from hypothesis import given
from hypothesis import strategies as st

import cnnzoo
from cnnzoo.data.dataset import OutputInfo
from cnnzoo.data.description import DataDescription, describe_data
from cnnzoo.data.given import GivenData
from cnnzoo.data.load import open_data
from cnnzoo.data.targets import ClassesByOutput, Targets

X, Y = images(), labels()
SIDE = np.array(["left", "right"])


def equal(one, other):
    """Whether two splits have the same examples and labels."""
    return np.array_equal(one.x, other.x) and all(
        np.array_equal(one.y[name], other.y[name]) for name in Y
    )


def test_every_output_is_read_as_one_output_would_be():
    data = stripes()
    assert repr(data) == (
        "<Data arrays: 4x4x1 images, column (3 classes), side (2 classes), level (regression); 48 "
        "train, 6 validation, 6 test>"
    )
    assert data.info.task == "several outputs"
    assert data.info.classes == {"column": 3, "side": 2, "level": 1}
    assert data.info.class_names == ()
    assert data.info.outputs[1] == OutputInfo("side", "classification", 2, ("left", "right"))
    places = data.test_indices
    assert data.test.y["column"].tolist() == Y["column"][places].tolist()
    assert SIDE[data.test.y["side"]].tolist() == Y["side"][places].tolist()
    np.testing.assert_array_equal(data.test.y["level"], Y["level"][places].astype("float32"))


def test_splits_are_those_of_the_first_output_with_classes():
    one = cnnzoo.load_data((X, Y["column"]), seed=3, train_size=24)
    for names in (("column", "side", "level"), ("level", "column")):
        several = stripes(names, seed=3, train_size=24)
        np.testing.assert_array_equal(several.test_indices, one.test_indices)
        np.testing.assert_array_equal(several.train.x, one.train.x)
        np.testing.assert_array_equal(several.train.y["column"], one.train.y)


def test_regressions_are_split_as_one_is():
    one = cnnzoo.load_data((X, Y["level"]), train_size=24)
    several = cnnzoo.load_data((X, {"a": Y["level"], "b": 2 * Y["level"]}), train_size=24)
    np.testing.assert_array_equal(several.train.y["a"], one.train.y)
    np.testing.assert_array_equal(several.train.y["b"], 2 * one.train.y)


def test_given_splits_have_labels_of_their_own():
    first, last = slice(0, 40), slice(40, COUNT)
    pairs = [(X[rows], {name: each[rows] for name, each in Y.items()}) for rows in (first, last)]
    data = cnnzoo.load_data(tuple(pairs), validation=0)
    assert equal(data.test, cnnzoo.load_data({"train": pairs[0], "test": pairs[1]}).test)
    assert data.info.sizes == (40, 0, 20)


NUMBERS = {**Y, "side": (Y["side"] == "right").astype(int)}


def batches(size):
    """Batches whose labels come in one order and then in another."""
    for start in range(0, COUNT, size):
        rows = slice(start, start + size)
        y = {name: each[rows] for name, each in NUMBERS.items()}
        yield X[rows], dict(reversed(y.items())) if start else y


def test_streams_give_equal_data_whatever_their_form():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((X, NUMBERS))
    streams = (dataset, dataset.batch(7), batches(16), dataset.shuffle(60).batch(9))
    first, *others = [cnnzoo.load_data(stream) for stream in streams]
    assert first.train.y.names == ("column", "side", "level")
    for other in others:
        assert other.info == first.info
        assert all(equal(getattr(other, s), getattr(first, s)) for s in ("train", "test"))


def test_images_of_several_sizes_keep_their_labels():
    x = [np.zeros((4 + place % 2, 4, 1), np.uint8) + place for place in range(COUNT)]
    data = cnnzoo.load_data((x, Y), image_size=4, normalize="none")
    rows = np.asarray(data.test.x)[:, 0, 0, 0].astype(int)
    assert data.test.y["column"].tolist() == Y["column"][rows].tolist()


@pytest.mark.parametrize("content", [open_data((X, Y)), stripes()], ids=["arrays", "loaded"])
def test_kept_labels_come_back(content, tmp_path, monkeypatch):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path))
    kept = GivenData(content)
    kept.keep()
    data, expected = cnnzoo.load_data(str(kept)), stripes()
    assert data.info.outputs == expected.info.outputs
    assert data.info.classes == expected.info.classes
    assert equal(data.train, expected.train)
    assert equal(data.test, expected.test)


def test_digest_depends_on_names_and_labels_of_outputs():
    changed = {**Y, "level": np.where(np.arange(COUNT) == 5, 0.5, Y["level"])}
    renamed = {"columns": Y["column"], "side": Y["side"], "level": Y["level"]}
    given_data = [GivenData(open_data((X, y))) for y in (Y, changed, renamed)]
    given_data += [GivenData(open_data(iter([(X, y)]))) for y in (Y, renamed)]
    given_data += [GivenData(cnnzoo.load_data((X, y))) for y in (Y, changed, renamed)]
    assert len(set(given_data)) == len(given_data)
    assert GivenData(open_data((X.copy(), dict(Y)))) == given_data[0]


def test_description_survives_json():
    described = describe_data("stripes", stripes())
    assert described.samples[0].label.split(", ")[0].startswith("column ")
    assert DataDescription.from_dict(json.loads(json.dumps(described.to_dict()))) == described
    old = describe_data("digits", cnnzoo.load_data("digits")).to_dict()
    del old["outputs"]  # of a study that was stored before
    assert DataDescription.from_dict(old).outputs == ()


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(-10, 9), max_size=12))
def test_rows_are_those_of_every_array(column, rows):
    column = np.array(column + [0] * 10)
    targets = Targets({"a": column, "b": -column})
    chosen = targets[np.array(rows, int)]
    assert len(chosen) == len(rows)
    assert chosen["a"].tolist() == column[rows].tolist() == (-chosen["b"]).tolist()


def refusal(y, **options):
    with pytest.raises((cnnzoo.DataError, cnnzoo.ToggleError)) as caught:
        cnnzoo.load_data((X, y), **options)
    return str(caught.value)


def test_list_of_labels_is_refused():
    assert refusal([Y["column"], Y["level"]]) == (
        "y of 'arrays': expected a mapping from the names of the outputs to their labels, as in "
        "{'digit': y[0], 'parity': y[1]}; got 2 arrays without names."
    )


@pytest.mark.parametrize("name", ["val", "a b", 3])
def test_names_that_metrics_cannot_begin_with_are_refused(name):
    assert refusal({name: Y["column"]}) == (
        "y of 'arrays': expected names of outputs of letters, digits, '_' and '-', other than "
        f"'train', 'training', 'validation', 'val', 'test'; got {name!r}. Metrics are named by "
        "them, as in test_digit_loss."
    )


def test_labels_of_another_number_name_the_output():
    assert refusal({"column": Y["column"], "side": Y["side"][:5]}) == (
        "y of 'arrays', output 'side': expected one label for each of the 60 x; got 5."
    )


def test_other_outputs_of_a_split_are_refused():
    with pytest.raises(cnnzoo.DataError) as caught:
        cnnzoo.load_data({"train": (X, Y), "test": (X, {"column": Y["column"]})})
    assert str(caught.value) == (
        "y of 'arrays' (test): expected the outputs of train, 'column', 'side', 'level'; got "
        "'column'."
    )


def test_stream_without_names_is_refused():
    with pytest.raises(cnnzoo.DataError) as caught:
        cnnzoo.load_data(iter([(X, (Y["column"], Y["side"]))]))
    assert str(caught.value) == (
        "`data`: expected y as a mapping from the names of the outputs to their labels; got 2 "
        "arrays without names. Give dataset.map(lambda x, y: (x, {'digit': y[0], 'parity': y[1]}))."
    )


@pytest.mark.parametrize(
    ("toggle", "neutral", "level"),
    [("imbalance", 1.0, 2.0), ("label_noise", 0.0, 0.1), ("target_outliers", 0.0, 0.1)],
)
def test_toggles_that_change_labels_are_refused(toggle, neutral, level):
    assert refusal(Y, **{toggle: level}) == (
        f"`{toggle}`: expected {neutral} for 'arrays', which has several outputs; got {level:g}. "
        "Change the labels before loading them."
    )


def test_classes_of_an_unknown_output_name_the_nearest():
    classes = ClassesByOutput(digit=10, half=2)
    with pytest.raises(LookupError) as refused:
        classes["digits"]
    assert str(refused.value) == (
        "`classes` of several outputs: expected the name of one, 'digit', 'half'; got 'digits'; "
        "did you mean 'digit'?"
    )
    assert classes.get("digits") is None
    assert "digits" not in classes
