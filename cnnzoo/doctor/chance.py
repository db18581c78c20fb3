"""Checks for models that are at chance level and for training that diverged."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED, Finding

EXPLAINED = 0.03
"""Share of the entropy or variance that a model must explain to be better than a constant."""

Z = 3.09
"""The one-sided 0.1% point of the normal distribution."""

SHOWN = 1e-3
"""An accuracy that chance reaches in fewer samples is better than a constant answer."""

DIVERGED_RATIO = 10.0
"""Ratio to the loss of a constant answer above which a loss counts as diverged."""


@dataclass(frozen=True)
class Constant:
    """Metrics of the best constant answer for a set of labels.

    Parameters
    ----------
    count
        Number of labels.
    accuracy
        Share of the most frequent class; NaN for a regression.
    nll
        Entropy of the class shares, in nats; NaN for a regression.
    macro_f1
        Mean macro F1 of random answers drawn by the class shares, which is above that of a
        constant one: 1 over the number of classes that occur; NaN for a regression.
    rmse
        Standard deviation of the targets; NaN for classification.
    """

    count: int
    accuracy: float = math.nan
    nll: float = math.nan
    macro_f1: float = math.nan
    rmse: float = math.nan

    @classmethod
    def of(cls, labels: NDArray[np.generic], classes: int) -> "Constant":
        """Compute the metrics from the labels of a split.

        Parameters
        ----------
        labels
            Class ids, or numbers for a regression.
        classes
            Number of classes; 1 for a regression.

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
    r"""Return a finding if a model is not shown to be better than a constant answer.

    A classifier is at chance level if all of these that are defined hold:

    - Its accuracy is within chance of predicting the most frequent class, of share q, for n
      examples: :math:`P(B(n, q) \ge k) > 0.001` for k correct predictions.
    - The macro F1 is not above :math:`1/c` by more than :math:`z \sqrt{(c - 1) / n} / c` for c
      classes. Answers that ignore the inputs have at most :math:`1/c` on average. They exceed the
      limit in 0.1% of samples, or in up to 3% if a class has five examples or fewer.
    - The negative log-likelihood is not below the entropy of the class shares by more than 3%, nor
      by more than :math:`z^2 / 2n`, the gain that one parameter fitted to noise exceeds in 0.1%
      of samples (Wilks 1938).

    The second condition recognizes a model of rare classes that was trained with class weights,
    which trades accuracy for recall; the third recognizes one that always predicts the most
    frequent class, with useful probabilities. A regression is at chance level if its mean squared
    error is not below the variance by more than 3% and :math:`z^2 / n` of it.

    Parameters
    ----------
    constant
        Metrics of a constant answer on the split.
    metrics
        Metrics of the model on the split: accuracy, macro_f1 and nll, or rmse.
    split
        Name of the split, for the evidence.

    Examples
    --------
    >>> guess = Constant(count=100, accuracy=0.1, nll=2.303)
    >>> check_chance(guess, {"accuracy": 0.14, "nll": 2.29}, "test").evidence
    'on the 100 test examples accuracy is 0.14 (a constant answer: 0.1) and nll 2.29 (2.3)'
    >>> check_chance(guess, {"accuracy": 0.14, "nll": 1.9}, "test") is None
    True
    """
    n = constant.count
    compared: list[tuple[str, float, float]] = []
    accuracy, nll, rmse = (metrics.get(name, math.nan) for name in ("accuracy", "nll", "rmse"))
    if math.isfinite(accuracy) and constant.accuracy < 1:
        if chance_of(round(accuracy * n), n, constant.accuracy) <= SHOWN:
            return None
        chance_f1 = constant.macro_f1
        limit = chance_f1 + Z * math.sqrt(chance_f1 * (1 - chance_f1) / n)
        if metrics.get("macro_f1", 0.0) > limit:
            return None
        compared.append(("accuracy", accuracy, constant.accuracy))
        if math.isfinite(nll):
            if nll < constant.nll - max(EXPLAINED * constant.nll, Z**2 / (2 * n)):
                return None
            compared.append(("nll", nll, constant.nll))
    elif math.isfinite(rmse) and constant.rmse > 0:
        if rmse**2 < constant.rmse**2 * (1 - max(EXPLAINED, Z**2 / n)):
            return None
        compared.append(("rmse", rmse, constant.rmse))
    if not compared:
        return None
    (name, first, best), *more = compared
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
    """Return a finding if training left a model far worse than a constant answer.

    All numbers are finite; NaN and infinity fail a trial. A classifier has diverged if its loss on
    the training data is more than ten times the entropy of the class shares, and above 10, in
    training mode (where batch normalization uses the batch statistics) and in inference mode. A
    custom loss may have another scale, for example by ``reduction="sum"``, so the negative
    log-likelihood, if it is defined, must also be more than twice that entropy. A regression has
    diverged if its mean squared error is more than ten times that of the answer 0, near which a
    model starts.

    Parameters
    ----------
    labels, classes
        Labels of the training data, and the number of classes; see `Constant.of`.
    metrics
        Metrics of the model on the training data, by name.
    history
        Values of each epoch, by metric name.

    Examples
    --------
    >>> labels = np.arange(100) % 10
    >>> metrics, history = {"loss": 2.5e11}, {"loss": [3e11, 2e11]}
    >>> check_divergence(labels, 10, metrics, history).evidence
    'the loss on the training data is 2.5e+11, where a constant answer has 2.3'
    """
    if classes == 1:
        name, value = "rmse", metrics.get("rmse", math.nan)
        constant_loss = float(np.sqrt(np.square(labels.astype("float64")).mean()))
        limit = math.sqrt(DIVERGED_RATIO) * constant_loss
        in_training = history.get("rmse") or [math.inf]
        answer = f"the answer 0 has {constant_loss:.3g}"
    else:
        name, value = "loss", metrics.get("loss", math.nan)
        constant_loss = Constant.of(labels, classes).nll
        limit = DIVERGED_RATIO * max(constant_loss, 1.0)
        in_training = history.get("loss") or [math.inf]
        answer = f"a constant answer has {constant_loss:.3g}"
    if not (math.isfinite(value) and value > limit and in_training[-1] > limit):
        return None
    if classes > 1 and metrics.get("nll", math.inf) <= 2 * constant_loss:
        return None
    return Finding(
        DIVERGED,
        "Training diverged",
        f"the {name} on the training data is {value:.3g}, where {answer}",
        "Lower the learning rate",
    )


def chance_of(hits: int, n: int, share: float) -> float:
    """Return the probability of at least `hits` successes in n trials."""
    from scipy import special  # slow to import

    return 1.0 if hits <= 0 else float(special.bdtrc(hits - 1, n, share))
