"""What all figures share: their words, their data, the variants' colours."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ablations.report.contents import ReportContents
from ablations.report.rounding import is_number
from ablations.report.theme import DASHES, PAGE, SERIES
from ablations.study import BASELINE

if TYPE_CHECKING:
    import altair as alt

OTHER = "other variants"

Theme = Mapping[str, str]


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
        The chart, as wide as what holds it.
    rows
        Its data: numbers and texts by name, as JSON has them.
    """

    name: str
    title: str
    caption: str
    section: str
    metric: str
    chart: Any
    rows: list[dict[str, Any]]


ROWS = "rows"
"""What a chart calls the data of its figure. Altair would look at every value of it."""


def chart_of_rows() -> "alt.Chart":
    """Start a chart of its figure's rows."""
    import altair as alt

    return alt.Chart(alt.NamedData(name=ROWS))


def legend_of(theme: Theme, **options: Any) -> Any:
    """Return a legend for a file; the page has one of its own for all figures of a section."""
    import altair as alt

    return None if theme is PAGE else alt.Legend(title=None, **options)


def plain(value: Any) -> Any:
    """Return a value as JSON has it, None where there is no number."""
    if isinstance(value, str | bool):
        return value
    if not is_number(value):
        return None
    return int(value) if isinstance(value, int) else float(value)


def slug(*texts: str) -> str:
    """Return a name for a file or an anchor.

    Examples
    --------
    >>> slug("forest", "test_loss <b>")
    'forest-test_loss-b'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(texts)).strip("-")


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

    @property
    def legend(self) -> list[dict[str, str]]:
        """What the page says of the colours: name, colour and dash by variant."""
        dashes = (" ".join(map(str, dash)) for dash in self.dashes)
        rows = zip(self.variants, self.colours(PAGE), dashes, strict=True)
        keys = ("name", "colour", "dash")
        found = [dict(zip(keys, row, strict=True)) for row in rows]
        if not self.complete:
            found.append({"name": OTHER, "colour": PAGE["other"], "dash": "0 9"})
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
