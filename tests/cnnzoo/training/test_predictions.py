"""Metrics of predictions, compared with scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from cnnzoo.toggle import ToggleError
from cnnzoo.training.predictions import Predictions, check_prediction_metric, rank_auc


@st.composite
def answers(draw, least=2):
    """Draw labels and probabilities with ties and absent classes."""
    classes = draw(st.integers(least, 5))
    count = draw(st.integers(1, 25))
    ids = draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count))
    rows = st.lists(st.integers(0, 4), min_size=classes, max_size=classes).filter(any)
    parts = np.array(draw(st.lists(rows, min_size=count, max_size=count)), float)
    return np.array(ids), parts / parts.sum(1, keepdims=True)


@given(answers())
def test_class_metrics_equal_scikit_learn(given):
    ids, p = given
    found, predicted = Predictions(ids, p), p.argmax(1)
    occurring = sorted({*ids} | {*predicted})
    names = ("precision", "recall", "f1")
    for average in ("macro", "weighted"):
        expected = sk.precision_recall_fscore_support(
            ids, predicted, labels=occurring, average=average, zero_division=0
        )
        measured = [found.measure(f"{average}_{name}") for name in names]
        assert measured == pytest.approx(expected[:3])
    every = range(p.shape[1])
    each = sk.precision_recall_fscore_support(ids, predicted, labels=every, zero_division=0)
    for name, values in zip(names, each[:3], strict=True):
        for which, value in enumerate(values):
            measured = found.measure(f"{name}[{which}]")
            assert measured == pytest.approx(value if which in occurring else math.nan, nan_ok=True)


@given(answers())
def test_auc_equals_scikit_learn(given):
    ids, p = given
    found, aucs, sizes = Predictions(ids, p), [], []
    for which in range(p.shape[1]):
        own = ids == which
        defined = own.any() and not own.all()
        auc = sk.roc_auc_score(own, p[:, which]) if defined else math.nan
        assert found.measure(f"auc[{which}]") == pytest.approx(auc, nan_ok=True)
        if defined:
            aucs.append(auc)
            sizes.append(own.sum())
    macro, weighted = (
        (np.mean(aucs), np.average(aucs, weights=sizes)) if aucs else (math.nan, math.nan)
    )
    assert found.measure("macro_auc") == pytest.approx(macro, nan_ok=True)
    assert found.measure("weighted_auc") == pytest.approx(weighted, nan_ok=True)


def test_macro_auc_of_all_classes_equals_one_versus_rest():
    rng = np.random.default_rng(0)
    ids, p = rng.integers(0, 4, 80), rng.dirichlet(np.ones(4), 80)
    found = Predictions(ids, p)
    for average in ("macro", "weighted"):
        expected = sk.roc_auc_score(ids, p, multi_class="ovr", average=average)
        assert found.measure(f"{average}_auc") == pytest.approx(expected)
        for name in ("brier", "top_k_accuracy[2]"):
            assert found.measure(name) == pytest.approx(
                sk.brier_score_loss(ids, p)
                if name == "brier"
                else sk.top_k_accuracy_score(ids, p, k=2)
            )


def test_narrow_scores_are_ranked_exactly():
    # thresholds that are 1/199 apart would give 0.5
    scores = 0.5 + 1e-6 * np.arange(10)
    assert rank_auc(scores, np.arange(10) >= 5) == 1.0


@given(answers(), st.integers(1, 20))
def test_calibration_error_follows_its_bins(given, bins):
    ids, p = given
    sure, right = p.max(1), p.argmax(1) == ids
    shares, means = calibration_curve(right, sure, n_bins=bins)
    edges = np.linspace(0, 1, bins + 1)
    sizes = np.bincount(np.searchsorted(edges[1:-1], sure), minlength=bins)
    expected = (sizes[sizes > 0] / len(ids)) @ np.abs(shares - means)
    assert Predictions(ids, p).measure(f"ece[{bins}]") == pytest.approx(expected)


@given(answers())
def test_brier_score_equals_scikit_learn(given):
    ids, p = given
    expected = sk.brier_score_loss(ids, p if p.shape[1] > 2 else p[:, 1], labels=range(p.shape[1]))
    assert Predictions(ids, p).measure("brier") == pytest.approx(expected)


@given(answers(least=3), st.randoms(use_true_random=False))
def test_top_k_is_the_mean_over_orders_of_ties(given, random):
    ids, p = given
    k = random.randint(1, p.shape[1] - 1)
    hits = [
        sum(
            np.isin(y, np.lexsort((shift, row))[::-1][:k])
            for shift in (np.roll(np.arange(len(row)), step) for step in range(len(row)))
        )
        / len(row)
        for y, row in zip(ids, p, strict=True)
        if len({*row}) == 1  # all tie: each rotation is an order
    ]
    alike = [place for place, row in enumerate(p) if len({*row}) == 1]
    if alike:
        found = Predictions(ids[alike], p[alike]).measure(f"top_k_accuracy[{k}]")
        assert found == pytest.approx(np.mean(hits)) == pytest.approx(k / p.shape[1])
    untied = [place for place, row in enumerate(p) if len({*row}) == len(row)]
    if untied:
        found = Predictions(ids[untied], p[untied]).measure(f"top_k_accuracy[{k}]")
        expected = sk.top_k_accuracy_score(ids[untied], p[untied], k=k, labels=range(p.shape[1]))
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("name", ["recall[0]", "macro_auc", "top_k_accuracy[2]", "ece", "brier"])
def test_nan_gives_nan(name):
    p = np.full((3, 3), 1 / 3)
    p[1, 2] = np.nan
    assert math.isnan(Predictions(np.array([0, 0, 2]), p).measure(name))


def test_scores_have_ranks_and_no_calibration():
    scores = np.array([[3.0, 1.0], [0.5, 2.0]])
    found = Predictions(np.array([0, 1]), scores, are_probabilities=False)
    assert found.measure("macro_auc") == 1.0
    assert math.isnan(found.measure("ece"))
    assert math.isnan(found.measure("brier"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recall[Cat]", "a class in recall[...], one of cat, dog; got Cat; did you mean `cat`?"),
        ("top_k_accuracy[2]", "a whole number from 1 to 1 in top_k_accuracy[...]; got 2."),
        ("ece[0]", "a whole number from 1 to 1000 in ece[...]; got 0."),
    ],
)
def test_arguments_that_do_not_fit_are_refused(text, message):
    with pytest.raises(ToggleError) as caught:
        check_prediction_metric(text, ("cat", "dog"))
    assert str(caught.value) == f"`metrics`: expected {message}"
