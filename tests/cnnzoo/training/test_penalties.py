"""Epoch losses without penalties in an unchanged training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.small_trainings import assert_same, digits, quick, weights_of

import cnnzoo
from cnnzoo import Recipe
from cnnzoo.training import train as training
from cnnzoo.training.train import fit


class Kept(keras.callbacks.Callback):
    """Keep the weights and the logs of each epoch."""

    def __init__(self):
        super().__init__()
        self.weights, self.logs = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())
        self.logs.append(dict(logs))


def cross_entropy(weights, split):
    """The mean loss of one dense layer, in NumPy."""
    kernel, bias = (array.astype("float64") for array in weights)
    scores = split.x.reshape(len(split.x), -1) @ kernel + bias
    scores -= scores.max(1, keepdims=True)
    logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    return -logs[np.arange(len(split.y)), split.y].mean()


def linear(eagerly=True, **toggles):
    model = quick(depth=0, learning_rate=0.01, **toggles)
    model.run_eagerly = eagerly
    return model


@pytest.mark.parametrize("eagerly", [True, False])
def test_epoch_losses_are_those_of_the_weights(eagerly):
    data, model, kept = digits(), linear(eagerly, weight_decay=0.1), Kept()
    start = model.get_weights()
    recipe = Recipe(epochs=3, batch_size=len(data.train.x))  # one step an epoch
    history = fit(model, data, recipe, seed=0, callbacks=[kept], steps_per_execution=25)
    before = [start, *kept.weights[:-1]]
    trained = [cross_entropy(weights, data.train) for weights in before]
    validated = [cross_entropy(weights, data.validation) for weights in kept.weights]
    assert history["loss"] == pytest.approx(trained, rel=1e-5)
    assert history["val_loss"] == pytest.approx(validated, rel=1e-5)
    assert [logs["val_loss"] for logs in kept.logs] == history["val_loss"]
    assert sum(map(float, model.losses)) > 0.1


def test_training_with_penalties_equals_keras(monkeypatch):
    toggles = {"model": "batch_norm", "weight_decay": 0.01, "dropout": 0.3}
    recipe = Recipe(epochs=2, batch_size=8)
    model = quick(**toggles)
    history = fit(model, digits(), recipe, seed=0)
    monkeypatch.setattr(training, "WithoutPenalties", lambda _: keras.callbacks.Callback())
    plain = quick(**toggles)
    whole = fit(plain, digits(), recipe, seed=0)
    assert_same(weights_of(model), weights_of(plain))
    penalty = sum(map(float, model.losses))
    assert whole["val_loss"][-1] - penalty == pytest.approx(history["val_loss"][-1], rel=1e-5)


def test_history_without_penalties_equals_keras(monkeypatch):
    recipe = Recipe(epochs=2, batch_size=8)
    history = fit(quick(), digits(), recipe, seed=0)
    monkeypatch.setattr(training, "WithoutPenalties", lambda _: keras.callbacks.Callback())
    assert fit(quick(), digits(), recipe, seed=0) == history


def test_losses_exclude_activation_penalties():
    layers = [keras.Input((6, 6, 1)), keras.layers.Flatten()]
    layers += [keras.layers.ActivityRegularization(l1=1.0), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    history = fit(model, digits(), Recipe(epochs=1), seed=0)
    expected = cross_entropy(model.get_weights(), digits().validation)
    assert history["val_loss"] == pytest.approx([expected], rel=1e-5)


def test_early_stopping_ignores_the_penalty():
    data = digits()
    model = linear(weight_decay=1.0, optimizer="sgd")
    model.set_weights([20 * np.eye(36, 3, dtype="float32"), np.zeros(3, "float32")])
    kept = Kept()
    recipe = Recipe(epochs=4, batch_size=8, early_stopping=1)
    history = fit(model, data, recipe, seed=0, callbacks=[kept])
    losses = [cross_entropy(weights, data.validation) for weights in kept.weights]
    assert losses[1] > losses[0]  # while the penalty falls by the square of the weights
    penalties = [np.square(weights[0]).sum() for weights in kept.weights]
    assert penalties[1] + losses[1] < penalties[0] + losses[0]
    assert len(history["val_loss"]) == 2


def test_trained_model_is_traced_again_for_its_penalties():
    data, model = digits(), linear(False, weight_decay=0.1)
    model.fit(data.train.x, data.train.y, validation_data=data.validation, verbose=0)
    history = fit(model, data, Recipe(epochs=1), seed=0)
    expected = cnnzoo.evaluate(model, *data.validation)["loss"]
    assert history["val_loss"] == pytest.approx([expected], rel=1e-5)


class Stepping(keras.Model):
    """A model with a custom training step that omits unused arguments."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


def test_custom_training_step_may_omit_arguments():
    inputs = keras.Input((6, 6, 1))
    dense = keras.layers.Dense(3, "softmax", kernel_regularizer="l2")
    model = Stepping(inputs, dense(keras.layers.Flatten()(inputs)))
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    data, weights = digits(), model.get_weights()
    history = fit(model, data, Recipe(epochs=1, batch_size=len(data.train.x)), seed=0)
    assert history["loss"] == pytest.approx([cross_entropy(weights, data.train)], rel=1e-5)
