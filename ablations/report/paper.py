"""Figures for a paper: a chart alone, at the width and the font size of the article."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.report.figure import Figure, Spec, spec
from ablations.report.numbers import is_number
from ablations.report.page import ReportError
from ablations.report.theme import LIGHT
from ablations.report.wording import joined
from ablations.report.written import NO_FILES, WrittenFiles, check_free
from cnnzoo.toggle import did_you_mean

WIDTHS = {"column": 84.0, "page": 174.0}
"""Widths in mm of a column and of a page of an article with two columns."""

LEAST_WIDTH, MOST_WIDTH = 30.0, 1000.0

FONT_SIZE = 8.0
"""Usual size of labels in points."""

LEAST_FONT, MOST_FONT = 4.0, 30.0

CHART_FONT = 12
"""Size of the labels in the pixels of a chart; marks and lines are drawn to match it."""

POINTS_PER_MM = 72 / 25.4
"""Points of PDF and PostScript; a point of TeX is 0.4% smaller."""

FORMATS = ("svg", "pdf", "png")

DPI = 600
"""Resolution of PNG files in pixels per inch."""

SYMBOL, CHARACTER = 46, 6.3
"""Widths in pixels of a legend's symbol with the space around it, and of a character."""

MARGIN = {"left": 1, "top": 3, "right": 5, "bottom": 2}
"""Pixels around a chart: the label of an axis' last tick needs half of its width."""

SIZE = re.compile(r'^<svg ([^>]*?)width="([\d.]+)" height="([\d.]+)"')


def checked_width(width: str | float) -> float:
    """Return a width in mm.

    Raises
    ------
    ReportError
        If it is neither a name of `WIDTHS` nor a number from 30 to 1,000.

    Examples
    --------
    >>> checked_width("column"), checked_width(120)
    (84.0, 120.0)
    """
    if isinstance(width, str) and width in WIDTHS:
        return WIDTHS[width]
    if is_number(width) and LEAST_WIDTH <= float(width) <= MOST_WIDTH:
        return float(width)
    near = did_you_mean(width, list(WIDTHS), "'") if isinstance(width, str) else "."
    raise ReportError(
        f"`width`: expected 'column', 'page' or {LEAST_WIDTH:g} to {MOST_WIDTH:,.0f} mm; "
        f"got {width!r}{near}"
    )


@dataclass(frozen=True, repr=False)
class PaperFigure:
    """A figure for a paper, without title and caption.

    Notebooks show it. `save` writes it as SVG, PDF or PNG.

    Parameters
    ----------
    name
        Name of the figure, such as "forest-test_loss".
    caption
        How to read it: a caption for the paper.
    width, height
        Size in mm.
    font_size
        Size of the labels in points.
    drawing
        The figure in SVG, without a unit of its size.
    written
        The files that its study wrote, which may be written again.
    """

    name: str
    caption: str
    width: float
    height: float
    font_size: float
    drawing: str
    written: WrittenFiles = NO_FILES

    def __repr__(self) -> str:
        size = f"{self.width:g} x {self.height:.0f} mm, {self.font_size:g} pt"
        return f"<PaperFigure {self.name}: {size}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}

    @property
    def svg(self) -> str:
        """The figure in SVG, with its size in mm."""
        return _sized(self.drawing, f"{self.width:g}mm", f"{self.height:.4g}mm")

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the figure to a file.

        Parameters
        ----------
        path
            File to write; its suffix gives the format: .svg, .pdf or .png (600 pixels per inch).
        overwrite
            Whether to replace an existing file.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ReportError
            If the suffix is another one, or the file exists, was not written by the study or was
            changed, and `overwrite` is false.
        """
        place = Path(path).expanduser()
        kind = place.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            raise ReportError(
                f"`path`: expected a name that ends in .svg, .pdf or .png; got {str(path)!r}."
            )
        check_free([place], overwrite, self.written)
        self.written.write(place, self.content(kind))
        return place

    def content(self, kind: str) -> bytes:
        """Return the content of a file: "svg", "pdf" or "png"."""
        if kind == "svg":
            return self.svg.encode()
        import vl_convert

        # vl-convert takes a length without a unit for points, and mm for 1/96 inch
        width, height = (f"{size * POINTS_PER_MM:.3f}" for size in (self.width, self.height))
        points = _sized(self.drawing, width, height)
        if kind == "pdf":
            return bytes(vl_convert.svg_to_pdf(points))
        return bytes(vl_convert.svg_to_png(points, ppi=DPI))


def named(figures: Sequence[Figure], name: str | None) -> Figure:
    """Return the figure with a name; that of the deltas of the first metric if the name is None.

    Raises
    ------
    ReportError
        If there is no such figure. The message suggests the nearest name.
    """
    by_name = {figure.name: figure for figure in figures}
    if name is None and figures:
        return next((figure for figure in figures if figure.section == "deltas"), figures[0])
    if name not in by_name:
        near = did_you_mean(str(name), list(by_name), "'")
        known = joined(by_name) if by_name else "no figure, because no trial is done"
        raise ReportError(f"`name`: expected {known}; got {name!r}{near}")
    return by_name[str(name)]


def paper_figure(
    figure: Figure, width: str | float = "column", font_size: float = FONT_SIZE
) -> PaperFigure:
    """Draw a figure for a paper.

    The chart keeps the proportions of its marks and labels, and gets as many of its pixels as the
    font size leaves in the width.

    Parameters
    ----------
    figure
        What is drawn.
    width
        "column" (84 mm), "page" (174 mm) or a number of mm.
    font_size
        Size of the labels in points.

    Raises
    ------
    ReportError
        If the width or the font size is invalid.
    """
    millimetres = checked_width(width)
    if not (is_number(font_size) and LEAST_FONT <= float(font_size) <= MOST_FONT):
        raise ReportError(
            f"`font_size`: expected {LEAST_FONT:g} to {MOST_FONT:g} points; got {font_size!r}."
        )
    pixels = millimetres * POINTS_PER_MM / font_size * CHART_FONT
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(_bare(figure, pixels))
    found = SIZE.match(drawn)
    if found is None:
        raise ReportError(f"vl-convert drew {figure.name} without a size.")
    height = float(found[3]) * millimetres / float(found[2])
    return PaperFigure(figure.name, figure.caption, millimetres, height, float(font_size), drawn)


def _bare(figure: Figure, pixels: float) -> Spec:
    """Return a chart without title that is as wide as it may be, and a legend that fits."""
    bare = spec(figure.at(pixels), LIGHT)
    config: dict[str, Any] = bare["config"]
    longest = max(map(len, _series(bare)), default=0)
    columns = max(int(pixels / (SYMBOL + CHARACTER * longest)), 1)
    return bare | {
        "width": pixels,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": MARGIN,
        "config": config | {"legend": config["legend"] | {"columns": columns}},
    }


def _series(chart: Spec) -> set[str]:
    """Return the names that the legends of a chart explain."""
    encodings = (layer.get("encoding", {}) for layer in chart["layer"])
    scales = (
        channel.get("scale") or {}
        for encoding in encodings
        for name, channel in encoding.items()
        if name in ("color", "fill", "shape", "strokeDash") and isinstance(channel, dict)
    )
    return {str(name) for scale in scales for name in scale.get("domain", ())}


def _sized(svg: str, width: str, height: str) -> str:
    """Give a drawing another size; its view box keeps its pixels."""
    return SIZE.sub(rf'<svg \1width="{width}" height="{height}"', svg, count=1)
