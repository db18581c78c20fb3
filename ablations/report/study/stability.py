"""Figure of the stability of variants: how far each seed is from the mean of its variant."""

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
from ablations.report.numbers import is_number
from ablations.report.study.contents import STABILITY, ReportContents
from ablations.report.table import rows_of
from ablations.report.wording import metric_words
from ablations.stats.shared_blocks import shared_blocks

ROW = 26
MOST_VARIANTS = 30


def stability_figure(contents: ReportContents, theme: Theme) -> Figure | None:
    """Draw the deviations of the first metric, over the seeds that all variants finished."""
    table = contents.tables.get(STABILITY)
    if table is None or "metric" not in table or not contents.metrics:
        return None
    metric = contents.metrics[0]
    spread = [row for row in rows_of(table[table["metric"] == metric]) if is_number(row["sd"])]
    values = shared_blocks(contents.trials, metric).table
    rows: list[dict[str, Any]] = []
    for row in spread[:MOST_VARIANTS]:
        name = row["variant"]
        if name not in values:
            continue
        label = {"variant": name, "label": label_of(name)}
        rows.append(label | {"seed": None, "deviation": None, "low": -row["sd"], "high": row["sd"]})
        rows += [
            label | {"seed": str(seed), "deviation": float(value - row["mean"]), "low": None}
            for seed, value in values[name].items()
        ]
    if not rows:
        return None
    names = list(dict.fromkeys(row["label"] for row in rows))
    words = metric_words(metric)
    y = nominal("label", sort=names, title=None, axis=names_axis())
    x = quantitative(
        "deviation", title=f"{words} minus the variant's mean", scale={"nice": True, "padding": 10}
    )
    tooltip = [nominal("variant"), nominal("seed"), quantitative("deviation", format=".3g")]
    ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
    layers = [
        zero_line(theme),
        layer(
            "rule",
            ends,
            only="isValid(datum.low)",
            color=theme["line"],
            strokeWidth=8,
            strokeCap="round",
        ),
        layer(
            "point",
            {"x": x, "y": y, "tooltip": tooltip},
            only="isValid(datum.seed)",
            color=theme["accent"],
            filled=True,
            size=34,
            opacity=0.75,
        ),
    ]
    more = len(spread) - MOST_VARIANTS
    rest = f" Only the first {MOST_VARIANTS} of {len(spread):,} variants are drawn." * (more > 0)
    return Figure(
        name=slug("stability", metric),
        title=f"Spread of {words} over seeds",
        caption=f"One dot per seed; bars span one standard deviation on both sides.{rest}",
        section="stability",
        metric=metric,
        chart=chart_of(layers, row_height(names, ROW) * len(names)),
        rows=rows,
    )
