"""Diagnosis of rare classes that a trained model never answers."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.labels import MAX_IMBALANCE

IGNORED = 0.1
"""Recall below which a class counts as ignored (own choice)."""

EXAMPLES = 10, 200
"""Least examples of a class that its recall is judged by, and most that are used (own choice)."""


def check_recall(
    model: keras.Model, x: NDArray[Any], ids: NDArray[np.int64], *, from_logits: bool = False
) -> Finding | None:
    """Return a finding if the model answers almost no example of a rare class rightly.

    Only classes of less than a tenth of the largest one are looked at, on the training data.

    Parameters
    ----------
    model
        The trained model.
    x, ids
        Training examples and their class ids.
    from_logits
        Whether a model of one unit returns logits, so that it answers 1 above 0 and not above 0.5.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.array([[1.0, 0.0]])])
    >>> x = np.ones((220, 1), "float32")
    >>> check_recall(model, x, np.repeat([0, 1], [200, 20])) is None  # not rare enough
    True
    >>> check_recall(model, x, np.repeat([0, 1], [205, 15])).evidence
    'of 15 training examples of class 1 the model answers 0 rightly; class 0 has 205 examples'
    """
    counts = np.bincount(ids)
    largest = int(counts.argmax())
    for label in np.argsort(counts, kind="stable"):
        if counts[label] * MAX_IMBALANCE >= counts[largest]:
            return None
        if counts[label] < EXAMPLES[0]:
            continue
        rows = np.flatnonzero(ids == label)
        rows = rows[:: -(-len(rows) // EXAMPLES[1])]
        right = int((_answers(model, x[rows], from_logits) == label).sum())
        if right < IGNORED * len(rows):
            return CODES["imbalance"].finding(
                f"of {len(rows):,} training examples of class {label} the model answers {right} "
                f"rightly; class {largest} has {counts[largest]:,} examples",
                "Set class_weight, or draw the rare classes more often; judge by macro F1",
                name="A rare class is never answered",
                severity=Severity.WARNING,
            )
    return None


def _answers(model: keras.Model, x: NDArray[Any], from_logits: bool) -> NDArray[np.int64]:
    outputs: Any = keras.ops.convert_to_numpy(model(x, training=False))
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return np.asarray(outputs.argmax(axis=1), "int64")
    return np.asarray(outputs.reshape(-1) > (0.0 if from_logits else 0.5), "int64")
