"""Class weights and their effect on the loss."""

import numpy as np
import pytest
from helpers.small_trainings import (
    CLASSES,
    SHAPE,
    angles,
    differ,
    digits,
    examples,
    quick,
    refusal,
    weights_of,
)
from sklearn.utils.class_weight import compute_class_weight

import cnnzoo
from cnnzoo import Recipe
from cnnzoo.training.batches import batch_stream
from cnnzoo.training.class_weights import class_weights
from cnnzoo.training.train import fit


@pytest.mark.parametrize("counts", [(1, 1, 1), (8, 1, 3), (20, 4, 1)])
def test_balanced_weights_equal_scikit_learns(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(0).shuffle(labels)
    weights = class_weights(Recipe(class_weight="balanced"), labels, len(counts))
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    assert weights == pytest.approx(expected)


def test_balanced_weight_of_an_empty_class_is_zero():
    weights = class_weights(Recipe(class_weight="balanced"), np.array([0, 2, 2]), 3)
    assert weights.tolist() == [1.0, 0.0, 0.5]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 2, 3], [1.0, 2.0, 3.0]),
        ({0: 5}, [5.0, 1.0, 1.0]),
        ({2: 0}, [1.0, 1.0, 0.0]),
    ],
    ids=str,
)
def test_missing_class_ids_have_weight_one(given, expected):
    weights = class_weights(Recipe(class_weight=given), np.array([0, 1, 2]), 3)
    assert weights.tolist() == expected


def test_default_has_no_class_weights():
    assert class_weights(Recipe(), np.array([0, 1, 2]), 3) is None


@pytest.mark.parametrize("augment", ["mixup", "cutmix"])
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "mse"])
def test_mixed_example_has_the_mean_weight_of_its_classes(augment, loss):
    """The first batch's loss in NumPy, of the images and shares that the stream gives."""
    data, weights = digits(), np.array([1.0, 4.0, 0.25])
    model = quick(loss=loss)
    recipe = Recipe(epochs=1, batch_size=64, augment=augment, class_weight=weights)
    targets = np.eye(CLASSES, dtype="float32")[data.train.y]
    batches, _ = batch_stream(data.train.x, targets, data, recipe, 0)
    ((images, shares),) = batches.as_numpy_iterator()
    assert ((shares > 0).sum(1) == 2).any()
    probabilities = model.predict_on_batch(images).astype("float64")
    if loss == "mse":
        losses = ((probabilities - shares) ** 2).mean(1)
    else:
        losses = -(np.log(probabilities) * shares).sum(1)
    history = fit(model, data, recipe, seed=0)
    expected = (losses * (shares @ weights)).mean()
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)
    by_largest = (losses * weights[shares.argmax(1)]).mean()
    assert abs(by_largest - expected) > 1e-3 * expected


@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", "categorical_crossentropy", "mse"]
)
def test_class_weights_scale_the_loss_of_each_example(loss):
    data, weights = digits(), np.array([1.0, 4.0, 0.25])
    model = quick(loss=loss)
    recipe = Recipe(epochs=1, batch_size=64, class_weight=weights)
    probabilities = model.predict_on_batch(data.train.x).astype("float64")
    history = fit(model, data, recipe, seed=0)
    one_hot = np.eye(CLASSES)[data.train.y]
    if loss == "mse":
        losses = ((probabilities - one_hot) ** 2).mean(1)
    else:
        losses = -np.log((probabilities * one_hot).sum(1))
    # one batch, so the epoch's loss is that of the initial weights
    assert history["loss"][0] == pytest.approx((losses * weights[data.train.y]).mean(), rel=1e-5)
    plain = quick(loss=loss)
    fit(plain, data, Recipe(epochs=1, batch_size=64), seed=0)
    assert differ(weights_of(plain), weights_of(model))


def test_class_weights_scale_a_binary_loss():
    x, y = examples(classes=2)
    data = cnnzoo.load_data((x, y), validation=0.2, test=0.2)
    model = cnnzoo.build(
        "mlp", units=2, input_shape=SHAPE, classes=2, loss="binary_crossentropy", seed=0
    )
    model.run_eagerly = True
    p = model.predict_on_batch(data.train.x)[:, 0].astype("float64")
    history = fit(model, data, Recipe(epochs=1, batch_size=64, class_weight={1: 3}), seed=0)
    losses = np.where(data.train.y == 1, -3 * np.log(p), -np.log(1 - p))
    assert history["loss"][0] == pytest.approx(losses.mean(), rel=1e-5)


def test_class_weights_do_not_change_the_validation_loss():
    data = digits()
    model = quick()
    history = fit(model, data, Recipe(epochs=1, class_weight=[9, 9, 9]), seed=0)
    assert history["val_loss"][0] == pytest.approx(
        cnnzoo.evaluate(model, *data.validation)["loss"], rel=1e-5
    )


def test_class_weights_for_other_classes_are_refused():
    assert refusal("mlp", digits(), Recipe(class_weight=[1, 2])) == (
        "`class_weight` of `Recipe`: expected one weight for each of the 3 classes of `mlp`; "
        "got 2 weights."
    )
    assert refusal("mlp", digits(), Recipe(class_weight={0: 1, 3: 2})) == (
        "`class_weight` of `Recipe`: expected class ids from 0 to 2, as `mlp` has them; got 3."
    )


@pytest.mark.parametrize(
    ("weights", "received"), [("balanced", "'balanced'"), ([1], "(1.0,)"), ({0: 1}, "((0, 1.0),)")]
)
def test_class_weights_for_a_regression_are_refused(weights, received):
    assert refusal("mlp", angles(), Recipe(class_weight=weights), loss="mse") == (
        "`class_weight` of `Recipe`: expected 'none' for a regression such as `arrays`; "
        f"got {received}."
    )
