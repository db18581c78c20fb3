"""The labels that each loss choice takes, and the form that it gives them."""

import numpy as np
import pytest

from cnnzoo import LabelError
from cnnzoo.models.losses import LOSSES


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("form", ["list", "column", "float", "uint8", "bool"])
def test_class_ids_of_any_form_are_encoded_alike(name, form):
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
def test_labels_that_are_spread_over_the_classes_stay_as_they_are(name):
    soft = np.array([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])
    encoded = LOSSES[name].encode(soft, classes=3)
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, soft.astype("float32"))


@pytest.mark.parametrize("name", LOSSES)
def test_no_labels_are_no_error(name):
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
            "sparse_categorical_crossentropy with classes=3 takes class ids from 0 to 2; "
            "the labels reach from 0 to 3.",
        ),
        (
            CATEGORICAL,
            3,
            [-1, 1],
            "categorical_crossentropy with classes=3 takes class ids from 0 to 2; "
            "the labels reach from -1 to 1.",
        ),
        (
            SPARSE,
            3,
            np.zeros((2, 3)),
            "sparse_categorical_crossentropy takes class ids of shape (n,); the labels are "
            "one-hot of shape (2, 3). Give labels.argmax(-1), or a loss on one-hot labels, such "
            "as categorical_crossentropy.",
        ),
        (
            BINARY,
            2,
            np.zeros((2, 2)),
            "binary_crossentropy takes class ids of shape (n,); the labels are one-hot of shape "
            "(2, 2). Give labels.argmax(-1), or a loss on one-hot labels, such as "
            "categorical_crossentropy.",
        ),
        (
            BINARY,
            2,
            [0, 1, 2, 5],
            "binary_crossentropy tells 2 classes apart, 0 and 1; the labels have 4 classes, "
            "from 0 to 5. Give a categorical loss and classes=6.",
        ),
        (
            "mse",
            3,
            np.zeros((2, 4)),
            "mse with classes=3 takes one-hot labels of shape (n, 3); "
            "the labels have shape (2, 4).",
        ),
        (
            SPARSE,
            3,
            [0.5, 1.0],
            "sparse_categorical_crossentropy takes class ids, whole numbers of shape (n,); the "
            "labels have shape (2,) and type float64. For a regression to one number build the "
            "model with classes=1 and loss='mse'.",
        ),
        (
            "mae",
            3,
            ["cat", "dog"],
            "mae takes class ids, whole numbers of shape (n,); the labels have shape (2,) and "
            "type <U3. For a regression to one number build the model with classes=1 and "
            "loss='mse'.",
        ),
        (
            SPARSE,
            3,
            [0.0, np.nan],
            "sparse_categorical_crossentropy takes class ids, whole numbers of shape (n,); the "
            "labels have shape (2,) and type float64. For a regression to one number build the "
            "model with classes=1 and loss='mse'.",
        ),
        (
            SPARSE,
            3,
            [0.0, np.inf],
            "sparse_categorical_crossentropy takes class ids, whole numbers of shape (n,); the "
            "labels have shape (2,) and type float64. For a regression to one number build the "
            "model with classes=1 and loss='mse'.",
        ),
        (
            CATEGORICAL,
            3,
            np.zeros((2, 3, 3)),
            "categorical_crossentropy takes class ids, whole numbers of shape (n,); the labels "
            "have shape (2, 3, 3) and type float64. For a regression to one number build the "
            "model with classes=1 and loss='mse'.",
        ),
        (
            "huber",
            1,
            np.zeros((2, 3)),
            "huber with classes=1 is a regression to one number and takes numbers of shape (n,); "
            "the labels have shape (2, 3) and type float64.",
        ),
        (
            "mse",
            1,
            ["1", "2"],
            "mse with classes=1 is a regression to one number and takes numbers of shape (n,); "
            "the labels have shape (2,) and type <U1.",
        ),
    ],
)
def test_labels_that_do_not_fit_are_refused_in_a_sentence(name, classes, labels, sentence):
    with pytest.raises(LabelError) as caught:
        LOSSES[name].encode(labels, classes)
    assert str(caught.value) == sentence
