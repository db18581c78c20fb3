"""Evaluate a model: loss, accuracy, macro F1 and negative log-likelihood, or MAE and RMSE."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.data import Data
from cnnzoo.data.scaling import Pixels
from cnnzoo.data.targets import Labels, Targets, arrays_of
from cnnzoo.models.compiled_loss import CompiledLoss
from cnnzoo.models.image_format import oriented
from cnnzoo.models.losses import LabelError
from cnnzoo.models.model_loss import ModelLoss, losses_of
from cnnzoo.training.batches import validation_stream
from cnnzoo.training.given_metrics import check_requested, measure_requested
from cnnzoo.training.metric_names import MINORITY
from cnnzoo.training.metric_texts import metrics_of_output, read_requested
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
    labels: Labels | Mapping[str, NDArray[Any]],
    metrics: Any = (),
    class_names: Sequence[str] | Mapping[str, Sequence[str]] = (),
) -> dict[str, float]:
    """Evaluate a compiled model with metrics that are comparable across losses.

    Parameters
    ----------
    model
        A compiled ``keras.Model``.
    x, labels
        Examples, and their class ids, or numbers for a regression, of shape (n,). For a model with
        several outputs, a mapping of their names to such labels.
    metrics
        Further metrics, as in `cnnzoo.train`. A metric that is not defined for these labels and
        outputs is left out.
    class_names
        Names of the class ids, for metrics such as "recall[cat]"; the ids if left out. Of several
        outputs, a mapping of their names to these.

    Returns
    -------
    dict
        Metrics by name. "loss" is the loss of Keras's ``evaluate`` without ``model.losses``, that
        is without penalties on weights and activations and without losses that layers add. A
        classifier also has "accuracy", "macro_f1" (the mean of 2 TP / (2 TP + FP + FN) over the
        classes that occur among the labels or the predictions) and "nll", the mean negative
        log-likelihood in nats. "nll" is missing if the outputs are neither probabilities nor
        logits declared by the loss's ``from_logits=True``. A regression has "mae" and "rmse".
        All metrics are NaN if an output is NaN. With several outputs, "loss" is their weighted sum,
        and the metrics of each begin with its name: "digit_loss", "digit_accuracy" and so on.

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
    if isinstance(labels, Mapping):
        labels = Targets({name: np.asarray(each) for name, each in labels.items()})
    names = dict(class_names) if isinstance(class_names, Mapping) else {"": class_names}
    loss = losses_of(model, named=isinstance(labels, Targets))
    texts = read_requested(metrics, [*loss.by_output])
    for output, own in loss.by_output.items():
        of_output = metrics_of_output(texts, output)
        check_requested(of_output, own.classes, names.get(output, ()), "labels")
    return evaluate_each(model, x, labels, metrics=texts, class_names=names).metrics


def evaluate_each(
    model: keras.Model,
    x: Pixels,
    labels: Labels,
    *,
    outcomes: bool = False,
    minority: Mapping[str, Sequence[int]] = MappingProxyType({}),
    metrics: Sequence[str] = (),
    class_names: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Evaluation:
    """Evaluate a compiled model, and return the outcome of each example too.

    Parameters
    ----------
    model, x, labels
        See `evaluate`.
    outcomes
        Whether to return outcomes.
    minority
        Ids of the rare classes by output, see `minority_classes`. If one of them occurs among the
        labels or the predictions, there is a metric "minority_f1", the mean of the F1 of those
        that do.
    metrics
        Texts of requested metrics, see `cnnzoo.training.metric_texts.requested`.
    class_names
        Names of the class ids by output.

    Returns
    -------
    Evaluation
        The metrics of `evaluate`, and the outcomes: "correct" and, if there is an "nll", "nll"; or
        "error" for a regression; and "loss" if it is the mean of the examples' losses. There are
        none if an output is not finite. With several outputs their names begin with that of the
        output, except "loss".
    """
    loss = losses_of(model, named=isinstance(labels, Targets))
    if not len(x) == len(labels) > 0:
        raise LabelError(
            "`evaluate`: expected one label for each of at least one example; "
            f"got {len(x)} examples and {len(labels)} labels."
        )
    encoded = loss.encode(labels)
    targets, outputs = loss.by_name(encoded), loss.by_name(_predict(model, x))
    parts = {name: (own, targets[name], outputs[name]) for name, own in loss.by_output.items()}
    follows = all(own.follows_from(y, given) for own, y, given in parts.values())
    if follows:
        losses = {name: own.measure(y, given) for name, (own, y, given) in parts.items()}
        total = loss.total(losses)
    else:
        total, losses = _keras_losses(model, loss, x, encoded)
    measured = {"loss": total}
    each: dict[str, NDArray[Any]] = {}
    notes: dict[str, str] = {}
    for name, part in parts.items():
        own = _evaluate_output(
            *part,
            minority=minority.get(name, ()),
            metrics=metrics_of_output(metrics, name),
            class_names=class_names.get(name, ()),
        )
        prefix = f"{name}_" if name else ""
        if prefix:
            measured[f"{prefix}loss"] = losses[name]
        measured |= {f"{prefix}{metric}": value for metric, value in own.metrics.items()}
        each |= {f"{prefix}{outcome}": values for outcome, values in own.outcomes.items()}
        notes |= {f"{prefix}{metric}": f"{prefix}{note}" for metric, note in own.notes.items()}
    if not outcomes or not all(np.isfinite(given).all() for _, _, given in parts.values()):
        return Evaluation(measured, {}, notes)
    if follows:
        of_examples = {name: own.measure_each(y, given) for name, (own, y, given) in parts.items()}
        each[LOSS] = loss.total(of_examples)
        if loss.has_names:
            each |= {f"{name}_{LOSS}": values for name, values in of_examples.items()}
    elif NLL in each and math.isclose(measured["loss"], measured["nll"], rel_tol=SAME):
        each[LOSS] = each[NLL]
    return Evaluation(measured, each, notes)


def _evaluate_output(
    loss: CompiledLoss,
    targets: NDArray[Any],
    outputs: NDArray[Any],
    *,
    minority: Sequence[int],
    metrics: Sequence[str],
    class_names: Sequence[str],
) -> Evaluation:
    """Return the metrics of one output without its loss, and the outcomes of the examples."""
    measured: dict[str, float] = {}
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
    return Evaluation(measured | further, each, notes)


def _keras_losses(
    model: keras.Model, loss: ModelLoss, x: Pixels, encoded: Any
) -> tuple[float, dict[str, float]]:
    """Return the total loss that Keras evaluates, without penalties, and that of each output.

    Keras (3.15.1) gives the losses of several outputs as the mean over the batches, whatever their
    size. So the full batches and the last one are evaluated one after the other.
    """
    if not loss.has_names:
        return _keras_loss(model, x, encoded)["loss"], {}
    whole = len(x) - len(x) % PREDICTION_BATCH
    sums: defaultdict[str, float] = defaultdict(float)
    for rows in (slice(0, whole), slice(whole, len(x))):
        part = keras.tree.map_structure(lambda each, rows=rows: each[rows], encoded)
        count = rows.stop - rows.start
        if count:
            for name, value in _keras_loss(model, x[rows], part).items():
                sums[name] += value * count
    means = {name: total / len(x) for name, total in sums.items()}
    return means["loss"], {
        name: means[f"{name}_loss"] if len(loss.by_output) > 1 else means["loss"]
        for name in loss.by_output
    }


def _keras_loss(model: keras.Model, x: Pixels, targets: Any) -> dict[str, float]:
    """Return the losses that Keras evaluates; the total one is without penalties."""
    without = WithoutPenalties(model)
    stream = validation_stream(x, targets, PREDICTION_BATCH)
    logs = model.evaluate(stream, callbacks=[without], verbose=0, return_dict=True)
    if without.tested is not None:
        logs["loss"] = without.tested
    return {name: float(value) for name, value in logs.items()}


def minority_of(data: Data) -> dict[str, list[int]]:
    """Return the rare classes of each output of some data; see `minority_classes`."""
    arrays = arrays_of(data.train.y)
    return {
        output.name: minority_classes(arrays[output.name], output.classes)
        for output in data.info.every_output
    }


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


def _predict(model: keras.Model, x: Pixels) -> Any:
    """Return the model's outputs in inference mode, in their form.

    The last batch is padded to full size, because Keras would trace the model again for it.
    """
    batches = []
    for start in range(0, len(x), PREDICTION_BATCH):
        batch = oriented(x[start : start + PREDICTION_BATCH])
        missing = PREDICTION_BATCH - len(batch)
        filled = np.concatenate([batch, np.repeat(batch[:1], missing, axis=0)])
        rows = slice(len(batch))
        outputs = model.predict_on_batch(filled)
        batches.append(keras.tree.map_structure(lambda each, rows=rows: each[rows], outputs))
    return keras.tree.map_structure(lambda *each: np.concatenate(each).astype("float32"), *batches)
