"""The chart of a network: a box per part, coloured by what it is worth and as wide as it costs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd

from ablations.report.figure import (
    BREAK,
    LINE,
    Figure,
    Spec,
    Theme,
    chart_of,
    label_of,
    layer,
    nominal,
    quantitative,
)
from ablations.report.network.boxes import Box, Diagram, diagram_of
from ablations.report.network.lanes import Lanes, lanes_of
from ablations.report.numbers import brief, decimals_for, usual_decimals
from ablations.report.wording import better_or_worse
from ablations.stats.verdicts import Verdict
from cnnzoo.parts.network import Network

WIDTHS = (310, 480, 1020)
"""Pixels of a chart on a phone, in half of a page and across a page."""

CHARACTER = 7.1
"""Pixels of a character of a label, in a wide font."""

ROW, DENSE_ROW = 24, 17
"""Height of a row in pixels, and of one of many."""

DENSE_FROM = 41
"""Number of rows from which they are dense."""

COLUMN_ROWS = 16
"""Number of rows from which a picture has a further column, if there is room."""

MOST_COLUMNS = 4

FILLED = 0.64
"""Share of a row that a box fills."""

NARROWEST, WIDEST = 60, 170
"""Pixels of a lane of boxes: the least with which there is a further column, and the most."""

TIGHT = 24
"""Pixels of the lanes of boxes if names and numbers leave no more."""

RAIL = 9
"""Pixels of a lane that has no box."""

LEAST_WIDTH = 0.12
"""Smallest width of a box, as a share of the widest one."""

LEAST_HALF = 3
"""Half of the smallest width of a box in pixels."""

GAP = 14
"""Pixels between columns."""

FAINTEST = 0.16
FAINTEST_HATCH = 0.45
"""Opacity of the smallest deltas."""

HATCH = [1.6, 2.4]
"""Pixels of a stripe and of the gap after it."""

OPEN = (Verdict.INCONCLUSIVE, "")
"""Verdicts of hatched boxes."""

CHANGED = "changed"
"""Direction of the deltas of a metric that has no better end."""

KEY = 18
"""Width of a box of the legend."""

SHADED = 0.3
"""Share of the largest delta from which the legend shows the shades of a direction."""


@dataclass(frozen=True)
class Worth:
    """A delta of a part with its verdict, or the reason why there is none.

    Parameters
    ----------
    delta
        The delta of the metric if the part is changed; None if there is none.
    text
        The delta as the picture shows it, or the reason in a word.
    verdict
        A `Verdict`, or "" if there is none.
    size
        The delta with its interval, for the tooltip.
    """

    delta: float | None
    text: str
    verdict: str = ""
    size: str = ""


def decimals_of_all(deltas: pd.DataFrame) -> int:
    """Return the decimals of all numbers of a picture.

    They are those of the typical interval, or more to show two digits of the largest delta.

    Examples
    --------
    >>> rows = [(0.31, -0.9, 1.5), (0.02, -0.5, 0.5)]
    >>> decimals_of_all(pd.DataFrame(rows, columns=["delta", "ci_low", "ci_high"]))
    2
    """
    return max(usual_decimals(deltas), decimals_for(deltas["delta"].abs().max()))


@dataclass(frozen=True)
class Picture:
    """A network and what its parts are worth.

    Parameters
    ----------
    diagram
        Boxes and edges, in their order from the top down.
    worths
        What parts are worth, by name.
    metric
        Metric of the deltas.
    theme
        Colours.
    """

    diagram: Diagram
    worths: Mapping[str, Worth]
    metric: str
    theme: Theme

    @property
    def lanes(self) -> Lanes:
        """Lanes of the boxes."""
        return lanes_of(len(self.diagram.boxes), self.diagram.edges)

    @property
    def cost(self) -> str:
        """The cost that widths show: "macs", or "params" if those of a box are unknown."""
        return "params" if any(box.macs is None for box in self.diagram.boxes) else "macs"

    @property
    def largest(self) -> float:
        """The largest delta without its sign; 1 if there is none."""
        sizes = [abs(w.delta) for w in self.worths.values() if w.delta is not None]
        return max(sizes, default=0) or 1.0

    def direction(self, delta: float) -> str:
        """Return "worse", "better" or "changed" for a delta."""
        return better_or_worse(self.metric, delta) or CHANGED


def network_figure(
    network: Network,
    worths: Mapping[str, Worth],
    metric: str,
    theme: Theme,
    *,
    name: str,
    title: str,
    caption: str,
) -> Figure:
    """Draw a network with what its parts are worth.

    Parameters
    ----------
    network
        The network.
    worths
        What each part of the study is worth, by its name.
    metric
        Metric of the deltas.
    theme
        Colours.
    name, title
        Name and title of the figure.
    caption
        What the colours and numbers are. How to read the boxes is added.
    """
    picture = Picture(diagram_of(network, worths), worths, metric, theme)
    words = {"macs": "multiply-accumulates", "params": "parameters"}[picture.cost]
    boxes, most = picture.diagram.boxes, _most(picture)
    text = f"{caption} The input is at the top. Width: {words}, at most {brief(most)} in a part"
    small = any(_cost(picture, box) < LEAST_WIDTH * most for box in boxes)
    large = any(_cost(picture, box) > most for box in boxes)
    ends = ["smallest"] * small + ["largest"] * large
    text += f"; the {' and the '.join(ends)} boxes share a width." if ends else "."
    if any(box.shortcut for box in boxes):
        text += " A bracket beside a box is the shortcut of the block."
    figure = Figure(
        name=name,
        title=title,
        caption=text,
        section="network",
        metric=metric,
        chart={},
        rows=[],
        layout=partial(_laid_out, picture),
        widths=WIDTHS,
    )
    return figure.at(WIDTHS[-1])


def _laid_out(picture: Picture, figure: Figure, width: float) -> Figure:
    """Return the figure for a width in pixels."""
    sheet = _Sheet.of(picture, width)
    rows = [*sheet.legend(), *sheet.edges(), *sheet.boxes()]
    return replace(figure, chart=_chart(sheet, picture.theme), rows=rows)


def _cost(picture: Picture, box: Box) -> int:
    return int(getattr(box, picture.cost) or 0)


def _most(picture: Picture) -> int:
    """Return the largest cost of a part of the study."""
    return max((_cost(picture, box) for box in picture.diagram.boxes if box.part), default=0)


@dataclass(frozen=True)
class _Sheet:
    """Places of all marks for one width, in pixels.

    Parameters
    ----------
    picture
        What is drawn.
    lanes
        Lanes of the boxes.
    width
        Width of the chart.
    columns
        Number of columns.
    row
        Height of a row.
    top
        Height of the legend.
    labels
        Names of the boxes, which may have several lines.
    left, right
        Room for the names and for the numbers of a column.
    starts, widths
        Left end and width of each lane, after the names.
    """

    picture: Picture
    lanes: Lanes
    width: float
    columns: int
    row: float
    top: float
    labels: Sequence[str]
    left: float
    right: float
    starts: Sequence[float]
    widths: Sequence[float]

    @classmethod
    def of(cls, picture: Picture, width: float) -> "_Sheet":
        """Choose the lowest sheet that fits a width: with names in one line, or broken."""
        whole = [box.name for box in picture.diagram.boxes]
        sheets = [cls._with(picture, width, labels) for labels in (whole, [*map(label_of, whole)])]
        return min(sheets, key=lambda sheet: (sheet.overhang, sheet.height))

    @classmethod
    def _with(cls, picture: Picture, width: float, labels: Sequence[str]) -> "_Sheet":
        """Choose the columns and the sizes for a width and the names as they are broken."""
        count, lanes = len(labels), picture.lanes
        lines = [line for label in labels for line in label.split(BREAK)]
        names = CHARACTER * max(map(len, lines)) + 10
        texts = [worth.text for worth in picture.worths.values()]
        numbers = CHARACTER * max(map(len, texts), default=0) + 10
        taken = set(lanes.of_row)
        beside = RAIL * any(box.shortcut for box in picture.diagram.boxes)
        rails = RAIL * (lanes.count - len(taken)) + beside * len(taken)
        fixed = names + numbers + rails + GAP
        several = (1 + len(taken)) / 2  # lanes beside the first one are half as wide
        wanted = min(-(-count // COLUMN_ROWS), MOST_COLUMNS)
        columns = max(1, min(int(width // (fixed + NARROWEST * several)), wanted))
        room = min(width / columns - fixed, WIDEST * several)
        each = max(room, TIGHT) / len(taken)
        widths = [each if lane in taken else RAIL for lane in range(lanes.count)]
        starts, start = [], 0.0
        for lane, size in enumerate(widths):
            starts.append(start)
            start += size + (beside if lane in taken else 0)
        most_lines = 1 + max(label.count(BREAK) for label in labels)
        row = max(ROW if count < DENSE_FROM else DENSE_ROW, LINE * most_lines + 3)
        sides = names, numbers
        sheet = cls(picture, lanes, width, columns, row, 0, labels, *sides, starts, widths)
        keys = 1 + max((key["line"] for key in sheet.legend()), default=-1)
        return replace(sheet, top=20.0 * keys + 6 * bool(keys))

    @property
    def overhang(self) -> float:
        """Pixels of a column that the width has no room for."""
        used = self.left + self._lanes_end + self.right + GAP
        return max(0.0, used - self.width / self.columns)

    @property
    def rows(self) -> int:
        """Rows of a column."""
        return -(-len(self.picture.diagram.boxes) // self.columns)

    @property
    def height(self) -> float:
        """Height of the chart."""
        return self.top + self.row * self.rows

    def _corner(self, column: int) -> float:
        """Return where the lanes of a column begin."""
        return self.width / self.columns * column + self.left

    def _x(self, lane: int, column: int) -> float:
        """Return the middle of a lane in a column."""
        return self._corner(column) + self.starts[lane] + self.widths[lane] / 2

    def _y(self, row: float, column: int) -> float:
        """Return the height of a row's middle, or of a place between rows, in a column."""
        return self.top + self.row * (row - column * self.rows + 0.5)

    def boxes(self) -> Iterator[dict[str, Any]]:
        """Yield the boxes with their names and numbers, and the brackets of shortcuts."""
        most = _most(self.picture) or 1
        for row, box in enumerate(self.picture.diagram.boxes):
            column, lane = row // self.rows, self.lanes.of_row[row]
            middle, height = self._x(lane, column), self._y(row, column)
            share = min(max(_cost(self.picture, box) / most, LEAST_WIDTH), 1.0)
            half = max(self.widths[lane] * share / 2 - 1.5, LEAST_HALF)
            worth = self.picture.worths.get(box.part)
            yield {
                "mark": "box",
                "x": middle - half,
                "x2": middle + half,
                "y": height - self.row * FILLED / 2,
                "y2": height + self.row * FILLED / 2,
                "middle": height,
                "label": self.labels[row],
                "name_y": height - LINE * self.labels[row].count(BREAK) / 2,
                "name_end": self._corner(column) - 8,
                "value_start": self._corner(column) + self._lanes_end + 8,
                **_look(self.picture, worth),
                **_details(box, worth),
            }
            if box.shortcut:
                side, bend = middle + half + RAIL * 0.7, self.row / 2
                ends = [(middle, -bend), (side, -bend), (side, bend), (middle, bend)]
                for (x, y), (x2, y2) in pairwise(ends):
                    yield {"mark": "edge", "x": x, "y": height + y, "x2": x2, "y2": height + y2}

    @property
    def _lanes_end(self) -> float:
        beside = RAIL if any(box.shortcut for box in self.picture.diagram.boxes) else 0
        return max(s + w for s, w in zip(self.starts, self.widths, strict=True)) + beside

    def edges(self) -> Iterator[dict[str, Any]]:
        """Yield the straight pieces of the edges."""
        for rail in self.lanes.rails:
            lane, start, last = rail.lane, rail.start, rail.ends[-1]
            if (own := self.lanes.of_row[start]) != lane:
                yield self._piece(own, start, lane, start + 0.5)
                yield from self._straight(lane, start + 0.5, last - 0.5)
            else:
                yield from self._straight(lane, start, last - 0.5)
            for end in rail.ends:
                yield self._piece(lane, end - 0.5, self.lanes.of_row[end], end)

    def _straight(self, lane: int, start: float, end: float) -> Iterator[dict[str, Any]]:
        """Yield a vertical edge, in pieces where it goes on in the next column."""
        while start < end:
            column = min(int((start + 0.5) // self.rows), self.columns - 1)
            stop = min(end, (column + 1) * self.rows - 0.5)
            yield self._piece(lane, start, lane, stop)
            start = stop

    def _piece(self, lane: int, start: float, to: int, end: float) -> dict[str, Any]:
        """Return a straight edge from a place between rows or a row to another one."""
        column = min(int((start + 0.5) // self.rows), self.columns - 1)
        x, x2 = self._x(lane, column), self._x(to, column)
        y, y2 = self._y(start, column), self._y(end, column)
        return {"mark": "edge", "x": x, "x2": x2, "y": y, "y2": y2}

    def legend(self) -> Iterator[dict[str, Any]]:
        """Yield the boxes of the legend, in lines that fit the width."""
        at, line = 0.0, 0
        for looks, text in _keys(self.picture):
            size = len(looks) * (KEY + 2) + CHARACTER * len(text) + 22
            if at and at + size - 16 > self.width:
                at, line = 0.0, line + 1
            middle = 10.0 + 20 * line
            for place, look in enumerate(looks):
                start = at + place * (KEY + 2)
                last = place == len(looks) - 1
                yield {
                    "mark": "key",
                    "x": start + 1,
                    "x2": start + KEY - 1,
                    "y": middle - 7,
                    "y2": middle + 7,
                    "middle": middle,
                    "label": text if last else "",
                    "value_start": start + KEY + 5,
                    "line": line,
                    **look,
                }
            at += size


def _look(picture: Picture, worth: Worth | None) -> dict[str, Any]:
    """Return how a box is filled and outlined."""
    if worth is None:
        return {"fill": "none", "outline": "none", "strength": 0.0, "hatched": False}
    if worth.delta is None:
        return {"fill": "none", "outline": "lost", "strength": 0.0, "hatched": False}
    hatched = worth.verdict in OPEN
    share = min(abs(worth.delta) / picture.largest, 1.0)
    least = FAINTEST_HATCH if hatched else FAINTEST
    return {
        "fill": picture.direction(worth.delta),
        "outline": worth.verdict or "inconclusive",
        "strength": round(least + (1 - least) * share, 3),
        "hatched": hatched,
    }


def _keys(picture: Picture) -> Iterator[tuple[list[dict[str, Any]], str]]:
    """Yield the entries of the legend: boxes and their meaning."""
    drawn = [picture.worths[box.part] for box in picture.diagram.boxes if box.part]
    deltas = [worth for worth in drawn if worth.delta is not None]
    for direction in ("worse", "better", CHANGED):
        those = [w for w in deltas if w.delta and picture.direction(w.delta) == direction]
        if those:
            top = max(those, key=lambda worth: abs(worth.delta or 0))
            share = abs(top.delta or 0) / picture.largest
            looks = [
                {
                    "fill": direction,
                    "outline": direction,
                    "strength": round(FAINTEST + (1 - FAINTEST) * share * step, 3),
                    "hatched": False,
                }
                for step in ((0.0, 0.5, 1.0) if share > SHADED else (1.0,))
            ]
            yield looks, f"{direction}, up to {top.text}"
    words = {worth.verdict or "no verdict" for worth in deltas if worth.verdict in OPEN}
    if words:
        look = {"fill": "open", "outline": "inconclusive", "strength": 0.8, "hatched": True}
        yield [look], " or ".join(sorted(words))
    if any(worth.verdict == Verdict.EQUIVALENT for worth in deltas):
        look = {"fill": "none", "outline": "equivalent", "strength": 0.0, "hatched": False}
        yield [look], "equivalent"
    if any(not box.part for box in picture.diagram.boxes):
        yield [_look(picture, None)], "not changed"


def _details(box: Box, worth: Worth | None) -> dict[str, Any]:
    """Return the texts of a box: its number, and what its tooltip shows."""
    sides = ["?" if side is None else str(side) for side in box.shape]
    return {
        "value": worth.text if worth else "",
        "part": box.name,
        "kind": box.kind,
        "layers": box.nodes,
        "size": (worth.size or worth.text) if worth else "not changed",
        "verdict": (worth.verdict or "none") if worth else "none",
        "params": box.params,
        "macs": brief(box.macs) if box.macs is not None else "unknown",
        "shape": "\N{MULTIPLICATION SIGN}".join(sides),
    }


def _chart(sheet: _Sheet, theme: Theme) -> Spec:
    """Return the chart: edges, boxes, hatching, outlines and texts, from the lowest layer up."""
    across: Spec = {"domain": [0, sheet.width], "nice": False, "zero": False}
    down: Spec = {"domain": [0, sheet.height], "nice": False, "zero": False, "reverse": True}

    def x(field: str) -> Spec:
        return quantitative(field, scale=across, axis=None)

    def y(field: str) -> Spec:
        return quantitative(field, scale=down, axis=None)

    place = {"x": x("x"), "x2": {"field": "x2"}, "y": y("y"), "y2": {"field": "y2"}}
    fills = {
        "worse": theme["worse"],
        "better": theme["better"],
        CHANGED: theme["accent"],
        "open": theme["inconclusive"],
        "none": theme["surface"],
    }
    outlines = {
        "worse": theme["worse"],
        "better": theme["better"],
        CHANGED: theme["accent"],
        "equivalent": theme["equivalent"],
        "inconclusive": theme["inconclusive"],
        "lost": theme["muted"],
        "none": theme["other"],
    }
    fill, stroke = _coloured("fill", fills), _coloured("outline", outlines)
    strength = {"field": "strength", "type": "quantitative", "scale": None}
    box = "datum.mark !== 'edge'"
    hatch = {"x": x("x"), "x2": {"field": "x2"}, "y": y("middle"), "color": fill}
    tooltip = [
        nominal("part"),
        nominal("size", title="delta"),
        nominal("verdict"),
        nominal("kind"),
        quantitative("layers"),
        nominal("shape", title="output"),
        quantitative("params", title="parameters", format=","),
        nominal("macs", title="multiply-accumulates"),
    ]
    text: Spec = {"baseline": "middle", "lineBreak": BREAK, "lineHeight": LINE, "fontSize": 12}
    name = {"x": x("name_end"), "y": y("name_y"), "text": nominal("label")}
    value = {"x": x("value_start"), "y": y("middle"), "text": nominal("value")}
    key = {"x": x("value_start"), "y": y("middle"), "text": nominal("label")}
    solid = f"{box} && !datum.hatched"
    stripes = hatch | {"strokeOpacity": strength}
    layers = [
        layer("rule", place, only="datum.mark === 'edge'", color=theme["muted"], strokeWidth=1.2,
              strokeCap="round"),
        layer("rect", place, only=box, color=theme["surface"], cornerRadius=2),
        layer("rect", place | {"fill": fill, "fillOpacity": strength}, only=solid, cornerRadius=2),
        layer("rule", stripes, only="datum.mark === 'box' && datum.hatched",
              strokeWidth=sheet.row * FILLED, strokeDash=HATCH),
        layer("rule", stripes, only="datum.mark === 'key' && datum.hatched",
              strokeWidth=14, strokeDash=HATCH),
        layer("rect", place | {"stroke": stroke, "tooltip": tooltip}, only="datum.mark === 'box'",
              fill="transparent", strokeWidth=1.3, cornerRadius=2),
        layer("rect", place | {"stroke": stroke}, only="datum.mark === 'key'",
              fill="transparent", strokeWidth=1.3, cornerRadius=2),
        layer("text", name, only="datum.mark === 'box'", align="right", color=theme["ink"], **text),
        layer("text", value, only="datum.mark === 'box'", align="left", color=theme["ink"], **text),
        layer("text", key, only="datum.mark === 'key'", align="left", color=theme["ink"], **text),
    ]  # fmt: skip
    return chart_of(layers, sheet.height)


def _coloured(field: str, colours: Mapping[str, str]) -> Spec:
    """Return a channel with a colour per word."""
    scale = {"domain": list(colours), "range": list(colours.values())}
    return nominal(field, scale=scale, legend=None)
