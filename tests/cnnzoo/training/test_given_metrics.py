"""Requested metrics, measured on predictions as Keras measures them."""

import keras
import numpy as np
import pytest
from helpers import own_metrics

import cnnzoo
from cnnzoo.toggle import ToggleError
from cnnzoo.training.given_metrics import check_requested, measure_requested
from cnnzoo.training.metric_texts import OF_KERAS, read_metrics, requested
from cnnzoo.training.predictions import Predictions

RNG = np.random.default_rng(0)
OWN = "helpers.own_metrics"


def measured(metric, ids, p):
    (text,) = requested(read_metrics([metric]))
    values, notes = measure_requested([text], ids, p, Predictions(ids, p))
    return next(iter(values.values()), None), [*notes.values()]


def drawn(classes, count=60):
    return RNG.integers(0, classes, count), RNG.dirichlet(np.ones(classes), count)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ["AUC", "Precision", "F1Score(average='macro')", "KLDivergence"])
def test_metric_of_keras_equals_keras(classes, name):
    ids, p = drawn(classes)
    kind, _, option = name.partition("(")
    metric = getattr(keras.metrics, kind)(**({"average": "macro"} if option else {}))
    one_hot = np.eye(classes)[ids]
    of_column = classes == 2 and kind in ("AUC", "Precision")
    metric.update_state(*(each[:, 1:] if of_column else each for each in (one_hot, p)))
    assert measured(name, ids, p)[0] == pytest.approx(float(metric.result()), rel=1e-5)


def test_top_k_and_sparse_top_k_of_keras_agree():
    ids, p = drawn(5)
    texts = ("TopKCategoricalAccuracy(k=2)", "SparseTopKCategoricalAccuracy(k=2)")
    (one, _), (other, _) = (measured(text, ids, p) for text in texts)
    assert one == other == pytest.approx(Predictions(ids, p).measure("top_k_accuracy[2]"))


def test_intersection_over_union_takes_predicted_classes():
    ids, p = drawn(3)
    hits = [((p.argmax(1) == one) & (ids == one)).sum() for one in range(3)]
    unions = [((p.argmax(1) == one) | (ids == one)).sum() for one in range(3)]
    expected = np.mean(np.divide(hits, unions))
    assert measured("MeanIoU(num_classes=3)", ids, p)[0] == pytest.approx(expected)


def test_every_metric_of_keras_can_be_measured_or_is_refused_with_a_reason():
    needed = {
        "PrecisionAtRecall": "(recall=0.5)",
        "RecallAtPrecision": "(precision=0.5)",
        "SensitivityAtSpecificity": "(specificity=0.5)",
        "SpecificityAtSensitivity": "(sensitivity=0.5)",
        **dict.fromkeys(("MeanIoU", "OneHotMeanIoU"), "(num_classes=2)"),
        **dict.fromkeys(("IoU", "OneHotIoU"), "(num_classes=2, target_class_ids=[0, 1])"),
        **dict.fromkeys(("F1Score", "FBetaScore"), "(average='macro')"),
    }
    texts = [f"{name}{needed.get(name, '')}" for name in OF_KERAS]
    check_requested(texts, 2, ("no", "yes"), "made up")


def test_regression_is_measured_on_numbers():
    targets, outputs = RNG.uniform(1, 2, 50), RNG.uniform(1, 2, 50)
    texts = requested(read_metrics(["mean_absolute_percentage_error", "R2Score"]))
    check_requested(texts, 1, (), "made up")
    values, notes = measure_requested(texts, targets, outputs, None)
    residual, total = (np.square(targets - each).sum() for each in (outputs, targets.mean()))
    assert notes == {}
    assert values == pytest.approx(
        {
            "r2_score": 1 - residual / total,
            "mean_absolute_percentage_error": 100 * np.mean(np.abs(1 - outputs / targets)),
        },
        rel=1e-4,
    )


def test_custom_functions_and_classes_are_measured():
    ids, p = drawn(4)
    sure = p[np.arange(60), ids].mean()
    assert measured((own_metrics.share, "max"), ids, p)[0] == pytest.approx(sure)
    error = np.abs(ids - p.argmax(1)).mean()
    assert measured(own_metrics.mean_error, ids, p)[0] == pytest.approx(error)
    hits = ((p.argmax(1) == ids) & (p.max(1) > 0.5)).mean()
    rate = measured((own_metrics.HitRate(above=0.5), "max"), ids, p)[0]
    assert rate == pytest.approx(hits)


def test_narrow_scores_and_ties_of_keras_are_told():
    ids = np.arange(40) % 2
    p = 0.5 + 1e-5 * np.where(ids == 1, 1, -1)
    p = np.stack([1 - p, p], 1)
    assert measured("AUC", ids, p) == (
        0.5,
        [
            "auc is 0.5000, but exactly 1.0000, because Keras compares the scores with fixed "
            "thresholds; use macro_auc"
        ],
    )
    ids, constant = np.arange(40) % 4, np.full((40, 4), 0.25)
    assert measured("TopKCategoricalAccuracy(k=2)", ids, constant) == (
        1.0,
        [
            "top_k_categorical_accuracy(k=2) is 1.0000, but exactly 0.5000, because Keras counts "
            "every tie as right; use top_k_accuracy[2]"
        ],
    )
    ids, sure = np.arange(40) % 2, np.eye(3)[np.arange(40) % 2]
    assert measured("F1Score(average='macro')", ids, sure) == (
        pytest.approx(2 / 3),
        [
            "f1_score(average='macro') is 0.6667, but exactly 1.0000, because Keras counts classes "
            "that do not occur as 0; use macro_f1"
        ],
    )


def test_nan_outputs_give_nan_and_no_note():
    ids, p = drawn(3)
    p[0] = np.nan
    value, notes = measured("TopKCategoricalAccuracy(k=2)", ids, p)
    assert np.isnan(value)
    assert notes == []


def test_metric_that_fails_late_is_missing_with_its_reason():
    ids, p = drawn(4)
    check_requested([f"{OWN}:only_made_up[max]"], 4, "abcd", "made up")
    assert measured((own_metrics.only_made_up, "max"), ids, p) == (
        None,
        ["only_made_up[max] is missing: MemoryError: too many examples"],
    )


@pytest.mark.parametrize(
    ("text", "classes", "message"),
    [
        (f"{OWN}:broken[max]", 2, "fails on 8 made up predictions: KeyError: 'no cat'."),
        (
            f"{OWN}:matrix[max]",
            2,
            "expected one number, or one per example, from helpers.own_metrics:matrix[max]; got "
            "another shape or type. A metric of Keras with `average` needs 'macro' or 'weighted'.",
        ),
        (
            "helpers.own_metrics:shares[max]",
            2,
            "cannot import 'helpers.own_metrics:shares' (module 'helpers.own_metrics' has no "
            "attribute 'shares'). Expected 'package.module:function'.",
        ),
        (
            "macro_auc",
            1,
            "expected metrics of a regression, because made up is one; got macro_auc.",
        ),
        (
            "AUC(from_logits=True)",
            2,
            "expected AUC without from_logits, because metrics are given probabilities; got "
            "from_logits=True.",
        ),
        (
            "BinaryAccuracy",
            3,
            "expected 2 classes for BinaryAccuracy, which compares one output with 0 and 1; made "
            "up has 3 classes.",
        ),
        (
            "TopKCategoricalAccuracy(n=3)",
            3,
            "TopKCategoricalAccuracy(n=3) cannot be made: TypeError: "
            "TopKCategoricalAccuracy.__init__() got an unexpected keyword argument 'n'. Its "
            "options: k, name, dtype.",
        ),
    ],
)
def test_metric_that_does_not_fit_is_refused_before_training(text, classes, message):
    with pytest.raises(ToggleError) as caught:
        check_requested([text], classes, (), "made up")
    found = str(caught.value)
    assert found == f"`metrics`: {message}" or found == f"`metrics`: {text} {message}"


def test_training_measures_metrics_on_every_split():
    data = cnnzoo.load_data("digits", train_size=100)
    trained = cnnzoo.train(
        "mlp",
        data,
        cnnzoo.Recipe(epochs=1),
        metrics=["recall[3]", "ece", keras.metrics.AUC(), (own_metrics.share, "max")],
        units=8,
    )
    names = ("recall[3]", "ece", "auc", "share[max]")
    splits = ("train", "validation", "test")
    assert {f"{split}_{name}" for split in splits for name in names} <= trained.metrics.keys()
    found = cnnzoo.evaluate(trained.model, *data.test, metrics=["ece", "macro_auc"])
    assert found["ece"] == trained.metrics["test_ece"]
    assert 0 < found["macro_auc"] < 1
