"""Figures of deltas: the forest plot, and the paired values behind it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ablations.report.figure import (
    Figure,
    Spec,
    Theme,
    chart_of,
    clamped_scale,
    label_of,
    layer,
    legend_of,
    names_axis,
    nominal,
    outlier_words,
    outliers,
    quantitative,
    row_height,
    slug,
    zero_line,
)
from ablations.report.metric_axis import delta_title, metric_scale, metric_title
from ablations.report.numbers import CI, is_number, size_words, usual_decimals
from ablations.report.study.contents import ReportContents
from ablations.report.table import DAGGER, rows_of
from ablations.report.theme import VERDICTS
from ablations.report.wording import listed, metric_words
from ablations.stats.verdicts import Verdict
from ablations.study import BASELINE, Status

ROW = 30
"""Height of a row in pixels."""

DENSE_ROW = 20
DENSE_FROM = 41
"""Height of a row, and the number of rows from which it applies."""

PAIR = 7
"""Height of a pair in pixels."""

MOST_PAIRS = 240
MOST_SEEDS_PER_VARIANT = 30

HOLLOW = (Verdict.INCONCLUSIVE, "none")
"""Verdicts with a hollow mark."""


def forest(contents: ReportContents, metric: str, theme: Theme) -> Figure | None:
    """Draw the deltas of a metric with their intervals."""
    frame = contents.deltas_of(metric)
    usual = usual_decimals(frame)
    rows = []
    for row in rows_of(frame):
        if not is_number(row["delta"]):
            continue
        name = f"{row['variant']}{f' {DAGGER}' if contents.has_finding(row) else ''}"
        rows.append(
            {
                "variant": name,
                "label": label_of(name),
                "delta": row["delta"],
                "low": row["ci_low"],
                "high": row["ci_high"],
                "verdict": _shown(contents, metric, row["verdict"]),
                "size": size_words(row["delta"], row["ci_low"], row["ci_high"], usual),
                "pairs": row["n_pairs"],
            }
        )
    if not rows:
        return None
    names = [row["label"] for row in rows]
    height = row_height(names, ROW if len(names) < DENSE_FROM else DENSE_ROW)
    # padding keeps the marks off the names
    scale: Spec = {"nice": True, "zero": True, "padding": 10}
    far = outliers(frame)
    if far:
        near = frame.loc[~frame["variant"].isin(far), ["delta", "ci_low", "ci_high"]]
        scale |= clamped_scale([0.0, *near.to_numpy(float).flat])
    verdicts = verdicts_of(rows)
    base = {
        "y": nominal("label", sort=names, title=None, axis=names_axis()),
        "color": by_verdict(colours_of(verdicts, theme), theme),
        "tooltip": [
            nominal("variant"),
            nominal("size", title=f"delta, {CI}"),
            nominal("verdict"),
            quantitative("pairs"),
        ],
    }
    marks = {
        "x": quantitative("delta", title=delta_title(metric), scale=scale),
        "fill": by_verdict(_fills(verdicts, theme), theme),
        "shape": by_verdict(shapes_of(verdicts), theme),
    }
    layers = [zero_line(theme), layer("point", base | marks, size=110, strokeWidth=2, opacity=1)]
    margin = contents.margin_of(metric)
    if margin is not None:
        layers.insert(0, _margin_band(margin, theme))
    with_intervals = any(is_number(row["low"]) for row in rows)
    if with_intervals:
        ends = {"x": quantitative("low"), "x2": {"field": "high"}}
        layers.insert(-1, layer("rule", base | ends, strokeWidth=2.5, strokeCap="round"))
    sizes = {row["variant"].removesuffix(f" {DAGGER}"): row["size"] for row in rows}
    caption = [
        _how_to_read(rows, with_intervals),
        f" The band is the margin of equivalence, {margin:g}." if margin is not None else "",
        outlier_words([f"{name} ({sizes[name]})" for name in far]),
        _not_drawn(contents, metric),
    ]
    return Figure(
        name=slug("forest", metric),
        title=f"Deltas of {metric_words(metric)}",
        caption="".join(caption),
        section="deltas",
        metric=metric,
        chart=chart_of(layers, height * len(rows)),
        rows=rows,
        verdicts=verdicts,
    )


def _margin_band(margin: float, theme: Theme) -> Spec:
    """Return a layer with the deltas that are equivalent to none."""
    ends = {"x": quantitative("from"), "x2": {"field": "to"}}
    band = layer("rect", ends, color=theme["equivalent"], opacity=0.13)
    return band | {"data": {"values": [{"from": -margin, "to": margin}]}}


def _how_to_read(rows: list[dict[str, Any]], with_intervals: bool) -> str:
    if with_intervals:
        text = f"Mean delta over paired seeds with its {CI}."
    elif max(row["pairs"] for row in rows) == 1:
        text = "Delta of one seed, without interval."
    else:
        text = "Mean delta over paired seeds, without interval because the deltas do not vary."
    marked = any(row["variant"].endswith(DAGGER) for row in rows)
    return text + (f" {DAGGER}: see its finding." if marked else "")


def _not_drawn(contents: ReportContents, metric: str) -> str:
    """Name the variants without a delta, with the reason."""
    frame = contents.deltas_of(metric)
    names = []
    for name in frame.loc[frame["delta"].isna(), "variant"]:
        unfinished = contents.unfinished.get(str(name))
        names.append(f"{name} ({unfinished.status if unfinished else 'no pairs'})")
    return f" Not drawn: {listed(names)}." if names else ""


def pairs(contents: ReportContents, metric: str, theme: Theme) -> Figure | None:
    """Draw each seed's baseline and variant, connected by a line."""
    rows, note = _pairs(contents, metric)
    if not rows:
        return None
    names = list(dict.fromkeys(row["label"] for row in rows))
    counts = pd.Series([row["variant"] for row in rows]).value_counts()
    words = metric_words(metric)
    verdicts = verdicts_of(rows)
    y = nominal("label", sort=names, title=None, scale={"padding": 0.18}, axis=names_axis())
    base = {
        "y": y,
        "yOffset": nominal("place", scale={"paddingOuter": 0.4}),
        "color": by_verdict(colours_of(verdicts, theme), theme),
        "tooltip": [
            nominal("variant"),
            nominal("seed"),
            quantitative("from", title="baseline", format=".4g"),
            quantitative("to", title="variant", format=".4g"),
        ],
    }
    values = [row[end] for row in rows for end in ("from", "to")]
    scale = metric_scale(metric, values)
    far = [name for name in outliers(contents.deltas_of(metric)) if name in counts]
    near = [row for row in rows if row["variant"] not in far]
    if far and near:
        values = [row[end] for row in near for end in ("from", "to")]
        scale = metric_scale(metric, values, **clamped_scale(values))
        note += outlier_words(far)
    start = quantitative("from", title=metric_title(metric), scale=scale)
    line = base | {"x": start, "x2": {"field": "to"}}
    ring: Spec = {"strokeWidth": 1.3, "fill": theme["surface"], "stroke": theme["muted"]}
    marks = {"x": quantitative("to"), "shape": by_verdict(shapes_of(verdicts), theme)}
    layers = [
        layer("rule", line, strokeWidth=1.5, opacity=0.55),
        layer("point", base | {"x": start}, size=26, filled=True, **ring),
        layer("point", base | marks, size=34, filled=True, opacity=1),
    ]
    height = row_height(names, PAIR * int(counts.max()) + 16)
    return Figure(
        name=slug("pairs", metric),
        title=f"Paired seeds: {words}",
        caption=(f"One line per seed, from the baseline (hollow) to the variant (filled).{note}"),
        section="pairs",
        metric=metric,
        chart=chart_of(layers, len(names) * height),
        rows=rows,
        verdicts=verdicts,
    )


def _pairs(contents: ReportContents, metric: str) -> tuple[list[dict[str, Any]], str]:
    """Return the pairs that are drawn, those of the largest deltas, and what was left out."""
    if metric not in contents.trials:
        return [], ""
    table = contents.with_status(Status.DONE).pivot_table(
        index="seed", columns="variant", values=metric
    )
    if BASELINE not in table:
        return [], ""
    deltas = contents.deltas_of(metric)
    verdicts = dict(zip(deltas["variant"], deltas["verdict"], strict=True))
    sizes = dict(zip(deltas["variant"], deltas["delta"].abs(), strict=True))
    columns = {name: table[name].to_numpy(float) for name in table.columns}
    before, seeds = columns[BASELINE], table.index.tolist()
    paired = {
        name: np.flatnonzero(np.isfinite(before) & np.isfinite(columns[name])).tolist()
        for name in contents.variants
        if name != BASELINE and name in columns and name in verdicts
    }
    drawn: dict[str, list[int]] = {}
    room = MOST_PAIRS
    for name in sorted(paired, key=lambda name: -sizes[name]):
        places = paired[name][:MOST_SEEDS_PER_VARIANT]
        if len(places) <= room:
            drawn[name] = places
            room -= len(places)
    rows = [
        {
            "variant": name,
            "label": label_of(name),
            "seed": str(seeds[at]),
            "place": place,
            "from": before[at],
            "to": columns[name][at],
            "verdict": _shown(contents, metric, verdicts[name]),
        }
        for name in paired
        for place, at in enumerate(drawn.get(name, ()))
    ]
    note = ""
    if len(drawn) < len(paired):
        note += f" Only the {len(drawn)} largest deltas of {len(paired):,} are drawn."
    if any(len(drawn[name]) < len(paired[name]) for name in drawn):
        note += f" Only the first {MOST_SEEDS_PER_VARIANT} seeds of each variant are drawn."
    return rows, note


def _shown(contents: ReportContents, metric: str, verdict: str) -> str:
    """Return the verdict that a mark shows; those of secondary metrics are not told apart."""
    return "secondary" if verdict and metric in contents.secondary else verdict or "none"


def by_verdict(scale: Spec, theme: Theme) -> Spec:
    """Return a channel that shows the verdict."""
    return nominal("verdict", scale=scale, legend=legend_of(theme))


def verdicts_of(rows: list[dict[str, Any]]) -> list[str]:
    """Return the verdicts that occur, in the order of the legend."""
    occurring = {row["verdict"] for row in rows}
    return [word for word in VERDICTS if word in occurring]


def colours_of(verdicts: Sequence[str], theme: Theme) -> Spec:
    """Return the scale of the verdicts' colours."""
    return {"domain": verdicts, "range": [_colour(word, theme) for word in verdicts]}


def shapes_of(verdicts: Sequence[str]) -> Spec:
    """Return the scale of the verdicts' shapes."""
    return {"domain": verdicts, "range": [VERDICTS[word] for word in verdicts]}


def _fills(verdicts: Sequence[str], theme: Theme) -> Spec:
    fills = [theme["surface"] if word in HOLLOW else _colour(word, theme) for word in verdicts]
    return {"domain": verdicts, "range": fills}


def _colour(verdict: str, theme: Theme) -> str:
    return theme[verdict if verdict in tuple(Verdict) else Verdict.INCONCLUSIVE]
