"""Results of a training as a function of model, data, recipe and seed."""

import random
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.small_trainings import (
    CLASSES,
    NOISY,
    RECIPE,
    SHAPE,
    angles,
    assert_same,
    differ,
    digits,
    ended,
    examples,
    quick,
    weights_of,
)
from helpers.watched import watch
from sklearn.metrics import f1_score
from tensorflow.python.eager import context  # no public name tells the global seed

import cnnzoo
from cnnzoo import Recipe
from cnnzoo.models.initialization import initialize
from cnnzoo.training.train import Trained, fit, train

# What it is a function of


def test_repeated_training_is_bit_identical():
    first = ended()
    ended.cache_clear()
    keras.utils.set_random_seed(123)
    random.random()  # noqa: S311
    np.random.default_rng().random()
    keras.random.uniform((3,))
    keras.layers.Dense(3).build((3, 3))
    weights, history, metrics = ended()
    assert_same(first[0], weights)
    assert history == first[1]
    assert metrics == first[2]


def test_another_seed_gives_other_weights():
    recipe = Recipe(epochs=1, batch_size=12)
    first, second = (train(quick(0), digits(), recipe, seed=seed) for seed in (0, 1))
    assert differ(weights_of(first.model), weights_of(second.model))
    assert first.history != second.history


def noise(x):
    """Draw from TensorFlow's global stream."""
    return x + tf.random.normal(tf.shape(x))


class Noise(keras.layers.Layer):
    def call(self, x):
        return noise(x)


def noisy_model(layer):
    flat = [keras.layers.Flatten(), keras.layers.Dense(3, name="head")]
    model = keras.Sequential([keras.Input(SHAPE), layer(), *flat])
    model.compile("sgd", "mse")
    initialize(model, 0)
    return model


@pytest.mark.parametrize(
    "layer",
    [Noise, lambda: keras.layers.Activation(noise), lambda: keras.layers.Lambda(noise)],
    ids=["layer", "activation", "lambda"],
)
def test_layers_with_tensorflows_global_stream_repeat(layer):
    recipe = Recipe(epochs=1, batch_size=64)
    first, again, other = (
        train(noisy_model(layer), digits(), recipe, seed=seed).history["loss"] for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_zoo_model_is_traced_once_for_all_seeds():
    tf.random.set_seed(7)
    train("batch_norm", digits(), Recipe(epochs=1), filters=2, dropout=0.5)
    assert context.global_seed() == 7  # to set it makes TensorFlow set up all functions anew


def test_steps_per_execution_do_not_change_results():
    model = quick(**NOISY)
    model.run_eagerly = False
    trained = train(model, digits(), RECIPE, seed=0, steps_per_execution=1)
    weights, history, metrics = ended()
    assert_same(weights_of(model), weights)
    assert trained.history == history
    assert trained.metrics == metrics


def test_changed_steps_per_execution_still_use_all_data():
    model = quick()
    model.run_eagerly = False
    counts = []
    for schedule, steps in (("constant", 1), ("constant", 25), ("cosine", 25), ("constant", 2)):
        fit(
            model,
            digits(),
            Recipe(epochs=1, batch_size=2, schedule=schedule),
            seed=0,
            steps_per_execution=steps,
        )
        counts.append(int(model.optimizer.iterations))
    size = len(digits().train.x)
    assert size == 24
    assert counts == [12, 24, 36, 48]


def test_sparse_and_categorical_crossentropy_are_bit_identical():
    found = []
    for loss in ("sparse_categorical_crossentropy", "categorical_crossentropy"):
        model = quick(loss=loss, **NOISY)
        model.run_eagerly = False
        trained = train(model, digits(), Recipe(epochs=2, batch_size=8), seed=0)
        found.append((weights_of(model), trained.history["loss"], trained.metrics))
    assert_same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    assert found[0][2] == pytest.approx(found[1][2], rel=1e-6)


def test_training_equals_gradient_descent_on_the_seeded_batches():
    data = digits()
    watched, _ = watch(Recipe(epochs=2, batch_size=8), data, units=CLASSES, shape=SHAPE)
    model = quick(depth=0, optimizer="sgd", learning_rate=0.5)
    kernel, bias = (weight.astype("float64") for weight in weights_of(model))
    fit(model, data, Recipe(epochs=2, batch_size=8), seed=0)
    for x, y in watched.batches:
        flat = x.reshape(len(x), -1).astype("float64")
        scores = np.exp(flat @ kernel + bias)
        error = scores / scores.sum(1, keepdims=True) - np.eye(CLASSES)[y]
        kernel -= 0.5 * flat.T @ error / len(x)
        bias -= 0.5 * error.mean(0)
    for found, expected in zip(weights_of(model), (kernel, bias), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


class Eager(keras.callbacks.Callback):
    """Run models that are built elsewhere eagerly, without tracing."""

    def set_model(self, model):
        super().set_model(model)
        model.run_eagerly = True


def test_model_name_is_built_for_the_data():
    trained = train("mlp", digits(), Recipe(epochs=1), seed=4, units=4, callbacks=[Eager()])
    model = quick(seed=4)
    again = train(model, digits(), Recipe(epochs=1), seed=4)
    assert_same(weights_of(trained.model), weights_of(model))
    assert trained.metrics == again.metrics
    assert trained.model.name == "mlp"


# What it comes to


def test_metrics_of_every_split_and_history_of_every_epoch():
    model = quick()
    trained = train(model, digits(), Recipe(epochs=3), seed=0)
    assert trained.model is model
    assert trained.seconds > 0
    assert set(trained.metrics) == {
        f"{split}_{metric}"
        for split in ("train", "validation", "test")
        for metric in ("loss", "accuracy", "macro_f1", "nll")
    } | {"gap", "loss_gap"}
    assert set(trained.history) == {
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
    }
    assert all(len(values) == 3 for values in trained.history.values())
    assert all(type(value) is float for values in trained.history.values() for value in values)
    assert trained.history["val_loss"][-1] == pytest.approx(
        trained.metrics["validation_loss"], rel=1e-5
    )


def test_no_validation_metrics_without_validation_data():
    data = cnnzoo.load_data(examples(), validation=0.0, test=0.0)
    trained = train(quick(), data, Recipe(epochs=1), seed=0)
    assert set(trained.history) == {"loss", "accuracy", "learning_rate"}
    assert {name.partition("_")[0] for name in trained.metrics} == {"train"}


def test_gap_is_between_training_and_validation():
    trained = train(quick(), digits(), Recipe(epochs=3), seed=0)
    loss, correct = {}, {}
    for split in ("train", "validation"):
        x, y = getattr(digits(), split)
        outputs = trained.model.predict(x, verbose=0)
        correct[split] = (outputs.argmax(1) == y).mean()
        loss[split] = -np.log(outputs[np.arange(len(y)), y]).mean()
    gap = correct["train"] - correct["validation"]
    assert trained.metrics["gap"] == pytest.approx(gap)
    expected = loss["validation"] - loss["train"]
    assert trained.metrics["loss_gap"] == pytest.approx(expected, rel=1e-4)
    assert gap != 0 != expected


def test_gap_of_a_regression_is_of_absolute_errors():
    model = cnnzoo.mlp(input_shape=SHAPE, classes=1, units=4, loss="mse", seed=0)
    model.run_eagerly = True
    trained = train(model, angles(), Recipe(epochs=1), seed=0)
    train_mae, validation_mae = (
        np.abs(model.predict(x, verbose=0)[:, 0] - y).mean()
        for x, y in (angles().train, angles().validation)
    )
    assert trained.metrics["gap"] == pytest.approx(validation_mae - train_mae, rel=1e-4)


def test_minority_f1_is_of_the_rare_training_classes():
    x, y = examples(60)
    common = (y == 0) | (np.arange(60) < 12)  # 20 examples of class 0, and 4 of each other
    data = cnnzoo.load_data((x[common], y[common]), validation=0.25, test=0.25)
    trained = train(quick(), data, Recipe(epochs=1), seed=0)
    for split in ("train", "validation", "test"):
        x, y = getattr(data, split)
        predicted = trained.model.predict(x, verbose=0).argmax(1)
        expected = f1_score(y, predicted, labels=[1, 2], average="macro", zero_division=0)
        assert trained.metrics[f"{split}_minority_f1"] == pytest.approx(expected)


def test_training_learns(capsys):
    model = quick(depth=0, learning_rate=0.1)
    trained = train(model, digits(), Recipe(epochs=8, batch_size=8), seed=0)
    assert trained.metrics["train_accuracy"] == 1.0
    assert capsys.readouterr().out == ""


def test_result_is_shown_by_its_test_metrics():
    model = cnnzoo.build("mlp", units=2, input_shape=(8, 8, 1))
    metrics = {"train_loss": 0.5, "test_loss": 0.25, "test_accuracy": 2 / 3}
    trained = Trained(model, {"loss": [0.5] * 100}, metrics, seconds=1.0)
    assert repr(trained) == "<Trained mlp: test_loss 0.25, test_accuracy 0.6667>"
    assert repr(replace(trained, metrics={"train_loss": 0.5})) == "<Trained mlp: train_loss 0.5>"
