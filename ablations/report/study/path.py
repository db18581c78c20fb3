"""Figure of an ablation path: the metric after each step."""

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
)
from ablations.report.metric_axis import metric_scale, metric_title
from ablations.report.numbers import CI, is_number, size_words
from ablations.report.study.contents import PATH_STEPS, ReportContents
from ablations.report.study.forest import ROW, by_verdict, colours_of, shapes_of, verdicts_of
from ablations.report.study.tables import step_verdict
from ablations.report.table import rows_of
from ablations.report.wording import level_words, metric_words


def path_figure(contents: ReportContents, theme: Theme) -> Figure | None:
    """Draw the mean after each step, from the start of the path down."""
    steps = rows_of(contents.tables[PATH_STEPS]) if PATH_STEPS in contents.tables else []
    rows: list[dict[str, Any]] = []
    before: float | None = None
    for step in steps:
        if not is_number(step["mean"]):
            break
        mean, first = float(step["mean"]), before is None
        name = "the start" if first else f"{step['factor']}={level_words(step['to_level'])}"
        known = not first and is_number(step["delta"])
        low, high = (
            mean + step[end] - step["delta"] if known and is_number(step[end]) else None
            for end in ("ci_low", "ci_high")
        )
        rows.append(
            {
                "step": name,
                "label": label_of(name),
                "place": step["step"],
                "mean": mean,
                "before": mean if before is None else before,
                "low": low,
                "high": high,
                "size": size_words(step["delta"], step["ci_low"], step["ci_high"]) if known else "",
                "verdict": "none" if first else step_verdict(step) or "none",
            }
        )
        before = mean
    if len(rows) < 2:
        return None
    metric = steps[0]["metric"]
    names, verdicts = [row["label"] for row in rows], verdicts_of(rows)
    words = metric_words(metric)
    drawn = (row[name] for row in rows for name in ("mean", "low", "high"))
    scale = metric_scale(metric, drawn, padding=10)
    x = quantitative("mean", title=metric_title(metric), scale=scale)
    tooltip = [
        nominal("step"),
        quantitative("mean", title=words, format=".4g"),
        nominal("size", title=f"delta, {CI}"),
        nominal("verdict"),
    ]
    base = {"y": nominal("label", sort=names, title=None, axis=names_axis()), "tooltip": tooltip}
    colour = {"color": by_verdict(colours_of(verdicts, theme), theme)}
    shape = {"shape": by_verdict(shapes_of(verdicts), theme)}
    ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    layers = [
        layer(
            "line",
            {"x": x, "y": base["y"], "order": quantitative("place")},
            interpolate="step-after",
            color=theme["line"],
            strokeWidth=1.5,
        ),
        layer(
            "rule",
            base | colour | ends,
            only="isValid(datum.low)",
            strokeWidth=2.5,
            strokeCap="round",
        ),
        layer("point", base | colour | shape | {"x": x}, filled=True, size=110, opacity=1),
    ]
    return Figure(
        name=slug("path", metric),
        title=f"{words.capitalize()} along the path",
        caption=f"Means after each step; lines are {CI}s of their deltas, simultaneous over all.",
        section="path",
        metric=metric,
        chart=chart_of(layers, row_height(names, ROW + 6) * len(names)),
        rows=rows,
        verdicts=verdicts,
    )
