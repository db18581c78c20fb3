"""Figures of deltas: the forest plot, and the pairs that the deltas are of."""

from typing import Any

import numpy as np
import pandas as pd

from ablations.report.contents import ReportContents
from ablations.report.drawing import Figure, Theme, chart_of_rows, legend_of, slug
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
    import altair as alt

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
    y = alt.Y("variant", type="nominal", sort=names, title=None, axis=_names_axis())
    # Held by the zero line's own scale, so that no difference is always in sight.
    x = alt.X(
        "delta",
        type="quantitative",
        title=[f"delta of {words}", *([hint] if hint else [])],
        scale=alt.Scale(nice=True, zero=True),
    )
    domain, colours = _verdicts(rows, theme)
    tooltip = [
        alt.Tooltip(field, type=kind, title=title)
        for field, kind, title in (
            ("variant", "nominal", "variant"),
            ("said", "nominal", f"delta, {contents.interval}"),
            ("verdict", "nominal", "verdict"),
            ("pairs", "quantitative", "pairs"),
        )
    ]
    base = chart_of_rows().encode(y=y, tooltip=tooltip)
    intervals = base.mark_rule(strokeWidth=2.5, strokeCap="round").encode(
        x=alt.X("low", type="quantitative"),
        x2="high",
        color=alt.Color("verdict", type="nominal", scale=colours, legend=legend_of(theme)),
    )
    points = base.mark_point(size=110, strokeWidth=2, opacity=1).encode(
        x=x,
        color=alt.Color("verdict", type="nominal", scale=colours, legend=legend_of(theme)),
        fill=alt.Fill(
            "verdict",
            type="nominal",
            scale=alt.Scale(domain=domain, range=_fills(domain, theme)),
            legend=legend_of(theme),
        ),
        shape=alt.Shape(
            "verdict",
            type="nominal",
            scale=alt.Scale(domain=domain, range=[VERDICTS[word] for word in domain]),
            legend=legend_of(theme),
        ),
    )
    zero = (
        alt.Chart(alt.Data(values=[{"delta": 0}]))
        .mark_rule(color=theme["muted"], strokeDash=[4, 3])
        .encode(x=alt.X("delta", type="quantitative"))
    )
    return Figure(
        name=slug("forest", metric),
        title=f"Deltas of {words}",
        caption=(
            f"Mean delta over paired seeds with its {contents.interval}. The dashed line is no "
            "difference; a hollow mark is a verdict that is open."
        ),
        section="deltas",
        metric=metric,
        chart=(zero + intervals + points).properties(
            width="container", height=row_height * len(rows)
        ),
        rows=rows,
    )


def pairs(contents: ReportContents, metric: str, theme: Theme) -> Figure | None:
    """Draw each seed's baseline and variant, joined."""
    import altair as alt

    rows, note = _pairs(contents, metric)
    if not rows:
        return None
    names = list(dict.fromkeys(row["variant"] for row in rows))
    counts = pd.Series([row["variant"] for row in rows]).value_counts()
    words = metric_words(metric)
    domain, colours = _verdicts(rows, theme)
    y = alt.Y(
        "variant",
        type="nominal",
        sort=names,
        title=None,
        scale=alt.Scale(padding=0.18),
        axis=_names_axis(),
    )
    base = chart_of_rows().encode(
        y=y,
        yOffset=alt.YOffset("place", type="ordinal", scale=alt.Scale(paddingOuter=0.4)),
        color=alt.Color("verdict", type="nominal", scale=colours, legend=legend_of(theme)),
        tooltip=[
            alt.Tooltip("variant", type="nominal"),
            alt.Tooltip("seed", type="nominal"),
            alt.Tooltip("from", type="quantitative", title="baseline", format=".4g"),
            alt.Tooltip("to", type="quantitative", title="variant", format=".4g"),
        ],
    )
    scale = alt.Scale(zero=False, nice=True)
    start = alt.X("from", type="quantitative", title=words, scale=scale)
    lines = base.mark_rule(strokeWidth=1.5, opacity=0.55).encode(x=start, x2="to")
    hollow = base.mark_point(
        size=26, strokeWidth=1.3, filled=True, fill=theme["surface"], stroke=theme["muted"]
    ).encode(x=start)
    full = base.mark_point(size=34, filled=True, opacity=1).encode(
        x=alt.X("to", type="quantitative"),
        shape=alt.Shape(
            "verdict",
            type="nominal",
            scale=alt.Scale(domain=domain, range=[VERDICTS[word] for word in domain]),
            legend=legend_of(theme),
        ),
    )
    return Figure(
        name=slug("pairs", metric),
        title=f"Paired seeds: {words}",
        caption=(
            "A line a seed, from the baseline (hollow) to the variant (full). Lines that all lean "
            f"the same way are an effect that no single seed makes.{note}"
        ),
        section="pairs",
        metric=metric,
        chart=(lines + hollow + full).properties(
            width="container", height=len(names) * (PAIR * int(counts.max()) + 16)
        ),
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


def _names_axis() -> Any:
    """Return an axis with a line for each level that a variant changes."""
    import altair as alt

    parts = f"split(datum.value, '{BREAK}')"
    raised = [
        {"test": f"length({parts}) === {count}", "value": -LINE * (count - 1) / 2}
        for count in range(2, 8)
    ]
    return alt.Axis(
        labelExpr=parts, labelLineHeight=LINE, labelOffset={"condition": raised, "value": 0}
    )


def _verdicts(rows: list[dict[str, Any]], theme: Theme) -> tuple[list[str], Any]:
    """Return the verdicts that occur, and the scale of their colours."""
    import altair as alt

    seen = {row["verdict"] for row in rows}
    domain = [word for word in VERDICTS if word in seen]
    return domain, alt.Scale(domain=domain, range=[_colour(word, theme) for word in domain])


def _fills(domain: list[str], theme: Theme) -> list[str]:
    open_ones = ("inconclusive", "none")
    return [theme["surface"] if word in open_ones else _colour(word, theme) for word in domain]


def _colour(verdict: str, theme: Theme) -> str:
    return theme["inconclusive" if verdict == "none" else verdict]
