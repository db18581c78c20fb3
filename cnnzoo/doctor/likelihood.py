"""Check for outputs without a likelihood."""

from collections.abc import Mapping

import keras

from cnnzoo.data.source import SPLITS
from cnnzoo.doctor.finding import Finding
from cnnzoo.models.compiled_loss import loss_of

NO_LIKELIHOOD = "likelihood-missing"
"""Code for a model whose outputs have no negative log-likelihood."""


def check_likelihood(model: keras.Model, metrics: Mapping[str, float]) -> Finding | None:
    """Return a finding if the negative log-likelihood is not defined.

    It is defined if the outputs are probabilities, or logits declared by the loss's
    ``from_logits=True``.

    Parameters
    ----------
    model
        The trained ``keras.Model``.
    metrics
        Its metrics, named by split and metric, such as "test_accuracy".

    Returns
    -------
    Finding or None
        None if every split has its "nll", or the model is a regression.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu")])
    >>> model.compile(loss="sparse_categorical_crossentropy")
    >>> check_likelihood(model, {"test_accuracy": 0.5}).evidence
    'the outputs, which relu ends, are neither probabilities nor declared logits'
    """
    loss = loss_of(model)
    # "gap" or "dead_units" belongs to no split
    splits = {name.partition("_")[0] for name in metrics} & {*SPLITS}
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
