"""Costs of the variants beside their mean results: a table, and one figure per metric."""

from dataclasses import replace
from typing import Any

import pandas as pd

from ablations.report.figure import (
    OTHER,
    Figure,
    Spec,
    Theme,
    chart_of,
    label_of,
    layer,
    legend_of,
    names_axis,
    nominal,
    quantitative,
    row_height,
    slug,
)
from ablations.report.metric_axis import metric_scale, metric_title
from ablations.report.study.contents import ReportContents
from ablations.report.study.palette import Palette
from ablations.report.table import Table, any_table, rows_of
from ablations.report.wording import count_of, joined, metric_words
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
TIMED_ROW = 26
MOST_TIMED = 40
SHARED_LOAD = 1.25
"""Load per core from which a machine was shared: the trials by themselves make 1."""

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
    return f" over {blocks}"


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


def _reach(*, steep: bool, from_zero: bool) -> Spec:
    """Return the type and the lower end of a metric's scale."""
    if steep:
        return {"type": "log", "padding": 12}
    return {"domainMin": 0} if from_zero else {"padding": 12}


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
    from_zero = metric.endswith("loss")
    words = metric_words(metric)
    with_others = any(row["group"] == OTHER for row in rows)
    domain = [*palette.variants, *([OTHER] if with_others else [])]
    wide = _is_wide([row["cost"] for row in rows])
    steep = _is_wide([row["metric"] for row in rows]) and metric.endswith("loss")
    x = quantitative(
        "cost",
        title=AXES[axis] + (" (log scale)" if wide else ""),
        scale={"nice": True} | ({"type": "log", "padding": 16} if wide else {"domainMin": 0}),
        axis={
            "format": "~s",
            "labelExpr": "datum.value === 0 ? '0' : datum.label",  # not "0k"
            "grid": False,
        },
    )
    y = quantitative(
        "metric",
        title=metric_title(
            metric, " (log scale)" if steep else "" if from_zero else " (not from 0)"
        ),
        scale=metric_scale(
            metric, (row["metric"] for row in rows), **_reach(steep=steep, from_zero=from_zero)
        ),
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
    caption = f"Mean {words}{_over(table)}."
    if marked:
        caption += (
            " Ringed: no other variant has a mean as good for as few parameters and "
            "multiply-accumulates."
        )
    return Figure(
        name=slug("cost", axis, metric),
        title=f"{words.capitalize()} against {AXES[axis]}",
        caption=caption,
        section="costs",
        metric=metric,
        chart=chart_of(layers, HEIGHT),
        rows=rows,
    )


def time_figure(contents: ReportContents, theme: Theme) -> Figure | None:
    """Draw the seconds of training by variant: one dot per seed and their median."""
    done = contents.with_status(Status.DONE)
    done = done.dropna(subset="fit_seconds") if "fit_seconds" in done else done.head(0)
    if done.empty:
        return None
    kept = [name for name in contents.variants if name in set(done["variant"])][:MOST_TIMED]
    rows = [
        {
            "variant": row["variant"],
            "label": label_of(row["variant"]),
            "seed": str(row["seed"]),
            "seconds": row["fit_seconds"],
        }
        for row in rows_of(done[done["variant"].isin(kept)][["variant", "seed", "fit_seconds"]])
    ]
    names = [label_of(name) for name in kept]
    y = nominal("label", sort=names, title=None, axis=names_axis())
    x = quantitative("seconds", title=AXES["fit_seconds"], scale={"zero": True, "nice": True})
    tooltip = [nominal("variant"), nominal("seed"), quantitative("seconds", format=".3g")]
    median = {"x": {**x, "aggregate": "median"}, "y": y}
    points = {"x": x, "y": y, "tooltip": tooltip}
    layers = [
        layer("point", points, filled=True, size=34, opacity=0.6, color=theme["accent"]),
        layer("tick", median, color=theme["ink"], thickness=2.5, height=16),
    ]
    caption = "One dot per seed; bars are medians." + (
        f" {shared}" if (shared := shared_machine(contents.load)) else ""
    )
    more = len(contents.variants) - len(kept)
    return Figure(
        name="time",
        title="Time of training",
        caption=caption + f" Not drawn: {count_of(more, 'variant')}." * (more > 0),
        section="time",
        metric="fit_seconds",
        chart=chart_of(layers, row_height(names, TIMED_ROW) * len(names)),
        rows=rows,
    )


def shared_machine(load: float | None) -> str:
    """Say that other programs took time of the machine, if they did.

    Parameters
    ----------
    load
        Median load per core; None if unknown.
    """
    if load is None or load <= SHARED_LOAD:
        return ""
    return (
        f"The machine was shared: {load:.1f} processes per core at a median, so times are too "
        "long and vary."
    )
