"""Figure of a trend: a metric over the ordered levels of a factor."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

from ablations.report.figure import (
    Figure,
    Spec,
    Theme,
    chart_of,
    every_tick,
    layer,
    nominal,
    quantitative,
    slug,
)
from ablations.report.metric_axis import metric_scale, metric_title
from ablations.report.numbers import CI, is_number
from ablations.report.study.contents import TRENDS, ReportContents
from ablations.report.table import rows_of
from ablations.report.wording import count_of, level_words, metric_words
from ablations.stats.pairs import by_seed
from ablations.study import BASELINE

HEIGHT = 260

SAME_RATIO = 1e-6
"""Relative difference up to which the ratios of successive levels are the same."""


def trends(contents: ReportContents, theme: Theme) -> list[Figure]:
    """Draw each metric over the levels of each factor that has a trend test."""
    tested = rows_of(contents.tables[TRENDS]) if TRENDS in contents.tables else []
    drawn = (_figure(contents, row["factor"], row["metric"], theme) for row in tested)
    return [figure for figure in drawn if figure is not None]


def is_geometric(levels: Sequence[float]) -> bool:
    """Tell whether sorted levels grow by a constant factor, so that their axis is logarithmic.

    Examples
    --------
    >>> is_geometric([16, 32, 64]), is_geometric([1, 2, 3, 4]), is_geometric([0.0, 0.5, 1.0])
    (True, False, False)
    """
    if len(levels) < 3 or levels[0] <= 0:
        return False
    ratio = levels[1] / levels[0]
    return all(
        math.isclose(high / low, ratio, rel_tol=SAME_RATIO)
        for low, high in itertools.pairwise(levels)
    )


def _figure(contents: ReportContents, factor: str, metric: str, theme: Theme) -> Figure | None:
    levels = _levels(contents, factor)
    table = by_seed(contents.trials, metric).reindex(columns=list(levels)).dropna()
    if len(levels) < 3 or table.empty:
        return None
    deltas = {row["variant"]: row for row in rows_of(contents.deltas_of(metric))}
    order = sorted(levels, key=lambda name: float(levels[name]))
    rows: list[dict[str, Any]] = []
    for variant in order:
        mean, delta = float(table[variant].mean()), deltas.get(variant, {})
        of_level = {"at": float(levels[variant]), "level": level_words(levels[variant])}
        low, high = (
            # the interval of the delta, around the mean over the seeds of all levels
            mean + delta[end] - delta["delta"] if is_number(delta.get(end)) else None
            for end in ("ci_low", "ci_high")
        )
        rows.append({**of_level, "seed": "mean", "value": mean, "low": low, "high": high})
        rows += [
            {**of_level, "seed": str(seed), "value": float(value), "low": None, "high": None}
            for seed, value in table[variant].items()
        ]
    values = [float(levels[variant]) for variant in order]
    scale: Spec = {"zero": False, "nice": False, "padding": 24}
    scale |= {"type": "log"} if is_geometric(values) else {}
    words = metric_words(metric)
    x = quantitative(
        "at",
        title=factor,
        scale=scale,
        axis={"grid": False, "format": ".4~g", "labelOverlap": True} | every_tick(values),
    )
    drawn = (row[name] for row in rows for name in ("value", "low", "high"))
    y = quantitative("value", title=metric_title(metric), scale=metric_scale(metric, drawn))
    tooltip = [nominal("level", title=factor), nominal("seed")]
    tooltip.append(quantitative("value", title=words, format=".4g"))
    base = {"x": x, "y": y, "tooltip": tooltip}
    seeds, means = "datum.seed !== 'mean'", "datum.seed === 'mean'"
    ends = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layers = [
        layer(
            "line",
            base | {"detail": nominal("seed")},
            only=seeds,
            color=theme["other"],
            opacity=0.5,
            strokeWidth=1,
        ),
        layer("point", base, only=seeds, color=theme["other"], filled=True, size=16, opacity=0.8),
        layer("line", base, only=means, color=theme["accent"], strokeWidth=2.5),
        layer(
            "rule",
            ends,
            only="isValid(datum.low)",
            color=theme["accent"],
            strokeWidth=2.5,
            strokeCap="round",
        ),
        layer("point", base, only=means, color=theme["accent"], filled=True, size=70, opacity=1),
    ]
    start = level_words(levels[BASELINE])
    with_intervals = any(row["low"] is not None for row in rows)
    interval = ""
    if with_intervals:
        interval = f" with the {CI} of the difference from {factor}={start}"
    return Figure(
        name=slug("trend", factor, metric),
        title=f"{words.capitalize()} by {factor}",
        caption=f"Means{interval}; thin lines are the {count_of(len(table), 'seed')}.",
        section="trends",
        metric=metric,
        chart=chart_of(layers, HEIGHT),
        rows=rows,
    )


def _levels(contents: ReportContents, factor: str) -> dict[str, Any]:
    """Return the level of a factor by variant: of the baseline, and of those that change it."""
    alone = contents.trials[contents.trials["factor"] == factor].drop_duplicates("variant")
    alone = alone[~alone["variant"].isin(contents.unfinished)]
    levels = dict(zip(alone["variant"], alone["level"], strict=True))
    return {**dict.fromkeys([BASELINE], next(iter(alone["baseline"]), None)), **levels}
