"""Metrics of a model, compared with Keras, scikit-learn and NumPy."""

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

import cnnzoo
from cnnzoo import LabelError, evaluate
from cnnzoo.models.losses import LOSSES
from cnnzoo.training.evaluation import evaluate_each, minority_classes

SHAPE = (4, 4, 1)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, *SHAPE)).astype("float32")  # a batch of predictions and a part of one
NUMBERS = RNG.normal(size=300).astype("float32")
LOGITS = ("sparse_categorical_crossentropy", "categorical_crossentropy", "focal")
BINARY = "binary_crossentropy"


def ids(classes):
    return np.random.default_rng(1).integers(0, classes, len(X))


def model_of(loss, classes, **toggles):
    model = cnnzoo.build(
        "mlp", input_shape=SHAPE, units=8, classes=classes, loss=loss, seed=0, **toggles
    )
    model.run_eagerly = True
    return model


def of_keras(model, x, labels):
    encoded = cnnzoo.encode_labels(labels, model)
    return model.evaluate(x, encoded, batch_size=len(x), verbose=0, return_dict=True)


def softmax(scores):
    e = np.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def probabilities_of(model, loss, logits):
    """Class probabilities by the definition of the loss, in float64."""
    outputs = model.predict_on_batch(X).astype("float64")
    if loss == BINARY:
        positive = 1 / (1 + np.exp(-outputs)) if logits else outputs
        return np.concatenate([1 - positive, positive], axis=1)
    return softmax(outputs) if logits or loss == "categorical_hinge" else outputs


CHOICES = [
    *((loss, 2 if loss == BINARY else 4, False) for loss in LOSSES),
    *((loss, 4, True) for loss in LOGITS),
    (BINARY, 2, True),
]


@pytest.mark.parametrize(("loss", "classes", "logits"), CHOICES)
class TestAModelOfClasses:
    def test_loss_and_accuracy_equal_keras(self, loss, classes, logits):
        model = model_of(loss, classes, **({"logits": True} if logits else {}))
        found, expected = evaluate(model, X, ids(classes)), of_keras(model, X, ids(classes))
        assert found["loss"] == pytest.approx(expected["loss"], rel=1e-6, abs=1e-6)
        assert found["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-6)

    def test_metrics_equal_scikit_learn(self, loss, classes, logits):
        model = model_of(loss, classes, **({"logits": True} if logits else {}))
        found = evaluate(model, X, ids(classes))
        p = probabilities_of(model, loss, logits)
        p /= p.sum(1, keepdims=True)  # float32 leaves 1e-7
        y, predicted = ids(classes), p.argmax(1)
        scores = loss == "categorical_hinge"  # which are no probabilities
        names = ["loss", "accuracy", "macro_f1", *([] if scores else ["nll"])]
        assert list(found) == names
        assert all(type(value) is float for value in found.values())
        assert found["accuracy"] == pytest.approx(accuracy_score(y, predicted))
        assert found["macro_f1"] == pytest.approx(f1_score(y, predicted, average="macro"))
        if not scores:
            assert found["nll"] == pytest.approx(log_loss(y, p, labels=range(classes)), rel=1e-5)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "focal", BINARY])
@pytest.mark.parametrize("logits", [False, True])
def test_smoothed_loss_equals_keras(loss, logits):
    classes = 2 if loss == BINARY else 4
    model = model_of(loss, classes, label_smoothing=0.2, logits=logits)
    expected = of_keras(model, X, ids(classes))["loss"]
    assert evaluate(model, X, ids(classes))["loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_regression_has_mae_and_rmse(loss):
    model = model_of(loss, 1)
    found = evaluate(model, X, NUMBERS)
    errors = model.predict_on_batch(X)[:, 0].astype("float64") - NUMBERS
    assert found == pytest.approx(
        {
            "loss": of_keras(model, X, NUMBERS)["loss"],
            "mae": np.abs(errors).mean(),
            "rmse": np.sqrt((errors**2).mean()),
        },
        rel=1e-6,
    )
    assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mse"])
def test_loss_excludes_the_weight_decay_penalty(loss):
    plain, decayed = model_of(loss, 4), model_of(loss, 4, weight_decay=0.1)
    for one, other in zip(plain.get_weights(), decayed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    y = ids(4)
    assert evaluate(decayed, X, y) == evaluate(plain, X, y)
    kernels = [weight for weight in plain.get_weights() if weight.ndim > 1]
    penalty = 0.1 * sum((kernel.astype("float64") ** 2).sum() for kernel in kernels)
    assert penalty > 0.1
    with_penalty = of_keras(decayed, X, y)["loss"]
    assert with_penalty - penalty == pytest.approx(evaluate(decayed, X, y)["loss"], rel=1e-5)


def test_dropout_and_batch_normalization_are_in_inference_mode():
    model = cnnzoo.build(
        "mlp",
        input_shape=SHAPE,
        units=8,
        classes=4,
        normalization="batch",
        dropout=0.5,
        seed=0,
    )
    model.run_eagerly = True
    expected = evaluate(model, X, ids(4))
    assert evaluate(model, X, ids(4)) == expected
    order = RNG.permutation(len(X))
    shuffled = evaluate(model, X[order], ids(4)[order])
    assert shuffled == pytest.approx(expected, rel=1e-6)
    halves = [evaluate(model, X[part], ids(4)[part]) for part in (slice(150), slice(150, None))]
    for name in ("loss", "accuracy", "nll"):
        assert np.mean([half[name] for half in halves]) == pytest.approx(expected[name], rel=1e-6)


class Echo(keras.layers.Layer):
    """A model that returns its input, so that a test chooses the predictions."""

    def call(self, x):
        return x


def echo(loss="sparse_categorical_crossentropy", units=4):
    model = keras.Sequential([keras.Input((units,)), Echo()])
    model.compile("sgd", loss, run_eagerly=True)
    return model


@pytest.mark.parametrize(
    ("labels", "predicted"),
    [
        ([0, 0, 1, 1], [0, 0, 1, 1]),
        ([0, 0, 1, 1], [2, 0, 1, 1]),  # one class among the predictions alone
        ([0, 0, 1, 3], [0, 0, 1, 1]),  # one among the labels alone
        ([2, 2, 2, 2], [3, 3, 3, 3]),
        ([0], [0]),
    ],
)
def test_macro_f1_with_missing_classes_equals_scikit_learn(labels, predicted):
    outputs = 0.1 + 0.6 * np.eye(4, dtype="float32")[predicted]
    found = evaluate(echo(), outputs, np.array(labels))["macro_f1"]
    assert found == pytest.approx(f1_score(labels, predicted, average="macro", zero_division=0))


@pytest.mark.parametrize(
    ("labels", "predicted", "minority"),
    [
        ([0, 0, 1, 1, 3], [0, 3, 1, 0, 3], [1, 3]),
        ([0, 0, 1, 3], [0, 0, 1, 1], [3]),  # never predicted
        ([0, 0, 1, 1], [2, 0, 1, 1], [2, 1]),  # predicted alone
    ],
)
def test_minority_f1_equals_scikit_learn(labels, predicted, minority):
    outputs = 0.1 + 0.6 * np.eye(4, dtype="float32")[predicted]
    found = evaluate_each(echo(), outputs, np.array(labels), minority={"": minority}).metrics
    expected = f1_score(labels, predicted, labels=minority, average="macro", zero_division=0)
    assert found["minority_f1"] == pytest.approx(expected)


def test_unseen_minority_has_no_f1():
    outputs = 0.1 + 0.6 * np.eye(4, dtype="float32")[[0, 1]]
    found = evaluate_each(echo(), outputs, np.array([0, 1]), minority={"": [3]}).metrics
    assert "minority_f1" not in found


def test_half_of_the_most_frequent_class_is_no_minority():
    assert minority_classes(np.repeat([0, 1, 2, 3], [10, 5, 4, 7]), 4) == [2]


def test_many_rare_classes_give_no_warning():
    outputs = np.eye(40, dtype="float32") * 0.9 + 0.0025
    assert evaluate(echo(units=40), outputs, np.arange(40))["macro_f1"] == 1.0


def test_nll_of_a_certain_wrong_prediction_is_finite():
    outputs = np.array([[1.0, 0.0, 0.0, 0.0]], "float32")
    found = evaluate(echo(), outputs, np.array([1]))
    smallest = np.finfo("float32").tiny
    assert found["nll"] == pytest.approx(-np.log(smallest))
    # of probabilities without logits Keras clips at its epsilon
    assert found["loss"] == pytest.approx(-np.log(keras.config.epsilon()), rel=1e-5)


def test_nan_outputs_give_nan_metrics():
    outputs = np.full((3, 4), np.nan, "float32")
    found = evaluate(echo(), outputs, np.array([0, 0, 2]))
    assert found.keys() == {"loss", "accuracy", "macro_f1", "nll"}
    assert np.isnan([*found.values()]).all()  # the class 0 would be right in 2 of 3


def test_custom_model_is_evaluated_equally():
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mean_squared_error", run_eagerly=True)
    errors = model.predict_on_batch(X)[:, 0].astype("float64") - NUMBERS
    found = evaluate(model, X, NUMBERS)
    assert found["loss"] == pytest.approx((errors**2).mean(), rel=1e-5)
    assert found["rmse"] ** 2 == pytest.approx(found["loss"], rel=1e-5)


def test_one_hot_labels_equal_class_ids():
    model, y = model_of("categorical_crossentropy", 4), ids(4)
    assert evaluate(model, X, np.eye(4)[y]) == evaluate(model, X, y)


def refusal(model, x, labels) -> str:
    with pytest.raises(LabelError) as caught:
        evaluate(model, x, labels)
    return str(caught.value)


def test_labels_out_of_range_are_refused():
    assert refusal(echo(), np.ones((2, 4), "float32"), np.array([0, 4])) == (
        "`labels`: expected class ids from 0 to 3 for sparse_categorical_crossentropy with "
        "classes=4; got ids from 0 to 4."
    )


@pytest.mark.parametrize(("examples", "labels"), [(0, 0), (2, 1), (1, 2)])
def test_each_example_needs_a_label(examples, labels):
    found = refusal(echo(), np.ones((examples, 4), "float32"), np.zeros(labels, int))
    assert found == (
        "`evaluate`: expected one label for each of at least one example; "
        f"got {examples} examples and {labels} labels."
    )
