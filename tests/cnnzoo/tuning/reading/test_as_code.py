"""The code of `best_line` is executed and trains the best configuration."""

import keras
import numpy as np
import pytest
from helpers.search_builders import tiny

import cnnzoo


def convolution(*, input_shape, classes, kernel: tuple = (3, 3), activation=None, strides=None):
    layers = [
        keras.Input(input_shape),
        keras.layers.Conv2D(
            2, kernel, strides=strides or 2, activation=activation, name="convolution"
        ),
        keras.layers.Flatten(),
        keras.layers.Dense(classes, "softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.fixture
def search(stub_training, tmp_path):
    stub_training(lambda levels, seed: 0.5 + 0.01 * next(iter(levels.values())))

    def run(model, data, wanted, **fixed):
        options = {"recipe": cnnzoo.Recipe(epochs=1), "trials": 2, "progress": False}
        return cnnzoo.tune(
            model, data, wanted, tuner="grid", directory=tmp_path, **options, **fixed
        )

    return run


def pasted(results, **names):
    line = results.best_line()
    told = {"cnnzoo": cnnzoo, **names}
    *before, last = line.split("\n\n")
    exec("\n".join(before), told)  # noqa: S102
    return eval(last, told)  # noqa: S307


def arrays(count=60, classes=3):
    return np.random.default_rng(0).random((count, 6, 6, 1)), np.arange(count) % classes


def test_line_of_arrays_uses_the_name_data(search):
    results = search("mlp", arrays(), {"units": [2, 4]}, label_noise=0.1)
    assert results.data == ""
    assert results.about_data == "arrays: 6x6x1 images, 3 classes; 48 train, 6 validation, 6 test"
    assert "cnnzoo.load_data(data, label_noise=0.1)" in results.best_line()
    trained = pasted(results, data=arrays())
    assert trained.model.input_shape == (None, 6, 6, 1)
    assert trained.model.output_shape == (None, 3)


def test_line_of_loaded_data_uses_the_name_data(search):
    data = cnnzoo.load_data("digits", train_size=50)
    results = search("mlp", data, {"units": [2, 4]}, input_shape=(8, 8, 1))
    assert results.data == ""
    assert results.about_data.startswith("digits: 8x8x1 images")
    assert pasted(results, data=data).model.input_shape == (None, 8, 8, 1)


def test_custom_builder_is_named(search):
    results = search(tiny, "digits", {"number": [2, 4]}, start="zeros")
    assert results.best_line() == (
        "cnnzoo.train('helpers.search_builders:tiny', cnnzoo.load_data('digits'), "
        "cnnzoo.Recipe(epochs=1), seed=0, start='zeros', number=4)"
    )
    assert pasted(results).model.input_shape == (None, 8, 8, 1)


def test_objects_are_the_levels_of_the_search(stub_training, tmp_path):
    """The kernel is a tuple, the activation a function or None, the padding a text."""
    stub_training(lambda levels, seed: float(levels["kernel"] == "(1, 3)"))
    results = cnnzoo.tune(
        convolution,
        "digits",
        {"kernel": [(3, 3), (1, 3)]},
        tuner="grid",
        activation=keras.ops.relu,
        strides=None,
        recipe=cnnzoo.Recipe(epochs=1),
        directory=tmp_path,
        progress=False,
    )
    assert "seed=0, activation='keras.ops:relu', strides='None', kernel=(1, 3))" in (
        results.best_line()
    )
    layer = pasted(results).model.get_layer("convolution")
    assert layer.kernel.shape == (1, 3, 1, 2)
    assert layer.activation is keras.ops.relu
    assert layer.strides == (2, 2)


def test_line_trains_as_the_search_did(tmp_path, unexplained):
    results = cnnzoo.tune(
        tiny,
        "digits",
        {"number": [2, 4]},
        tuner="grid",
        train_size=50,
        recipe=cnnzoo.Recipe(epochs=1),
        directory=tmp_path,
        progress=False,
    )
    best = results.configurations["score"].max()
    assert pasted(results).metrics["validation_accuracy"] == best
