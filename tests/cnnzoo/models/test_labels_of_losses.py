"""Encoding of labels for each loss choice."""

import numpy as np
import pytest

from cnnzoo import LabelError
from cnnzoo.models.losses import LOSSES


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("form", ["list", "column", "float", "uint8", "bool"])
def test_class_ids_of_any_type_are_encoded_equally(name, form):
    choice = LOSSES[name]
    ids = [0, 1, 1, 0, 1]
    given = {
        "list": ids,
        "column": np.array(ids)[:, None],
        "float": np.array(ids, "float64"),
        "uint8": np.array(ids, "uint8"),
        "bool": np.array(ids, "bool"),
    }[form]
    encoded = choice.encode(given, classes=2)
    expected = {
        "ids": np.array(ids, "int64"),
        "binary": np.array(ids, "float32")[:, None],
        "one-hot": np.array([[1, 0], [0, 1], [0, 1], [1, 0], [0, 1]], "float32"),
    }[choice.labels]
    assert encoded.dtype == expected.dtype
    np.testing.assert_array_equal(encoded, expected)


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].labels == "one-hot"])
def test_shares_are_kept(name):
    soft = np.array([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])
    encoded = LOSSES[name].encode(soft, classes=3)
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, soft.astype("float32"))


@pytest.mark.parametrize("name", LOSSES)
def test_empty_labels_are_encoded(name):
    encoded = LOSSES[name].encode(np.zeros(0, "int64"), classes=2)
    assert len(encoded) == 0


SPARSE, BINARY, CATEGORICAL = (
    "sparse_categorical_crossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
)


@pytest.mark.parametrize(
    ("name", "classes", "labels", "sentence"),
    [
        (
            SPARSE,
            3,
            [0, 3],
            "`labels`: expected class ids from 0 to 2 for sparse_categorical_crossentropy with "
            "classes=3; got ids from 0 to 3.",
        ),
        (
            CATEGORICAL,
            3,
            [-1, 1],
            "`labels`: expected class ids from 0 to 2 for categorical_crossentropy with classes=3; "
            "got ids from -1 to 1.",
        ),
        (
            SPARSE,
            3,
            np.zeros((2, 3)),
            "`labels`: expected class ids of shape (n,) for sparse_categorical_crossentropy; got "
            "one-hot labels of shape (2, 3). Pass labels.argmax(-1), or use a loss on one-hot "
            "labels, such as categorical_crossentropy.",
        ),
        (
            BINARY,
            2,
            np.zeros((2, 2)),
            "`labels`: expected class ids of shape (n,) for binary_crossentropy; got one-hot "
            "labels of shape (2, 2). Pass labels.argmax(-1), or use a loss on one-hot labels, such "
            "as categorical_crossentropy.",
        ),
        (
            BINARY,
            2,
            [0, 1, 2, 5],
            "`labels`: expected class ids from 0 to 1 for binary_crossentropy with classes=2; got "
            "ids from 0 to 5. Use a categorical loss and classes=6.",
        ),
        (
            "mse",
            3,
            np.zeros((2, 4)),
            "`labels`: expected one-hot labels of shape (n, 3) for mse with classes=3; got shape "
            "(2, 4).",
        ),
        (
            "mse",
            2,
            [[0.5, 0.4]],
            "`labels`: expected rows of shares that sum to 1 for mse; got other rows.",
        ),
        (
            SPARSE,
            3,
            [0.5, 1.0],
            "`labels`: expected class ids, integers of shape (n,), for "
            "sparse_categorical_crossentropy; got shape (2,) and type float64. For a regression "
            "build the model with classes=1 and loss='mse'.",
        ),
        (
            "mae",
            3,
            ["cat", "dog"],
            "`labels`: expected class ids, integers of shape (n,), for mae; got shape (2,) and "
            "type <U3. For a regression build the model with classes=1 and loss='mse'.",
        ),
        (
            SPARSE,
            3,
            [0.0, np.nan],
            "`labels`: expected class ids, integers of shape (n,), for "
            "sparse_categorical_crossentropy; got shape (2,) and type float64. For a regression "
            "build the model with classes=1 and loss='mse'.",
        ),
        (
            SPARSE,
            3,
            [0.0, np.inf],
            "`labels`: expected class ids, integers of shape (n,), for "
            "sparse_categorical_crossentropy; got shape (2,) and type float64. For a regression "
            "build the model with classes=1 and loss='mse'.",
        ),
        (
            CATEGORICAL,
            3,
            np.zeros((2, 3, 3)),
            "`labels`: expected class ids, integers of shape (n,), for categorical_crossentropy; "
            "got shape (2, 3, 3) and type float64. For a regression build the model with classes=1 "
            "and loss='mse'.",
        ),
        (
            "huber",
            1,
            np.zeros((2, 3)),
            "`labels`: expected numbers of shape (n,) for huber with classes=1; got shape (2, 3) "
            "and type float64.",
        ),
        (
            "huber",
            1,
            [1.0, np.nan, np.inf],
            "`labels`: expected finite numbers for huber; got 3 numbers, 2 of which are "
            "not finite.",
        ),
        (
            "mse",
            1,
            ["1", "2"],
            "`labels`: expected numbers of shape (n,) for mse with classes=1; got shape (2,) and "
            "type <U1.",
        ),
    ],
)
def test_invalid_labels_are_refused(name, classes, labels, sentence):
    with pytest.raises(LabelError) as caught:
        LOSSES[name].encode(labels, classes)
    assert str(caught.value) == sentence
