"""Training curves by variant: the mean over shared seeds with an interquartile band."""

from typing import Any

import pandas as pd

from ablations.report.figure import (
    Figure,
    Theme,
    chart_of,
    layer,
    legend_of,
    nominal,
    quantitative,
    slug,
    thinned,
    whole_ticks,
)
from ablations.report.study.contents import ReportContents
from ablations.report.study.palette import Palette
from ablations.report.wording import count_of, metric_words
from ablations.stats.shared_blocks import shared_blocks

MOST_EPOCHS = 150
MOST_METRICS = 3
MOST_POINTS = 30
LOG_FROM = 4
"""Factor by which a loss falls from which its axis is logarithmic."""
HEIGHT = 240
FEWER = " Later epochs have fewer seeds because some trials stopped early."
SPLITS = {"": "training", "val_": "validation"}


def curves(contents: ReportContents, palette: Palette, theme: Theme) -> list[Figure]:
    """Draw the metrics of training and validation by epoch, both on the same scale."""
    figures = []
    if len(contents.history) and contents.history["epoch"].max() > 1:
        history, seeds = _over_shared_seeds(contents, palette)
        for metric in _measured(contents)[:MOST_METRICS]:
            tables = {
                prefix: _bands(history, prefix + metric)
                for prefix in SPLITS
                if prefix + metric in history and history[prefix + metric].notna().any()
            }
            if not tables:
                continue
            ends = [table["low"].min() for table in tables.values()]
            ends += [table["high"].max() for table in tables.values()]
            figures += [
                _curve(metric, prefix, table, (min(ends), max(ends)), palette, theme, seeds)
                for prefix, table in tables.items()
            ]
    return figures


def _over_shared_seeds(contents: ReportContents, palette: Palette) -> tuple[pd.DataFrame, str]:
    """Return the epochs in the seeds that all drawn variants finished, and a caption."""
    history = contents.history[contents.history["variant"].isin(palette.variants)]
    trials = contents.trials[contents.trials["variant"].isin(palette.variants)]
    shared = shared_blocks(trials.assign(finished=1.0), "finished")
    compared, seeds = shared.table.columns, shared.table.index
    kept = history[history["variant"].isin(compared) & history["seed"].isin(seeds)]
    words = "Means and interquartile ranges" if len(seeds) > 1 else "Values"
    words += f" of {count_of(len(seeds), 'shared seed')}."
    left_out = [
        f"{name} ({why})"
        for name, why in shared.left_out.items()
        if name in set(history["variant"])
    ]
    return kept, words + (f" Not drawn: {', '.join(left_out)}." if left_out else "")


def _measured(contents: ReportContents) -> list[str]:
    """Return the metrics of training, those of the study first."""
    keys = ("variant", "seed", "epoch")
    names = [
        str(name)
        for name in contents.history.columns
        if name not in keys and "learning_rate" not in name and not name.startswith("val_")
    ]
    first = [str(metric) for metric in contents.study.get("metrics", ())]
    return sorted(names, key=lambda name: first.index(name) if name in first else len(first))


def _bands(history: pd.DataFrame, column: str) -> pd.DataFrame:
    kept = thinned(sorted(history["epoch"].unique().tolist()), MOST_EPOCHS)
    groups = history[history["epoch"].isin(kept)].groupby(["variant", "epoch"], sort=False)[column]
    table = pd.DataFrame(
        {"mean": groups.mean(), "low": groups.quantile(0.25), "high": groups.quantile(0.75)}
    )
    # the band includes the mean, which an outlier may pull out of the quartiles
    table["low"] = table[["low", "mean"]].min(axis=1)
    table["high"] = table[["high", "mean"]].max(axis=1)
    return table.assign(seeds=groups.count()).dropna().reset_index()


def _curve(
    metric: str,
    prefix: str,
    table: pd.DataFrame,
    ends: tuple[float, float],
    palette: Palette,
    theme: Theme,
    seeds: str,
) -> Figure:
    fewer = bool(table.groupby("variant")["seeds"].nunique().max() > 1)
    rows: list[dict[str, Any]] = table.to_dict("records")
    words, split = metric_words(metric), SPLITS[prefix]
    domain = list(palette.variants)
    legend = legend_of(theme, symbolType="stroke", symbolStrokeWidth=2.5, symbolOpacity=1)
    colours, dashes = (
        nominal("variant", scale={"domain": domain, "range": looks}, legend=legend)
        for looks in (palette.colours(theme), palette.dashes)
    )
    x = quantitative(
        "epoch",
        title="epoch",
        scale={"zero": False, "nice": False},
        axis={"grid": False, "format": "d", "values": whole_ticks(table["epoch"].max())},
    )
    low, high = ends
    falling = metric.endswith("loss") and low > 0 and high > LOG_FROM * low
    scale = (
        {"type": "log", "domain": [0.95 * low, 1.05 * high], "nice": False}
        if falling
        else {"domain": [low, high], "nice": True, "zero": False}
    )
    axis = {"tickCount": 5} | ({"format": "~g"} if falling else {})
    title = words + (" (log scale)" if falling else "")
    y_low, y_mean = (
        quantitative(end, scale=scale, axis=axis, title=title) for end in ("low", "mean")
    )
    few = table["epoch"].nunique() <= MOST_POINTS
    points = {"size": 18, "filled": True} if few else False
    between = {"x": x, "y": y_low, "y2": {"field": "high"}, "color": colours}
    band = layer("area", between, opacity=0.14, strokeWidth=0)
    means = {
        "x": x,
        "y": y_mean,
        "color": colours,
        "strokeDash": dashes,
        "tooltip": [
            nominal("variant"),
            quantitative("epoch"),
            quantitative("mean", format=".4g"),
            quantitative("seeds"),
        ],
    }
    line = layer("line", means, strokeWidth=2, point=points)
    return Figure(
        name=slug("curves", split, metric),
        title=f"{words.capitalize()} in {split}",
        caption=seeds + FEWER * fewer + palette.note,
        section="curves",
        metric=metric,
        chart=chart_of([band, line], HEIGHT),
        rows=rows,
    )
