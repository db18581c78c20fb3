"""A model and data that do not fit together are refused before training."""

import keras
import numpy as np
import pytest
from helpers.small_trainings import CLASSES, SHAPE, angles, digits, quick, refusal
from helpers.watched import numbered

import cnnzoo
from cnnzoo import DataError, LabelError, Recipe, ToggleError
from cnnzoo.data import Data, Split
from cnnzoo.training.train import fit, train


def test_examples_of_another_shape_are_refused():
    model = cnnzoo.build("mlp", units=2, input_shape=(6, 7, 1), classes=3)
    assert refusal(model, digits()) == (
        "`mlp`: expected examples of shape (6, 7, 1); `arrays` has (6, 6, 1). "
        "Build the model with input_shape=(6, 6, 1)."
    )


def test_sequences_are_refused_by_an_image_model():
    model = cnnzoo.build("mlp", units=2, input_shape=(6, 6, 1), classes=20)
    assert refusal(model, numbered()) == (
        "`mlp`: expected examples of shape (6, 6, 1); `arrays` has (1, 1). "
        "Build the model with input_shape=(1, 1)."
    )


def pictures(**options):
    """Images of 8x8 bytes without a channel axis, as in Keras's datasets."""
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    return cnnzoo.load_data((x, np.arange(40) % 3), **options)


def test_sequences_that_may_be_images_name_the_remedy():
    model = cnnzoo.build("mlp", units=2, input_shape=(8, 8, 1), classes=3)
    assert refusal(model, pictures(kind="sequences")) == (
        "`mlp`: expected examples of shape (8, 8, 1); `arrays` has (8, 8). Load the data with "
        "kind='images'."
    )


def test_model_without_a_channel_axis_accepts_grey_images():
    model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", "mse", run_eagerly=True)
    trained = train(model, pictures(), Recipe(epochs=1))
    assert np.isfinite(trained.metrics["test_loss"])


def test_error_with_channels_first_shows_channels_last_shapes(channels_first):
    model = cnnzoo.build("mlp", units=2, input_shape=(6, 7, 1), classes=3)
    assert refusal(model, digits()) == (
        "`mlp`: expected examples of shape (6, 7, 1); `arrays` has (6, 6, 1). "
        "Build the model with input_shape=(6, 6, 1)."
    )


def test_model_of_any_image_size_is_accepted():
    model = keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    )
    model.compile("sgd", "mse", run_eagerly=True)
    assert len(fit(model, digits(), Recipe(epochs=1), seed=0)["loss"]) == 1


def test_model_with_several_inputs_is_refused():
    inputs = [keras.Input(SHAPE), keras.Input(SHAPE)]
    x = keras.layers.Flatten()(keras.layers.Add()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3)(x), name="mine")
    model.compile("sgd", "mse")
    assert refusal(model, digits()) == ("`mine`: expected a model with one input; got 2.")


def test_too_few_classes_are_refused():
    assert refusal("mlp", digits(), error=LabelError, classes=2) == (
        "`mlp` has classes=2 with sparse_categorical_crossentropy; `arrays` has 3 classes. "
        "Build it with classes=3."
    )


def test_surplus_classes_are_accepted():
    model = cnnzoo.build("mlp", units=2, input_shape=SHAPE, classes=5, seed=0)
    model.run_eagerly = True
    assert train(model, digits(), Recipe(epochs=1), seed=0).metrics["test_nll"] > 0


def test_regression_data_are_refused_by_a_classifier():
    assert refusal("mlp", angles(), error=LabelError, classes=3) == (
        "`mlp` has classes=3 with sparse_categorical_crossentropy; `arrays` is a regression. "
        "Build it with classes=1 and loss='mse'."
    )


def test_classification_data_are_refused_by_a_regression_model():
    assert refusal("mlp", digits(), error=LabelError, classes=1, loss="huber") == (
        "`mlp` has classes=1 with huber; `arrays` has 3 classes. Build it with classes=3."
    )


def test_builder_refuses_a_regression_with_a_classification_loss():
    assert refusal("mlp", angles()) == (
        "`loss` of `mlp`: sparse_categorical_crossentropy needs at least 2 classes; got "
        "classes=1, a regression. Pass one of mse, mae, huber, or more classes."
    )


def one_hot_labels() -> Data:
    data = digits()
    splits = (data.train, data.validation, data.test)
    return Data(*(Split(x, np.eye(CLASSES)[y]) for x, y in splits), info=data.info)


def test_one_hot_labels_are_refused_by_a_loss_on_ids():
    size = len(digits().train.y)
    assert refusal("mlp", one_hot_labels(), error=LabelError) == (
        "`labels`: expected class ids of shape (n,) for sparse_categorical_crossentropy; got "
        f"one-hot labels of shape ({size}, 3). Pass labels.argmax(-1), or use a loss on one-hot "
        "labels, such as categorical_crossentropy."
    )


def test_toggles_with_a_built_model_are_refused():
    assert refusal(quick(), digits(), units=3, dropout=0.5) == (
        "`train`: expected toggles only with the name of a zoo model or a builder; got units, "
        "dropout with the built model `mlp`. Set them when you build it."
    )


def test_uncompiled_model_is_refused():
    model = cnnzoo.build("mlp", units=2, input_shape=SHAPE, classes=3, compile=False)
    assert refusal(model, digits(), error=LabelError) == (
        "`mlp` is not compiled; build it with compile=True."
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("mlp", "digits"),
            "`data` of `train`: expected the result of `cnnzoo.load_data`, such as "
            "cnnzoo.load_data('digits'); got str.",
        ),
        (
            (3, None),
            "`model` of `train`: expected a compiled keras.Model, the name of a zoo model, a "
            "function that builds a model, or an object with a method `build`; got 3.",
        ),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(arguments, sentence):
    with pytest.raises((ToggleError, DataError)) as refusal:
        train(*arguments)
    assert str(refusal.value) == sentence


def test_optimizer_of_torch_is_refused_elsewhere():
    model = cnnzoo.build("mlp", units=2, input_shape=SHAPE, classes=CLASSES)
    place = "keras.src.backend.torch.optimizers.torch_adam"
    kind = type("Adam", (keras.optimizers.Adam,), {"__module__": place})
    model.compile(kind(), model.loss)
    assert refusal(model, digits()) == (
        "The optimizer of `mlp`: expected one for the Keras backend tensorflow; got Adam for "
        "torch, where the model was saved. Load it with cnnzoo.load_model, or compile it again."
    )


@pytest.mark.parametrize(
    ("shape", "pooling"),
    [((8, 8, 1), "GlobalAveragePooling2D"), ((40, 1), "GlobalAveragePooling1D")],
)
def test_classifier_without_flatten_is_refused(shape, pooling):
    x, y = np.zeros((40, *shape), "float32"), np.arange(40) % 2
    kind = "images" if len(shape) == 3 else "sequences"
    model = keras.Sequential([keras.Input(shape), keras.layers.Dense(2)], name="net")
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(LabelError) as refused:
        cnnzoo.train(model, cnnzoo.load_data((x, y), kind=kind))
    assert str(refused.value) == (
        "`net`: expected an output of shape (2,), one value for each class; got "
        f"{(*shape[:-1], 2)}. Put Flatten or {pooling} before the last Dense layer."
    )
