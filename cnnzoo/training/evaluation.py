"""Evaluate a model: loss, accuracy, macro F1 and negative log-likelihood, or MAE and RMSE."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.data.scaling import Pixels
from cnnzoo.models.compiled_loss import loss_of
from cnnzoo.models.image_format import oriented
from cnnzoo.models.losses import LabelError
from cnnzoo.training.batches import validation_stream
from cnnzoo.training.given_metrics import check_requested, measure_requested
from cnnzoo.training.metric_names import MINORITY
from cnnzoo.training.metric_texts import read_requested
from cnnzoo.training.outcomes import CORRECT, ERROR, LOSS, NLL, SAME
from cnnzoo.training.penalties import WithoutPenalties
from cnnzoo.training.predictions import Predictions

PREDICTION_BATCH = 256
"""Examples per batch of a prediction."""


class Evaluation(NamedTuple):
    """What a model does on one split.

    Attributes
    ----------
    metrics
        Metrics by name.
    outcomes
        Outcomes of the examples by name, as `cnnzoo.training.outcomes` names them.
    notes
        By name, sentences on requested metrics that are missing or mislead.
    """

    metrics: dict[str, float]
    outcomes: dict[str, NDArray[Any]]
    notes: dict[str, str]


def evaluate(
    model: keras.Model,
    x: Pixels,
    labels: NDArray[Any],
    metrics: Any = (),
    class_names: Sequence[str] = (),
) -> dict[str, float]:
    """Evaluate a compiled model with metrics that are comparable across losses.

    Parameters
    ----------
    model
        A compiled ``keras.Model`` with one output.
    x, labels
        Examples, and their class ids, or numbers for a regression, of shape (n,).
    metrics
        Further metrics, as in `cnnzoo.train`. A metric that is not defined for these labels and
        outputs is left out.
    class_names
        Names of the class ids, for metrics such as "recall[cat]"; the ids if left out.

    Returns
    -------
    dict
        Metrics by name. "loss" is the loss of Keras's ``evaluate`` without ``model.losses``, that
        is without penalties on weights and activations and without losses that layers add. A
        classifier also has "accuracy", "macro_f1" (the mean of 2 TP / (2 TP + FP + FN) over the
        classes that occur among the labels or the predictions) and "nll", the mean negative
        log-likelihood in nats. "nll" is missing if the outputs are neither probabilities nor
        logits declared by the loss's ``from_logits=True``. A regression has "mae" and "rmse".
        All metrics are NaN if an output is NaN.

    Raises
    ------
    LabelError
        If the labels do not fit the loss.
    ToggleError
        If a metric is unknown or does not fit the labels.

    Examples
    --------
    >>> import cnnzoo
    >>> digits = cnnzoo.load_data("digits")
    >>> model = cnnzoo.mlp(input_shape=digits.info.input_shape, seed=0)
    >>> list(evaluate(model, *digits.test, metrics=["recall[3]"]))
    ['loss', 'accuracy', 'macro_f1', 'nll', 'recall[3]']
    """
    texts = read_requested(metrics)
    check_requested(texts, loss_of(model).classes, class_names, "labels")
    return evaluate_each(model, x, labels, metrics=texts, class_names=class_names).metrics


def evaluate_each(
    model: keras.Model,
    x: Pixels,
    labels: NDArray[Any],
    *,
    outcomes: bool = False,
    minority: Sequence[int] = (),
    metrics: Sequence[str] = (),
    class_names: Sequence[str] = (),
) -> Evaluation:
    """Evaluate a compiled model, and return the outcome of each example too.

    Parameters
    ----------
    model, x, labels
        See `evaluate`.
    outcomes
        Whether to return outcomes.
    minority
        Ids of the rare classes, see `minority_classes`. If one of them occurs among the labels or
        the predictions, there is a metric "minority_f1", the mean of the F1 of those that do.
    metrics
        Texts of requested metrics, see `cnnzoo.training.metric_texts.requested`.
    class_names
        Names of the class ids.

    Returns
    -------
    Evaluation
        The metrics of `evaluate`, and the outcomes: "correct" and, if there is an "nll", "nll"; or
        "error" for a regression; and "loss" if it is the mean of the examples' losses. There are
        none if an output is not finite.
    """
    loss = loss_of(model)
    if not len(x) == len(labels) > 0:
        raise LabelError(
            "`evaluate`: expected one label for each of at least one example; "
            f"got {len(x)} examples and {len(labels)} labels."
        )
    targets = loss.encode(labels)
    outputs = _predict(model, x)
    follows = loss.follows_from(targets, outputs)
    measured = {
        "loss": loss.measure(targets, outputs) if follows else _keras_loss(model, x, targets)
    }
    each: dict[str, NDArray[Any]] = {}
    predictions: Predictions | None = None
    if loss.classes == 1:
        errors = outputs.astype("float64") - targets
        measured["mae"] = float(np.abs(errors).mean())
        measured["rmse"] = float(np.sqrt(np.square(errors).mean()))
        each[ERROR] = errors.ravel()
        given = targets.ravel(), outputs.ravel()
    else:
        probabilities = loss.choice.probabilities(outputs, logits=loss.logits)
        one_hot = loss.choice.labels == "one-hot"
        ids = targets.argmax(1) if one_hot else targets.ravel().astype("int64")
        are_probabilities = loss.tells_probabilities(outputs)
        predictions = Predictions(
            ids, probabilities, class_names, are_probabilities=are_probabilities
        )
        told = predictions.are_numbers
        measured["accuracy"] = float(predictions.correct.mean()) if told else math.nan
        measured["macro_f1"] = predictions.measure("macro_f1")
        each[CORRECT] = predictions.correct
        if are_probabilities:
            likelihoods = probabilities[np.arange(len(ids)), ids]
            smallest = np.finfo("float32").tiny
            each[NLL] = -np.log(np.maximum(likelihoods, smallest))
            measured["nll"] = float(each[NLL].mean())
        rare = predictions.by_class["f1"][[*minority]]
        if not np.isnan(rare).all():
            measured[MINORITY] = float(np.nanmean(rare)) if told else math.nan
        given = ids, probabilities
    further, notes = measure_requested(metrics, *given, predictions)
    measured |= further
    if not outcomes or not np.isfinite(outputs).all():
        return Evaluation(measured, {}, notes)
    if follows:
        each[LOSS] = loss.measure_each(targets, outputs)
    elif NLL in each and math.isclose(measured["loss"], measured["nll"], rel_tol=SAME):
        each[LOSS] = each[NLL]
    return Evaluation(measured, each, notes)


def _keras_loss(model: keras.Model, x: Pixels, targets: NDArray[Any]) -> float:
    """Return the loss that Keras evaluates, without penalties."""
    without = WithoutPenalties(model)
    stream = validation_stream(x, targets, PREDICTION_BATCH)
    total = model.evaluate(stream, callbacks=[without], verbose=0, return_dict=True)["loss"]
    return float(total if without.tested is None else without.tested)


def minority_classes(labels: NDArray[Any], classes: int) -> list[int]:
    """Return the rare classes: with less than half of the examples of the most frequent class.

    Parameters
    ----------
    labels
        Class ids of the training split.
    classes
        Number of classes; 1 for a regression, which has no rare class.

    Examples
    --------
    >>> minority_classes(np.array([0, 0, 0, 0, 1, 1, 2]), 3)
    [2]
    """
    if classes == 1:
        return []
    counts = np.bincount(labels, minlength=classes)
    return [int(rare) for rare in np.flatnonzero(2 * counts < counts.max())]


def _predict(model: keras.Model, x: Pixels) -> NDArray[np.float32]:
    """Return the model's outputs in inference mode.

    The last batch is padded to full size, because Keras would trace the model again for it.
    """
    batches = []
    for start in range(0, len(x), PREDICTION_BATCH):
        batch = oriented(x[start : start + PREDICTION_BATCH])
        missing = PREDICTION_BATCH - len(batch)
        filled = np.concatenate([batch, np.repeat(batch[:1], missing, axis=0)])
        batches.append(model.predict_on_batch(filled)[: len(batch)])
    return np.concatenate(batches).astype("float32")
