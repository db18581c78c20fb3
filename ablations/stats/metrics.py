"""What is said of a metric once: which direction is better, and who may be compared on it."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from ablations.stats.pairs import StatisticsError
from ablations.study import BASELINE
from cnnzoo.training.metric_names import DIRECTIONS, better_direction

Direction = Literal["lower", "higher"]


def direction(metric: str, directions: Mapping[str, Direction] | None = None) -> Direction:
    """Return whether lower or higher values of a metric are better.

    Parameters
    ----------
    metric
        Name of the metric. `cnnzoo.training.metric_names` reads its end, so a split in front
        changes nothing.
    directions
        The user's own, by whole names; they come first.

    Raises
    ------
    StatisticsError
        If neither knows the metric: a guess could turn "worse" into "better".

    Examples
    --------
    >>> direction("test_loss"), direction("macro_f1")
    ('lower', 'higher')
    >>> direction("perplexity", {"perplexity": "lower"})
    'lower'
    """
    if directions and metric in directions:
        return directions[metric]
    better = better_direction(metric)
    if better is not None:
        return "lower" if better == "min" else "higher"
    raise StatisticsError(
        f"whether lower or higher is better is not known for the metric `{metric}`. Give "
        f"directions={{{metric!r}: 'lower'}} or 'higher'; known without it are names that end in "
        f"{', '.join(DIRECTIONS)}."
    )


def is_loss(metric: str) -> bool:
    """Return whether a metric is the loss that was minimized, which only its kind can be held to.

    Examples
    --------
    >>> is_loss("test_loss"), is_loss("test_nll")
    (True, False)
    """
    return metric == "loss" or metric.endswith("_loss")


def common_metrics(
    trials: pd.DataFrame, metrics: Sequence[str], loss_kinds: Mapping[str, str]
) -> pd.DataFrame:
    """Tell which metrics a variant shares with the baseline.

    A mean squared error and a crossentropy are different units, and so are a crossentropy with
    label smoothing and one without: a delta between them says nothing. Accuracy, macro F1, the
    negative log-likelihood, MAE and RMSE mean the same under every loss and stay.

    Parameters
    ----------
    trials
        A row a trial.
    metrics
        Names of metrics, of any kind.
    loss_kinds
        What each variant minimizes, as a text that is the same only if the losses may be compared:
        "crossentropy", "crossentropy, label_smoothing=0.1", "mse". Variants left out minimize
        what the baseline does.

    Returns
    -------
    DataFrame
        A row a variant and metric: variant, metric, comparable, note.

    Examples
    --------
    >>> trials = pd.DataFrame({"variant": ["baseline", "loss=mse"]})
    >>> kinds = {"baseline": "crossentropy", "loss=mse": "mse"}
    >>> table = common_metrics(trials, ["test_loss", "test_accuracy"], kinds)
    >>> table[["metric", "comparable"]]
              metric  comparable
    0      test_loss       False
    1  test_accuracy        True
    >>> table.note[0]
    'minimizes mse, the baseline crossentropy: their losses are not compared'
    """
    ours = loss_kinds.get(BASELINE)
    rows = []
    for variant in dict.fromkeys(trials["variant"]):
        if variant == BASELINE:
            continue
        kind = loss_kinds.get(variant, ours)
        for metric in metrics:
            comparable = not is_loss(metric) or kind == ours
            note = (
                ""
                if comparable
                else f"minimizes {kind}, the baseline {ours}: their losses are not compared"
            )
            rows.append((variant, metric, comparable, note))
    return pd.DataFrame(rows, columns=["variant", "metric", "comparable", "note"])
