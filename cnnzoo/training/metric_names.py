"""Names of metrics: their columns, their better direction and their aliases in Keras."""

from enum import StrEnum


class Direction(StrEnum):
    """Whether the lowest or the highest value of a metric is the best."""

    MIN = "min"
    MAX = "max"

    __repr__ = str.__repr__


DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys(
        (
            *("loss", "nll", "mae", "mse", "rmse", "error"),
            *("params", "macs", "seconds", "bytes", "epochs", "gap", "dead_units"),
        ),
        Direction.MIN,
    ),
    **dict.fromkeys(
        (
            *("accuracy", "f1", "f1_score", "auc", "precision", "recall", "r2"),
            *("f_beta_score", "fbeta_score", "r2_score", "binary_io_u"),
            *("cosine_similarity", "concordance_correlation", "pearson_correlation"),
            "gradient_ratio",
        ),
        Direction.MAX,
    ),
}
"""Better direction by the end of a metric's name: "test_loss" ends in "loss".

``cosine_similarity`` is Keras's metric; Keras's loss of that name is its negative. Of gradient
ratios the higher one is better, because a ratio far below 1 is a gradient that vanishes.
"""


MINORITY = "minority_f1"
"""Metric that a trial has only if some classes are rare."""

ON_REQUEST = ("gradient_ratio", "dead_units")
"""Metrics that the doctor measures on its probe batch, only in studies that name them."""

WITHOUT_SPLIT = ("gap", "loss_gap", *ON_REQUEST)
"""Metrics of a trial that do not belong to one split."""

TEST, VALIDATION = "test_", "validation_"
"""Beginnings of the names that metrics have on a split."""


def column_of(metric: str) -> str:
    """Return the column of a table of trials in which a study reports a metric.

    Examples
    --------
    >>> column_of("accuracy"), column_of("loss_gap")
    ('test_accuracy', 'loss_gap')
    """
    return metric if metric in WITHOUT_SPLIT else f"{TEST}{metric}"


def metric_of(column: str) -> str:
    """Return the metric that a study reports in a column: the inverse of `column_of`.

    Examples
    --------
    >>> metric_of("test_accuracy"), metric_of("loss_gap")
    ('accuracy', 'loss_gap')
    """
    return column.removeprefix(TEST)


def validation_column_of(column: str) -> str | None:
    """Return the column with the same metric on the validation split; None if there is none.

    Examples
    --------
    >>> validation_column_of("test_loss"), validation_column_of("loss_gap")
    ('validation_loss', None)
    """
    return f"{VALIDATION}{metric_of(column)}" if column.startswith(TEST) else None


def better_direction(metric: str) -> Direction | None:
    """Return the better direction of a metric, or None if its name is unknown.

    Examples
    --------
    >>> better_direction("val_loss"), better_direction("macro_f1"), better_direction("bleu")
    ('min', 'max', None)
    """
    for end, better in DIRECTIONS.items():
        if metric == end or metric.endswith("_" + end):
            return better
    return None


SAME_NAME = {
    **{name: name for name in ("accuracy", "mae", "rmse", "nll", "macro_f1")},
    "acc": "accuracy",
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
}
"""Metric of this package by an equivalent name; Keras's "accuracy" depends on the loss."""

ACCURACIES = {
    **dict.fromkeys(("binary_accuracy", "BinaryAccuracy"), "binary"),
    **dict.fromkeys(("categorical_accuracy", "CategoricalAccuracy"), "one-hot"),
    **dict.fromkeys(("sparse_categorical_accuracy", "SparseCategoricalAccuracy"), "ids"),
}
"""Form of the labels for which a Keras metric equals "accuracy", by the name of the metric."""

F1_NAMES = ("f1", "f1_score", "F1Score", "f1_macro", "macro_f1_score")
"""Names of the F1 score, here the unweighted mean over the classes."""

NLL_NAMES = tuple(
    f"{kind}_crossentropy" for kind in ("binary", "categorical", "sparse_categorical")
)
"""Keras names of the cross-entropy, which is the negative log-likelihood of the labels."""

ALIASES = {
    **SAME_NAME,
    **dict.fromkeys(ACCURACIES, "accuracy"),
    **dict.fromkeys(F1_NAMES, "macro_f1"),
    **dict.fromkeys(NLL_NAMES, "nll"),
}
"""Metric of this package by any of its names."""

NEAREST = {
    **dict.fromkeys(("accuracy", "acc"), "accuracy"),
    **dict.fromkeys(("f1_score", "f1"), "macro_f1"),
    **dict.fromkeys(("squared_error", "mse"), "rmse"),
    "crossentropy": "nll",
}
"""Nearest metric of this package by the end of a name without an alias; otherwise the loss."""
