"""Sample size: the figure of what more seeds would show, and the tables of `ablations power`."""

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
from ablations.report.numbers import CI, is_number, share_words
from ablations.report.page import Key
from ablations.report.study.contents import ReportContents
from ablations.report.table import rows_of
from ablations.report.theme import DASHES, PAGE
from ablations.report.wording import count_of, metric_words
from ablations.stats.paired_t import POWER
from ablations.stats.sample_size import MOST_SEEDS, SURE
from cnnzoo.runtime.console import table

DETECTABLE = f"delta shown with {POWER:.0%} power"
HALF_WIDTH = f"half the width of the {CI}"

LOOKS = {DETECTABLE: ("series1", DASHES[0]), HALF_WIDTH: ("series5", DASHES[1])}
"""Colour and dash of each line."""

MOST_ROWS = 26
"""Maximum number of rows of the table in a terminal."""

HEIGHT = 240

COLUMNS = {
    "power": ("power_low", "power"),
    "power_equivalence": ("power_equivalence_low", "equivalence"),
    "detectable": ("detectable_high", "detectable"),
    "ci_width": ("ci_width_high", f"{CI} width"),
}
"""Cautious column and header of each column of the table in a terminal."""


def sample_size_figures(contents: ReportContents, theme: Theme) -> list[Figure]:
    """Draw what each number of seeds would show, one figure per metric with verdicts."""
    if not len(contents.sample_size):
        return []
    return [
        _figure(contents, str(metric), frame, theme)
        for metric, frame in contents.sample_size.groupby("metric", sort=False)
        if metric not in contents.secondary
    ]


def sample_size_legend() -> list[Key]:
    """Return the legend of the figures on the page."""
    return [
        Key(name, PAGE[colour], " ".join(map(str, dash))) for name, (colour, dash) in LOOKS.items()
    ]


def _figure(contents: ReportContents, metric: str, frame: pd.DataFrame, theme: Theme) -> Figure:
    words = metric_words(metric)
    margin = contents.margin_of(metric)
    rows: list[dict[str, Any]] = []
    for row in thinned(rows_of(frame), MOST_ROWS):
        half = row["ci_width"] / 2
        ends = (row["detectable"], row["detectable_high"]), (half, row["ci_width_high"] / 2)
        rows += [
            {"line": line, "seeds": row["seeds"], "delta": delta, "high": high}
            for line, (delta, high) in zip(LOOKS, ends, strict=True)
        ]
    domain = list(LOOKS)
    legend = legend_of(theme, symbolType="stroke", symbolStrokeWidth=2.5, symbolOpacity=1)
    colours = [theme[colour] for colour, _ in LOOKS.values()]
    colour = nominal("line", scale={"domain": domain, "range": colours}, legend=legend)
    dashes = [dash for _, dash in LOOKS.values()]
    dash = nominal("line", scale={"domain": domain, "range": dashes}, legend=legend)
    ticks = [n for n in whole_ticks(frame["seeds"].max()) if n >= frame["seeds"].min()]
    x = quantitative(
        "seeds",
        title="seeds",
        scale={"zero": False, "nice": False},
        axis={"grid": False, "format": "d", "values": ticks},
    )
    y = quantitative("delta", title=f"size of a delta of {words}", scale={"nice": True})
    band = {"x": x, "y": y, "y2": {"field": "high"}, "color": colour}
    line = {
        "x": x,
        "y": y,
        "color": colour,
        "strokeDash": dash,
        "tooltip": [
            nominal("line"),
            quantitative("seeds"),
            quantitative("delta", title="delta", format=".3g"),
            quantitative("high", title="with the upper limit of the SD", format=".3g"),
        ],
    }
    layers = [
        layer("area", band, opacity=0.14, strokeWidth=0),
        layer("line", line, strokeWidth=2),
    ]
    caption = (
        "Lines use the standard deviation of this study's deltas, the upper edges of the bands its "
        f"upper {SURE:.0%} confidence limit: plan with these."
    )
    if margin is not None:
        at_margin = layer(
            "rule",
            {"y": quantitative("margin", title=y["title"])},
            color=theme["ink"],
            strokeDash=[4, 3],
            strokeWidth=1.5,
        )
        layers.append(at_margin | {"data": {"values": [{"margin": margin}]}})
        caption += f" The dashed horizontal line is the margin, {margin:g}."
    return Figure(
        name=slug("seeds", metric),
        title=f"Seeds and what they show: {words}",
        caption=caption,
        section="seeds",
        metric=metric,
        chart=chart_of(layers, HEIGHT),
        rows=rows,
    )


def power_table(found: pd.DataFrame) -> Any:
    """Return the result of `ablations.power` as a table of rich, with at most 26 rows.

    The values for the upper limit of the standard deviation are in parentheses.
    """
    names = [name for name in COLUMNS if name in found]
    cells = [
        (
            int(row["seeds"]),
            *(
                f"{_short(name, row[name])} ({_short(name, row[COLUMNS[name][0]])})"
                for name in names
            ),
        )
        for row in thinned(rows_of(found), MOST_ROWS)
    ]
    columns = ["seeds", *(f"{COLUMNS[name][1]} (cautious)" for name in names)]
    return table(columns, cells, right=columns)


def _short(name: str, value: float) -> str:
    if name.startswith("power"):
        return share_words(value)
    return f"{value:.3g}" if is_number(value) else "none"


def enough_words(
    found: pd.DataFrame, *, effect: float | None = None, margin: float | None = None
) -> list[str]:
    """Return a sentence for each question on the number of seeds, and one on the spread.

    Examples
    --------
    >>> from ablations.stats.sample_size import Spread, sample_size
    >>> found = sample_size(Spread(0.012, 7), effect=0.01, comparisons=3)
    >>> import textwrap
    >>> print(textwrap.fill(enough_words(found, effect=0.01)[0], 90))
    19 seeds show a delta of 0.01 with 80% power; 31 seeds if the standard deviation is at its
    upper limit.
    """
    sentences = []
    for name, size, wanted in (
        ("power", effect, "a delta of {:g}"),
        ("power_equivalence", margin, "that a delta of 0 lies within {:g}"),
    ):
        if size is not None:
            first, sure = (
                found.loc[found[column] >= POWER, "seeds"].tolist()[:1]
                for column in (name, f"{name}_low")
            )
            count = count_of(first[0], "seed") if first else f"more than {MOST_SEEDS} seeds"
            careful = count_of(sure[0], "seed") if sure else f"more than {MOST_SEEDS} seeds"
            sentences.append(
                f"{count} show {wanted.format(size)} with {POWER:.0%} power; {careful} if the "
                "standard deviation is at its upper limit."
            )
    sd, high = found["sd"].iloc[0], found["sd_high"].iloc[0]
    sentences.append(
        f"The deltas have a standard deviation of {sd:.3g}, with an upper {SURE:.0%} limit of "
        f"{high:.3g} (cautious). Tests are at {found['level'].iloc[0]:.3g}, the first step "
        "of Holm's correction."
    )
    return sentences
