"""Requested metrics: checked before training, and measured on the predictions of one split."""

import inspect
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.data import DataInfo
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.toggle import ToggleError
from cnnzoo.training.custom_metrics import import_metric
from cnnzoo.training.metric_names import name_of, parts_of, snake_case
from cnnzoo.training.metric_texts import ERRORS_OF_KERAS, kind_of_metric, metrics_of_output
from cnnzoo.training.predictions import Predictions, check_prediction_metric, rank_auc

Array = NDArray[Any]
Function = Callable[[Array, Array], Any]

OF_A_COLUMN = (
    *("auc", "precision", "recall", "precision_at_recall", "recall_at_precision", "hinge"),
    *("sensitivity_at_specificity", "specificity_at_sensitivity", "squared_hinge"),
    *("true_positives", "true_negatives", "false_positives", "false_negatives"),
)
"""Metrics of Keras that take the probability of class 1 if there are 2 classes."""

DIFFERS = 5e-3
"""Difference from which a metric of Keras is said to differ from what it stands for."""

PROBE_PER_CLASS = 4
"""Examples of each class on which metrics are tried before training."""


def check_requested(
    texts: Sequence[str], classes: int, class_names: Sequence[str], name: str
) -> None:
    """Check that requested metrics can be measured on some data, on a few made up predictions.

    Parameters
    ----------
    texts
        Texts from `cnnzoo.training.metric_texts.requested`.
    classes, class_names, name
        Number of classes, 1 for a regression, their names, and the name of the data.

    Raises
    ------
    ToggleError
        If one does not fit the data, cannot be imported, or gives no number.
    """
    rng = np.random.default_rng(0)
    names = list(class_names) or [str(each) for each in range(classes)]
    ids = np.arange(PROBE_PER_CLASS * classes) % classes
    for text in texts:
        kind = kind_of_metric(text)
        _, path, options, _ = parts_of(text)
        numbers_only = kind == "predictions" or (kind == "keras" and path not in ERRORS_OF_KERAS)
        if classes == 1 and numbers_only:
            raise ToggleError(
                f"`metrics`: expected metrics of a regression, because {name} is one; got "
                f"{name_of(text)}."
            )
        if kind == "predictions":
            check_prediction_metric(text, names)
            continue
        if classes > 2 and kind == "keras" and snake_case(path).startswith("binary_"):
            raise ToggleError(
                f"`metrics`: expected 2 classes for {path}, which compares one output with 0 and "
                f"1; {name} has {classes} classes."
            )
        if options.get("from_logits"):
            raise ToggleError(
                f"`metrics`: expected {path} without from_logits, because metrics are given "
                "probabilities; got from_logits=True."
            )
        function = _function(text)
        given: tuple[Array, Array]
        if classes == 1:
            given = rng.uniform(1, 2, 8), rng.uniform(1, 2, 8)
        else:
            given = ids, rng.dirichlet(np.ones(classes), len(ids))
        try:
            number = _number(function, *given)
        except Exception as error:  # custom code may raise anything
            raise ToggleError(
                f"`metrics`: {text} fails on {len(given[0])} made up predictions: "
                f"{reason_of(error).rstrip('.')}."
            ) from error
        if number is None:
            raise ToggleError(
                f"`metrics`: expected one number, or one per example, from {text}; got another "
                "shape or type. A metric of Keras with `average` needs 'macro' or 'weighted'."
            )


def check_on_data(texts: Sequence[str], info: DataInfo) -> None:
    """Check that requested metrics can be measured on data of one output or of several.

    Raises
    ------
    ToggleError
        As of `check_requested`, or if a metric names no output of data that have several.
    """
    for output in info.every_output:
        own = metrics_of_output(texts, output.name)
        name = f"{output.name} of {info.name}" if output.name else info.name
        check_requested(own, output.classes, output.class_names, name)
    for text in texts if info.outputs else ():
        if not any(metrics_of_output([text], name) for name in info.output_names):
            raise ToggleError(
                f"`metrics`: expected the name of an output and a metric of the predictions, as in "
                f"{info.output_names[0]}_macro_recall, or one of Keras by its function's name, "
                f"because {info.name} has the outputs {', '.join(info.output_names)}; got {text}."
            )


def measure_requested(
    texts: Sequence[str], labels: Array, outputs: Array, predictions: Predictions | None
) -> tuple[dict[str, float], dict[str, str]]:
    """Measure requested metrics, with notes on those that are missing or mislead.

    Parameters
    ----------
    texts
        Texts from `cnnzoo.training.metric_texts.requested`.
    labels, outputs
        Class ids of shape (n,) and probabilities of shape (n, classes), or targets and outputs of
        a regression, both of shape (n,).
    predictions
        The same of a classifier; None for a regression.

    Returns
    -------
    tuple
        Metrics and notes by name. A metric is NaN if an output is. If it is not defined
        otherwise, it is left out.
    """
    measured: dict[str, float] = {}
    notes: dict[str, str] = {}
    diverged = bool(np.isnan(outputs).any())
    for text in texts:
        name = name_of(text)
        if diverged:
            measured[name] = math.nan
            continue
        reason = "it is not defined for these labels and predictions"
        try:
            if predictions is not None and kind_of_metric(text) == "predictions":
                number: float | None = predictions.measure(text)
            else:
                number = _number(_function(text), labels, outputs)
        except Exception as error:  # a custom metric must not lose a finished training
            number, reason = None, reason_of(error)
        if number is None or not math.isfinite(number):
            notes[name] = f"{name} is missing: {reason}"
            continue
        measured[name] = number
        if predictions is not None and kind_of_metric(text) == "keras":
            note = _misleading(text, number, predictions)
            notes |= {name: note} if note else {}
    return measured, notes


def _number(function: Function, labels: Array, outputs: Array) -> float | None:
    """Return the value of a metric: a number, or the mean of one number per example."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes that are not predicted
        value = function(labels, outputs)
    try:
        numbers = np.asarray(keras.ops.convert_to_numpy(value), dtype=float).squeeze()
    except (TypeError, ValueError):
        return None
    per_example = numbers.ndim == 1 and len(numbers) == len(labels)
    return float(numbers.mean()) if numbers.size == 1 or per_example else None


def _function(text: str) -> Function:
    """Return a metric as a function of labels and outputs; see `measure_requested`."""
    _, path, options, _ = parts_of(text)
    if kind_of_metric(text) == "keras":
        metric, base = getattr(keras.metrics, path), snake_case(path)
    else:
        metric, base = import_metric(text)[0], ""
    if not isinstance(metric, type):
        if options:
            raise ToggleError(f"`metrics`: expected no options of the function {path}; got {text}.")
        if not callable(metric):
            raise ToggleError(
                f"`metrics`: expected a function f(y_true, y_pred) at {path}; got {metric!r}."
            )
        function: Function = metric
    else:
        function = _of_class(metric, options, text)
    if not base:
        return function

    def of_keras(labels: Array, outputs: Array) -> Any:
        return function(*_as_keras_takes(base, metric, options, labels, outputs))

    return of_keras


def _of_class(kind: Any, options: Mapping[str, Any], text: str) -> Function:
    """Return a class of metrics as a function, which makes a new metric for each call."""
    if not issubclass(kind, keras.metrics.Metric):
        raise ToggleError(
            f"`metrics`: expected a subclass of keras.metrics.Metric; got {kind.__name__}."
        )
    try:
        kind(**options)
    except Exception as error:  # whatever a class says to its options
        raise ToggleError(
            f"`metrics`: {text} cannot be made: {reason_of(error).rstrip('.')}. Its options: "
            f"{', '.join(name for name in inspect.signature(kind).parameters)}."
        ) from error

    def call(labels: Array, outputs: Array) -> Any:
        metric = kind(**options)
        metric.update_state(labels, outputs)
        return metric.result()

    return call


def _as_keras_takes(
    name: str, metric: Any, options: Mapping[str, Any], labels: Array, outputs: Array
) -> tuple[Array, Array]:
    """Return labels and outputs in the form that a metric of Keras takes."""
    outputs = outputs.astype("float32")
    if outputs.ndim == 1:
        return labels.astype("float32")[:, None], outputs[:, None]
    classes = outputs.shape[1]
    if name.startswith("sparse_"):
        return labels, outputs
    of_column = name in OF_A_COLUMN and not {"class_id", "top_k"} & options.keys()
    if classes == 2 and (of_column or name.startswith("binary_")):
        return labels.astype("float32")[:, None], outputs[:, 1:]
    one_hot = np.eye(classes, dtype="float32")[labels]
    if isinstance(metric, type) and issubclass(metric, keras.metrics.IoU):
        made = metric(**options)
        return (
            labels if made.sparse_y_true else one_hot,
            outputs.argmax(1) if made.sparse_y_pred else outputs,
        )
    return one_hot, outputs


def _misleading(text: str, number: float, predictions: Predictions) -> str:
    """Return a note if a metric of Keras differs from what it stands for; see docs/traps.md."""
    _, path, options, _ = parts_of(text)
    base = snake_case(path)
    exact, instead, cause = math.nan, "", ""
    if base == "auc" and options.get("curve", "ROC") == "ROC" and "label_weights" not in options:
        instead, cause = "macro_auc", "Keras compares the scores with fixed thresholds"
        if predictions.classes == 2 or options.get("multi_label"):
            exact = predictions.measure("macro_auc")
        else:
            every = np.eye(predictions.classes, dtype=bool)[predictions.ids]
            exact = rank_auc(predictions.probabilities.ravel(), every.ravel())
    elif base in ("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"):
        k = options.get("k", 5)
        instead, cause = f"top_k_accuracy[{k}]", "Keras counts every tie as right"
        exact = predictions.measure(f"top_k_accuracy[{min(k, predictions.classes)}]")
    elif base == "f1_score" and options.get("average") == "macro" and "threshold" not in options:
        instead, cause = "macro_f1", "Keras counts classes that do not occur as 0"
        exact = predictions.measure("macro_f1")
    if math.isnan(exact) or abs(exact - number) <= DIFFERS:
        return ""
    return (
        f"{name_of(text)} is {number:.4f}, but exactly {exact:.4f}, because {cause}; use {instead}"
    )
