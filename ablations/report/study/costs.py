"""Costs of the variants beside their mean results: a table, and one figure per metric."""

from dataclasses import replace
from typing import Any

import pandas as pd

from ablations.report.figure import (
    OTHER,
    Figure,
    Theme,
    chart_of,
    layer,
    legend_of,
    nominal,
    quantitative,
    slug,
)
from ablations.report.study.contents import ReportContents
from ablations.report.study.palette import Palette
from ablations.report.table import Table, any_table, rows_of
from ablations.report.wording import better_when, count_of, joined, metric_words
from ablations.stats.metrics import Better
from ablations.stats.pareto import pareto
from ablations.stats.shared_blocks import NOTHING_DONE
from ablations.study import Status

COSTS = "Cost and mean outcome of each variant"
"""Title of the table."""

AXES = {
    "params": "parameters",
    "macs": "multiply-accumulates of one example",
    "fit_seconds": "seconds of training",
}
HEIGHT = 280
WIDE = 20
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""


def costs_of(contents: ReportContents) -> pd.DataFrame:
    """Return the costs of the contents, or compute them from the finished trials."""
    if contents.costs is not None:
        return contents.costs
    tables = [
        pareto(contents.trials, metric, directions={metric: Better.LOWER}).drop(columns="optimal")
        for metric in contents.metrics
        if metric in contents.with_status(Status.DONE)
    ]
    return pd.concat(tables) if tables else pd.DataFrame(columns=["variant", "metric", "value"])


def costs_table(contents: ReportContents) -> Table:
    """Return one row per variant: its mean in each metric, and its costs."""
    table = costs_of(contents)
    variants = table.loc[table["value"].notna(), "variant"].drop_duplicates()
    wide = pd.DataFrame(index=pd.Index(variants, name="Variant"))
    for metric, rows in table.groupby("metric", sort=False):
        of_metric = rows.set_index("variant").reindex(wide.index)
        wide[f"Mean {metric}"] = of_metric["value"]
        if _is_ranked(contents, rows):
            optimal = of_metric["optimal"].map({True: "yes", False: "no"})
            wide[f"Pareto-optimal in {metric}"] = optimal
    costs = table.drop_duplicates("variant").set_index("variant").reindex(wide.index)
    for name, words in AXES.items():
        if name in costs and costs[name].notna().any():
            wide[words.capitalize()] = costs[name]
    return replace(any_table(COSTS, wide.reset_index()), below=_shared_words(contents, table))


def _shared_words(contents: ReportContents, table: pd.DataFrame) -> str:
    """Name the seed blocks of the means and costs, and the variants that are left out."""
    if "n_blocks" not in table:
        return ""
    counts = table.groupby("metric", sort=False)["n_blocks"].max()
    if not counts.any():
        return f"There are no means: {NOTHING_DONE}."
    blocks = {count_of(count, "seed block") for count in counts}
    text = "Means, and medians of costs, are over the "
    if len(blocks) == 1:
        text += f"{blocks.pop()} that all these variants finished."
    else:
        each = [f"{count:,} in {metric_words(metric)}" for metric, count in counts.items()]
        text += f"seed blocks that all these variants finished: {joined(each)}."
    noted = table[~table["notes"].isin(["", NOTHING_DONE])]  # the counts say the latter
    lost = noted[~noted["variant"].isin(contents.unfinished)]
    notes = dict(zip(lost["variant"], lost["notes"], strict=True))
    return text + "".join(f" {name} is {note}." for name, note in notes.items())


def _over(table: pd.DataFrame) -> str:
    if "n_blocks" not in table:
        return ""
    blocks = count_of(int(table["n_blocks"].max()), "seed block")
    return f", over the {blocks} that all these variants finished"


def _is_ranked(contents: ReportContents, table: pd.DataFrame) -> bool:
    """Tell whether variants are ranked by their means, which takes more than one seed."""
    if "optimal" not in table:
        return False
    if "n_blocks" in table:
        return bool(table["n_blocks"].max() > 1)
    return len(set(contents.with_status(Status.DONE)["seed"])) > 1


def costs(contents: ReportContents, palette: Palette, theme: Theme) -> list[Figure]:
    """Draw each metric against the first cost that differs between variants."""
    table = costs_of(contents)
    axis = next((name for name in AXES if name in table and _differs(table[name])), None)
    if axis is None:
        return []
    figures = []
    for metric in contents.metrics:
        of_metric = table[table["metric"] == metric].dropna(subset=[axis, "value"])
        if len(of_metric):
            figures.append(_figure(contents, of_metric, axis, metric, palette, theme))
    return figures


def _is_wide(values: list[float]) -> bool:
    """Tell whether values differ so much that their axis is logarithmic."""
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
    better = better_when(metric)
    with_others = any(row["group"] == OTHER for row in rows)
    domain = [*palette.variants, *([OTHER] if with_others else [])]
    wide = _is_wide([row["cost"] for row in rows])
    steep = _is_wide([row["metric"] for row in rows]) and metric.endswith("loss")
    x = quantitative(
        "cost",
        title=AXES[axis] + (" (log scale)" if wide else ""),
        scale={"nice": True, "padding": 16} | ({"type": "log"} if wide else {"zero": False}),
        axis={"format": "~s", "grid": False},
    )
    y = quantitative(
        "metric",
        title=[
            words + (" (log scale)" if steep else ""),
            *([f"{better} is better"] if better else []),
        ],
        scale={"nice": True, "padding": 12} | ({"type": "log"} if steep else {"zero": False}),
        axis={"format": "~g"} if steep else {},
    )
    tooltip = [
        nominal("variant"),
        quantitative("cost", title=AXES[axis], format=",.4~r"),
        quantitative("metric", title=words, format=".4g"),
        *([nominal("pareto", title="Pareto")] if marked else []),
    ]
    base = {"x": x, "y": y, "tooltip": tooltip}
    colours = [*palette.colours(theme), theme["other"]][: len(domain)]
    scale = {"domain": domain, "range": colours}
    colour = nominal("group", scale=scale, legend=legend_of(theme))
    layers = [layer("point", base | {"color": colour}, size=120, filled=True, opacity=0.95)]
    if marked:
        ring = {"size": 330, "strokeWidth": 1.6, "stroke": theme["ink"], "filled": False}
        layers.insert(0, layer("point", base, only="datum.pareto === 'Pareto-optimal'", **ring))
    caption = f"Mean {words} of each variant against its cost{_over(table)}."
    if marked:
        caption += (
            " Ringed variants are Pareto-optimal by their means, where small differences may be "
            "chance: no other variant is at least as good in the metric, parameters and "
            "multiply-accumulates and better in one of them. Time does not count."
        )
    if with_others:
        caption += " Colours mark the baseline and the largest deltas."
    return Figure(
        name=slug("cost", axis, metric),
        title=f"{words.capitalize()} against {AXES[axis]}",
        caption=caption,
        section="costs",
        metric=metric,
        chart=chart_of(layers, HEIGHT),
        rows=rows,
    )
