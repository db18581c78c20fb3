"""Whether a model's outputs have a likelihood."""

from collections.abc import Mapping
from typing import Any

from cnnzoo.doctor.finding import Finding
from cnnzoo.models.compiled_loss import loss_of

NO_LIKELIHOOD = "likelihood-missing"
"""The code of a model whose outputs have no negative log-likelihood."""


def check_likelihood(model: Any, metrics: Mapping[str, float]) -> Finding | None:
    """Find that the negative log-likelihood is not defined, and why.

    It is where the outputs are probabilities or, by the loss's ``from_logits=True``, logits.

    Parameters
    ----------
    model
        The trained ``keras.Model``.
    metrics
        What was measured of it, by split and name.

    Returns
    -------
    Finding or None
        None if every split has its "nll", or the model is a regression.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu")])
    >>> model.compile(loss="sparse_categorical_crossentropy")
    >>> check_likelihood(model, {"test_accuracy": 0.5}).evidence
    'the outputs, which relu ends, are neither probabilities nor declared logits'
    """
    loss = loss_of(model)
    splits = {name.partition("_")[0] for name in metrics}
    if loss.classes == 1 or all(f"{split}_nll" in metrics for split in splits):
        return None
    ending = f", which {loss.head} ends," if loss.head else ""
    last = "sigmoid" if loss.choice.labels == "binary" else "softmax"
    return Finding(
        NO_LIKELIHOOD,
        "The negative log-likelihood is not defined",
        f"the outputs{ending} are neither probabilities nor declared logits",
        f"End the model in {last}, or compile it with a crossentropy that has from_logits=True",
    )
