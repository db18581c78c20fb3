"""Names of metrics: their columns, their better direction and their aliases in Keras.

A metric is stored as a text: its name, such as "accuracy" or "recall[cat]"; the call of a Keras
metric, such as "TopKCategoricalAccuracy(k=3)"; or "module:function" for a custom one. A direction
in brackets, "[min]" or "[max]", is given where the name does not tell it.
"""

import ast
import re
from enum import StrEnum
from typing import Any, NamedTuple


class Direction(StrEnum):
    """Whether the lowest or the highest value of a metric is the best."""

    MIN = "min"
    MAX = "max"

    __repr__ = str.__repr__


DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys(
        (
            *("loss", "nll", "mae", "mse", "rmse", "error", "ece", "brier"),
            *("params", "macs", "seconds", "bytes", "epochs", "gap", "dead_units"),
            *("crossentropy", "hinge", "huber", "kl_divergence", "log_cosh", "poisson"),
            *("false_negatives", "false_positives"),
        ),
        Direction.MIN,
    ),
    **dict.fromkeys(
        (
            *("accuracy", "f1", "f1_score", "auc", "precision", "recall", "r2"),
            *("f_beta_score", "fbeta_score", "r2_score", "io_u"),
            *("cosine_similarity", "concordance_correlation", "pearson_correlation"),
            *("true_negatives", "true_positives", "sensitivity", "specificity"),
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

BY_CLASS = ("precision", "recall", "f1", "auc")
"""Metrics of one class, which stands in brackets."""

WITHOUT_SPLIT = ("gap", "loss_gap", *ON_REQUEST)
"""Metrics of a trial that do not belong to one split."""

TRAIN, VALIDATION, TEST = "train_", "validation_", "test_"
"""Beginnings of the names that metrics have on a split."""

SPLIT_OF = {TRAIN: TRAIN, VALIDATION: VALIDATION, "val_": VALIDATION, TEST: TEST}
"""The beginning of a column by the beginning of a metric's text."""

_FORM = re.compile(r"(?P<path>[^()\[\]]+)(?P<call>\(.*\))?(?P<bracket>\[.+\])?", re.DOTALL)


class Parts(NamedTuple):
    """The parts of a metric's text.

    Attributes
    ----------
    split
        Beginning of its column; empty if the text has none.
    path
        Name, or "module:function".
    options
        Keywords of a call.
    bracket
        What stands in brackets, with them.
    """

    split: str
    path: str
    options: dict[str, Any]
    bracket: str


def parts_of(text: str) -> Parts:
    """Split the text of a metric.

    Raises
    ------
    ValueError
        If it has another form.

    Examples
    --------
    >>> parts_of("val_TopKCategoricalAccuracy(k=3)")
    Parts(split='validation_', path='TopKCategoricalAccuracy', options={'k': 3}, bracket='')
    >>> parts_of("my_metrics:share[max]")
    Parts(split='', path='my_metrics:share', options={}, bracket='[max]')
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(f"expected name, name(option=value) or name[class]; got {text!r}")
    path = form["path"].strip()
    split = "" if ":" in path else next((name for name in SPLIT_OF if path.startswith(name)), "")
    options = _options_of(form["call"], text) if form["call"] else {}
    bracket = form["bracket"] or ""
    return Parts(SPLIT_OF.get(split, ""), path.removeprefix(split), options, bracket)


def _options_of(call: str, text: str) -> dict[str, Any]:
    """Return the keywords of a call, whose values are literals."""
    try:
        node: Any = ast.parse(f"_{call}", mode="eval").body
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            raise ValueError("it is no call")
        if node.args or any(keyword.arg is None for keyword in node.keywords):
            raise ValueError("an argument has no keyword")
        options = {str(one.arg): ast.literal_eval(one.value) for one in node.keywords}
        if ast.literal_eval(repr(options)) != options:
            raise ValueError("a number is not finite")
        if not isinstance(options.get("name", ""), str):
            raise ValueError("the name is no text")
        return options
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"expected options as in name(option=value); got {text!r}") from error


def call_of(path: str, options: dict[str, Any]) -> str:
    """Write a call with options, as `parts_of` reads it.

    Examples
    --------
    >>> call_of("AUC", {"num_thresholds": 50}), call_of("AUC", {})
    ('AUC(num_thresholds=50)', 'AUC')
    """
    names = sorted(options, key=lambda name: (name == "name", name))
    written = ", ".join(f"{name}={options[name]!r}" for name in names)
    return f"{path}({written})" if options else path


def name_of(text: str) -> str:
    """Return the name of a metric: how its columns and its row of a table call it.

    That is the name that Keras gives it, with the options that are not defaults, or its ``name``.

    Examples
    --------
    >>> name_of("TopKCategoricalAccuracy(k=3)"), name_of("AUC(name='area')[max]")
    ('top_k_categorical_accuracy(k=3)', 'area[max]')
    >>> name_of("accuracy"), name_of("my_metrics:share[max]"), name_of("val_recall[cat]")
    ('accuracy', 'share[max]', 'validation_recall[cat]')
    """
    split, path, options, bracket = parts_of(text)
    plain = snake_case(re.split("[:.]", path)[-1])
    if "name" in options:
        return f"{split}{options['name']}{bracket}"
    return f"{split}{call_of(plain, options)}{bracket}".removeprefix(TEST)


def snake_case(name: str) -> str:
    """Return the name that Keras gives a metric by its class.

    Examples
    --------
    >>> snake_case("TopKCategoricalAccuracy"), snake_case("R2Score"), snake_case("IoU")
    ('top_k_categorical_accuracy', 'r2_score', 'io_u')
    """
    if not name[:1].isupper() or "_" in name:
        return name
    words = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


def column_of(metric: str) -> str:
    """Return the column of a table of trials in which a study reports a metric.

    Parameters
    ----------
    metric
        Text or name of the metric.

    Examples
    --------
    >>> column_of("accuracy"), column_of("loss_gap"), column_of("val_AUC")
    ('test_accuracy', 'loss_gap', 'validation_auc')
    """
    name = name_of(metric)
    return name if name in WITHOUT_SPLIT or is_of_split(name) else f"{TEST}{name}"


def is_of_split(column: str) -> bool:
    """Return whether a column holds a metric on one split.

    Examples
    --------
    >>> is_of_split("train_loss"), is_of_split("loss_gap")
    (True, False)
    """
    return column.startswith((TRAIN, VALIDATION, TEST))


def metric_of(column: str) -> str:
    """Return the metric that a study reports in a column: the inverse of `column_of`.

    Examples
    --------
    >>> metric_of("test_accuracy"), metric_of("loss_gap"), metric_of("train_loss")
    ('accuracy', 'loss_gap', 'train_loss')
    """
    return column.removeprefix(TEST)


def validation_column_of(column: str) -> str | None:
    """Return the column with the same metric on the validation split; None if there is none.

    Examples
    --------
    >>> validation_column_of("test_loss"), validation_column_of("loss_gap")
    ('validation_loss', None)
    """
    if column.startswith(VALIDATION):
        return column
    return f"{VALIDATION}{metric_of(column)}" if column.startswith(TEST) else None


def better_direction(metric: str) -> Direction | None:
    """Return the better direction of a metric, or None if its name does not tell.

    Examples
    --------
    >>> better_direction("val_loss"), better_direction("macro_f1"), better_direction("bleu")
    ('min', 'max', None)
    >>> better_direction("bleu[max]"), better_direction("recall[cat]")
    ('max', 'max')
    """
    name = re.split(r"[(\[]", metric, maxsplit=1)[0]
    for direction in Direction:
        if metric.endswith(f"[{direction}]") and name.rpartition("_")[2] not in BY_CLASS:
            return direction
    for end, better in DIRECTIONS.items():
        if name == end or name.endswith("_" + end):
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
