"""Chance level and divergence, compared with constant and informed predictors."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss

from cnnzoo.doctor.chance import Constant, check_chance, check_divergence

RNG = np.random.default_rng(0)


def measured(labels, probabilities):
    """Compute the metrics, 20 times as fast as scikit-learn for the small samples here."""
    kinds, answers = probabilities.shape[1], probabilities.argmax(1)
    hits = np.bincount(labels[labels == answers], minlength=kinds)
    both = np.bincount(labels, minlength=kinds) + np.bincount(answers, minlength=kinds)
    return {
        "accuracy": hits.sum() / len(labels),
        "macro_f1": (2 * hits[both > 0] / both[both > 0]).mean(),
        "nll": -np.log(probabilities[np.arange(len(labels)), labels]).mean(),
    }


@pytest.mark.parametrize("kinds", [2, 4])
def test_metrics_equal_those_of_scikit_learn(kinds):
    labels = RNG.integers(0, 3, 50) % kinds  # of 4 classes, one may be answered and never occurs
    probabilities = softmax(RNG.normal(0, 1, (50, kinds)))
    answers = probabilities.argmax(1)
    assert measured(labels, probabilities) == pytest.approx(
        {
            "accuracy": accuracy_score(labels, answers),
            "macro_f1": f1_score(labels, answers, average="macro"),
            "nll": log_loss(labels, probabilities, labels=range(kinds)),
        }
    )


def softmax(scores):
    e = np.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def found(labels, probabilities):
    constant = Constant.of(labels, probabilities.shape[1])
    return check_chance(constant, measured(labels, probabilities), "test") is not None


def test_constant_answer_equals_scikit_learns_dummy():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    constant = Constant.of(labels, 3)
    dummy = DummyClassifier(strategy="prior").fit(labels[:, None], labels)
    assert constant.accuracy == dummy.score(labels[:, None], labels) == 0.5
    assert constant.nll == pytest.approx(log_loss(labels, dummy.predict_proba(labels[:, None])))
    numbers = RNG.normal(3, 2, 1000)
    assert Constant.of(numbers, 1).rmse == pytest.approx(
        np.sqrt(((numbers - numbers.mean()) ** 2).mean())
    )


@pytest.mark.parametrize("n", [30, 100, 1000])
@pytest.mark.parametrize("shares", [[0.1] * 10, [0.5, 0.5], [0.9, 0.1], [0.5, 0.3, 0.2]])
def test_outputs_that_ignore_the_inputs_are_at_chance(n, shares):
    kinds = len(shares)
    marked = []
    for _ in range(200):
        labels = RNG.choice(kinds, n, p=shares)
        if len(set(labels)) == 1:  # nothing to predict
            continue
        noise = RNG.normal(0, RNG.choice([0.01, 0.3, 2.0]), (n, kinds))
        marked.append(found(labels, softmax(np.log(shares) + noise)))
    assert np.mean(marked) >= 0.99


@pytest.mark.parametrize(
    ("n", "kinds", "hits"),
    [(100, 10, 0.3), (1000, 10, 0.16), (1000, 2, 0.58), (1000, 100, 0.05), (200, 2, 0.7)],
)
def test_accuracy_clearly_above_chance_is_no_finding(n, kinds, hits):
    labels = np.arange(n) % kinds
    right = np.arange(n) < round(hits * n)  # overconfident: worse than a constant by its nll
    answers = np.where(right, labels, (labels + 1) % kinds)
    probabilities = np.full((n, kinds), 1e-6 / (kinds - 1))
    probabilities[np.arange(n), answers] = 1 - 1e-6
    assert measured(labels, probabilities)["nll"] > math.log(kinds)
    assert not found(labels, probabilities)


def test_probabilities_of_rare_classes_are_better_than_a_constant():
    labels = np.repeat([0, 1], [950, 50])
    rare = np.where(labels == 1, 0.4, 0.05 * 0.6 / 0.95)
    probabilities = np.stack([1 - rare, rare], axis=1)
    assert measured(labels, probabilities)["accuracy"] == 0.95  # it never answers 1
    assert not found(labels, probabilities)


def test_class_weighted_model_is_better_than_a_constant():
    labels = np.repeat([0, 1], [950, 50])
    x = RNG.normal(2 * labels, 1)[:, None]
    model = LogisticRegression(class_weight="balanced").fit(x, labels)
    probabilities = model.predict_proba(x)
    numbers, constant = measured(labels, probabilities), Constant.of(labels, 2)
    assert numbers["accuracy"] < constant.accuracy
    assert numbers["nll"] > constant.nll
    assert not found(labels, probabilities)


def test_constant_prediction_with_a_low_loss_is_at_chance():
    # a softmax over one unit: loss 0, and class 1 for every input
    constant = Constant.of(np.arange(200) % 2, 2)
    finding = check_chance(constant, {"loss": 0.0, "accuracy": 0.5}, "test")
    assert (finding.code, str(finding)) == (
        "at-chance",
        "At chance level: on the 200 test examples accuracy is 0.5 (a constant answer: 0.5). Look "
        "for the cause before comparing: the learning rate, the labels, the scale of the inputs, "
        "too few epochs.",
    )


@pytest.mark.parametrize("n", [20, 100, 1000])
def test_accuracy_limit_is_the_binomial_quantile(n):
    constant = Constant(count=n, accuracy=0.1, nll=2.3)
    most = stats.binom.isf(1e-3, n, 0.1)  # the least k with P(more than k) <= 0.1%
    at_chance = [
        check_chance(constant, {"accuracy": hits / n, "nll": 2.3}, "test") is not None
        for hits in (most, most + 1)
    ]
    assert at_chance == [True, False]


@pytest.mark.parametrize(
    ("explained", "n", "marked"),
    [(0.0, 1000, True), (0.02, 1000, True), (0.04, 1000, False), (0.05, 100, True)],
)
def test_regression_at_chance_leaves_the_variance_unexplained(explained, n, marked):
    targets = stats.zscore(RNG.normal(size=n))
    constant = Constant.of(targets, 1)
    metrics = {"rmse": constant.rmse * math.sqrt(1 - explained)}
    assert (check_chance(constant, metrics, "test") is not None) == marked


@pytest.mark.parametrize("metrics", [{}, {"accuracy": math.nan, "nll": math.inf}])
def test_missing_metrics_are_no_finding(metrics):
    assert check_chance(Constant(100, 0.1, 2.3), metrics, "test") is None
    assert check_chance(Constant(100, rmse=0.0), {"rmse": 0.0}, "test") is None
    assert check_chance(Constant(100, 1.0, 0.0), {"accuracy": 1.0, "nll": 0.0}, "test") is None


@pytest.mark.parametrize(
    ("classes", "metrics", "history", "diverged"),
    [
        (10, {"loss": 2.5e11}, {"loss": [3e11]}, True),
        (10, {"loss": 2.5e11, "nll": 78.6}, {"loss": [3e11]}, True),
        (10, {"loss": 2.6}, {"loss": [2.6]}, False),
        (10, {"loss": 76.0, "nll": 2.4}, {"loss": [76.0]}, False),  # a sum over 32 examples
        (10, {"loss": 78.0}, {"loss": [0.05]}, False),  # batch normalization's averages
        (10, {"loss": 8.0}, {"loss": [9.0]}, False),  # overfit, or badly initialized
        (10, {"loss": math.inf}, {"loss": [math.inf]}, False),  # a failed trial
        (1, {"rmse": 1e6}, {"loss": [1e12], "rmse": [1e6]}, True),
        (1, {"rmse": 900.0}, {"loss": [8e5]}, False),  # targets of 1000, not reached yet
    ],
)
def test_divergence_is_far_worse_than_a_constant(classes, metrics, history, diverged):
    labels = np.arange(100) % 10 if classes == 10 else RNG.normal(1000, 1, 100)
    finding = check_divergence(labels, classes, metrics, history)
    assert (finding is not None) == diverged
    if finding is not None:
        assert finding.code == "diverged"
