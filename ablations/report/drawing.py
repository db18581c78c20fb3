"""What all figures share: their words, their data, the variants' colours."""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ablations.report.contents import ReportContents
from ablations.report.rounding import is_number
from ablations.report.theme import DASHES, PAGE, SERIES
from ablations.study import BASELINE

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


@dataclass(frozen=True)
class Palette:
    """The variants that have a colour of their own, the same in all figures.

    Parameters
    ----------
    variants
        The baseline first.
    complete
        Whether these are all there are.
    """

    variants: tuple[str, ...]
    complete: bool

    def legend(self, *, others: bool) -> list[dict[str, str]]:
        """Return what the page says of the colours: name, colour and dash by variant.

        Parameters
        ----------
        others
            Whether the variants without a colour of their own are drawn too.
        """
        dashes = (" ".join(map(str, dash)) for dash in self.dashes)
        rows = zip(self.variants, self.colours(PAGE), dashes, strict=True)
        keys = ("name", "colour", "dash")
        found = [dict(zip(keys, row, strict=True)) for row in rows]
        if others and not self.complete:
            found.append({"name": OTHER, "colour": PAGE["other"], "dash": ""})
        return found

    @property
    def note(self) -> str:
        """What was left out, if anything."""
        count = len(self.variants) - 1
        return "" if self.complete else f" Drawn are the baseline and the {count} largest deltas."

    def colours(self, theme: Theme) -> list[str]:
        """Return the colour of each variant."""
        return [theme[name] for name in ("baseline", *SERIES)][: len(self.variants)]

    @property
    def dashes(self) -> list[list[int]]:
        """The dash of each variant."""
        return list(DASHES[: len(self.variants)])


def palette(contents: ReportContents) -> Palette:
    """Give colours to the variants, where they are many to those of the largest deltas."""
    done = dict.fromkeys(contents.with_status("done")["variant"])
    others = [name for name in done if name != BASELINE]
    if len(others) <= len(SERIES):
        return Palette((BASELINE, *others), True)
    first = contents.deltas_of(contents.metrics[0]) if contents.metrics else contents.deltas
    order = first.assign(size=first["delta"].abs()).sort_values(
        "size", ascending=False, kind="stable"
    )
    chosen = set(order["variant"].head(len(SERIES)))
    return Palette((BASELINE, *(name for name in others if name in chosen)), False)


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
