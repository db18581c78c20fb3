"""Reported losses equal those that Keras evaluates, without penalties."""

import keras
import numpy as np
import pytest

from cnnzoo import evaluate
from cnnzoo.models.compiled_loss import loss_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5)).astype("float32")  # a batch of 256 and a part of one
CLASSES = 4
DECAY = 0.01

SPARSE = keras.losses.SparseCategoricalCrossentropy
CATEGORICAL = keras.losses.CategoricalCrossentropy
BINARY = keras.losses.BinaryCrossentropy
FOCAL = keras.losses.CategoricalFocalCrossentropy


class Doubled(keras.Model):
    """A model with a custom loss."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return 2 * super().compute_loss(x, y, y_pred, sample_weight, training)


class Called(keras.Model):
    """A subclassed model, whose outputs are unknown."""

    def __init__(self, layers):
        super().__init__()
        self.parts = layers

    def call(self, x):
        return self.parts[0](x)


def second_of_two(activation):
    """A nested model of which the second output is used."""
    x = keras.Input((5,))
    other = "linear" if activation == "softmax" else "softmax"
    two = keras.Model(x, [keras.layers.Activation(other)(x), dense(activation)[0](x)])
    return [keras.Model(x, two(x)[1])]


def dense(activation="linear", units=CLASSES, decay=DECAY, **options):
    penalty = keras.regularizers.L2(decay) if decay else None
    return [keras.layers.Dense(units, activation, kernel_regularizer=penalty, **options)]


def made(layers, loss, scale=1.0, **options):
    """A compiled model whose outputs have the given scale."""
    model = keras.Sequential([keras.Input((5,)), *layers], name="mine")
    kernel = next(weight for weight in model.weights if weight.name == "kernel")
    kernel.assign(RNG.normal(scale=scale, size=kernel.shape))
    model.compile("sgd", loss, **options)
    return model


def labels_of(model, loss):
    units = model.output_shape[-1]
    ids = np.random.default_rng(1).integers(0, 2 if units == 1 else CLASSES, len(X))
    if units == 1:
        return ids, ids[:, None].astype("float32")
    one_hot = np.eye(CLASSES, dtype="float32")[ids]
    return ids, ids if loss == "sparse_categorical_crossentropy" or isinstance(
        loss, SPARSE
    ) else one_hot


def probabilities(model):
    # in batches as of `evaluate`: the rounding of a softmax over one unit depends on the batch
    padded = np.concatenate([X, np.repeat(X[256:257], 212, axis=0)])
    halves = [model.predict_on_batch(padded[:256]), model.predict_on_batch(padded[256:])]
    p = np.concatenate(halves)[: len(X)].astype("float64")
    return np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 else p


NAME = "sparse_categorical_crossentropy"

NONE = object()
PLAIN, LOGITS = "the outputs", "their softmax"

CASES = {  # layers, loss, scale of the outputs, what the likelihood is of
    "linear, by name": (dense, NAME, 1, NONE),
    "relu": (lambda: dense("relu"), NAME, 1, NONE),
    "linear, squared errors": (dense, "mse", 1, NONE),
    "linear, focal": (lambda: dense("softplus"), FOCAL(), 1, NONE),
    "logits": (dense, SPARSE(from_logits=True), 1, LOGITS),
    "relu, declared as logits": (lambda: dense("relu"), SPARSE(from_logits=True), 1, LOGITS),
    "softmax": (lambda: dense("softmax"), NAME, 1, PLAIN),
    "softmax, declared as logits": (lambda: dense("softmax"), SPARSE(from_logits=True), 1, PLAIN),
    "softmax, far off": (lambda: dense("softmax"), NAME, 90, PLAIN),
    "softmax, far off, smoothed": (
        lambda: dense("softmax"),
        CATEGORICAL(label_smoothing=0.1),
        90,
        PLAIN,
    ),
    "softmax by a layer": (
        lambda: [*dense(), keras.layers.Activation("softmax")],
        NAME,
        9,
        PLAIN,
    ),
    "softmax in a model within": (
        lambda: [keras.Sequential([keras.Input((5,)), *dense("softmax")])],
        NAME,
        9,
        PLAIN,
    ),
    "softmax, the second of two": (lambda: second_of_two("softmax"), NAME, 9, PLAIN),
    "linear, the second of two": (lambda: second_of_two("linear"), NAME, 1, NONE),
    "softmax in a subclassed model": (lambda: [Called(dense("softmax"))], NAME, 9, PLAIN),
    "softmax by another layer": (lambda: [*dense(), keras.layers.Softmax()], NAME, 90, PLAIN),
    "softmax by a function": (
        lambda: [*dense(), keras.layers.Lambda(lambda x: keras.ops.softmax(x) * 1.0)],
        NAME,
        9,
        PLAIN,
    ),
    "softmax in half precision": (
        lambda: dense("softmax", dtype="mixed_float16"),
        NAME,
        9,
        PLAIN,
    ),
    "softmax, squared errors": (lambda: dense("softmax"), "mse", 1, PLAIN),
    "focal": (lambda: dense("softmax"), FOCAL(gamma=3.0), 9, PLAIN),
    "sigmoids": (lambda: dense("sigmoid"), CATEGORICAL(), 1, NONE),
    "sigmoid": (lambda: dense("sigmoid", 1), "binary_crossentropy", 1, PLAIN),
    "sigmoid, declared as logit": (lambda: dense("sigmoid", 1), BINARY(from_logits=True), 1, PLAIN),
    "sigmoid, far off": (lambda: dense("sigmoid", 1), BINARY(), 30, PLAIN),
    "softmax over one unit": (lambda: dense("softmax", 1), BINARY(), 1, PLAIN),
    "sum": (lambda: dense("softmax"), SPARSE(reduction="sum"), 1, PLAIN),
    # with which Keras takes no penalty
    "no reduction": (lambda: dense("softmax", decay=0), SPARSE(reduction=None), 1, PLAIN),
}


@pytest.mark.filterwarnings("ignore:.*received .from_logits=True.:UserWarning")
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1:UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_loss_equals_keras_without_penalties(case):
    layers, loss, scale, likely = CASES[case]
    model = made(layers(), loss, scale)
    ids, targets = labels_of(model, loss)
    kernel = next(weight for weight in model.weights if weight.name == "kernel").numpy()
    penalty = DECAY * np.square(kernel.astype("float64")).sum() if model.losses else 0.0
    whole = model.evaluate(X, targets, batch_size=256, verbose=0)
    found = evaluate(model, X, ids)
    assert found["loss"] == pytest.approx(whole - penalty, rel=3e-6, abs=1e-6 * whole)
    assert ("nll" in found) == (likely is not NONE)
    if likely is not NONE:
        p = probabilities(model)
        if likely is LOGITS:
            p = np.exp(p) / np.exp(p).sum(1, keepdims=True)
        expected = -np.log(np.maximum(p[np.arange(len(X)), ids], np.finfo("float32").tiny)).mean()
        assert found["nll"] == pytest.approx(expected, rel=1e-5)


def test_other_backends_clip_probabilities_as_keras_does(monkeypatch):
    model = made(dense("softmax", decay=0), NAME)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    found, sure = loss_of(model), np.array([[1.0, 0.0, 0.0, 0.0]], "float32")
    assert found.follows_from(np.array([1]), sure)
    # keras/src/backend/jax/nn.py, sparse_categorical_crossentropy
    assert found.measure(np.array([1]), sure) == pytest.approx(-np.log(1e-7), rel=1e-5)


@pytest.mark.parametrize("kind", [keras.Model, Doubled])
def test_weighted_and_custom_losses_equal_keras(kind):
    inputs = keras.Input((5,))
    model = kind(inputs, dense("softmax")[0](inputs))
    model.compile("sgd", NAME, loss_weights=[0.25] if kind is keras.Model else None)
    ids, targets = labels_of(model, NAME)
    penalty = sum(float(loss) for loss in model.losses)
    whole = model.evaluate(X, targets, batch_size=256, verbose=0)
    expected = whole - penalty  # Doubled doubles the penalty too, which is its own
    assert evaluate(model, X, ids)["loss"] == pytest.approx(expected, rel=1e-5)


def test_loss_excludes_what_layers_add():
    plain = made(dense("softmax"), NAME)
    layers = [*dense("softmax"), keras.layers.ActivityRegularization(l1=0.5)]
    penalized = made(layers, NAME)
    penalized.set_weights(plain.get_weights())
    ids, _ = labels_of(plain, NAME)
    assert evaluate(penalized, X, ids)["loss"] == pytest.approx(evaluate(plain, X, ids)["loss"])


@pytest.mark.filterwarnings("ignore:.*received .from_logits=True.:UserWarning")
def test_sigmoid_declared_as_logit_still_separates_two_classes():
    model = made(dense("sigmoid", 1), BINARY(from_logits=True), 3)
    ids, _ = labels_of(model, BINARY())
    right = (model.predict_on_batch(X)[:, 0] > 0.5) == ids
    assert evaluate(model, X, ids)["accuracy"] == pytest.approx(right.mean())


def test_evaluation_changes_neither_saving_nor_training(tmp_path):
    model = made(dense("relu"), NAME)
    ids, targets = labels_of(model, NAME)
    before = model.evaluate(X, targets, verbose=0)
    loss = evaluate(model, X, ids)["loss"]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(X, targets, verbose=0) == before
    assert evaluate(loaded, X, ids)["loss"] == loss
    assert model.fit(X, targets, verbose=0, batch_size=300).history["loss"] == pytest.approx(
        [before]
    )
