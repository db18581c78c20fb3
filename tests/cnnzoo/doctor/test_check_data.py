"""Findings about the data: each fault beside a sound twin."""

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.datasets import load_sample_image

import cnnzoo
from cnnzoo.doctor.copies import row_hashes

RNG = np.random.default_rng(0)


def model(shape, classes=3, before=(), units=16):
    built = keras.Sequential(
        [
            keras.Input(shape),
            *before,
            layers.Flatten(),
            layers.Dense(units, "relu", name="first"),
            layers.Dense(classes, "softmax", name="head"),
        ]
    )
    built.compile("adam", "sparse_categorical_crossentropy")
    return built


def regression():
    built = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1)])
    built.compile("adam", "mse")
    return built


def table(count=300):
    """Rows whose class follows from their features."""
    x = RNG.normal(size=(count, 4)).astype("float32")
    y = np.digitize(x[:, 0], [-0.5, 0.5])
    return x, y


def photographs(count=40, channels=3):
    """Smooth colour images with classes by brightness."""
    position = np.linspace(0, 3, 16)
    phase = RNG.uniform(0, 6, size=(count, 1, 1, channels))
    waves = np.sin(position[:, None, None] + position[None, :, None] + phase) / 2 + 0.5
    return waves.astype("float32"), np.arange(count) % 3


def codes(built, data, severities=("error", "warning"), **how):
    found = cnnzoo.check(built, data, probes=False, **how)
    return found.loc[found["severity"].isin(severities), "code"].tolist()


def finding(built, data, code, **how):
    return cnnzoo.check(built, data, probes=False, **how).set_index("code").loc[code]


ALL = ("error", "warning", "note")


def test_sound_data_have_no_finding():
    assert codes(model((4,)), table(), ALL, validation_split=0.2) == []
    assert codes(model((4,)), (table(), table(90)), ALL) == []
    assert codes(model((16, 16, 3)), photographs(), ALL) == []


def test_nan_is_found_with_its_row():
    x, y = table()
    x[[7, 9], 2] = np.nan, np.inf
    found = finding(model((4,)), (x, y), "inputs-nonfinite")
    assert found["severity"] == "error"
    assert found["evidence"] == (
        "2 of the 1,200 values of the training inputs are NaN or infinite, in 2 rows; the first "
        "is row 7"
    )


def test_nan_in_validation_targets_is_found():
    x, y = RNG.normal(size=(50, 4)), RNG.normal(size=50)
    held = y.copy()
    held[0] = np.nan
    assert codes(regression(), ((x, y), (x + 1e-3, held))) == ["inputs-nonfinite"]


def test_equal_examples_are_found():
    x, y = table()
    assert codes(model((4,)), (np.ones_like(x), y)) == ["inputs-constant"]
    images, labels = photographs()
    blank = images // 255
    assert codes(model((16, 16, 3)), (blank, labels)) == ["inputs-constant"]


def test_pixels_to_255_are_found_where_they_enter_the_first_layer():
    x, y = photographs()
    found = finding(model((16, 16, 3)), (x * 255, y), "inputs-unscaled")
    assert (found["severity"], found["layer"]) == ("warning", "first")
    assert found["remedy"] == "Divide the pixels by 255"
    assert codes(model((16, 16, 3), before=[layers.Rescaling(1 / 255)]), (x * 255, y)) == []
    assert codes(model((16, 16, 3), before=[layers.BatchNormalization()]), (x * 255, y)) == []


def test_second_scaling_is_found():
    x, y = photographs()
    built = model((16, 16, 3), before=[layers.Rescaling(1 / 255, name="rescaling")])
    found = finding(built, (x, y), "inputs-unscaled")
    assert found["name"] == "Inputs are scaled twice"
    assert "`rescaling` multiplies by 0.00392 inputs that are already " in found["evidence"]
    assert found["remedy"] == "Scale the inputs once"


def test_convolutions_that_are_normalized_take_any_scale():
    x, y = photographs()
    built = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(3, "softmax"),
        ]
    )
    built.compile("adam", "sparse_categorical_crossentropy")
    assert codes(built, (x * 255, y), ALL) == []


def test_features_of_different_scales_are_found():
    x, y = table()
    x[:, 3] *= 500
    x[:, 1:3] /= 5
    assert codes(model((4,)), (x, y)) == ["inputs-unscaled"]


def test_normalization_layer_scales_features():
    x, y = table()
    x[:, 3] *= 5000
    normalization = layers.Normalization()
    normalization.adapt(x)
    assert codes(model((4,), before=[normalization]), (x, y)) == []


def test_rows_in_both_splits_are_found():
    x, y = table()
    held, labels = table(100)
    held[:20] = x[50:70]
    found = finding(model((4,)), ((x, y), (held, labels)), "leak")
    assert found["severity"] == "warning"
    assert found["evidence"] == (
        "20 of the 100 validation examples (20.0%) are in the training data too (validation rows "
        "0, 1, 2, ...); 0.0% of the training examples have a copy in the training data"
    )


def test_one_common_row_is_a_note():
    x, y = table()
    held, labels = table(20)
    held[0] = x[50]
    assert finding(model((4,)), ((x, y), (held, labels)), "leak")["severity"] == "note"


def test_rows_of_few_values_are_no_leak():
    x = RNG.integers(0, 2, size=(600, 4)).astype("float32")
    y = x.sum(axis=1).astype(int) % 3
    assert codes(model((4,)), ((x[:500], y[:500]), (x[500:], y[500:]))) == []


def test_copies_with_other_labels_are_found():
    x, y = table(100)
    twice, labels = np.concatenate([x, x]), np.concatenate([y, (y + 1) % 3])
    found = finding(model((4,)), (twice, labels), "duplicates")
    assert found["evidence"] == "100.0% of the training examples have a copy with another label"
    assert finding(model((4,)), (twice, np.concatenate([y, y])), "duplicates")["severity"] == "note"


def test_validation_of_another_scale_is_found():
    (x, y), (held, labels) = photographs(), photographs(20)
    assert codes(model((16, 16, 3)), ((x, y), (held * 255, labels))) == ["validation-differs"]


def test_validation_labels_of_other_shares_are_found():
    x, y = table(900)
    order = np.argsort(y == 0, kind="stable")
    x, y = x[order], y[order]
    data = ((x[:600], y[:600]), (x[600:], y[600:]))
    assert codes(model((4,)), data) == ["validation-differs"]


def test_channels_first_are_found():
    x, y = photographs()
    moved = np.moveaxis(x, -1, 1)
    built = model((3, 16, 16))
    assert codes(built, (moved, y)) == ["axes"]
    assert finding(built, (moved, y), "axes")["remedy"] == (
        "Transpose with np.moveaxis(x, 1, -1); a reshape would mix the pixels"
    )


def test_reshape_instead_of_a_transpose_is_found():
    x, y = photographs()
    first = np.moveaxis(x, -1, 1)
    assert codes(model((16, 16, 3)), (first.reshape(40, 16, 16, 3), y)) == ["axes"]
    assert codes(model((16, 16, 3)), (np.moveaxis(first, 1, -1), y), ALL) == []


def test_patches_of_a_photograph_are_found_if_reshaped():
    photo = load_sample_image("china.jpg")[::4, ::4] / np.float32(255)
    corners = [(i, j) for i in range(0, 90, 16) for j in range(0, 130, 16)]
    x = np.stack([photo[i : i + 16, j : j + 16] for i, j in corners])
    y = np.arange(len(x)) % 3
    mixed = np.moveaxis(x, -1, 1).reshape(x.shape)
    assert codes(model((16, 16, 3)), (x, y), ("error", "warning")) == []
    assert codes(model((16, 16, 3)), (mixed, y)) == ["axes"]


def test_noise_has_no_order_of_axes():
    noise = RNG.uniform(size=(40, 16, 16, 3)).astype("float32")
    assert codes(model((16, 16, 3)), (noise, np.arange(40) % 3), ALL) == []


@pytest.mark.parametrize(
    ("labels", "words", "remedy"),
    [
        (
            lambda y: y + 1,
            "the training labels are 1 to 3 and the head has 3 units, for class ids 0 to 2",
            "Subtract 1 from the labels",
        ),
        (lambda y: y - 1, "the training labels are -1 to 1", "Use class ids from 0"),
        (lambda y: y * 2, "the training labels are 0 to 4", "Use 5 units"),
        (lambda y: y + 0.5, "the training labels are not integers", "Use class ids from 0, or "),
    ],
)
def test_labels_that_are_no_class_ids_are_found(labels, words, remedy):
    x, y = table()
    found = finding(model((4,)), (x, labels(y)), "labels-out-of-range")
    assert found["severity"] == "error"
    assert words in found["evidence"]
    assert found["remedy"].startswith(remedy)


def test_binary_labels_of_plus_and_minus_one_are_found():
    x, y = table()
    built = keras.Sequential([keras.Input((4,)), layers.Dense(1, "sigmoid")])
    built.compile("adam", "binary_crossentropy")
    signs = np.where(y == 0, -1, 1)
    found = finding(built, (x, signs), "labels-out-of-range")
    assert found["evidence"] == (
        "the training labels are -1 and 1, and binary_crossentropy takes 0 and 1"
    )
    assert codes(built, (x, (signs > 0).astype("float32"))) == []


def test_targets_of_thousands_are_found():
    x, y = RNG.normal(size=(200, 4)), RNG.normal(200_000, 50_000, size=200)
    assert codes(regression(), (x, y)) == ["targets-unscaled"]
    assert codes(regression(), (x, (y - 200_000) / 50_000)) == []


def test_rare_class_is_a_note():
    x, y = table(600)
    keep = (y != 2) | (np.arange(600) < 20)
    built = model((4,))
    assert codes(built, (x[keep], y[keep]), ALL) == ["imbalance"]
    assert codes(built, (x[keep], y[keep]), ALL, class_weight={0: 1, 1: 1, 2: 20}) == []


def test_sorted_labels_meet_the_validation_split():
    x, y = table(300)
    order = np.argsort(y, kind="stable")
    found = finding(model((4,)), (x[order], y[order]), "not-shuffled", validation_split=0.2)
    assert found["severity"] == "error"
    assert found["evidence"].startswith("validation_split takes the last 60 examples, with ")
    assert found["remedy"] == "Shuffle x and y together before training"
    assert codes(model((4,)), (x[order], y[order])) == []  # fit shuffles


def test_sorted_batches_without_shuffling_are_found():
    x, y = table(300)
    order = np.argsort(y, kind="stable")
    data = (x[order], y[order])
    assert codes(model((4,)), data, shuffle=False) == ["not-shuffled"]
    assert codes(model((4,)), (x, y), shuffle=False) == []


def test_labels_without_relation_are_a_note():
    x, _ = table(600)
    y = RNG.integers(0, 3, size=600)
    assert codes(model((4,)), (x, y), ("note",)) == ["labels-no-signal"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            3,
            "`data`: expected data from cnnzoo.load_data, a pair of arrays (x, y), or ((x, y), "
            "(x_val, y_val)); got int.",
        ),
        (
            (np.zeros((3, 4)), np.zeros(2)),
            "`data`: expected as many examples as targets; got arrays of shape (3, 4) and (2,).",
        ),
        (
            (np.zeros((2, 4)), np.array(["a", "b"])),
            "`data`: expected numbers in y; got the type <U1. Class ids are np.unique(y, "
            "return_inverse=True)[1].",
        ),
        (
            (np.zeros((0, 4)), np.zeros(0)),
            "`data`: expected at least one training example; got none.",
        ),
        (
            ((row, 0) for row in np.zeros((3, 4))),
            "`data`: expected data from cnnzoo.load_data, a pair of arrays (x, y), or ((x, y), "
            "(x_val, y_val)); got generator. Collect some batches of it as arrays.",
        ),
        (
            (np.zeros((9, 4)), {"class": np.zeros(9), "size": np.zeros(9)}),
            "`data`: expected one array as y; got 2. Models of several outputs are not checked as "
            "a whole; give a model of one of them.",
        ),
        (
            ([np.zeros((9, 4)), np.zeros((9, 2))], np.zeros(9)),
            "`data`: expected one array as x; got 2. Models of several inputs are not checked as "
            "a whole; give a model of one of them.",
        ),
    ],
)
def test_other_data_are_refused(data, message):
    with pytest.raises(cnnzoo.DataError) as error:
        cnnzoo.check(model((4,)), data)
    assert str(error.value) == message


def test_lists_of_rows_are_data():
    x, y = table(30)
    assert codes(model((4,)), ([*x], [*y])) == codes(model((4,)), (x, y))


@pytest.mark.parametrize(
    ("shape", "given", "remedy"),
    [
        ((6, 6, 3), (3, 6, 6), " Transpose with np.moveaxis(x, 1, -1); a reshape would mix the "),
        ((6, 6, 1), (36,), " Reshape them with x.reshape(-1, 6, 6, 1)."),
        ((6, 6, 1), (7, 6, 1), ""),
    ],
)
def test_examples_of_another_shape_are_refused(shape, given, remedy):
    built = model(shape)
    with pytest.raises(cnnzoo.DataError) as error:
        cnnzoo.check(built, (np.zeros((5, *given)), np.zeros(5)))
    assert str(error.value).startswith(
        f"`data`: expected examples of the shape {shape}, which `{built.name}` takes; got "
        f"{given}.{remedy}"
    )


def test_last_axis_of_one_may_be_missing():
    x, y = photographs(channels=1)
    assert codes(model((16, 16, 1)), (x[..., 0], y), ALL) == []


def test_class_weights_without_classes_are_refused():
    with pytest.raises(cnnzoo.DataError) as error:
        cnnzoo.check(model((4,)), table(), class_weight="balanced")
    assert str(error.value) == (
        "`class_weight`: expected a mapping from class ids to weights; got 'balanced'."
    )


def test_hashes_tell_rows_apart():
    rows = RNG.normal(size=(500, 3))
    assert len(np.unique(row_hashes(rows))) == 500
    assert (row_hashes(rows) == row_hashes(rows.copy())).all()
