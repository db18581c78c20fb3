"""Metrics of a classifier from its predictions on one split: of each class, ranks, calibration."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnzoo.toggle import ToggleError, did_you_mean
from cnnzoo.training.metric_names import BY_CLASS, parts_of
from cnnzoo.training.metric_texts import BRIER, CALIBRATION, MEANS, TOP_K

BINS = 15
"""Number of bins of the calibration error, as in Guo et al. (2017)."""

Numbers = NDArray[np.float64]


class Predictions:
    """Labels and predicted class probabilities of one split.

    Parameters
    ----------
    ids
        Class ids, shape (n,).
    probabilities
        Predicted probabilities or scores, shape (n, classes).
    class_names
        Names of the class ids; the ids themselves if left out.
    are_probabilities
        Whether they are probabilities. If not, they have no Brier score and calibration error.

    Examples
    --------
    >>> ids, sure = np.array([0, 1, 1]), np.array([[0.75, 0.25], [0.5, 0.5], [0.0, 1.0]])
    >>> found = Predictions(ids, sure, ("cat", "dog"))
    >>> found.measure("recall[dog]"), found.measure("macro_auc"), found.measure("brier")
    (0.5, 1.0, 0.10416666666666667)
    """

    def __init__(
        self,
        ids: NDArray[Any],
        probabilities: NDArray[Any],
        class_names: Sequence[str] = (),
        *,
        are_probabilities: bool = True,
    ) -> None:
        self.ids, self.probabilities = ids, probabilities
        self.classes = probabilities.shape[1]
        self.class_names = list(class_names) or [str(each) for each in range(self.classes)]
        self.are_probabilities = are_probabilities
        self.predicted = probabilities.argmax(1)
        self.correct = self.predicted == ids
        # the largest of numbers that include NaN is the first NaN, so the class 0
        self.are_numbers = not np.isnan(probabilities).any()

    @cached_property
    def labelled(self) -> NDArray[np.intp]:
        """Number of examples of each class."""
        return np.bincount(self.ids, minlength=self.classes)

    @cached_property
    def by_class(self) -> dict[str, Numbers]:
        """Precision, recall, F1 and AUC of each class; NaN where one is not defined.

        Precision, recall and F1 are not defined for a class that is neither among the labels nor
        among the predictions. They are 0 for one that is never right, as in scikit-learn.
        """
        predicted = np.bincount(self.predicted, minlength=self.classes)
        hits = np.bincount(self.ids[self.correct], minlength=self.classes)
        occurs = self.labelled + predicted > 0
        measured = {}
        for name, part, whole in (
            ("precision", hits, predicted),
            ("recall", hits, self.labelled),
            ("f1", 2 * hits, self.labelled + predicted),
        ):
            ratio: Numbers = np.where(occurs, 0.0, np.nan)
            np.divide(part, whole, out=ratio, where=whole > 0)
            measured[name] = ratio
        return measured

    @cached_property
    def _auc(self) -> Numbers:
        """AUC of each class against the others; NaN where all or no examples are of the class.

        The share of pairs of an example of the class and another one that the score ranks rightly,
        ties counted as half (Hanley and McNeil 1982): exact, without thresholds.
        """
        columns = enumerate(self.probabilities.T)
        return np.array([rank_auc(scores, self.ids == which) for which, scores in columns])

    def measure(self, text: str) -> float:
        """Return a metric; NaN if it is not defined for these predictions.

        Parameters
        ----------
        text
            "precision[CLASS]", "recall[CLASS]", "f1[CLASS]" or "auc[CLASS]" (one class against
            the others); "macro_" or "weighted_" before the name for the mean over the classes
            for which it is defined, equally weighted or by the number of their examples;
            "top_k_accuracy[K]"; "brier"; "ece" or "ece[BINS]".
        """
        if not self.are_numbers:
            return math.nan
        _, path, _, bracket = parts_of(text)
        argument = bracket[1:-1]
        if path in BY_CLASS:
            return float(self._values(path)[self.class_names.index(argument)])
        if path in (*MEANS, "macro_f1"):
            kind, _, name = path.partition("_")
            values = self._values(name)
            defined = ~np.isnan(values)
            weights = defined.astype(float) if kind == "macro" else self.labelled * defined
            total = float(weights.sum())
            return float(values[defined] @ weights[defined]) / total if total else math.nan
        if path == TOP_K:
            return self._top_k(int(argument))
        if not self.are_probabilities:
            return math.nan
        return self._brier() if path == BRIER else self._calibration_error(int(argument or BINS))

    def _values(self, name: str) -> Numbers:
        return self._auc if name == "auc" else self.by_class[name]

    def _top_k(self, k: int) -> float:
        """Return the share of examples whose class is among the k largest.

        Of classes that tie, each is equally likely to be among them, so that a model that gives
        all classes the same scores has k / classes.
        """
        own = self.probabilities[np.arange(len(self.ids)), self.ids][:, None]
        above = (self.probabilities > own).sum(1)
        ties = (self.probabilities == own).sum(1)
        return float(np.clip((k - above) / ties, 0.0, 1.0).mean())

    def _brier(self) -> float:
        """Return the mean squared distance of probabilities and labels (Brier 1950).

        It is summed over the classes, but of two classes only one counts, as in scikit-learn.
        """
        errors = self.probabilities - np.eye(self.classes)[self.ids]
        total = float(np.square(errors).sum(1).mean())
        return total / 2 if self.classes == 2 else total

    def _calibration_error(self, bins: int) -> float:
        """Return the expected calibration error of Guo et al. (2017), equation 3.

        The probability of the predicted class falls into one of equally wide bins, each with its
        upper edge. The error is the mean of |accuracy - mean probability| over the bins, weighted
        by their examples.
        """
        confidence = self.probabilities.max(1)
        places = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
        difference = np.bincount(places, weights=self.correct - confidence, minlength=bins)
        return float(np.abs(difference).sum() / len(self.ids))


def rank_auc(scores: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """Return the share of pairs of a positive and another example that scores rank rightly.

    Ties count as half. It is NaN without a positive or without another example.

    Examples
    --------
    >>> rank_auc(np.array([0.2, 0.4, 0.4, 0.9]), np.array([False, True, False, True]))
    0.875
    """
    count = int(positive.sum())
    others = len(positive) - count
    if not (count and others):
        return math.nan
    _, places, tied = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(tied) - (tied - 1) / 2  # of equal scores, the mean of their ranks
    wins = ranks[places][positive].sum() - count * (count + 1) / 2
    return float(wins / (count * others))


def check_prediction_metric(text: str, class_names: Sequence[str]) -> None:
    """Raise ToggleError if a class, K or the number of bins does not fit the data.

    Examples
    --------
    >>> check_prediction_metric("recall[cow]", ("cat", "dog"))
    Traceback (most recent call last):
    cnnzoo.toggle.ToggleError: `metrics`: expected a class in recall[...], one of cat, dog; got cow.
    """
    _, path, _, bracket = parts_of(text)
    argument = bracket[1:-1]
    if path in BY_CLASS and argument not in class_names:
        listed = ", ".join(class_names)
        near = did_you_mean(argument, class_names)
        raise ToggleError(
            f"`metrics`: expected a class in {path}[...], one of {listed}; got {argument}{near}"
        )
    high = {TOP_K: len(class_names) - 1, CALIBRATION: 1000}.get(path)
    if not bracket or high is None:
        return
    if not (argument.isascii() and argument.isdigit() and 1 <= int(argument) <= high):
        raise ToggleError(
            f"`metrics`: expected a whole number from 1 to {high} in {path}[...]; got {argument}."
        )
