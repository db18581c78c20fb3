"""Figure of the main effects and interactions of a factorial design."""

from typing import Any

from ablations.report.figure import (
    Figure,
    Theme,
    chart_of,
    label_of,
    layer,
    names_axis,
    nominal,
    quantitative,
    row_height,
    slug,
    zero_line,
)
from ablations.report.metric_axis import delta_title
from ablations.report.numbers import CI, is_number, p_value, share_words, size_words
from ablations.report.study.contents import EFFECTS, ReportContents
from ablations.report.study.forest import ROW
from ablations.report.study.tables import is_significant
from ablations.report.table import rows_of
from ablations.report.wording import metric_words


def effects(contents: ReportContents, theme: Theme) -> list[Figure]:
    """Draw the terms of each metric that makes claims: their deltas, or their shares."""
    terms = rows_of(contents.tables[EFFECTS]) if EFFECTS in contents.tables else []
    tested = [row for row in terms if is_number(row["p_adjusted"]) and contents.claims(row)]
    metrics = dict.fromkeys(str(row["metric"]) for row in tested)
    return [
        _figure(metric, [row for row in tested if row["metric"] == metric], theme)
        for metric in metrics
    ]


def _figure(metric: str, terms: list[dict[str, Any]], theme: Theme) -> Figure:
    """Draw the deltas of terms or, if factors have more than two levels, shares of variance."""
    of_deltas = all(is_number(row["delta"]) for row in terms)
    rows: list[dict[str, Any]] = [
        {
            "term": row["term"],
            "label": label_of(row["term"]),
            "value": row["delta"] if of_deltas else row["share"],
            "low": row["ci_low"] if of_deltas else 0.0,
            "high": row["ci_high"] if of_deltas else row["share"],
            "size": size_words(row["delta"], row["ci_low"], row["ci_high"])
            if of_deltas
            else share_words(row["share"]),
            "p": p_value(row["p_adjusted"]),
            "significant": is_significant(row),
        }
        for row in terms
    ]
    names = [row["label"] for row in rows]
    title = delta_title(metric) if of_deltas else f"share of the variance of {metric_words(metric)}"
    x = quantitative(
        "value",
        title=title,
        scale={"zero": True, "nice": True, "padding": 10},
        axis={} if of_deltas else {"format": "%"},
    )
    sure = {
        name: {"condition": {"test": "datum.significant", "value": theme["accent"]}, "value": other}
        for name, other in (("color", theme["inconclusive"]), ("fill", theme["surface"]))
    }
    base = {
        "y": nominal("label", sort=names, title=None, axis=names_axis()),
        "color": sure["color"],
        "tooltip": [
            nominal("term"),
            nominal("size", title=f"delta, {CI}" if of_deltas else "share"),
            nominal("p", title="p (Holm)"),
        ],
    }
    ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    layers = [
        zero_line(theme),
        layer("rule", base | ends, strokeWidth=2.5, strokeCap="round"),
        layer("point", base | {"x": x, "fill": sure["fill"]}, size=110, strokeWidth=2, opacity=1),
    ]
    what = f"Deltas with their {CI}" if of_deltas else "Share of the variance"
    return Figure(
        name=slug("effects", metric),
        title=f"Effects on {metric_words(metric)}",
        caption=f"{what}; hollow marks are not significant after Holm's correction.",
        section="effects",
        metric=metric,
        chart=chart_of(layers, row_height(names, ROW) * len(names)),
        rows=rows,
    )
