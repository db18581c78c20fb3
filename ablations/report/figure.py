"""Figures: an Altair chart with a caption, and its names, axes and palette."""

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ablations.report.numbers import is_number, size_words
from ablations.report.theme import LIGHT, PAGE, config
from ablations.report.wording import listed, rows_of

OTHER = "other variants"

LONGEST_NAME = 60
"""Characters of a figure's name; a file system takes 255 bytes, and a character has up to 4."""

Theme = Mapping[str, str]

Spec = dict[str, Any]
"""A piece of a chart, as Vega-Lite has it."""


@dataclass(frozen=True)
class Figure:
    """A chart with its words.

    Parameters
    ----------
    name
        For files and anchors.
    title
        What is shown.
    caption
        How to read it, and what was left out.
    section
        Where on the page: "deltas", "pairs", "curves", "interactions" or "costs".
    metric
        That it shows.
    chart
        What is drawn, as Vega-Lite has it but for its data; as wide as what holds it.
    rows
        Its data: numbers and texts by name, as JSON has them.
    """

    name: str
    title: str
    caption: str
    section: str
    metric: str
    chart: Spec
    rows: list[dict[str, Any]]


ROWS = "rows"
"""What a chart calls the data of its figure."""


def chart_of(layers: Sequence[Spec], height: float) -> Spec:
    """Return a chart of its figure's rows, as Vega-Lite has it, from the lowest layer up.

    Written out rather than made with Altair, whose import and checks would take a third of the
    time that a report may take; a test has Altair check all that is drawn.
    """
    return {"data": {"name": ROWS}, "layer": layers, "width": "container", "height": height}


def layer(mark: str, encoding: Spec, **style: Any) -> Spec:
    """Return a layer: a mark with its style, and what of the rows it shows by channel."""
    return {"mark": {"type": mark, **style}, "encoding": encoding}


def shown(field: str, kind: str, **options: Any) -> Spec:
    """Return a channel: the field that it shows, of which kind, and how.

    Examples
    --------
    >>> shown("delta", "quantitative", title="delta")
    {'field': 'delta', 'type': 'quantitative', 'title': 'delta'}
    """
    return {"field": field, "type": kind, **options}


def legend_of(theme: Theme, **options: Any) -> Spec | None:
    """Return a legend for a file; the page has one of its own for all figures of a section."""
    return None if theme is PAGE else {"title": None, **options}


def plain(value: Any) -> Any:
    """Return a value as JSON has it, None where there is no number."""
    if isinstance(value, str | bool):
        return value
    if not is_number(value):
        return None
    return int(value) if isinstance(value, int) else float(value)


def slug(*texts: str) -> str:
    """Return a name for a file or an anchor, of letters and digits of any script, "_" and "-".

    Different texts may have the same name: `distinct` tells them apart.

    Examples
    --------
    >>> slug("forest", "test_loss <b>"), slug("slice", "\N{GREEK SMALL LETTER ALPHA}")
    ('forest-test_loss-b', 'slice-\N{GREEK SMALL LETTER ALPHA}')
    """
    text = unicodedata.normalize("NFC", "-".join(texts))
    return re.sub(r"\W+", "-", text)[:LONGEST_NAME].strip("-")


def distinct(names: Iterable[str]) -> list[str]:
    """Return names that are different files on any file system: repeated ones get a number.

    Examples
    --------
    >>> distinct(["slice-units", "slice-Units", "slice-units"])
    ['slice-units', 'slice-Units-2', 'slice-units-3']
    """
    taken: set[str] = set()
    found = []
    for name in names:
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        free = next(one for one in itertools.chain([name], numbered) if one.casefold() not in taken)
        taken.add(free.casefold())
        found.append(free)
    return found


def with_distinct_names(figures: Iterable[Figure]) -> list[Figure]:
    """Return figures of which no two have the same file or the same anchor."""
    drawn = list(figures)
    names = distinct(figure.name for figure in drawn)
    return [replace(figure, name=name) for figure, name in zip(drawn, names, strict=True)]


def whole_ticks(last: float) -> list[int]:
    """Return some whole numbers for an axis from 1, which left to itself marks halves of them.

    Examples
    --------
    >>> whole_ticks(3), whole_ticks(20)
    ([1, 2, 3], [4, 8, 12, 16, 20])
    """
    step = 1
    while last / step > 8:
        step *= 2
    return list(range(step, int(last) + 1, step))


def thinned(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most so many items, evenly spread, the first and the last among them.

    Examples
    --------
    >>> thinned(range(10), 4)
    [0, 3, 6, 9]
    """
    if len(items) <= most:
        return list(items)
    step = (len(items) - 1) / (most - 1)
    return [items[round(at * step)] for at in range(most)]


LINE = 14
"""Of a name, in pixels."""

LONGEST = 26
"""Characters of a line that a phone has room for."""

BREAK = "\n"
PIECE = re.compile(r"[^=_\s.-]*[=_\s.-]*")


def label_of(name: str) -> str:
    r"""Break a name into lines: one for each level that it changes, more where that is long.

    Names that differ at their ends only would be one and the same if they were cut there.

    Examples
    --------
    >>> label_of("pool_size=4, normalization=batch")
    'pool_size=4\nnormalization=batch'
    >>> label_of("kernel_initializer=truncated_normal_with_a_long_name_7")
    'kernel_initializer=\ntruncated_normal_with_a_\nlong_name_7'
    """
    return BREAK.join(line for part in name.split(", ") for line in _lines(part))


def row_height(labels: Sequence[str], least: int) -> int:
    """Return the height of a row that has room for each of these labels."""
    return max(least, LINE * (max(label.count(BREAK) for label in labels) + 1) + 8)


def names_axis() -> Spec:
    """Return an axis whose labels have lines."""
    parts = "split(datum.value, '\\n')"
    raised = [
        {"test": f"length({parts}) === {count}", "value": -LINE * (count - 1) / 2}
        for count in range(2, 16)
    ]
    offset = {"condition": raised, "value": 0}
    return {"labelExpr": parts, "labelLineHeight": LINE, "labelOffset": offset}


def _lines(part: str) -> list[str]:
    if len(part) <= LONGEST:
        return [part]
    toggle, equals, level = part.partition("=")
    if equals and level and len(toggle) < LONGEST:
        return [toggle + equals, *_filled(level)]
    return _filled(part)


def _filled(text: str) -> list[str]:
    """Break a text behind its separators, or anywhere where it has none."""
    lines = [""]
    for piece in filter(None, PIECE.findall(text)):
        if lines[-1] and len(lines[-1]) + len(piece) > LONGEST:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1]) > LONGEST:
            lines[-1:] = [lines[-1][:LONGEST], lines[-1][LONGEST:]]
    return lines


OF_OTHERS = 20
"""Times the reach of the middle delta..."""

OF_BASELINE = 10
"""...and times the baseline's mean, beyond which a delta is far out: training has failed."""


def far_out(deltas: pd.DataFrame) -> list[str]:
    """Return the variants whose delta of a metric is beyond the others' and beyond the metric.

    Not those that are only larger than the others: a delta beside nothing but small ones is what
    a study looks for.

    Examples
    --------
    >>> frame = pd.DataFrame({"variant": ["a", "b", "c"], "baseline_mean": 0.25})
    >>> frame["delta"] = frame["ci_low"] = frame["ci_high"] = [0.01, -0.02, 900.0]
    >>> far_out(frame)
    ['c']
    >>> far_out(frame.assign(delta=[0.0001, -0.0002, 0.5]))
    []
    """
    ends = deltas[["delta", "ci_low", "ci_high"]].abs()
    reach = ends.max(axis=1)
    middle = reach.median()
    if not middle:  # most have no delta at all, and there is nothing to flatten
        return []
    far = (ends["delta"] > OF_BASELINE * deltas["baseline_mean"].abs()) & (
        reach > OF_OTHERS * middle
    )
    return [str(name) for name in deltas.loc[far, "variant"]]


def without_far(values: Iterable[float]) -> Spec:
    """Return the part of a scale that ends where these values do, and holds others at its edge."""
    known = [value for value in values if is_number(value)]
    if min(known) == max(known):
        known.append(0)
    return {"domain": [min(known), max(known)], "clamp": True}


def far_words(deltas: pd.DataFrame, far: Collection[str]) -> str:
    """Say what is drawn at the edge, if anything is."""
    rows = rows_of(deltas[deltas["variant"].isin(far)])
    sizes = [
        f"{row['variant']} ({size_words(row['delta'], row['ci_low'], row['ci_high'])})"
        for row in rows
    ]
    return f" Far beyond, and drawn at the edge: {listed(sizes)}." if sizes else ""


FILE_WIDTH = 560

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def spec(figure: Figure, theme: Theme) -> dict[str, Any]:
    """Return a figure as Vega-Lite has it, for the page."""
    rows = [{key: plain(value) for key, value in row.items()} for row in figure.rows]
    about = {"$schema": SCHEMA, "config": config(theme), "datasets": {ROWS: rows}}
    return figure.chart | about


def file_spec(figure: Figure, about: str) -> dict[str, Any]:
    """Return a figure as Vega-Lite has it, for a file: with its words, and a width of its own.

    Parameters
    ----------
    figure
        What is drawn.
    about
        Of which study it is, which a figure on its own does not tell.
    """
    import textwrap

    subtitle = [*([about] if about else []), *textwrap.wrap(figure.caption, 90)]
    title = {"text": figure.title, "subtitle": subtitle}
    return spec(figure, LIGHT) | {"width": FILE_WIDTH, "title": title, "padding": 16}
