"""Figures of deltas: the forest plot, and the pairs that the deltas are of."""

from typing import Any

import numpy as np
import pandas as pd

from ablations.report.figure import (
    Figure,
    Spec,
    Theme,
    chart_of,
    far_out,
    far_words,
    label_of,
    layer,
    legend_of,
    names_axis,
    row_height,
    shown,
    slug,
    without_far,
)
from ablations.report.numbers import is_number, size_words, usual_decimals
from ablations.report.study.contents import ReportContents
from ablations.report.table import DAGGER
from ablations.report.theme import VERDICTS
from ablations.report.wording import better_when, listed, metric_words, rows_of
from ablations.stats.verdicts import Verdict
from ablations.study import BASELINE, Status

MOST_PAIRS = 240
MOST_SEEDS_A_VARIANT = 30
ROW = 30
DENSE = 20
MANY = 40
PAIR = 7
MOST_NOT_DRAWN = 6
HOLLOW = {Verdict.INCONCLUSIVE: "open", "none": "missing"}
"""Verdicts with a hollow mark, and what that means."""


def forest(contents: ReportContents, metric: str, theme: Theme) -> Figure | None:
    """Draw the deltas of a metric with their intervals."""
    rows = []
    frame = contents.deltas_of(metric)
    usual = usual_decimals(frame)
    for row in rows_of(frame):
        if row["delta"] != row["delta"]:
            continue
        mark = f" {DAGGER}" if contents.has_finding(row) else ""
        rows.append(
            {
                "variant": f"{row['variant']}{mark}",
                "label": label_of(f"{row['variant']}{mark}"),
                "delta": row["delta"],
                "low": row["ci_low"],
                "high": row["ci_high"],
                "verdict": row["verdict"] or "none",
                "said": size_words(row["delta"], row["ci_low"], row["ci_high"], usual),
                "pairs": row["n_pairs"],
            }
        )
    if not rows:
        return None
    words = metric_words(metric)
    names = [row["label"] for row in rows]
    height = row_height(names, ROW if len(names) <= MANY else DENSE)
    # room for the marks, which else cover the names
    scale: Spec = {"nice": True, "zero": True, "padding": 10}
    far = far_out(frame)
    if far:
        near = frame.loc[~frame["variant"].isin(far), ["delta", "ci_low", "ci_high"]]
        scale |= without_far([0.0, *near.to_numpy(float).flat])
    # Held by the zero line's own scale, so that no difference is always in sight.
    x = shown("delta", "quantitative", title=delta_title(contents, metric), scale=scale)
    domain, colours = _verdicts(rows, theme)
    tooltip = [
        shown(field, kind, title=title)
        for field, kind, title in (
            ("variant", "nominal", "variant"),
            ("said", "nominal", f"delta, {contents.interval}"),
            ("verdict", "nominal", "verdict"),
            ("pairs", "quantitative", "pairs"),
        )
    ]
    base = {
        "y": shown("label", "nominal", sort=names, title=None, axis=names_axis()),
        "color": _by_verdict(colours, theme),
        "tooltip": tooltip,
    }
    ends = {"x": shown("low", "quantitative"), "x2": {"field": "high"}}
    intervals = layer("rule", base | ends, strokeWidth=2.5, strokeCap="round")
    marks = {
        "x": x,
        "fill": _by_verdict(_fills(domain, theme), theme),
        "shape": _by_verdict(_shapes(domain), theme),
    }
    points = layer("point", base | marks, size=110, strokeWidth=2, opacity=1)
    at_zero = {"x": shown("delta", "quantitative")}
    zero = layer("rule", at_zero, color=theme["muted"], strokeDash=[4, 3])
    zero["data"] = {"values": [{"delta": 0}]}
    ranged = any(is_number(row["low"]) for row in rows)
    layers = [zero, intervals, points] if ranged else [zero, points]
    return Figure(
        name=slug("forest", metric),
        title=f"Deltas of {words}",
        caption=_how_to_read(contents, rows, ranged)
        + far_words(frame, far)
        + _not_drawn(contents, metric),
        section="deltas",
        metric=metric,
        chart=chart_of(layers, height * len(rows)),
        rows=rows,
    )


def delta_title(contents: ReportContents, metric: str) -> list[str]:
    """Return the lines below an axis of deltas."""
    better = better_when(contents, metric)
    return [f"delta of {metric_words(metric)}", *([f"{better} is better"] if better else [])]


def _how_to_read(contents: ReportContents, rows: list[dict[str, Any]], ranged: bool) -> str:
    verdicts = {row["verdict"] for row in rows}
    said = (
        f"Mean delta over paired seeds with its {contents.interval}."
        if ranged
        else "Delta of one seed, without interval."
        if max(row["pairs"] for row in rows) == 1
        else "Mean delta over paired seeds; of deltas that are all alike there is no interval."
    )
    said += " The dashed line is no difference"
    hollow = [word for verdict, word in HOLLOW.items() if ranged and verdict in verdicts]
    said += f"; a hollow mark is a verdict that is {' or '.join(hollow)}." if hollow else "."
    if any(row["variant"].endswith(DAGGER) for row in rows):
        said += f" {DAGGER}: see its finding."
    return said


def _not_drawn(contents: ReportContents, metric: str) -> str:
    """Name the variants that have no delta, with why."""
    frame = contents.deltas_of(metric)
    names = frame.loc[frame["delta"].isna(), "variant"]
    said = []
    for name in names:
        undone = contents.undone.get(str(name))
        said.append(f"{name} ({undone.status})" if undone else f"{name} (no pairs)")
    if not said:
        return ""
    more = f" and {len(said) - MOST_NOT_DRAWN:,} more" * (len(said) > MOST_NOT_DRAWN)
    return f" Not drawn: {', '.join(said[:MOST_NOT_DRAWN])}{more}."


def pairs(contents: ReportContents, metric: str, theme: Theme) -> Figure | None:
    """Draw each seed's baseline and variant, joined."""
    rows, note = _pairs(contents, metric)
    if not rows:
        return None
    names = list(dict.fromkeys(row["label"] for row in rows))
    counts = pd.Series([row["variant"] for row in rows]).value_counts()
    words = metric_words(metric)
    domain, colours = _verdicts(rows, theme)
    y = shown(
        "label", "nominal", sort=names, title=None, scale={"padding": 0.18}, axis=names_axis()
    )
    base = {
        "y": y,
        "yOffset": shown("place", "ordinal", scale={"paddingOuter": 0.4}),
        "color": _by_verdict(colours, theme),
        "tooltip": [
            shown("variant", "nominal"),
            shown("seed", "nominal"),
            shown("from", "quantitative", title="baseline", format=".4g"),
            shown("to", "quantitative", title="variant", format=".4g"),
        ],
    }
    scale: Spec = {"zero": False, "nice": True}
    far = [name for name in far_out(contents.deltas_of(metric)) if name in counts]
    near = [row for row in rows if row["variant"] not in far]
    if far and near:
        scale |= without_far(row[end] for row in near for end in ("from", "to"))
        note += f" Far beyond, and drawn at the edge: {listed(far)}."
    start = shown("from", "quantitative", title=words, scale=scale)
    joined = base | {"x": start, "x2": {"field": "to"}}
    lines = layer("rule", joined, strokeWidth=1.5, opacity=0.55)
    ring = {"strokeWidth": 1.3, "fill": theme["surface"], "stroke": theme["muted"]}
    hollow = layer("point", base | {"x": start}, size=26, filled=True, **ring)
    marks = {"x": shown("to", "quantitative"), "shape": _by_verdict(_shapes(domain), theme)}
    full = layer("point", base | marks, size=34, filled=True, opacity=1)
    return Figure(
        name=slug("pairs", metric),
        title=f"Paired seeds: {words}",
        caption=(
            "A line a seed, from the baseline (hollow) to the variant (full). Lines that all lean "
            f"the same way are an effect that no single seed makes.{note}"
        ),
        section="pairs",
        metric=metric,
        chart=chart_of(
            [lines, hollow, full], len(names) * row_height(names, PAIR * int(counts.max()) + 16)
        ),
        rows=rows,
    )


def _pairs(contents: ReportContents, metric: str) -> tuple[list[dict[str, Any]], str]:
    if metric not in contents.trials:
        return [], ""
    done = contents.with_status(Status.DONE)
    table = done.pivot_table(index="seed", columns="variant", values=metric)
    if BASELINE not in table:
        return [], ""
    deltas = contents.deltas_of(metric)
    verdict = dict(zip(deltas["variant"], deltas["verdict"], strict=True))
    columns = {name: table[name].to_numpy(float) for name in table.columns}
    before, seeds = columns[BASELINE], table.index.tolist()
    both = {
        name: np.flatnonzero(np.isfinite(before) & np.isfinite(columns[name])).tolist()
        for name in contents.variants
        if name != BASELINE and name in columns and name in verdict
    }
    sizes = dict(zip(deltas["variant"], deltas["delta"].abs(), strict=True))
    drawn: dict[str, list[int]] = {}
    room = MOST_PAIRS
    for name in sorted(both, key=lambda name: -sizes[name]):
        shown_ones = both[name][:MOST_SEEDS_A_VARIANT]
        if len(shown_ones) <= room:
            drawn[name] = shown_ones
            room -= len(shown_ones)
    rows = [
        {
            "variant": name,
            "label": label_of(name),
            "seed": str(seeds[at]),
            "place": place,
            "from": before[at],
            "to": columns[name][at],
            "verdict": verdict[name] or "none",
        }
        for name in both
        for place, at in enumerate(drawn.get(name, ()))
    ]
    return rows, _left_out(drawn, both)


def _left_out(drawn: dict[str, list[int]], found: dict[str, list[int]]) -> str:
    some, whole = len(drawn), len(found)
    said = f" Drawn are the {some} largest deltas of {whole:,}." if some < whole else ""
    if any(len(drawn[name]) < len(found[name]) for name in drawn):
        said += f" Of each the first {MOST_SEEDS_A_VARIANT} seeds."
    return said


def _by_verdict(scale: Spec, theme: Theme) -> Spec:
    return shown("verdict", "nominal", scale=scale, legend=legend_of(theme))


def _verdicts(rows: list[dict[str, Any]], theme: Theme) -> tuple[list[str], Spec]:
    """Return the verdicts that occur, and the scale of their colours."""
    seen = {row["verdict"] for row in rows}
    domain = [word for word in VERDICTS if word in seen]
    return domain, {"domain": domain, "range": [_colour(word, theme) for word in domain]}


def _shapes(domain: list[str]) -> Spec:
    return {"domain": domain, "range": [VERDICTS[word] for word in domain]}


def _fills(domain: list[str], theme: Theme) -> Spec:
    fills = [theme["surface"] if word in HOLLOW else _colour(word, theme) for word in domain]
    return {"domain": domain, "range": fills}


def _colour(verdict: str, theme: Theme) -> str:
    return theme[Verdict.INCONCLUSIVE if verdict == "none" else verdict]
