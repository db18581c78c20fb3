"""Metrics: which direction is better, and which variants can be compared."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import pandas as pd

from ablations.stats.pairs import StatisticsError
from ablations.study import BASELINE
from cnnzoo.training.metric_names import DIRECTIONS, Direction, better_direction, metric_of
from cnnzoo.training.metric_texts import output_and_metric


class Better(StrEnum):
    """Which values of a metric are better, in the words of tables and reports."""

    LOWER = "lower"
    HIGHER = "higher"

    __repr__ = str.__repr__


def direction(metric: str, directions: Mapping[str, str] | None = None) -> Better:
    """Return whether lower or higher values of a metric are better.

    Parameters
    ----------
    metric
        Name of the metric. `cnnzoo.training.metric_names` compares the end of the name, so a
        split in front of it has no effect.
    directions
        "lower" or "higher" by name, for metrics of the user. These take precedence.

    Raises
    ------
    StatisticsError
        If the direction is not valid, or not known: a guess could turn "worse" into "better".

    Examples
    --------
    >>> direction("test_loss"), direction("macro_f1")
    ('lower', 'higher')
    >>> direction("perplexity", {"perplexity": "lower"})
    'lower'
    """
    if directions and metric in directions:
        if directions[metric] not in list(Better):
            raise StatisticsError(
                f"`directions`: expected 'lower' or 'higher' for {metric}; "
                f"got {directions[metric]!r}."
            )
        return Better(directions[metric])
    better = better_direction(metric)
    if better is not None:
        return Better.LOWER if better == Direction.MIN else Better.HIGHER
    raise StatisticsError(
        f"`directions`: expected an entry for the metric {metric}, because its name does not tell "
        f"whether lower or higher is better. Pass directions={{{metric!r}: 'lower'}} or 'higher'; "
        f"known are names that end in {', '.join(DIRECTIONS)}."
    )


def is_loss(metric: str) -> bool:
    """Return whether a metric is of the minimized loss, which is comparable only within one kind.

    Examples
    --------
    >>> is_loss("test_loss"), is_loss("loss_gap"), is_loss("test_nll")
    (True, True, False)
    """
    return metric in ("loss", "loss_gap") or metric.endswith("_loss")


def kind_of_output(metric: str, kind: str | None) -> str | None:
    """Return the loss that a metric depends on: that of its output, if there are several.

    Parameters
    ----------
    metric
        Name of the metric.
    kind
        Losses that a variant minimizes, as `ablations.running.trial` names them.

    Examples
    --------
    >>> kind = "sparse_categorical_crossentropy (digit) + 0.5 mse (angle)"
    >>> kind_of_output("test_angle_loss", kind), kind_of_output("test_loss", "mse")
    ('mse', 'mse')
    """
    output = output_and_metric(metric_of(metric))[0]
    for part in (kind or "").split(" + ") if output else ():
        if part.endswith(f" ({output})"):
            return part.removesuffix(f" ({output})").lstrip("0123456789.e+- ")
    return kind


def common_metrics(
    trials: pd.DataFrame, metrics: Sequence[str], loss_kinds: Mapping[str, str]
) -> pd.DataFrame:
    """Return which metrics of a variant can be compared with the baseline's.

    A mean squared error and a crossentropy have different units, and so have a crossentropy with
    and without label smoothing: a delta between them has no meaning. Accuracy, macro F1, negative
    log-likelihood, MAE and RMSE mean the same under every loss.

    Parameters
    ----------
    trials
        One row per trial.
    metrics
        Names of metrics.
    loss_kinds
        Loss that each variant minimizes, as a text that is equal only for comparable losses:
        "crossentropy", "crossentropy, label_smoothing=0.1", "mse". Default: the baseline's.

    Returns
    -------
    DataFrame
        One row per variant and metric: variant, metric, comparable, note.

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
    base_kind = loss_kinds.get(BASELINE)
    rows = []
    for variant in dict.fromkeys(trials["variant"]):
        if variant == BASELINE:
            continue
        kind = loss_kinds.get(variant, base_kind)
        for metric in metrics:
            own, other = kind_of_output(metric, kind), kind_of_output(metric, base_kind)
            comparable = not is_loss(metric) or own == other
            reason = f"minimizes {own}, the baseline {other}: their losses are not compared"
            note = "" if comparable else reason
            rows.append((variant, metric, comparable, note))
    return pd.DataFrame(rows, columns=["variant", "metric", "comparable", "note"])
