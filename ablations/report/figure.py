"""Figures: a Vega-Lite chart with its title and caption, and what all charts share."""

import itertools
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ablations.report.numbers import is_number
from ablations.report.theme import LIGHT, PAGE, config
from ablations.report.wording import listed

OTHER = "other variants"

ROWS = "rows"
"""Name of a figure's data in its chart."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

FILE_WIDTH = 560

LONGEST_NAME = 60
"""Most characters of a figure's name: a file name has 255 bytes, and a character up to 4."""

LINE = 14
"""Height of a line of a label, in pixels."""

LONGEST_LINE = 26
"""Most characters of a label's line, so that a phone has room for it."""

BREAK = "\n"
PIECE = re.compile(r"[^=_\s.-]*[=_\s.-]*")

OUTLIER_RATIO = 20
BASELINE_RATIO = 10
"""A delta is an outlier if its interval reaches this many times further from 0 than the median
one, and the delta is this many times the baseline's mean: training has failed."""

Theme = Mapping[str, str]

Spec = dict[str, Any]
"""A part of a chart in Vega-Lite."""


@dataclass(frozen=True)
class Figure:
    """A chart with its title and caption.

    Parameters
    ----------
    name
        Name of its file and its anchor.
    title
        What is shown.
    caption
        How to read it, and what was left out.
    section
        Section of the page, such as "deltas" or "costs".
    metric
        Metric that is shown.
    chart
        The Vega-Lite chart without its data; as wide as its container.
    rows
        The data: numbers and texts by name.
    verdicts
        Verdicts that a legend explains.
    layout
        Returns the figure for a width in pixels, if its chart is not the same for all widths.
    widths
        Widths that a page has a chart for, in ascending order, if there is a layout.
    """

    name: str
    title: str
    caption: str
    section: str
    metric: str
    chart: Spec
    rows: list[dict[str, Any]]
    verdicts: Sequence[str] = ()
    layout: Callable[["Figure", float], "Figure"] | None = None
    widths: Sequence[int] = ()

    def at(self, width: float) -> "Figure":
        """Return the figure for a width in pixels."""
        return self.layout(self, width) if self.layout else self


def chart_of(layers: Sequence[Spec], height: float) -> Spec:
    """Return a chart of its figure's rows, in Vega-Lite, from the lowest layer up.

    The specification is written directly because importing Altair and its checks would take a
    third of a report's time; a test lets Altair check every chart.
    """
    return {"data": {"name": ROWS}, "layer": layers, "width": "container", "height": height}


def layer(mark: str, encoding: Spec, *, only: str = "", **style: Any) -> Spec:
    """Return a layer: a mark with its style, and the channels that show the rows.

    With ``only``, an expression, the layer shows the rows for which it is true.
    """
    drawn = {"mark": {"type": mark, **style}, "encoding": encoding}
    return drawn | ({"transform": [{"filter": only}]} if only else {})


def quantitative(field: str, **options: Any) -> Spec:
    """Return a channel that shows a field of numbers.

    Examples
    --------
    >>> quantitative("delta", title="delta")
    {'field': 'delta', 'type': 'quantitative', 'title': 'delta'}
    """
    return {"field": field, "type": "quantitative", **options}


def nominal(field: str, **options: Any) -> Spec:
    """Return a channel that shows a field of names."""
    return {"field": field, "type": "nominal", **options}


def zero_line(theme: Theme) -> Spec:
    """Return a layer with a dashed line at 0, which keeps 0 within the axis."""
    at_zero = {"x": quantitative("zero")}
    line = layer("rule", at_zero, color=theme["muted"], strokeDash=[4, 3])
    return line | {"data": {"values": [{"zero": 0}]}}


def legend_of(theme: Theme, **options: Any) -> Spec | None:
    """Return a legend for a file; on the page the figures of a section share one."""
    return None if theme is PAGE else {"title": None, **options}


def plain(value: Any) -> Any:
    """Return a value for JSON; NaN and infinity become None."""
    if isinstance(value, str | bool):
        return value
    if not is_number(value):
        return None
    return int(value) if isinstance(value, int) else float(value)


def slug(*texts: str) -> str:
    """Return a name for a file or an anchor, of letters and digits of any script, "_" and "-".

    Different texts may get the same name: `distinct` numbers those.

    Examples
    --------
    >>> slug("forest", "test_loss <b>"), slug("slice", "\N{GREEK SMALL LETTER ALPHA}")
    ('forest-test_loss-b', 'slice-\N{GREEK SMALL LETTER ALPHA}')
    """
    text = unicodedata.normalize("NFC", "-".join(texts))
    return re.sub(r"\W+", "-", text)[:LONGEST_NAME].strip("-")


def distinct(names: Iterable[str]) -> list[str]:
    """Number repeated names, so that they are different files on every file system.

    Examples
    --------
    >>> distinct(["slice-units", "slice-Units", "slice-units"])
    ['slice-units', 'slice-Units-2', 'slice-units-3']
    """
    taken: set[str] = set()
    distinct_names = []
    for name in names:
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        free = next(one for one in itertools.chain([name], numbered) if one.casefold() not in taken)
        taken.add(free.casefold())
        distinct_names.append(free)
    return distinct_names


def with_distinct_names(figures: Iterable[Figure]) -> list[Figure]:
    """Return figures with names that are distinct files and anchors."""
    drawn = list(figures)
    names = distinct(figure.name for figure in drawn)
    return [replace(figure, name=name) for figure, name in zip(drawn, names, strict=True)]


def whole_ticks(last: float) -> list[int]:
    """Return whole numbers for an axis from 1; by default Vega marks halves too.

    Examples
    --------
    >>> whole_ticks(3), whole_ticks(20)
    ([1, 2, 3], [4, 8, 12, 16, 20])
    """
    step = 1
    while last / step > 8:
        step *= 2
    return list(range(step, int(last) + 1, step))


def every_tick(values: Sequence[float]) -> Spec:
    """Return axis options that put a tick at each value.

    Vega leaves out values if the number of ticks of the theme is smaller than theirs.

    Examples
    --------
    >>> every_tick([1, 2, 3, 4])
    {'values': [1, 2, 3, 4], 'tickCount': 4}
    """
    return {"values": list(values), "tickCount": len(values)}


def thinned(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most ``most`` items, evenly spread, with the first and the last.

    Examples
    --------
    >>> thinned(range(10), 4)
    [0, 3, 6, 9]
    """
    if len(items) <= most:
        return list(items)
    step = (len(items) - 1) / (most - 1)
    return [items[round(at * step)] for at in range(most)]


def label_of(name: str) -> str:
    r"""Break a name into lines: one for each level that it changes, more if that is long.

    Names are not cut because some differ only at their ends.

    Examples
    --------
    >>> label_of("pool_size=4, normalization=batch")
    'pool_size=4\nnormalization=batch'
    >>> label_of("kernel_initializer=truncated_normal_with_a_long_name_7")
    'kernel_initializer=\ntruncated_normal_with_a_\nlong_name_7'
    """
    return BREAK.join(line for part in name.split(", ") for line in _lines(part))


def row_height(labels: Sequence[str], least: int) -> int:
    """Return the height of a row with room for each of these labels, at least ``least``."""
    return max(least, LINE * (max(label.count(BREAK) for label in labels) + 1) + 8)


def names_axis() -> Spec:
    """Return an axis whose labels may have several lines."""
    parts = "split(datum.value, '\\n')"
    raised = [
        {"test": f"length({parts}) === {count}", "value": -LINE * (count - 1) / 2}
        for count in range(2, 16)
    ]
    offset = {"condition": raised, "value": 0}
    return {"labelExpr": parts, "labelLineHeight": LINE, "labelOffset": offset}


def _lines(part: str) -> list[str]:
    if len(part) <= LONGEST_LINE:
        return [part]
    toggle, equals, level = part.partition("=")
    if equals and level and len(toggle) < LONGEST_LINE:
        return [toggle + equals, *_filled(level)]
    return _filled(part)


def _filled(text: str) -> list[str]:
    """Break a text after its separators, or anywhere if it has none."""
    lines = [""]
    for piece in filter(None, PIECE.findall(text)):
        if lines[-1] and len(lines[-1]) + len(piece) > LONGEST_LINE:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1]) > LONGEST_LINE:
            lines[-1:] = [lines[-1][:LONGEST_LINE], lines[-1][LONGEST_LINE:]]
    return lines


def outliers(deltas: pd.DataFrame) -> list[str]:
    """Return the variants whose delta would flatten all others on an axis.

    A delta that is merely larger than the others is no outlier: it is what a study looks for.

    Examples
    --------
    >>> frame = pd.DataFrame({"variant": ["a", "b", "c"], "baseline_mean": 0.25})
    >>> frame["delta"] = frame["ci_low"] = frame["ci_high"] = [0.01, -0.02, 900.0]
    >>> outliers(frame)
    ['c']
    >>> outliers(frame.assign(delta=[0.0001, -0.0002, 0.5]))
    []
    """
    ends = deltas[["delta", "ci_low", "ci_high"]].abs()
    reach = ends.max(axis=1)
    median = reach.median()
    if not median:  # most variants have no delta
        return []
    far = (ends["delta"] > BASELINE_RATIO * deltas["baseline_mean"].abs()) & (
        reach > OUTLIER_RATIO * median
    )
    return [str(name) for name in deltas.loc[far, "variant"]]


def clamped_scale(values: Iterable[float]) -> Spec:
    """Return the part of a scale that ends at these values and draws others at its edge."""
    numbers = [value for value in values if is_number(value)]
    if min(numbers) == max(numbers):
        numbers.append(0)
    return {"domain": [min(numbers), max(numbers)], "clamp": True}


def outlier_words(names: Sequence[str]) -> str:
    """Name the outliers in a caption.

    Examples
    --------
    >>> outlier_words(["pool_size=4"])
    ' Outliers drawn at the edge: pool_size=4.'
    """
    return f" Outliers drawn at the edge: {listed(names)}." if names else ""


def spec(figure: Figure, theme: Theme) -> Spec:
    """Return a figure in Vega-Lite, with its data, for the page."""
    rows = [{key: plain(value) for key, value in row.items()} for row in figure.rows]
    return figure.chart | {"$schema": SCHEMA, "config": config(theme), "datasets": {ROWS: rows}}


def file_spec(figure: Figure, about: str) -> Spec:
    """Return a figure in Vega-Lite for a file, with its title, its caption and a fixed width.

    Parameters
    ----------
    figure
        What is drawn.
    about
        Names the study, because the figure stands alone.
    """
    subtitle = [*([about] if about else []), *textwrap.wrap(figure.caption, 90)]
    title = {"text": figure.title, "subtitle": subtitle}
    return spec(figure.at(FILE_WIDTH), LIGHT) | {"width": FILE_WIDTH, "title": title, "padding": 16}
