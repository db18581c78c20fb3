"""Evaluation: loss, accuracy, macro F1 and negative log-likelihood of a model."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnzoo.models.compiled_loss import loss_of
from cnnzoo.models.image_format import oriented
from cnnzoo.models.losses import LabelError
from cnnzoo.training.batches import watched_stream
from cnnzoo.training.penalties import WithoutPenalties

PREDICTION_BATCH = 256


def evaluate(model: Any, x: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
    """Measure a compiled model, in numbers that compare across losses.

    Parameters
    ----------
    model
        A compiled ``keras.Model`` with one output.
    x, labels
        Examples, and class ids or numbers, of shape (n,).

    Returns
    -------
    dict
        "loss", what Keras's ``evaluate`` gives without ``model.losses``: without penalties on
        weights and activations, and without what layers add by ``add_loss``. For classes also
        "accuracy", "macro_f1" (the mean of 2 TP / (2 TP + FP + FN) over the classes that occur
        among the labels or the predictions) and "nll", the mean negative log-likelihood in nats;
        "nll" only where the outputs are probabilities or, by the loss's ``from_logits=True``,
        logits. For a regression "mae" and "rmse". All are NaN if an output is NaN.

    Raises
    ------
    LabelError
        If the labels do not fit the loss.
    """
    loss = loss_of(model)
    if not len(x) == len(labels) > 0:
        raise LabelError(
            "`evaluate` takes examples with a label each; "
            f"got {len(x)} examples and {len(labels)} labels."
        )
    targets = loss.encode(labels)
    outputs = _predict(model, x)
    follows = loss.follows_from(targets, outputs)
    measured = {
        "loss": loss.measure(targets, outputs) if follows else _keras_loss(model, x, targets)
    }
    if loss.classes == 1:
        errors = outputs.astype("float64") - targets
        measured["mae"] = float(np.abs(errors).mean())
        measured["rmse"] = float(np.sqrt(np.square(errors).mean()))
        return measured
    probabilities = loss.choice.probabilities(outputs, logits=loss.logits)
    ids = targets.argmax(1) if loss.choice.labels == "one-hot" else targets.ravel().astype("int64")
    predicted = probabilities.argmax(1)
    # the largest of numbers that include NaN is the first NaN, so the class 0
    told = not np.isnan(probabilities).any()
    measured["accuracy"] = float((predicted == ids).mean()) if told else math.nan
    measured["macro_f1"] = _macro_f1(ids, predicted) if told else math.nan
    if loss.tells_probabilities(outputs):
        likelihoods = probabilities[np.arange(len(ids)), ids]
        smallest = np.finfo("float32").tiny
        measured["nll"] = float(-np.log(np.maximum(likelihoods, smallest)).mean())
    return measured


def _keras_loss(model: Any, x: NDArray[Any], targets: NDArray[Any]) -> float:
    """Have Keras evaluate the loss, without penalties."""
    without = WithoutPenalties(model)
    stream = watched_stream(x, targets, PREDICTION_BATCH)
    whole = model.evaluate(stream, callbacks=[without], verbose=0, return_dict=True)["loss"]
    return float(whole if without.tested is None else without.tested)


def _macro_f1(ids: NDArray[Any], predicted: NDArray[Any]) -> float:
    classes = int(max(ids.max(), predicted.max())) + 1
    hits = np.bincount(ids[predicted == ids], minlength=classes)
    both = np.bincount(ids, minlength=classes) + np.bincount(predicted, minlength=classes)
    seen = both > 0
    return float((2 * hits[seen] / both[seen]).mean())


def _predict(model: Any, x: NDArray[Any]) -> NDArray[np.float32]:
    """Return the model's outputs in inference mode.

    All batches are filled up to one size: Keras would trace the model anew for the last one.
    """
    batches = []
    for start in range(0, len(x), PREDICTION_BATCH):
        batch = oriented(x[start : start + PREDICTION_BATCH])
        missing = PREDICTION_BATCH - len(batch)
        filled = np.concatenate([batch, np.repeat(batch[:1], missing, axis=0)])
        batches.append(model.predict_on_batch(filled)[: len(batch)])
    return np.concatenate(batches).astype("float32")
