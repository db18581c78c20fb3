"""The axis of a metric or of its deltas in a chart: its title and its end."""

from collections.abc import Iterable
from typing import Any

from ablations.report.figure import Spec
from ablations.report.numbers import is_number
from ablations.report.wording import better_when, metric_words
from ablations.stats.metrics import Better

NEAR = 0.25
"""An axis ends at 1 if this share of the values' range, or less, lies between them and 1."""


def metric_title(metric: str, more: str = "") -> list[str]:
    """Return the lines beside an axis of a metric.

    Examples
    --------
    >>> metric_title("test_loss", " (log scale)"), metric_title("bleu")
    (['test loss (log scale)', 'lower is better'], ['bleu'])
    """
    return _directed(metric_words(metric) + more, metric)


def delta_title(metric: str) -> list[str]:
    """Return the lines below an axis of deltas.

    Examples
    --------
    >>> delta_title("test_accuracy")
    ['delta of test accuracy', 'higher is better']
    """
    return _directed(f"delta of {metric_words(metric)}", metric)


def _directed(title: str, metric: str) -> list[str]:
    better = better_when(metric)
    return [title, *([f"{better} is better"] if better else [])]


def metric_scale(metric: str, values: Iterable[Any], **options: Any) -> Spec:
    """Return the scale of a metric, which need not begin at 0.

    Vega extends an axis to a round number, which may be an accuracy above 1. The axis of a metric
    of which more is better ends at 1 if its values come near.

    Parameters
    ----------
    metric
        Name of the metric.
    values
        What is drawn, with the ends of intervals; other values than numbers do not count.
    **options
        Further options of the scale, which take precedence.

    Examples
    --------
    >>> metric_scale("test_accuracy", [0.9, 0.99, None], padding=10)
    {'zero': False, 'nice': True, 'domainMax': 1, 'padding': 10}
    >>> metric_scale("test_loss", [0.9, 0.99]), metric_scale("test_accuracy", [0.2, 0.3])
    ({'zero': False, 'nice': True}, {'zero': False, 'nice': True})
    """
    scale: Spec = {"zero": False, "nice": True}
    numbers = [float(value) for value in values if is_number(value)]
    if better_when(metric) == Better.HIGHER and numbers:
        low, high = min(numbers), max(numbers)
        if low < high <= 1 and 1 - high <= NEAR * (high - low):
            scale["domainMax"] = 1
    scale |= options
    if scale.get("type") == "log":
        del scale["zero"]  # Vega-Lite warns of it
    return scale
