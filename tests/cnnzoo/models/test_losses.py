"""Loss choices, compared with their formulas in NumPy."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from keras import ops

import cnnzoo
from cnnzoo.models.compiled_loss import loss_of
from cnnzoo.models.losses import LOSSES, LabelError
from cnnzoo.models.model_loss import encode_labels

SPARSE, BINARY, CATEGORICAL = (
    "sparse_categorical_crossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
)
CLASSES = 4
N = 24
RNG = np.random.default_rng(0)
IDS = RNG.integers(0, CLASSES, N)
SCORES = RNG.normal(scale=2.0, size=(N, CLASSES))
ONE_HOT = (np.arange(CLASSES)[None] == IDS[:, None]).astype("float64")


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def smoothed(one_hot, share):
    return one_hot * (1 - share) + share / one_hot.shape[1]


def cross_entropy(p, share=0.0):
    return -(smoothed(ONE_HOT, share) * np.log(p)).sum(axis=1).mean()


def focal(p, share=0.0):
    return -(0.25 * (1 - p) ** 2 * smoothed(ONE_HOT, share) * np.log(p)).sum(axis=1).mean()


def huber(p):
    error = np.abs(p - ONE_HOT)
    return np.where(error <= 1, error**2 / 2, error - 0.5).mean()


def value(name, outputs, **options):
    """The mean loss of Keras with encoded labels."""
    choice = LOSSES[name]
    labels = choice.encode(IDS if choice.labels != "binary" else IDS % 2, CLASSES_OF[name])
    loss = choice.loss(**options)
    return float(loss(labels, ops.convert_to_tensor(outputs.astype("float32"))))


CLASSES_OF = {name: 2 if name == "binary_crossentropy" else CLASSES for name in LOSSES}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sparse_categorical_crossentropy", -np.log(softmax(SCORES)[np.arange(N), IDS]).mean()),
        ("categorical_crossentropy", cross_entropy(softmax(SCORES))),
        ("focal", focal(softmax(SCORES))),
        ("mse", ((softmax(SCORES) - ONE_HOT) ** 2).mean()),
        ("mae", np.abs(softmax(SCORES) - ONE_HOT).mean()),
        ("huber", huber(softmax(SCORES))),
    ],
)
def test_loss_of_probabilities_equals_its_formula(name, expected):
    assert value(name, softmax(SCORES)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sparse_categorical_crossentropy", cross_entropy(softmax(SCORES))),
        ("categorical_crossentropy", cross_entropy(softmax(SCORES))),
        ("focal", focal(softmax(SCORES))),
    ],
)
def test_loss_of_logits_equals_the_loss_of_their_softmax(name, expected):
    assert value(name, SCORES, logits=True) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize(
    ("name", "formula"), [("categorical_crossentropy", cross_entropy), ("focal", focal)]
)
def test_label_smoothing_spreads_a_share_over_all_classes(name, formula, share):
    expected = formula(softmax(SCORES), share)
    assert value(name, softmax(SCORES), label_smoothing=share) == pytest.approx(expected, rel=1e-5)
    assert value(name, SCORES, label_smoothing=share, logits=True) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_binary_crossentropy_equals_its_formula(share):
    p = sigmoid(SCORES[:, :1])
    y = (IDS % 2)[:, None] * (1 - share) + share / 2
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    name = "binary_crossentropy"
    assert value(name, p, label_smoothing=share) == pytest.approx(expected, rel=1e-5)
    logits = value(name, SCORES[:, :1], label_smoothing=share, logits=True)
    assert logits == pytest.approx(expected, rel=1e-5)


def test_hinge_equals_its_formula_on_scores():
    wrong = ((1 - ONE_HOT) * SCORES).max(axis=1)
    expected = np.maximum(0.0, wrong - (ONE_HOT * SCORES).sum(axis=1) + 1).mean()
    assert value("categorical_hinge", SCORES) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("mse", lambda error: (error**2).mean()),
        ("mae", lambda error: np.abs(error).mean()),
        ("huber", lambda e: np.where(np.abs(e) <= 1, e**2 / 2, np.abs(e) - 0.5).mean()),
    ],
)
def test_regression_loss_equals_its_formula(name, formula):
    targets, outputs = RNG.normal(size=N) * 3, RNG.normal(size=(N, 1)) * 3
    labels = LOSSES[name].encode(targets, classes=1)
    assert labels.shape == (N, 1)
    loss = float(LOSSES[name].loss()(labels, ops.convert_to_tensor(outputs.astype("float32"))))
    assert loss == pytest.approx(formula(outputs[:, 0] - targets), rel=1e-5)


# Metrics


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("logits", [False, True])
def test_accuracy_is_the_share_of_correct_predictions(name, logits):
    choice = LOSSES[name]
    if choice.labels == "binary":
        outputs, right = SCORES[:, :1], ((SCORES[:, 0] > 0) == (IDS % 2)).mean()
        outputs = outputs if logits else sigmoid(outputs)
    else:
        outputs, right = SCORES, (SCORES.argmax(axis=1) == IDS).mean()
        outputs = outputs if logits else softmax(outputs)
    labels = choice.encode(IDS if choice.labels != "binary" else IDS % 2, CLASSES_OF[name])
    (metric,) = choice.metrics(CLASSES_OF[name], logits=logits)
    metric.update_state(labels, ops.convert_to_tensor(outputs.astype("float32")))
    assert metric.name == "accuracy"
    assert float(metric.result()) == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_regression_metrics_are_mae_and_rmse(name):
    mae, rmse = LOSSES[name].metrics(1)
    assert (mae.name, rmse.name) == ("mae", "rmse")
    targets, outputs = np.array([[1.0], [2.0]]), np.array([[2.0], [5.0]])
    mae.update_state(targets, outputs)
    rmse.update_state(targets, outputs)
    assert float(mae.result()) == pytest.approx(2.0)
    assert float(rmse.result()) == pytest.approx(5**0.5)


# Probabilities


@given(
    scores=arrays.arrays(
        "float64", st.tuples(st.integers(1, 4), st.integers(2, 5)), elements=st.floats(-1e4, 1e4)
    ),
    name=st.sampled_from([name for name in LOSSES if name != "binary_crossentropy"]),
)
def test_logits_become_softmax_probabilities(scores, name):
    p = LOSSES[name].probabilities(scores, logits=True)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    expected = ops.convert_to_numpy(ops.softmax(ops.convert_to_tensor(scores, "float64")))
    np.testing.assert_allclose(p, expected, rtol=1e-9, atol=1e-300)


@given(scores=arrays.arrays("float64", st.tuples(st.integers(1, 5)), elements=st.floats(-1e4, 1e4)))
def test_binary_logit_becomes_the_probability_of_class_1(scores):
    p = LOSSES["binary_crossentropy"].probabilities(scores[:, None], logits=True)
    assert p.shape == (len(scores), 2)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    expected = ops.convert_to_numpy(ops.sigmoid(ops.convert_to_tensor(scores, "float64")))
    np.testing.assert_allclose(p[:, 1], expected, rtol=1e-9, atol=1e-15)


def test_probabilities_are_kept():
    p = softmax(SCORES)
    np.testing.assert_array_equal(LOSSES["mse"].probabilities(p), p)
    np.testing.assert_array_equal(LOSSES[SPARSE].probabilities(p), p)
    both = LOSSES[BINARY].probabilities(np.array([[0.25], [1.0]]))
    np.testing.assert_array_equal(both, [[0.75, 0.25], [0.0, 1.0]])


def test_hinge_scores_pass_through_softmax():
    p = LOSSES["categorical_hinge"].probabilities(SCORES)
    np.testing.assert_allclose(p, softmax(SCORES), rtol=1e-12)


# Compiled models


def compiled(loss, units=3):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)], name="mine")
    model.compile(loss=loss)
    return model


@pytest.mark.parametrize("choice", LOSSES.values(), ids=lambda choice: choice.name)
@pytest.mark.parametrize("form", ["string", "function", "class", "object"])
def test_loss_is_read_from_any_form_of_compilation(choice, form):
    units = 1 if choice.labels == "binary" else 3
    loss = {
        "string": choice.function,
        "function": getattr(keras.losses, choice.function),
        "class": choice.make,
        "object": choice.make(),
    }[form]
    found = loss_of(compiled(loss, units))
    assert found.choice is choice
    assert found.classes == (2 if choice.labels == "binary" else 3)
    assert found.logits is False
    assert isinstance(found.function, choice.make)


@pytest.mark.parametrize("name", ["mse", "mae"])
def test_short_names_of_keras_losses_are_read(name):
    assert loss_of(compiled(name)).choice is LOSSES[name]


def test_logits_and_options_are_read_from_the_loss():
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.25)
    found = loss_of(compiled(loss))
    assert found.logits is True
    assert found.function is loss


@pytest.mark.parametrize("name", LOSSES)
def test_loss_of_a_zoo_model_is_the_chosen_one(name):
    for classes in (2, 3):
        if name == "binary_crossentropy" and classes == 3:
            continue
        model = cnnzoo.build("mlp", units=1, loss=name, classes=classes)
        found = loss_of(model)
        assert (found.choice.name, found.classes, found.logits) == (name, classes, False)


def test_uncompiled_model_is_refused():
    with pytest.raises(LabelError) as caught:
        encode_labels([0], cnnzoo.build("mlp", units=1, compile=False))
    assert str(caught.value) == "`mlp` is not compiled; build it with compile=True."


KNOWN = (
    "sparse_categorical_crossentropy, categorical_crossentropy, binary_crossentropy, "
    "categorical_hinge, categorical_focal_crossentropy, mean_squared_error, "
    "mean_absolute_error, huber"
)


def test_unknown_loss_is_refused():
    with pytest.raises(LabelError) as caught:
        loss_of(compiled("poisson"))
    assert str(caught.value) == f"`loss` of `mine`: expected one of {KNOWN}; got poisson."


def test_custom_loss_is_refused():
    class Strange(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return y_pred

    with pytest.raises(LabelError) as caught:
        loss_of(compiled(Strange()))
    assert str(caught.value) == f"`loss` of `mine`: expected one of {KNOWN}; got Strange."


def test_labels_of_one_output_for_two_are_refused():
    inputs = keras.Input((2,))
    outputs = [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)]
    model = keras.Model(inputs, outputs, name="mine")
    model.compile(loss=["mse", "mae"])
    with pytest.raises(LabelError) as caught:
        loss_of(model)
    assert str(caught.value) == (
        "`mine`: expected one output, because the labels are those of one; got 2. Give y as a "
        "mapping from the names of the outputs to their labels, as in {'digit': ids, 'parity': "
        "ids}."
    )


class Called(keras.Model):
    """A subclassed model."""

    def call(self, x):
        return x


def test_subclassed_model_is_refused():
    model = Called(name="mine")
    model.compile(loss="mse")
    with pytest.raises(LabelError) as caught:
        loss_of(model)
    assert str(caught.value) == (
        "`mine` is a subclass of keras.Model with a custom `call`, so its outputs are unknown; "
        "call it on a keras.Input, or build it as keras.Model(inputs, outputs)."
    )


def test_several_binary_outputs_are_refused():
    with pytest.raises(LabelError) as caught:
        loss_of(compiled("binary_crossentropy", units=3))
    assert str(caught.value) == (
        "`mine`: expected one output unit with the loss binary_crossentropy; got 3."
    )


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("loss", [SPARSE, CATEGORICAL])
def test_loss_of_a_certain_wrong_prediction_is_not_clipped(loss, logits):
    model = cnnzoo.build("mlp", units=1, classes=2, loss=loss, logits=logits)
    outputs = np.array([[-46.0, 0.0], [0.0, -46.0]], "float32")
    if not logits:
        outputs = softmax(outputs)
    found = loss_of(model)
    assert found.measure(found.encode([0, 0]), outputs) == pytest.approx(23.0, rel=1e-5)


def test_binary_loss_of_a_certain_wrong_prediction_is_not_clipped():
    model = cnnzoo.build("mlp", units=1, classes=2, loss=BINARY)
    found = loss_of(model)
    outputs = np.array([[np.exp(-46.0)], [0.5]], "float32")
    expected = (46.0 + np.log(2)) / 2
    assert found.measure(found.encode([1, 0]), outputs) == pytest.approx(expected, rel=1e-5)


# Claim C14


def test_sparse_and_categorical_crossentropy_train_bit_identically():
    x = RNG.normal(size=(3, 8, 12, 12, 1)).astype("float32")
    y = RNG.integers(0, 10, (3, 8))
    losses, weights = [], []
    for loss in (SPARSE, CATEGORICAL):
        model = cnnzoo.build("downsampling", input_shape=(12, 12, 1), filters=4, loss=loss, seed=0)
        steps = [
            model.train_on_batch(x[step], encode_labels(y[step], model), return_dict=True)["loss"]
            for step in range(3)
        ]
        losses.append(np.array(steps))
        weights.append(model.get_weights())
    np.testing.assert_array_equal(*losses)
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)
