"""Directions of metrics (lower or higher is better): one table for searches and studies."""

from typing import Literal

Direction = Literal["min", "max"]

DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys(
        (
            *("loss", "nll", "mae", "mse", "rmse", "error"),
            *("params", "macs", "seconds", "bytes", "epochs"),
        ),
        "min",
    ),
    **dict.fromkeys(
        (
            *("accuracy", "f1", "f1_score", "auc", "precision", "recall", "r2"),
            *("f_beta_score", "fbeta_score", "r2_score", "binary_io_u"),
            *("cosine_similarity", "concordance_correlation", "pearson_correlation"),
        ),
        "max",
    ),
}
"""The better direction by the end of a metric's name: "test_loss" ends in "loss".

``cosine_similarity`` is Keras's metric; Keras's loss of that name is its negative.
"""


def better_direction(metric: str) -> Direction | None:
    """Return the better direction of a metric, None where its name does not tell.

    Examples
    --------
    >>> better_direction("val_loss"), better_direction("macro_f1"), better_direction("bleu")
    ('min', 'max', None)
    """
    for end, better in DIRECTIONS.items():
        if metric == end or metric.endswith("_" + end):
            return better
    return None
