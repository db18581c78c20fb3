"""Sound models of the zoo on packaged data have neither errors nor warnings."""

import pytest

import cnnzoo

SMALL = {
    "residual": {"depth": 8},
    "mobilenet": {"growth": 0.25},
    "efficientnet": {"depth": 1},
    "vgg": {"depth": 11, "filters": 4, "units": 16},
}
"""Toggles that make a model fast enough for a test."""


@pytest.fixture(scope="module")
def data():
    return {name: cnnzoo.load_data(name) for name in ("digits", "mnist5k", "mnist1d", "rotation")}


def severe(table):
    return table[table["severity"] != "note"][["code", "evidence"]].to_numpy().tolist()


@pytest.mark.parametrize("name", cnnzoo.list_models())
def test_sound_models_have_no_error_and_no_warning(name, data):
    if name in ("vgg", "transfer"):
        pytest.skip("needs images of at least 32x32, which no packaged data have")
    large = ("mobilenet", "efficientnet")  # of images of at least 16x16
    kind = "mnist1d" if name == "sequence" else "mnist5k" if name in large else "digits"
    toggles = {k: v for k, v in SMALL.get(name, {}).items() if k in cnnzoo.toggles(name)}
    assert severe(cnnzoo.check(name, data[kind], epochs=10, **toggles)) == []


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "focal", "mse", "categorical_hinge"])
def test_other_losses_of_the_zoo_are_sound(loss, data):
    assert severe(cnnzoo.check("mlp", data["digits"], epochs=10, loss=loss)) == []


def test_regression_of_the_zoo_is_sound(data):
    assert severe(cnnzoo.check("mlp", data["rotation"], epochs=10, loss="mse", units=16)) == []


def test_remedies_name_the_toggles(data):
    table = cnnzoo.check("mlp", data["digits"], learning_rate=100.0, optimizer="sgd")
    (row,) = table[table["code"] == "rate-high"].itertuples()
    assert row.remedy.startswith("Set `learning_rate` to ")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ("mlp", ([[0.0]], [0])),
            cnnzoo.DataError,
            "`data`: expected data from cnnzoo.load_data with the name of a zoo model or a "
            "builder; got tuple. Load it with cnnzoo.load_data((x, y)).",
        ),
        (
            ("mlp", "photos"),
            cnnzoo.DataError,
            "`data`: expected data from cnnzoo.load_data with the name of a zoo model or a "
            "builder; got str. Load it with cnnzoo.load_data('photos').",
        ),
        (
            (3, ([[0.0]], [0])),
            cnnzoo.ToggleError,
            "`model` of `check`: expected a compiled keras.Model, the name of a zoo model, a "
            "function that builds a model, or an object with a method `build`; got 3.",
        ),
    ],
)
def test_other_arguments_are_refused(arguments, error, message):
    with pytest.raises(error) as raised:
        cnnzoo.check(*arguments)
    assert str(raised.value) == message


def test_settings_are_checked(data):
    with pytest.raises(cnnzoo.DataError) as raised:
        cnnzoo.check("mlp", data["digits"], batch_size=0)
    assert str(raised.value) == "`batch_size`: expected a whole number of at least 1; got 0."
    built = cnnzoo.mlp(input_shape=(8, 8, 1))
    with pytest.raises(cnnzoo.ToggleError) as raised:
        cnnzoo.check(built, data["digits"], units=8)
    assert str(raised.value) == (
        "`check`: expected toggles only with the name of a zoo model or a builder; got units with "
        "a built model."
    )
    with pytest.raises(cnnzoo.DataError) as raised:
        cnnzoo.check(built, data["digits"].train, validation_split=1.5)
    assert str(raised.value) == (
        "`validation_split`: expected a share from 0 to less than 1; got 1.5."
    )
