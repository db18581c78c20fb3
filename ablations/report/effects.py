"""Figures of deltas: the forest plot, and the pairs that the deltas are of."""

from typing import Any

import numpy as np
import pandas as pd

from ablations.report.contents import ReportContents
from ablations.report.drawing import Figure, Spec, Theme, chart_of, layer, legend_of, shown, slug
from ablations.report.rounding import bracket, decimals_for, fixed
from ablations.report.theme import VERDICTS
from ablations.report.words import better_when, metric_words, rows_of
from ablations.study import BASELINE

MOST_PAIRS = 240
MOST_SEEDS_A_VARIANT = 30
BREAK = ", "
"""Between the changes in a variant's name."""
ROW = 30
LINE = 14
DENSE = 20
MANY = 40
PAIR = 7


def forest(contents: ReportContents, metric: str, theme: Theme) -> Figure | None:
    """Draw the deltas of a metric with their intervals."""
    rows = []
    for row in rows_of(contents.deltas_of(metric)):
        if row["delta"] != row["delta"]:
            continue
        decimals = decimals_for(row["ci_high"] - row["ci_low"], abs(row["delta"]))
        interval = bracket(row["ci_low"], row["ci_high"], decimals)
        rows.append(
            {
                "variant": row["variant"],
                "delta": row["delta"],
                "low": row["ci_low"],
                "high": row["ci_high"],
                "verdict": row["verdict"] or "none",
                "said": f"{fixed(row['delta'], decimals, signed=True)} {interval}",
                "pairs": row["n_pairs"],
            }
        )
    if not rows:
        return None
    words = metric_words(metric)
    hint = {"lower": "lower is better", "higher": "higher is better"}.get(
        better_when(contents, metric)
    )
    names = [row["variant"] for row in rows]
    lines = max(name.count(BREAK) for name in names) + 1
    row_height = max(ROW if len(names) <= MANY else DENSE, LINE * lines + 8)
    # Held by the zero line's own scale, so that no difference is always in sight.
    x = shown(
        "delta",
        "quantitative",
        title=[f"delta of {words}", *([hint] if hint else [])],
        scale={"nice": True, "zero": True},
    )
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
        "y": shown("variant", "nominal", sort=names, title=None, axis=_names_axis()),
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
    return Figure(
        name=slug("forest", metric),
        title=f"Deltas of {words}",
        caption=(
            f"Mean delta over paired seeds with its {contents.interval}. The dashed line is no "
            "difference; a hollow mark is a verdict that is open."
        ),
        section="deltas",
        metric=metric,
        chart=chart_of([zero, intervals, points], row_height * len(rows)),
        rows=rows,
    )


def pairs(contents: ReportContents, metric: str, theme: Theme) -> Figure | None:
    """Draw each seed's baseline and variant, joined."""
    rows, note = _pairs(contents, metric)
    if not rows:
        return None
    names = list(dict.fromkeys(row["variant"] for row in rows))
    counts = pd.Series([row["variant"] for row in rows]).value_counts()
    words = metric_words(metric)
    domain, colours = _verdicts(rows, theme)
    y = shown(
        "variant",
        "nominal",
        sort=names,
        title=None,
        scale={"padding": 0.18},
        axis=_names_axis(),
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
    start = shown("from", "quantitative", title=words, scale={"zero": False, "nice": True})
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
        chart=chart_of([lines, hollow, full], len(names) * (PAIR * int(counts.max()) + 16)),
        rows=rows,
    )


def _pairs(contents: ReportContents, metric: str) -> tuple[list[dict[str, Any]], str]:
    if metric not in contents.trials:
        return [], ""
    done = contents.with_status("done")
    table = done.pivot_table(index="seed", columns="variant", values=metric)
    if BASELINE not in table:
        return [], ""
    deltas = contents.deltas_of(metric)
    verdict = dict(zip(deltas["variant"], deltas["verdict"], strict=True))
    rows: list[dict[str, Any]] = []
    columns = {name: table[name].to_numpy(float) for name in table.columns}
    before, seeds = columns[BASELINE], table.index.tolist()
    found = drawn = 0
    for name in contents.variants:
        if name == BASELINE or name not in columns or name not in verdict:
            continue
        both = np.flatnonzero(np.isfinite(before) & np.isfinite(columns[name])).tolist()
        found += len(both)
        both = both[:MOST_SEEDS_A_VARIANT]
        if drawn + len(both) > MOST_PAIRS:
            continue
        drawn += len(both)
        rows += [
            {
                "variant": name,
                "seed": str(seeds[at]),
                "place": place,
                "from": before[at],
                "to": columns[name][at],
                "verdict": verdict[name] or "none",
            }
            for place, at in enumerate(both)
        ]
    note = f" Drawn are {drawn:,} of {found:,} pairs, the first ones." if drawn < found else ""
    return rows, note


def _names_axis() -> Spec:
    """Return an axis with a line for each level that a variant changes."""
    parts = f"split(datum.value, '{BREAK}')"
    raised = [
        {"test": f"length({parts}) === {count}", "value": -LINE * (count - 1) / 2}
        for count in range(2, 8)
    ]
    offset = {"condition": raised, "value": 0}
    return {"labelExpr": parts, "labelLineHeight": LINE, "labelOffset": offset}


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
    open_ones = ("inconclusive", "none")
    fills = [theme["surface"] if word in open_ones else _colour(word, theme) for word in domain]
    return {"domain": domain, "range": fills}


def _colour(verdict: str, theme: Theme) -> str:
    return theme["inconclusive" if verdict == "none" else verdict]
