"""Labels in every form that is taken, and those that are refused."""

import numpy as np
import pandas as pd
import pytest

from cnnzoo.data import Data, DataError, load_data

X = np.zeros((6, 2, 2, 1))
IDS = [0, 1, 2, 2, 1, 0]


def train(y, x=X):
    return load_data((x, y), validation=0, test=0)


@pytest.mark.parametrize(
    "y",
    [
        IDS,
        tuple(IDS),
        np.array(IDS, np.uint8),
        np.array(IDS, np.float32),
        np.array(IDS)[:, None],
        np.eye(3)[IDS],
        np.eye(3, dtype=bool)[IDS],
        pd.Series(IDS),
    ],
    ids=["list", "tuple", "uint8", "whole floats", "column", "one-hot", "boolean", "pandas"],
)
def test_class_ids_come_in_many_forms(y):
    data = train(y)
    assert data.info.task == "classification"
    assert data.info.class_names == ("0", "1", "2")
    assert data.train.y.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(data.train.y), [2, 2, 2])


@pytest.mark.parametrize(
    "make",
    [list, np.array, lambda y: np.array(y, object), pd.Series, pd.Categorical, np.bytes_],
    ids=["list", "str", "object", "pandas", "categorical", "bytes"],
)
def test_class_names_become_ids_in_sorted_order(make):
    names = ["dog", "cat", "eel", "cat", "dog", "eel"]
    y = np.array(names, "S") if make is np.bytes_ else make(names)
    x = np.repeat(np.arange(6.0), 4).reshape(6, 2, 2, 1)
    data = load_data((x, y), validation=0, test=0, normalize="none")
    assert data.info.class_names == ("cat", "dog", "eel")
    expected = np.array([1, 0, 2, 0, 1, 2])
    np.testing.assert_array_equal(data.train.y, expected[data.train.x[:, 0, 0, 0].astype(int)])


def test_a_fraction_anywhere_makes_a_regression_of_all_splits():
    data = load_data({"train": (X, [1.0, 2, 3, 4, 5, 6.5]), "test": (X, np.arange(6.0) - 3)})
    assert data.info.task == "regression"
    np.testing.assert_array_equal(data.test.y, np.array([-3, -2, -1, 0, 1, 2], np.float32))


def test_the_fingerprint_tells_arrays_labels_and_class_names_apart():
    fingerprints = [
        train(y, x).info.fingerprint
        for y, x in (
            (IDS, X),
            (IDS[::-1], X),  # the same ids: they read alike in both directions
            ([1, 0, 2, 2, 1, 0], X),
            (list("abccba"), X),
            (IDS, X.reshape(6, 4, 1, 1)),
            (IDS, X + 1),
        )
    ]
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 5


def test_ready_data_is_returned_as_it_is():
    data = train(IDS)
    assert load_data(data) is data
    assert load_data(data, seed=7) is data
    with pytest.raises(DataError) as caught:
        load_data(data, label_noise=0.1)
    assert str(caught.value) == (
        "`label_noise`: cannot be changed for loaded data; got 0.1. Pass what the data was loaded "
        "from."
    )
    assert isinstance(data, Data)


REGRESSION = " (Targets of a regression are floats, at least one of them with a fraction.)"


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (
            [0, 1, 0, 1, 0],
            "y of 'arrays': expected one label for each of the 6 x; got 5.",
        ),
        (3, "y of 'arrays': expected one label for each of the 6 x; got a single value."),
        (
            [0, 1, -1, 1, -2, 0],
            "y of 'arrays': expected class ids from 0; got 2 negative ones, the first -1 at "
            "index 2." + REGRESSION,
        ),
        (
            [1, 2, 3, 1, 2, 3],
            "The class ids run to 3, but 'arrays' has no example of 0; ids count from 0 without "
            "gaps. Train has 1, 2, 3." + REGRESSION,
        ),
        (
            [0, 1, 3, 3, 1, 0],
            "The class ids run to 3, but 'arrays' has no example of 2; ids count from 0 without "
            "gaps. Train has 0, 1, 3." + REGRESSION,
        ),
        ([0] * 6, "'arrays' has a single class, '0'; to tell classes apart takes two."),
        (["cat"] * 6, "'arrays' has a single class, 'cat'; to tell classes apart takes two."),
        (
            [0, 1, np.nan, 1, np.inf, 0],
            "y of 'arrays': expected finite labels; got NaN or infinity in 2 of 6, the first at "
            "index 2.",
        ),
        (
            np.full((6, 3), 1),
            "y of 'arrays': expected shape (n,) or one-hot rows of a single 1 and zeros; got "
            "shape (6, 3).",
        ),
        (
            np.full((6, 2), 0.5),
            "y of 'arrays': expected shape (n,) or one-hot rows of a single 1 and zeros; got "
            "shape (6, 2).",
        ),
        (
            np.zeros((6, 2, 2), int),
            "y of 'arrays': expected shape (n,) or one-hot rows of a single 1 and zeros; got "
            "shape (6, 2, 2).",
        ),
        (
            ["cat", None, "cat", "dog", "dog", "cat"],
            "y of 'arrays': expected class ids, class names or targets; got dtype object.",
        ),
        (
            np.zeros(6, complex),
            "y of 'arrays': expected class ids, class names or targets; got dtype complex128.",
        ),
    ],
)
def test_labels_that_cannot_be_used_are_refused(y, sentence):
    with pytest.raises(DataError) as caught:
        train(y)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        (
            ["cat", "dgo"] * 3,
            "'arrays' (test) has the class 'dgo', which train lacks; did you mean 'dog'?",
        ),
        (
            [0, 1] * 3,
            "The labels of 'arrays' (train) are strings, those of another split are numbers; give "
            "the same kind everywhere.",
        ),
    ],
)
def test_splits_whose_labels_do_not_fit_together_are_refused(test, sentence):
    with pytest.raises(DataError) as caught:
        load_data({"train": (X, ["cat", "dog"] * 3), "test": (X, test)})
    assert str(caught.value) == sentence


def test_a_class_of_the_test_that_train_lacks_is_refused():
    with pytest.raises(DataError) as caught:
        load_data({"train": (X, [0, 1] * 3), "test": (X, [0, 2] * 3)})
    assert str(caught.value) == (
        "The class ids run to 2, but 'arrays' (train) has no example of 2; ids count from 0 "
        "without gaps. Train has 0, 1." + REGRESSION
    )
