"""Checks for models that are at chance level and for training that diverged."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED, Finding

SHARE = 0.03
"""Of the entropy or the variance: what a model must explain to be better than a constant."""

Z = 3.09
"""The one-sided 0.1% point of the normal distribution, beyond which luck does not explain it."""

TIMES = 10.0
"""Ratio to the loss of a constant answer above which a loss counts as diverged."""


@dataclass(frozen=True)
class Constant:
    """Metrics of the best constant answer on some labels.

    Parameters
    ----------
    count
        How many labels there are.
    accuracy
        Share of the most frequent class; NaN for a regression.
    nll
        Entropy of the class shares, in nats; NaN for a regression.
    macro_f1
        What answers drawn by the class shares come to on average, where a constant one comes to
        less: one over the number of classes that occur; NaN for a regression.
    rmse
        Standard deviation of the targets; NaN for classes.
    """

    count: int
    accuracy: float = math.nan
    nll: float = math.nan
    macro_f1: float = math.nan
    rmse: float = math.nan

    @classmethod
    def of(cls, labels: NDArray[np.generic], classes: int) -> "Constant":
        """Measure the labels of a split.

        Parameters
        ----------
        labels
            Class ids, or numbers where `classes` is 1.
        classes
            How many classes there are; 1 for a regression.

        Examples
        --------
        >>> constant = Constant.of(np.array([0, 0, 0, 1]), classes=2)
        >>> constant.accuracy, round(constant.nll, 3)
        (0.75, 0.562)
        """
        if classes == 1:
            return cls(len(labels), rmse=float(np.std(labels.astype("float64"))))
        counts = np.bincount(labels.astype("int64"), minlength=classes)
        shares = counts[counts > 0] / len(labels)
        entropy = -float((shares * np.log(shares)).sum())
        return cls(len(labels), float(shares.max()), entropy, 1 / len(shares))


def check_chance(constant: Constant, metrics: Mapping[str, float], split: str) -> Finding | None:
    r"""Find a model that is not shown to be better than a constant answer.

    A classifier is at chance level if each of these holds that is defined:

    - Guessing the most frequent class, of share q, reaches its accuracy in more than 0.1% of
      samples of n examples: :math:`P(B(n, q) \ge k) > 0.001`.
    - The macro F1 is not above :math:`1/c` by more than :math:`z \sqrt{(c - 1) / n} / c` for c
      classes. Answers that ignore the inputs have at most :math:`1/c` on average. They pass the
      limit in 0.1% of samples, or in up to 3% where a class has five examples or fewer.
    - The negative log-likelihood is not below the entropy of the class shares by more than 3%, nor
      by more than :math:`z^2 / 2n`, which fitting one parameter to noise gains in 0.1% of samples
      (Wilks 1938).

    So two models of rare classes are better than a constant: one that is trained with class
    weights, which trades accuracy for recall, by the second; and one that always answers the most
    frequent class, with useful probabilities, by the third. Of a regression the mean squared error
    is not below the variance by more than 3% and :math:`z^2 / n` of it.

    Parameters
    ----------
    constant
        What a constant answer comes to on the split.
    metrics
        By name what the model comes to there: accuracy, macro_f1 and nll, or rmse.
    split
        Its name, for the evidence.

    Examples
    --------
    >>> guess = Constant(count=100, accuracy=0.1, nll=2.303)
    >>> check_chance(guess, {"accuracy": 0.14, "nll": 2.29}, "test").evidence
    'on the 100 test examples accuracy is 0.14 (a constant answer: 0.1) and nll 2.29 (2.3)'
    >>> check_chance(guess, {"accuracy": 0.14, "nll": 1.9}, "test") is None
    True
    """
    n = constant.count
    told: list[tuple[str, float, float]] = []
    accuracy, nll, rmse = (metrics.get(name, math.nan) for name in ("accuracy", "nll", "rmse"))
    if math.isfinite(accuracy) and constant.accuracy < 1:
        if _tail(round(accuracy * n), n, constant.accuracy) <= 1e-3:
            return None
        guessed = constant.macro_f1
        if metrics.get("macro_f1", 0.0) > guessed + Z * math.sqrt(guessed * (1 - guessed) / n):
            return None
        told.append(("accuracy", accuracy, constant.accuracy))
        if math.isfinite(nll):
            if nll < constant.nll - max(SHARE * constant.nll, Z**2 / (2 * n)):
                return None
            told.append(("nll", nll, constant.nll))
    elif math.isfinite(rmse) and constant.rmse > 0:
        if rmse**2 < constant.rmse**2 * (1 - max(SHARE, Z**2 / n)):
            return None
        told.append(("rmse", rmse, constant.rmse))
    if not told:
        return None
    (name, first, best), *more = told
    evidence = (
        f"on the {n:,} {split} examples {name} is {first:.3g} (a constant answer: {best:.3g})"
    )
    evidence += "".join(f" and {name} {value:.3g} ({best:.3g})" for name, value, best in more)
    return Finding(
        AT_CHANCE,
        "At chance level",
        evidence,
        "Look for the cause before comparing: the learning rate, the labels, the scale of the "
        "inputs, too few epochs",
    )


def check_divergence(
    labels: NDArray[np.generic],
    classes: int,
    metrics: Mapping[str, float],
    history: Mapping[str, Sequence[float]],
) -> Finding | None:
    """Find a model that training has left far worse than a constant answer, by finite numbers.

    Of classes the loss on the training data, in training (where batch normalization has the
    batch's statistics) as in inference, is more than ten times the entropy of the class shares,
    and above 10. A loss may have a scale of its own, as by ``reduction="sum"``, so the negative
    log-likelihood, if it is defined, must be more than twice that entropy too. Of a regression the
    mean squared error is more than ten times that of the answer 0, which a model starts near.

    Parameters
    ----------
    labels, classes
        Of the training data, as of `Constant.of`.
    metrics
        By name what the model comes to there.
    history
        By name the numbers of each epoch.

    Examples
    --------
    >>> labels = np.arange(100) % 10
    >>> metrics, history = {"loss": 2.5e11}, {"loss": [3e11, 2e11]}
    >>> check_divergence(labels, 10, metrics, history).evidence
    'the loss on the training data is 2.5e+11, where a constant answer has 2.3'
    """
    if classes == 1:
        name, ours = "rmse", metrics.get("rmse", math.nan)
        least = float(np.sqrt(np.square(labels.astype("float64")).mean()))
        limit = math.sqrt(TIMES) * least
        in_training = history.get("rmse") or [math.inf]
        answer = f"the answer 0 has {least:.3g}"
    else:
        name, ours = "loss", metrics.get("loss", math.nan)
        least = Constant.of(labels, classes).nll
        limit = TIMES * max(least, 1.0)
        in_training = history.get("loss") or [math.inf]
        answer = f"a constant answer has {least:.3g}"
    if not (math.isfinite(ours) and ours > limit and in_training[-1] > limit):
        return None
    if classes > 1 and metrics.get("nll", math.inf) <= 2 * least:
        return None
    return Finding(
        DIVERGED,
        "Training diverged",
        f"the {name} on the training data is {ours:.3g}, where {answer}",
        "Lower the learning rate",
    )


def _tail(hits: int, n: int, share: float) -> float:
    """Return the chance of at least so many hits among n guesses."""
    from scipy import special  # a worker that trains nothing need not load it

    return 1.0 if hits <= 0 else float(special.bdtrc(hits - 1, n, share))
