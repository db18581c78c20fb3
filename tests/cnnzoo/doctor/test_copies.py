"""Findings about equal examples: leaks between splits are told from chance repetitions."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo.data import Split
from cnnzoo.doctor.copies import repeats_by_chance

RNG = np.random.default_rng(0)


def found_in(parts, classes=2):
    """Return the findings about data of three given splits as a table by code."""
    names = ("train", "validation", "test")
    kind = "images" if parts[0].ndim == 4 else "sequences"
    splits = {name: (x, np.arange(len(x)) % classes) for name, x in zip(names, parts, strict=True)}
    data = cnnzoo.load_data(splits, kind=kind, normalize="none")
    built = keras.Sequential(
        [
            keras.Input(data.info.input_shape),
            layers.Flatten(),
            layers.Dense(4, "relu"),
            layers.Dense(classes, "softmax"),
        ]
    )
    built.compile("adam", "sparse_categorical_crossentropy")
    return cnnzoo.check(built, data, probes=False).set_index("code")


def images(count):
    return RNG.uniform(size=(count, 6, 6, 1)).astype("float32")


def cut(x):
    """Cut rows in random order into 80%, 10% and 10%."""
    return np.split(RNG.permutation(x), [int(0.8 * len(x)), int(0.9 * len(x))])


def test_separate_splits_have_no_leak():
    assert "leak" not in found_in((images(200), images(50), images(50))).index


def test_test_examples_in_the_training_data_are_found():
    train, validation, test = images(200), images(50), images(50)
    test[7:10] = train[:3]
    leak = found_in((train, validation, test)).loc["leak"]
    assert leak["severity"] == "warning"
    assert leak["name"] == "Rows in more than one split"
    assert leak["evidence"] == (
        "3 of the 50 test examples (6.0%) are in the training data too (test rows 7, 8, 9); 0.0% "
        "of the training examples have a copy in the training data"
    )


def test_each_pair_of_splits_is_counted():
    train, validation, test = images(200), images(50), images(40)
    validation[:4] = train[:4]
    test[0:2] = train[0:2]  # which are in the validation data too
    test[5:8] = validation[20:23]
    evidence = found_in((train, validation, test)).loc["leak", "evidence"]
    assert evidence.startswith(
        "4 of the 50 validation examples (8.0%) are in the training data too (validation rows 0, "
        "1, 2, ...); 2 of the 40 test examples (5.0%) are in the training data too (test rows 0, "
        "1); 5 of the 40 test examples (12.5%) are in the validation data too (test rows 0, 1, 5, "
        "...)"
    )


def test_copies_made_before_the_split_are_found():
    x = images(120)
    oversampled = np.concatenate([np.repeat(x[:30], 6, axis=0), x[30:]])
    assert found_in(cut(oversampled)).loc["leak", "severity"] == "warning"


@pytest.mark.parametrize(
    "rows",
    [
        RNG.integers(0, 2, (600, 12, 1)),  # bits
        np.eye(16)[RNG.integers(0, 16, 600)][..., None],  # one-hot categories
        RNG.integers(1, 6, (600, 4, 1)),  # ratings
        np.eye(36)[RNG.integers(0, 36, 600)].reshape(600, 6, 6, 1),  # images of one dot
    ],
    ids=["bits", "categories", "ratings", "dots"],
)
def test_chance_repetitions_are_only_a_note(rows):
    assert found_in(cut(rows.astype("float32"))).loc["leak", "severity"] == "note"


def test_rows_of_few_values_that_were_copied_are_found():
    train, validation, test = (
        RNG.integers(0, 2, (n, 30, 1)).astype("float32") for n in (300, 60, 60)
    )
    test[:20] = train[:20]
    assert found_in((train, validation, test)).loc["leak", "severity"] == "warning"


def test_blank_images_are_no_copies():
    shades = RNG.integers(0, 4, (300, 1, 1, 1)) * np.ones((1, 6, 6, 1), "float32")
    assert (
        "leak" not in found_in(cut(np.concatenate([images(400), shades]).astype("float32"))).index
    )


@pytest.mark.parametrize("name", ["digits", "mnist1d"])
def test_packaged_data_have_no_copies(name):
    data = cnnzoo.load_data(name)
    found = cnnzoo.check("mlp", data, probes=False)
    assert not found["code"].isin(["leak", "duplicates"]).any()


def test_nan_in_the_test_split_is_found():
    train, validation = images(60), images(20)
    built = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(2, "softmax", name="head")]
    )
    built.compile("adam", "sparse_categorical_crossentropy")
    data = cnnzoo.load_data(
        {
            "train": (train, np.arange(60) % 2),
            "validation": (validation, np.arange(20) % 2),
            "test": (images(20), np.arange(20) % 2),
        }
    )
    x = np.array(data.test.x)
    x[3, 0, 0, 0] = np.nan
    data = dataclasses.replace(data, test=Split(x, data.test.y))
    found = cnnzoo.check(built, data, probes=False).set_index("code")
    assert found.loc["inputs-nonfinite", "evidence"].startswith(
        "1 of the 720 values of the test inputs are NaN or infinite, in 1 rows; the first is row 3"
    )


@pytest.mark.parametrize("scale", [1, 255])
def test_repetition_needs_few_values(scale):
    every = np.arange(50)
    assert not repeats_by_chance((images(50) * scale).round(3), every)
    assert not repeats_by_chance(RNG.normal(size=(50, 2)), every)
    rows = np.unique(RNG.integers(0, 6, (50, 3)) * scale, axis=0)
    assert repeats_by_chance(rows, np.arange(len(rows)))
