"""Cost against what it buys: a point a variant."""

from dataclasses import replace
from typing import Any

import pandas as pd

from ablations.report.figure import OTHER, Figure, Theme, chart_of, layer, legend_of, shown, slug
from ablations.report.study.contents import ReportContents
from ablations.report.study.palette import Palette
from ablations.report.table import Table, any_table
from ablations.report.wording import better_when, joined, metric_words, rows_of
from ablations.stats.pareto import pareto
from ablations.stats.shared_blocks import NOTHING_DONE
from ablations.study import Status

AXES = {
    "params": "parameters",
    "macs": "multiply-accumulates of one example",
    "fit_seconds": "seconds of training",
}
HEIGHT = 280
WIDE = 20
"""From this ratio on values are drawn in equal ratios."""


def costs_of(contents: ReportContents) -> pd.DataFrame:
    """Return the costs handed over, or else what the trials that are done come to, unranked."""
    if contents.costs is not None:
        return contents.costs
    tables = [
        pareto(contents.trials, metric, directions={metric: "lower"}).drop(columns="optimal")
        for metric in contents.metrics
        if metric in contents.with_status(Status.DONE)
    ]
    return pd.concat(tables) if tables else pd.DataFrame(columns=["variant", "metric", "value"])


COSTS = "Cost and mean outcome of each variant"
"""What the table is called."""


def costs_table(contents: ReportContents) -> Table:
    """Return the costs with a row a variant: what it comes to in each metric, and what it costs."""
    table = costs_of(contents)
    known = table.loc[table["value"].notna(), "variant"].drop_duplicates()
    wide = pd.DataFrame(index=pd.Index(known, name="Variant"))
    for metric, rows in table.groupby("metric", sort=False):
        own = rows.set_index("variant").reindex(wide.index)
        wide[f"Mean {metric}"] = own["value"]
        if _is_ranked(contents, rows):
            optimal = own["optimal"].map({True: "yes", False: "no"})
            wide[f"Pareto-optimal in {metric}"] = optimal
    costs = table.drop_duplicates("variant").set_index("variant").reindex(wide.index)
    for name, words in AXES.items():
        if name in costs and costs[name].notna().any():
            wide[words.capitalize()] = costs[name]
    return replace(any_table(COSTS, wide.reset_index()), below=_shared_words(contents, table))


def _shared_words(contents: ReportContents, table: pd.DataFrame) -> str:
    """Say which seed blocks means and costs are over, and which variants are left out."""
    if "n_blocks" not in table:
        return ""
    counts = table.groupby("metric", sort=False)["n_blocks"].max()
    if not counts.any():
        return f"There are no means: {NOTHING_DONE}."
    blocks = {f"{count:,} seed block{'s' * (count != 1)}" for count in counts}
    said = "Means, and medians of costs, are over the "
    if len(blocks) == 1:
        said += f"{blocks.pop()} that all variants here finished."
    else:
        each = [f"{count:,} in {metric_words(metric)}" for metric, count in counts.items()]
        said += f"seed blocks that all variants here finished: {joined(each)}."
    reasons = table[~table["notes"].isin(["", NOTHING_DONE])]  # a count of 0 says the latter
    lost = reasons[~reasons["variant"].isin(contents.undone)]
    notes = dict(zip(lost["variant"], lost["notes"], strict=True))
    return said + "".join(f" {name} is {note}." for name, note in notes.items())


def _over(table: pd.DataFrame) -> str:
    if "n_blocks" not in table:
        return ""
    count = int(table["n_blocks"].max())
    return f", over the {count:,} seed block{'s' * (count != 1)} that all of these finished"


def _is_ranked(contents: ReportContents, table: pd.DataFrame) -> bool:
    """Tell whether variants are ranked by their means, which those of one seed are not."""
    if "optimal" not in table:
        return False
    if "n_blocks" in table:
        return bool(table["n_blocks"].max() > 1)
    return len(set(contents.with_status(Status.DONE)["seed"])) > 1


def costs(contents: ReportContents, palette: Palette, theme: Theme) -> list[Figure]:
    """Draw each metric against the first cost in which the variants differ."""
    table = costs_of(contents)
    axis = next((name for name in AXES if name in table and _differs(table[name])), None)
    if axis is None:
        return []
    figures = []
    for metric in contents.metrics:
        known = table[table["metric"] == metric].dropna(subset=[axis, "value"])
        if len(known):
            figures.append(_figure(contents, known, axis, metric, palette, theme))
    return figures


def _is_wide(values: list[float]) -> bool:
    """Tell whether values differ so much that only their ratios can be seen."""
    return min(values) > 0 and max(values) > WIDE * min(values)


def _differs(cost: pd.Series) -> bool:
    return bool(cost.max() > cost.min())


def _figure(
    contents: ReportContents,
    table: pd.DataFrame,
    axis: str,
    metric: str,
    palette: Palette,
    theme: Theme,
) -> Figure:
    rows: list[dict[str, Any]] = []
    for row in rows_of(table):
        name = row["variant"]
        rows.append(
            {
                "variant": name,
                "group": name if name in palette.variants else OTHER,
                "cost": row[axis],
                "metric": row["value"],
                "pareto": "Pareto-optimal" if row.get("optimal") else "dominated",
            }
        )
    marked = _is_ranked(contents, table)
    words = metric_words(metric)
    hint = {"lower": ["lower is better"], "higher": ["higher is better"]}
    seen = {row["group"] for row in rows}
    domain = [*palette.variants, OTHER] if OTHER in seen else list(palette.variants)
    wide = _is_wide([row["cost"] for row in rows])
    steep = _is_wide([row["metric"] for row in rows]) and metric.endswith("loss")
    x = shown(
        "cost",
        "quantitative",
        title=AXES[axis] + (" (log scale)" if wide else ""),
        scale={"nice": True, "padding": 16} | ({"type": "log"} if wide else {"zero": False}),
        axis={"format": "~s", "grid": False},
    )
    y = shown(
        "metric",
        "quantitative",
        title=[
            words + (" (log scale)" if steep else ""),
            *hint.get(better_when(contents, metric), []),
        ],
        scale={"nice": True, "padding": 12} | ({"type": "log"} if steep else {"zero": False}),
        axis={"format": "~g"} if steep else {},
    )
    tooltip = [
        shown("variant", "nominal"),
        shown("cost", "quantitative", title=AXES[axis], format=",.4~r"),
        shown("metric", "quantitative", title=words, format=".4g"),
        *([shown("pareto", "nominal", title="Pareto")] if marked else []),
    ]
    base = {"x": x, "y": y, "tooltip": tooltip}
    colours = [*palette.colours(theme), theme["other"]][: len(domain)]
    scale = {"domain": domain, "range": colours}
    colour = shown("group", "nominal", scale=scale, legend=legend_of(theme))
    layers = [layer("point", base | {"color": colour}, size=120, filled=True, opacity=0.95)]
    if marked:
        ring = {"size": 330, "strokeWidth": 1.6, "stroke": theme["ink"], "filled": False}
        best = {"filter": "datum.pareto === 'Pareto-optimal'"}
        layers.insert(0, layer("point", base, **ring) | {"transform": [best]})
    caption = f"Mean {words} of each variant against what it costs{_over(table)}."
    if marked:
        caption += (
            " Ringed: Pareto-optimal by the means, where small gaps may be chance: no other is at "
            "least as good in the metric, parameters and multiplications at once and better in "
            "one; time does not count."
        )
    if OTHER in seen:
        caption += " Coloured: the baseline and the largest deltas."
    return Figure(
        name=slug("cost", axis, metric),
        title=f"{words.capitalize()} against {AXES[axis]}",
        caption=caption,
        section="costs",
        metric=metric,
        chart=chart_of(layers, HEIGHT),
        rows=rows,
    )
